"""./pagewalk grade --format and --within as a service's script types them: there is a report, whatever comes of the run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grade.cutting.cutter import cut
from grade.ladder.labs import load_labs
from grade.ladder.trees import find_root
from grade.milestones import milestones_of
from grade.tests.submission.submission_trees import SEALED

ROOT = find_root(Path(__file__))
LAB_1 = milestones_of(load_labs(ROOT)[:1])
UNSEALED = () if SEALED else ("--unsealed",)
ENGINE = "kernel/paging/page_table_map.h"


def start(*arguments: object, **variables: str) -> subprocess.Popen[str]:
    """Starts the Python side of ./pagewalk grade."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "grade", "grade", *map(str, arguments)],
        cwd="/", env={**os.environ, "PYTHONPATH": str(ROOT), **variables}, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(run: subprocess.Popen[str]) -> tuple[int, str]:
    """Returns its exit status, and what it printed."""
    out, err = run.communicate(timeout=300)
    assert "Traceback" not in out + err, out + err
    return run.returncode, out + err


def read(file: Path) -> dict:
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "latex", "/tmp/x"), "'latex' is not one of"),
        (("--format", "json"), "requires 2 arguments"),
        (("--format", "json", "-"), "name a file; - would be one of that name"),
        (("--format", "json", "/none/x"), "cannot write /none/x: there is no folder /none"),
        (("--within", "0"), "is not in the range"),
        (("--within", "soon"), "is not a valid float"),
    ],
)
def test_bad_input(arguments: tuple[str, ...], message: str) -> None:
    status, said = ended(start("1", *arguments))
    assert status == 2 and message in said and "building" not in said, said


def test_what_cannot_be_read_is_a_report(tmp_path: Path) -> None:
    """Of all that was asked, if the lab is named."""
    (tmp_path / "essay.txt").write_text("pages", encoding="utf-8")
    asked = ("--isa", "x86_64", "--submission", tmp_path / "essay.txt", *UNSEALED)
    files = ("--format", "gradescope", tmp_path / "g.json", "--format", "prairielearn", tmp_path / "p.json")
    status, said = ended(start("1", *asked, *files))
    assert status == 2 and "is no archive" in said
    document = read(tmp_path / "g.json")
    assert "is no archive" in document["output"] and document["extra_data"]["is_grade"] is False
    assert sum(test["max_score"] for test in document["tests"]) == 100 and not any(
        "score" in test for test in document["tests"]
    )
    assert read(tmp_path / "p.json")["gradable"] is False
    assert ended(start(*asked, *files))[0] == 2 and read(tmp_path / "g.json")["tests"] == []


