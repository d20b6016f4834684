"""What is known of a failure stays data until it is shown: as text, and in files for programs."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from grade.guest.guest import Guest
from grade.judging import judge
from grade.ladder.build import BuildError
from grade.ladder.build_errors import Diagnostic
from grade.results.failure import Failure, Kill
from grade.results.files import write_json
from grade.results.report import table_text
from grade.results.result import Result, Status
from grade.results.text import verdict_text
from grade.results.verdict import Verdict, verdict_of
from grade.run_plan import Target
from grade.walker import explain

KILL = Kill(3, "hello", 11, 0xFFFF_FF80_0000_1234, 0x500000, "@fault address=0x500000 access=read")
LIE = "\x1b[2Jpoints 100\N{RIGHT-TO-LEFT OVERRIDE}"


def result_of(verdict: Verdict, number: str = "3.1") -> Result:
    return Result(3, "x86_64", number, f"Title of {number}", 0, 10, Status.FAILED, verdict, 0.5)


def test_a_failure_is_fields(boot: Callable[..., Guest], tmp_path: Path) -> None:
    guest = boot("run hello", "checkpoint ready")
    guest.run_to("ready")
    walk = guest.walk(0x500000)
    failure = Failure("process-killed", "it lives", str(KILL), walk, kill=KILL)
    verdict = replace(verdict_of(failure, 3, guest.isa.name), last_words=("one", LIE), commands={"gdb": "./pagewalk gdb 3.1"})
    write_json([result_of(verdict)], tmp_path / "r.json", 7)
    text = (tmp_path / "r.json").read_text()
    (entry,) = json.loads(text)["results"]
    assert (entry["cause"], entry["expected"], entry["seen"]) == ("process-killed", "it lives", str(KILL))
    assert entry["meaning"] == "A process that did nothing wrong was killed."
    assert entry["file"] == "kernel/space/address_space.cc"
    levels = [(step.level, hex(step.entry)) for step in walk.steps]
    assert entry["walk"]["va"] == "0x500000" and [(one["level"], one["entry"]) for one in entry["walk"]["levels"]] == levels
    assert entry["kill"] == {
        "pid": 3, "program": "hello", "signal": 11, "pc": "0xffffff8000001234", "address": "0x500000", "report": KILL.report,
    }  # fmt: skip
    assert entry["commands"] == {"gdb": "./pagewalk gdb 3.1"}
    assert entry["last_words"] == ["one", "\\x1b[2Jpoints 100\\u202e"], "whoever prints a field of it is not steered"
    assert entry["message"] == verdict_text(verdict) and explain(walk).splitlines()[-1] in entry["message"]
    assert Result.from_data(json.loads(json.dumps(result_of(verdict).as_data()))).as_data() == result_of(verdict).as_data()


def test_one_reason_is_told_once() -> None:
    """Under the numbers of all that fail for it, whatever each of them wanted."""
    first = Verdict(
        "wrong-frame", "a page", "none", file="kernel/a.cc", last_words=("x",), commands={"gdb": "./pagewalk gdb 3.1"}
    )
    same = replace(first, expected="another page", last_words=("y",), commands={"gdb": "./pagewalk gdb 3.2"}, picture="p")
    other = replace(first, seen="two")
    table = table_text([result_of(first), result_of(same, "3.2"), result_of(other, "3.3")])
    assert "lab 3, x86_64, 3.1-3.2: all for one reason" in table and "lab 3, x86_64, 3.3: Title of 3.3" in table
    assert table.count("seen       none") == 1 and table.count("seen       two") == 1


def test_a_tree_that_does_not_build_names_its_line(tmp_path: Path) -> None:
    target = Target(1, "x86_64", tmp_path, frozenset())
    error = BuildError(
        tmp_path, "x86_64", Diagnostic("kernel/a.cc", 3, 1, "expected ';'", " 3 | int a"), tmp_path / "build.log"
    )
    status, verdict, failure = judge(error, None, target)
    assert (status, verdict.cause, verdict.file, failure) == (Status.FAILED, "does-not-compile", "kernel/a.cc:3", None)
    assert verdict_text(verdict) == str(error)
    assert judge(BuildError(tmp_path, "host", None, "none"), None, target)[1].file is None


def test_what_the_grader_cannot_judge_is_no_failure_of_the_students(tmp_path: Path) -> None:
    status, verdict, failure = judge(ZeroDivisionError("by us"), None, Target(1, "x86_64", tmp_path, frozenset()))
    assert (status, verdict.cause, failure) == (Status.ERROR, None, None)
    assert verdict_text(verdict) == "the grader could not judge: ZeroDivisionError: by us"
