"""Whatever ends the grader, also kill -9, ends all that it has started: tools, sandboxes, engines, judges, QEMU."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from grade.cutting.cutter import cut
from grade.ladder.trees import find_root
from grade.tests.submission.submission_trees import SEALED
from grade.tests.submission.test_submission_build import GREEDY, main
from grade.tied import while_we_live

ROOT = find_root(Path(__file__))
ENGINE = "kernel/paging/page_table_map.h"
MAP = "Result<void> PageTable<F, M>::map(VirtAddr va, PhysAddr pa, PageFlags flags, unsigned level) {\n"
HANGS = f'{MAP}  for (;;) asm volatile("");\n'
_ = main  # the fixture

# Kills a command when it has a process with this name and argument below it, and prints what is left of it: the orphans become ours.
KILLER = """
import ctypes, json, os, signal, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1)
def below(pid):
    found, waiting = {}, [pid]
    while waiting:
        pid = waiting.pop()
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/children") as children:
                    waiting += map(int, children.read().split())
            with open(f"/proc/{pid}/stat") as stat:
                name, _, fields = stat.read().partition("(")[2].rpartition(") ")
        except OSError:
            continue
        if fields[0] != "Z":
            found[pid] = name
    return found
def has_come(pid):
    try:
        with open(f"/proc/{pid}/comm") as comm, open(f"/proc/{pid}/cmdline") as arguments:
            return comm.read().strip() == name and argument in arguments.read()
    except OSError:
        return False
name, argument, *command = sys.argv[1:]
grader = subprocess.Popen(command, stdout=subprocess.DEVNULL)
deadline = time.monotonic() + 100
while not any(map(has_come, below(grader.pid))):
    assert grader.poll() is None and time.monotonic() < deadline, f"no {name} has come"
    time.sleep(0.01)
seen = below(grader.pid)
grader.kill()
grader.wait()
deadline = time.monotonic() + 4
while len(left := below(os.getpid())) > 1 and time.monotonic() < deadline:
    time.sleep(0.05)
left.pop(os.getpid())
for pid in left:
    os.kill(pid, signal.SIGKILL)
print(json.dumps([sorted(seen.values()), sorted(left.values())]))
"""


def killed(name: str, argument: str, *command: object) -> tuple[list[str], list[str]]:
    """Returns the names of what ran when a process with this name and argument had come, and of what is left after a kill -9."""
    run = subprocess.run(
        [sys.executable, "-c", KILLER, name, argument, *map(str, command)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    seen, left = json.loads(run.stdout)
    return seen, left


def test_tools_outside_a_sandbox(main: object) -> None:
    """Also those to which ninja gave a process group of their own."""
    (main.root / "kernel/honest.cc").write_text(GREEDY["time"], encoding="utf-8")
    build = (
        f"from pathlib import Path; from grade.ladder.build import *; build_host_tests(Path({str(main.root)!r}), 'host_tests')"
    )
    seen, left = killed("cc1plus", "honest.cc", sys.executable, "-c", build)
    assert "ninja" in seen and left == []


@pytest.mark.skipif(not SEALED, reason="this machine makes no sandbox")
@pytest.mark.parametrize(
    ("name", "argument", "milestone", "change"),
    [
        ("cc1plus", "kernel_table.cc", "1.2", ("#pragma once\n", "#pragma once\n" + GREEDY["time"])),
        ("page_table_test", "_engine", "1.1", (MAP, HANGS)),
        ("qemu-system-x86", "-kernel", "1.2", (MAP, HANGS)),
    ],
)
def test_what_a_submission_runs(tmp_path: Path, name: str, argument: str, milestone: str, change: tuple[str, str]) -> None:
    cut(ROOT, 1, 1, tmp_path / "alice")
    text = (tmp_path / "alice" / ENGINE).read_text(encoding="utf-8")
    (tmp_path / "alice" / ENGINE).write_text(text.replace(*change), encoding="utf-8")
    command = ("-P", "-m", "grade", "grade", "--isa", "x86_64", "--milestone", milestone, "--submission", tmp_path / "alice")
    seen, left = killed(name, argument, sys.executable, *command)
    assert len(seen) > 2 and left == [], seen


def test_it_goes_by_the_thread() -> None:
    """Which ends here while the process lives on."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        started.append(subprocess.Popen(while_we_live(["sh", "-c", "echo begun; exec sleep 60"]), stdout=subprocess.PIPE))
        started[0].stdout.readline()

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert started[0].wait(30) == -signal.SIGKILL
    started[0].stdout.close()
    with subprocess.Popen(while_we_live(["sleep", "60"])) as lives:
        time.sleep(0.3)
        assert lives.poll() is None
        lives.kill()