def test_a_missing_tool_is_a_report(tmp_path: Path) -> None:
    for tool in ("git", "bwrap", "python3"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    status, said = ended(start("1", "--isa", "x86_64", "--format", "check50", tmp_path / "c.json", PATH=str(tmp_path)))
    assert status == 2 and "qemu-system-x86_64 is not on PATH" in said
    results = read(tmp_path / "c.json")["results"]
    assert len(results) == len(LAB_1) and {check["passed"] for check in results} == {None}
    assert results[0]["cause"]["rationale"].startswith("not judged, which costs no points: qemu-system-x86_64 is not on PATH")


def test_no_time_at_all(tmp_path: Path) -> None:
    """It is over before anything is known."""
    asked = ("--isa", "x86_64", "--format", "json", tmp_path / "r.json", "--format", "autolab", tmp_path / "a.txt")
    status, said = ended(start("1", *asked, "--within", "0.0001"))
    assert status == 2 and "the 0.0001 minutes of --within are over" in said
    assert "--within are over" in read(tmp_path / "r.json")["problem"]
    assert "--within are over" in (tmp_path / "a.txt").read_text(encoding="utf-8")


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """Returns lab 1, solved, but for an engine that never answers."""
    folder = tmp_path / f"endless-{os.getpid()}"  # workers run these tests side by side
    cut(ROOT, 1, 1, folder, with_grader=True)
    header = folder / ENGINE
    before, body, after = header.read_text(encoding="utf-8").partition("::lookup(VirtAddr va) const {")
    assert body
    header.write_text(f'{before}{body} for (;;) asm volatile("");\n{after}', encoding="utf-8")
    return folder


def running(text: str) -> list[str]:
    """Returns the command lines that contain the text, of processes other than compilers."""
    found = subprocess.run(["ps", "-eo", "stat=,args="], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in found if text in line and "/cc1plus" not in line and "c++" not in line]


def place_of_endless() -> str:
    """Returns where the endless submission is built and run; another text if it is nowhere yet."""
    notes = (ROOT / "build" / "submissions").glob(".*/kept-in")  # in a sandbox or without
    ours = f"/endless-{os.getpid()}-"
    return next((f"{note.parent}/" for note in notes if ours in note.read_text(encoding="utf-8")), "nowhere yet")


@pytest.mark.parametrize(
    ("number", "how", "exit_status"),
    [(signal.SIGTERM, "it was ended by SIGTERM", 2), (signal.SIGINT, "the run was interrupted", 130)],
)
def test_a_signal_ends_all_that_was_started(
    endless: Path, tmp_path: Path, number: signal.Signals, how: str, exit_status: int
) -> None:
    """An engine that loops, its judge, and what keeps both within limits: and the report still comes."""
    files = ("--format", "json", tmp_path / "r.json", "--json", tmp_path / "same.json")
    asked = ("--isa", "x86_64", "--milestone", "1.0", "--submission", endless, *UNSEALED)
    run = start(*asked, *files)
    deadline = time.monotonic() + 200
    while not any(line.startswith("R") and line.endswith("_engine") for line in running(place_of_endless())):
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.2)
    place = place_of_endless()
    run.send_signal(number)
    status, said = ended(run)
    assert status == exit_status and "Interrupted" in said and "this is what was graded until then." in said, said
    deadline = time.monotonic() + 5
    while left := running(place):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
    (result,) = read(tmp_path / "r.json")["results"]
    assert (result["milestone"], result["status"], result["max"], result["error"]) == ("1.0", "error", 5, how)
    judged = [] if number == signal.SIGINT else [result]  # Ctrl-C: a person knows
    assert read(tmp_path / "same.json")["results"] == judged


@pytest.mark.parametrize(
    ("module", "number", "how"),
    [
        ("grade.cli_common", signal.SIGINT, None),  # this program is being read
        ("map_model", signal.SIGINT, "interrupted"),  # the milestones' tests are
        ("map_model", signal.SIGTERM, "it was ended by SIGTERM"),
        ("__del__", signal.SIGINT, "interrupted"),
        ("__del__", signal.SIGTERM, "it was ended by SIGTERM"),
    ],
)
def test_a_signal_where_python_or_pytest_loses_it(tmp_path: Path, module: str, number: signal.Signals, how: str | None) -> None:
    """In an import, or in a finalizer during one: no traceback, no verdict, and the exit status that it always has."""
    (tmp_path / "sitecustomize.py").write_text(
        f"""
import os, sys

class Importer:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {number.value})
        elif {module!r} == "__del__" and name == "map_model":
            Finalized()

class Finalized:
    def __del__(self):
        os.kill(os.getpid(), {number.value})

sys.meta_path.insert(0, Importer)
"""
    )
    asked = ("1", "--isa", "x86_64", "--format", "json", tmp_path / "r.json")
    run = start(*asked, PYTHONPATH=f"{ROOT}:{tmp_path}")
    out, err = run.communicate(timeout=300)
    assert run.returncode == (130 if number == signal.SIGINT else 2), out + err
    assert ("Traceback" in err) == (module == "__del__"), "Python itself prints that"
    assert how is None or how in read(tmp_path / "r.json")["problem"]
    assert "passed" not in out
