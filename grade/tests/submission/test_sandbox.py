"""What runs in the sandbox sees nothing of this machine but its tools, stays within its limits, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grade.checks.host_tests import check_host_tests
from grade.checks.ran_before import HostTests
from grade.cutting.cutter import cut
from grade.ladder.trees import Tree, find_root
from grade.results.failure import Failure
from grade.submission import sandbox
from grade.submission.keeper import LIMIT_REACHED
from grade.submission.laid_out import laid_out, tree_in
from grade.submission.sandbox import Sandbox, around_engine
from grade.submission.watched_build import watched_host_tests
from grade.tests.submission.submission_trees import SEALED

ROOT = find_root(Path(__file__))
ENGINE = "kernel/paging/page_table_map.h"
needs_sandbox = pytest.mark.skipif(not SEALED, reason=f"this machine makes no sandbox: {sandbox.refusal()}")


def run(script: str, sealed: Sandbox = Sandbox(), **options: object) -> subprocess.CompletedProcess[str]:
    """Returns the end of a shell's script in a sandbox."""
    return subprocess.run([*sealed.command(), "sh", "-c", script], capture_output=True, text=True, check=False, **options)


@needs_sandbox
def test_nothing_of_this_machine_is_seen(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the solution")
    for path in (tmp_path / "secret", ROOT / "pagewalk", "/etc/passwd", Path.home(), f"/proc/{os.getpid()}"):
        assert run(f"test -e {path}").returncode == 1, path
    os.environ["PAGEWALK_SECRET"] = "the solution"
    try:
        assert "solution" not in run("env").stdout
    finally:
        del os.environ["PAGEWALK_SECRET"]
    assert run("cat /proc/self/status").stdout.count("0000000000000000\n") >= 4, "a capability is left"
    with socket.create_server(("127.0.0.1", 0)) as server:
        reached = run(f"bash -c 'echo > /dev/tcp/127.0.0.1/{server.getsockname()[1]}'")
        assert reached.returncode != 0
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()


@needs_sandbox
def test_what_is_given_may_be_read_and_what_is_given_to_write_be_written(tmp_path: Path) -> None:
    for name in ("read", "write", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    given = Sandbox(reads=(tmp_path / "read",), writes=(tmp_path / "write",), folder=tmp_path / "write")
    assert run(f"cat {tmp_path}/read/file file", given).stdout == "readwrite"
    for place in (tmp_path / "read", "/", "/dev", "/dev/shm", "/usr", ROOT):
        assert "annot create" in run(f"echo x > {place}/mine", given).stderr, place
    run(f"echo x > {tmp_path}/mine", given)  # in the sandbox's own /tmp
    assert run("echo changed > file && echo x > /tmp/x && cat /tmp/x", given).stdout == "x\n"
    assert (tmp_path / "write/file").read_text() == "changed\n" and sorted(os.listdir(tmp_path)) == ["other", "read", "write"]


@needs_sandbox
@pytest.mark.parametrize(
    ("script", "limits", "said"),
    [
        ("while :; do :; done", {"cpu": 0.5}, "0.5 seconds of CPU time"),
        ("for i in 1 2 3; do (while :; do :; done) & done; wait", {"cpu": 1.0}, "1 seconds of CPU time"),
        ("sleep 60", {"seconds": 0.5}, "0.5 seconds"),
        ("head -c 1G /dev/zero | tail | sleep 60", {"memory": 200 << 20}, "200 MiB of memory"),
        ("for i in $(seq 30); do sleep 60 & done; wait", {"processes": 12}, "12 processes"),
    ],
)
def test_a_limit_holds_for_all_processes_together(script: str, limits: dict[str, float], said: str) -> None:
    ended = run(script, Sandbox(**limits))
    assert (ended.returncode, ended.stderr) == (LIMIT_REACHED, f"ended, because it uses more than {said}\n")


@needs_sandbox
def test_temporary_files_are_limited() -> None:
    assert "No space left" in run("head -c 2G /dev/zero > /tmp/x").stderr


@needs_sandbox
def test_it_ends_as_what_runs_in_it() -> None:
    assert [run(script).returncode for script in ("true", "exit 7", "kill -SEGV $$", "kill -KILL $$")] == [0, 7, 139, 137]


@needs_sandbox
def test_who_runs_alone_starts_no_other() -> None:
    alone = Sandbox(is_alone=True)
    assert run("echo one", alone).stdout == "one\n"
    assert "annot fork" in run("sleep 60 | cat", alone).stderr


@needs_sandbox
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_it(tmp_path: Path, number: int) -> None:
    """Neither its first process, nor whoever started it."""
    mark = f"60.{os.getpid()}{int(number)}"
    assert run(f"(setsid sleep {mark} &) ; exit 0").returncode == 0 and not running(mark)
    with subprocess.Popen([*Sandbox().command(), "sh", "-c", f"sleep {mark} & wait"], start_new_session=True) as process:
        wait_until(lambda: running(mark))
        process.send_signal(number)
    wait_until(lambda: not running(mark))


def running(mark: str) -> bool:
    """Returns whether a process has this argument."""
    return any(mark.encode() in line for line in map(arguments, Path("/proc").glob("[0-9]*")) if b"sleep\0" in line)


def arguments(process: Path) -> bytes:
    try:
        line = (process / "cmdline").read_bytes()
    except OSError:
        return b""
    return line if line.startswith(b"sleep\0") else b""


def wait_until(is_so: object) -> None:
    """Waits for as long as a busy machine may take."""
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


ATTACK = """
#if __STDC_HOSTED__
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
// What an engine does before anybody asks it for anything.
inline const int kAttack = [] {
  dprintf(2, "began\\n");
  for (const char* path : {%s}) {
    if (open(path, O_RDONLY) >= 0) dprintf(2, "read %%s\\n", path);
    if (open(path, O_WRONLY | O_CREAT, 0600) >= 0) dprintf(2, "wrote %%s\\n", path);
  }
  if (syscall(SYS_clone, 17, 0, 0, 0, 0) >= 0) dprintf(2, "forked\\n");
  if (socket(AF_INET, SOCK_STREAM, 0) >= 0) dprintf(2, "connected\\n");
  if (fchmod(2, 0600) == 0) dprintf(2, "changed\\n");
  if (mmap(nullptr, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) dprintf(2, "hoarded\\n");
  if (ftruncate(4, 1 << 30) == 0) dprintf(2, "grown\\n");
  _exit(3);
  return 0;
}();
#endif
"""
DEEDS = ("began", "read", "wrote", "forked", "connected", "changed", "hoarded", "grown")


@pytest.fixture
def graded(tmp_path: Path) -> Iterator[Callable[..., Failure]]:
    """Returns how an engine of lab 1 with this code fails; built and run in a sandbox or not."""
    student = tmp_path / "alice"
    cut(ROOT, 1, 1, student)

    def failure(change: Callable[[str, Path], str], sealed: bool) -> Failure:
        with laid_out(Tree(ROOT), str(student), [1], sealed=sealed) as found:
            tree = tree_in(found.folder, 1)
            (tree / ENGINE).write_text(change((tree / ENGINE).read_text(encoding="utf-8"), tree), encoding="utf-8")
            program = watched_host_tests(tree, "page_table_tests", sealed=sealed)
            around = around_engine if sealed else lambda engine: []
            with pytest.raises(Failure) as caught:
                check_host_tests(HostTests(lambda name: program, tmp_path / "ran", around), "PageTableMap*", tmp_path)
        return caught.value

    yield failure


@pytest.mark.parametrize("sealed", [pytest.param(True, marks=needs_sandbox), False])
def test_an_engine_that_attacks_the_machine(graded: Callable[..., Failure], tmp_path: Path, sealed: bool) -> None:
    (tmp_path / "secret").write_text("the solution")
    (tmp_path / "writable").touch()

    def attack(text: str, tree: Path) -> str:
        paths = [tmp_path / "secret", tree / "kernel/main.cc", tmp_path / "new"]
        paths += [ROOT / "pagewalk", Path("/proc/sys/kernel/core_pattern"), Path("/proc/sys/vm/drop_caches")] if sealed else []
        return text + ATTACK % ", ".join(f'"{path}"' for path in paths)

    seen = graded(attack, sealed).seen.replace("read /proc/sys", "")
    assert [deed for deed in DEEDS if deed in seen] == (
        ["began"] if sealed else [deed for deed in DEEDS if deed != "grown"]
    ), seen
    assert (tmp_path / "new").exists() is not sealed


CRASHES = {
    "store to null pointer": "  *static_cast<volatile int*>(nullptr) = 1;\n",
    "signed integer overflow": "  volatile int most = 0x7fffffff;\n  most = most + 1;\n",
    "out of bounds": "  int few[2] = {};\n  volatile unsigned beyond = 2;\n  Line() << static_cast<std::uint64_t>(few[beyond]);\n",
}


@needs_sandbox
@pytest.mark.parametrize("words", CRASHES)
def test_an_honest_mistake_is_named_as_without_a_sandbox(graded: Callable[..., Failure], words: str) -> None:
    begins = "Result<void> PageTable<F, M>::map(VirtAddr va, PhysAddr pa, PageFlags flags, unsigned level) {\n"

    def change(text: str, tree: Path) -> str:
        assert begins in text
        said = '#include "kernel/base/print.h"\n'
        return said + text.replace(begins, f'{begins}  Line() << "mapping " << va;\n{CRASHES[words]}')

    failures = [graded(change, sealed) for sealed in (True, False)]
    assert {failure.cause for failure in failures} == {"map-lookup-wrong"}
    assert all(words in failure.seen for failure in failures), failures[0].seen
    assert ["again:" in failure.seen for failure in failures] == [False, True], "it would run without the sandbox"


def test_tables_that_lead_to_themselves_are_walked_once(graded: Callable[..., Failure]) -> None:
    begins = "Result<void> PageTable<F, M>::map(VirtAddr va, PhysAddr pa, PageFlags flags, unsigned level) {\n"
    loop = "  for (unsigned i = 0; i < 512; ++i) static_cast<typename F::Entry*>(pointer_to(root_))[i] = F::table(root_);\n"
    assert graded(lambda text, tree: text.replace(begins, begins + loop + "  return {};\n"), False).cause == "map-lookup-wrong"


def test_a_machine_that_makes_none_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sandbox.refusal.cache_clear()
    try:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert sandbox.refusal() == "bubblewrap is not installed: ./pagewalk setup"
        sandbox.refusal.cache_clear()
        (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n")
        (tmp_path / "bwrap").chmod(0o755)
        assert sandbox.refusal() == "bwrap: No permissions to create a new namespace"
    finally:
        sandbox.refusal.cache_clear()
