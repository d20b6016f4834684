"""The commands as a user types them: exit statuses, messages, and the files that are written."""

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path
from unittest.mock import Mock

import pytest
from click.testing import CliRunner
from click.testing import Result as CliResult

from grade import cli, grading
from grade.cutting.cutter import cut
from grade.grading import CANNOT_RUN, FAILED, PASSED, _exit_status
from grade.isa import ISAS
from grade.ladder.trees import find_root
from grade.plugin import Collector, crashed
from grade.results.files import write_json, write_junit
from grade.results.report import costs, waiting_lines
from grade.results.result import Result, Status
from grade.results.verdict import Verdict
from grade.run_plan import Target
from grade.version import PAGEWALK

ROOT = find_root(Path(__file__))


def pagewalk(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the Python side of ./pagewalk."""
    return subprocess.run(
        [sys.executable, "-m", "grade", *arguments],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, **environment}, check=False,
    )  # fmt: skip


NOTHING = {
    "cause": None, "meaning": None, "expected": None, "seen": None, "walk": None, "file": None, "kill": None, "last_words": [],
    "commands": {}, "picture": None, "function": None, "error": None, "notes": [],
}  # fmt: skip
"""What is known of a milestone that passed."""


def test_a_milestone_that_passes(tmp_path: Path) -> None:
    json_file, junit_file = tmp_path / "r.json", tmp_path / "r.xml"
    run = pagewalk("grade", "2", "--isa", "aarch64", "--milestone", "2.1", "--json", str(json_file), "--junit", str(junit_file))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "passed 15/15" in run.stdout
    document = json.loads(json_file.read_text())
    assert (document["version"], document["pagewalk"]) == (2, PAGEWALK)
    (result,) = document["results"]
    assert result.pop("duration") > 0
    assert result == {
        "lab": 2, "isa": "aarch64", "milestone": "2.1", "points": 15, "max": 15, "status": "passed",
        **NOTHING, "message": "", "title": "pc, sp, vectors, and on x86 GDT, TSS and emergency stack are all in the high half",
    }  # fmt: skip
    (case,) = xml.parse(junit_file).iter("testcase")
    assert case.get("classname") == "lab2.aarch64" and case.find("failure") is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("grade", "9"), "there is no lab 9 to grade, only 1, 2, 3, 4"),
        (("grade", "one"), "'one' is not a valid integer"),
        (("grade", "--isa", "vax"), "'vax' is not one of 'x86_64', 'aarch64'"),
        (("grade", "--tree", "/nowhere"), "'/nowhere' does not exist"),
        (("grade", "--tree", "/"), "is not a Pagewalk tree"),
        (("grade", "1", "--json", "/nowhere/r.json"), "there is no folder /nowhere"),
        (("grade", "1", "-k", "nothing_like_that"), "no milestone matches -k 'nothing_like_that'; for lab 1 there are 1.0"),
        (("grade", "1", "--milestone", "1.2", "--milestone", "2.1"), "no milestone matches 2.1; for lab 1 there"),
        (("grade", "2", "--milestone", "1.3"), "no milestone matches 1.3; for lab 2 there are 1.0, 1.1, 1.2, 1.4"),
        (("grade", "1", "--milestone", "1.2", "-k", "engine"), "no milestone matches -k 'engine' among 1.2;"),
        (("gdb", "1.1"), "/build/host/page_table_tests --gtest_filter='PageTableMap*'\n"),
        (("gdb", "5.1"), "milestone 5.1 is a host test: no machine runs."),
        (("grade", "--json", "-"), "name a file; - would be one of that name"),
        (("grade", "--junit", "-"), "name a file; - would be one of that name"),
        (("gdb", "3.99"), "there is no milestone 3.99, only 3.1 to 3.12"),
        (("gdb", "9.9"), "there is no milestone 9.9, only 1.0 to 6."),
        (("explain", "9.9"), "there is no milestone 9.9, only 1.0 to"),
        (("gdb", "1.3", "--lab", "6"), "milestone 1.3 is not asked of lab 6's kernel"),
        (("view", "2.1", "--lab", "9"), "there is no lab 9 to grade, only 1, 2"),
        (("gdb", "spam"), "spam is neither a lab nor a milestone"),
        (("cut", "7", "/tmp/nowhere"), "there is no lab 7"),
        (("no-such-command",), "No such command"),
        (("status",), "status is for the tree of one lab, as students have it; this is main"),
        (("submit",), "submit is for the tree of one lab, as students have it; this is main"),
    ],
)
def test_bad_input_has_a_clear_message_and_status_2(arguments: tuple[str, ...], message: str) -> None:
    run = pagewalk(*arguments)
    assert run.returncode == 2, run.stdout + run.stderr
    assert message in run.stderr
    assert "Traceback" not in run.stderr + run.stdout
    assert "building" not in run.stdout


def test_ctrl_c_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grading, "run", Mock(side_effect=KeyboardInterrupt))
    result = CliRunner().invoke(cli.pagewalk, ["grade", "1"])
    assert result.exit_code == 130 and "Aborted" not in result.output


def test_ctrl_c_while_tests_run_shows_what_was_graded_until_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest itself catches it, and says so; with the same status it says that it could not collect the tests."""

    def interrupted(kind: type[BaseException]) -> CliResult:
        def main(_: object, plugins: list[object]) -> pytest.ExitCode:
            try:
                raise kind
            except KeyboardInterrupt:
                plugins[0].pytest_keyboard_interrupt(pytest.ExceptionInfo.from_current())
            return pytest.ExitCode.INTERRUPTED

        monkeypatch.setattr(pytest, "main", main)
        return CliRunner().invoke(cli.pagewalk, ["grade", "1", "--isa", ISAS[0], "--milestone", "1.2"])

    by_ctrl_c = interrupted(KeyboardInterrupt)
    assert by_ctrl_c.exit_code == 130 and "Interrupted: this is what was graded until then." in by_ctrl_c.output
    assert interrupted(pytest.Session.Interrupted).exit_code == 2


def test_results_that_cannot_be_written_are_shown_all_the_same() -> None:
    run = pagewalk("grade", "1", "--isa", "aarch64", "--milestone", "1.2", "--json", "/dev/full", "--junit", "/proc/x.xml")
    assert run.returncode == 2 and "1.2   passed" in run.stdout and "points" in run.stdout, run.stdout
    assert run.stderr.count("cannot write") == 2, run.stderr
    assert "/dev/full: No space left on device; cannot write /proc/x.xml: No such file or directory" in run.stderr


def test_a_folder_that_takes_no_files_is_named() -> None:
    run = pagewalk("cut", "1", "/proc/nobody")
    assert run.returncode == 2 and run.stderr == "Error: No such file or directory: /proc/nobody\n", run.stderr


@pytest.mark.parametrize(
    "command", ["grade", "status", "submit", "test", "run", "gdb", "bench", "coverage", "carry", "cut", "handout"]
)
def test_every_command_has_help(command: str) -> None:
    run = pagewalk(command, "--help")
    assert run.returncode == 0 and f"Usage: ./pagewalk {command}" in run.stdout


def test_no_qemu(tmp_path: Path) -> None:
    run = pagewalk("grade", "1", PATH=str(tmp_path))
    assert run.returncode == 2
    assert "qemu-system-x86_64" in run.stderr and "qemu-system-x86" in run.stderr


def test_qemu_too_old(tmp_path: Path) -> None:
    fake = tmp_path / "qemu-system-aarch64"
    fake.write_text("#!/bin/sh\necho 'QEMU emulator version 6.2.0'\n")
    fake.chmod(0o755)
    run = pagewalk("grade", "1", "--isa", "aarch64", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert run.returncode == 2
    assert "6.2" in run.stderr and "7.2" in run.stderr


def test_a_tree_that_does_not_compile(tmp_path: Path) -> None:
    """The first error with file and line before all else, once, and in one line the milestones that it costs."""
    tree = tmp_path / "tree"
    cut(ROOT, 1, 1, tree)
    owned = tree / "arch" / "x86_64" / "boot_map.cc"
    lines = owned.read_text().splitlines()
    lines.insert(10, "this is not C++;")
    owned.write_text("\n".join(lines) + "\n")
    json_file = tmp_path / "r.json"
    run = pagewalk("grade", "1", "--isa", "x86_64", "--tree", str(tree), "--json", str(json_file))
    assert run.returncode == 1, run.stdout + run.stderr
    said, *rest = [line for line in run.stdout.splitlines() if not line.startswith("building ")]
    assert said.startswith("arch/x86_64/boot_map.cc:11:1: error:") and run.stdout.count(said) == 1
    log = tree / "build/x86_64/build.log"
    cost = f"Lab 1's kernel for x86_64 does not build: this costs 1.2-1.10 on x86_64 (85 points). The whole log: {log}"
    results = next(place for place, line in enumerate(rest) if line.startswith("  lab 1 "))
    assert rest[:results][-1] == cost and "this is not C++;" in rest[0]
    shown = [line.split()[3:5] for line in rest if line.startswith("  lab 1 ")]  # as each of the two workers is done
    assert sorted(shown) == [["1.0", "passed"], ["1.1", "passed"]]
    assert "1.2, 1.3" not in run.stdout and "the reason stands above" not in run.stdout, "it has been said"
    results = {result["milestone"]: result for result in json.loads(json_file.read_text())["results"]}
    assert results["1.1"]["status"] == "passed"  # the host tests do not need that file
    assert {results[f"1.{n}"]["cause"] for n in range(2, 11)} == {"does-not-compile"}


def test_plain_pytest_does_the_same(tmp_path: Path) -> None:
    """An instructor may leave the front out."""
    json_file = tmp_path / "r.json"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "labs/1-identity-map", "--isa", "aarch64", "--milestone", "1.2",
         "--results-json", str(json_file)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    assert [result["status"] for result in json.loads(json_file.read_text())["results"]] == ["passed"]


def test_a_tree_can_be_graded_by_another(tmp_path: Path) -> None:
    """The tests in the graded tree do not matter."""
    tree = tmp_path / "tree"
    cut(ROOT, 2, 2, tree)
    for folder in (tree / "labs").glob("*-*"):
        shutil.rmtree(folder)
    run = pagewalk("grade", "2", "--isa", "x86_64", "--milestone", "2.2", "--tree", str(tree))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "passed 15/15" in run.stdout


def result(**changes: object) -> Result:
    """Returns a failed result."""
    fields = {
        "lab": 1, "isa": "x86_64", "milestone": "1.3", "title": "t", "points": 0, "max": 15, "status": Status.FAILED,
        "verdict": Verdict("wrong-frame", "a", "\x1b[31mb\x00"), "duration": 0.5,
    }  # fmt: skip
    return Result(**{**fields, **changes})


def test_what_a_grade_exits_with() -> None:
    """Success is what was judged, all of it."""
    passed, waits = result(status=Status.PASSED), result(status=Status.TODO, max=0)
    assert _exit_status([passed], []) == PASSED
    assert _exit_status([passed], [waits]) == _exit_status([], [waits]) == _exit_status([], []) == FAILED
    assert _exit_status([passed, result(status=Status.ERROR)], [waits]) == CANNOT_RUN


def test_a_milestone_whose_process_has_ended_could_not_be_judged() -> None:
    """It is among the results, so that the others cannot pass for all."""
    mark = Mock(args=("1.2",), kwargs={"points": 10})
    item = Mock(pytest.Function, nodeid="t.py::t", location=("t.py", 1, "t"), get_closest_marker=lambda name: mark)
    item.callspec = Mock(params={"target": Target(1, "x86_64", Path("tree"), frozenset())})
    item.function.__doc__ = "Translation is on."
    collector = Collector(Mock())
    collector.pytest_runtest_logreport(crashed(item, "by signal 9"))
    (judged,) = collector.results
    assert (judged.status, judged.milestone, judged.title, judged.max) == (Status.ERROR, "1.2", "Translation is on", 10)
    assert judged.message == "the grader could not judge: its process ended by signal 9"


def test_what_a_cause_has_cost_is_said_in_ranges() -> None:
    numbers = ("1.2", "1.4", "1.5", "1.6", "3.9", "3.10", "3.11")
    lost = [result(lab=3, milestone=number, isa=isa, max=5) for isa in ("x86_64", "aarch64") for number in reversed(numbers)]
    assert costs(lost[:7]) == "1.2, 1.4-1.6, 3.9-3.11 on x86_64 (35 points)"
    assert costs(lost).startswith("1.2, 1.4-1.6, 3.9-3.11 on aarch64 and 1.2,")
    assert costs([result(milestone="1.3", max=0)]) == "1.3 on x86_64"


def test_what_waits_is_named_with_what_it_waits_for() -> None:
    waiting = [
        result(lab=2, milestone=number, isa=isa, status=Status.TODO, max=0, verdict=Verdict(function="f", notes=("note: x",)))
        for number, isa in (("1.10", "x86_64"), ("1.2", "x86_64"), ("1.2", "aarch64"))
    ]
    assert sorted(waiting_lines(waiting)) == [
        "1.2 waits: on lab 2's kernel for aarch64 f is not written",
        "1.2, 1.10 wait: on lab 2's kernel for x86_64 f is not written",
    ]


def test_results_are_sorted_by_number_and_junit_holds_any_text(tmp_path: Path) -> None:
    results = [result(milestone="1.10"), result(milestone="1.9", status=Status.TODO), result(status=Status.ERROR)]
    write_json(results, tmp_path / "r.json", 7)
    order = [entry["milestone"] for entry in json.loads((tmp_path / "r.json").read_text())["results"]]
    assert order == ["1.3", "1.9", "1.10"]
    write_junit(results, tmp_path / "r.xml")
    cases = list(xml.parse(tmp_path / "r.xml").iter("testcase"))
    assert [child.tag for case in cases for child in case] == ["error", "skipped", "failure"]
    assert "wrong-frame" in cases[2].find("failure").get("type", "")


def test_the_host_tests_of_a_graded_tree_are_not_believed(tmp_path: Path) -> None:
    """An engine that maps nothing, beside tests that all pass."""
    tree = tmp_path / "tree"
    cut(ROOT, 1, 0, tree)
    shutil.rmtree(tree / "kernel" / "tests")
    (tree / "kernel" / "tests").mkdir()
    (tree / "kernel" / "tests" / "host.cmake").write_text(
        "find_package(GTest REQUIRED)\nadd_executable(page_table_tests kernel/tests/t.cc)\n"
        "target_link_libraries(page_table_tests GTest::gtest_main)\n"
    )
    forged = "\n".join(f"TEST(Map, T{n}) {{}}" for n in range(60))
    (tree / "kernel" / "tests" / "t.cc").write_text(f"#include <gtest/gtest.h>\n{forged}\n")
    json_file = tmp_path / "r.json"
    arguments = ("--tree", str(tree), "--milestone", "1.1", "--json", str(json_file))
    run = pagewalk("grade", "1", "--isa", "x86_64", *arguments)
    assert run.returncode == 1, run.stdout + run.stderr
    (entry,) = json.loads(json_file.read_text())["results"]
    assert entry["status"] == "todo"


def test_a_tree_cannot_retire_its_own_milestones(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    cut(ROOT, 2, 1, tree)
    toml = tree / "labs" / "2-higher-half" / "lab.toml"
    toml.write_text(toml.read_text().replace('retires = ["1.3"]', 'retires = ["2.1", "2.2"]'))
    run = pagewalk("grade", "2", "--isa", "x86_64", "--tree", str(tree))
    assert run.returncode == 1
    assert "0 / 100" in run.stdout


def changed_cut(tmp_path: Path, file: str, old: str, new: str) -> Path:
    """Returns lab 1, solved, with one text in one file replaced."""
    tree = tmp_path / "tree"
    cut(ROOT, 1, 1, tree)
    text = (tree / file).read_text()
    assert old in text
    (tree / file).write_text(text.replace(old, new, 1))
    return tree


def test_an_engine_that_never_ends_is_the_students(tmp_path: Path) -> None:
    tree = changed_cut(tmp_path, "kernel/paging/page_table_map.h", "    table = entry.address;\n", "    ++above;\n")
    run = pagewalk("grade", "1", "--isa", "x86_64", "--milestone", "1.1", "--tree", str(tree))
    assert run.returncode == 1, run.stdout + run.stderr
    assert "cause      hang" in run.stdout and "has not ended" in run.stdout and "PageTableMap" in run.stdout


def test_a_wild_engine_is_shown_what_the_sanitizer_says(tmp_path: Path) -> None:
    tree = changed_cut(tmp_path, "kernel/paging/page_table_map.h", "std::optional<OwnedFrame>, F::kLevels> path",
                       "std::optional<OwnedFrame>, 1> path")  # fmt: skip
    run = pagewalk("grade", "1", "--isa", "x86_64", "--milestone", "1.1", "--tree", str(tree))
    assert run.returncode == 1, run.stdout + run.stderr
    assert "kernel/paging/page_table_map.h:" in run.stdout, run.stdout


def test_one_failure_of_many_milestones_is_shown_once(tmp_path: Path) -> None:
    """And a fault that interrupts a line is found all the same."""
    old = "TRY(table.map_range("
    tree = changed_cut(tmp_path, "kernel/map/map_kernel.cc", old, f'if (region.name != "parameters") {old}')
    run = pagewalk("grade", "1", "--isa", "aarch64", "--tree", str(tree), "-j", "1")  # 1.2 fails first
    assert run.returncode == 1
    assert run.stdout.count("cause      parameters-not-mapped") == 1, run.stdout
    assert run.stdout.count(": the reason stands above\n") == 1 and "1.3-1.10" in run.stdout, run.stdout


def test_the_first_failure_is_shown_in_full_at_once(tmp_path: Path) -> None:
    """The others follow at the end, and the first is not repeated there."""
    tree = changed_cut(
        tmp_path, "kernel/map/map_kernel.cc", "TRY(table.map_range(", 'if (region.name != "parameters") TRY(table.map_range('
    )
    engine = tree / "kernel/paging/page_table_map.h"
    engine.write_text(engine.read_text().replace("size -= level_size<F>(level);", "size -= kPageSize;", 1))
    run = pagewalk("grade", "1", "--isa", "aarch64", "--milestone", "1.1", "--milestone", "1.2", "--tree", str(tree), "-j", "1")
    lines = run.stdout.splitlines()
    first = next(place for place, line in enumerate(lines) if " failed " in line)
    assert lines[first + 1].startswith("lab 1, aarch64, 1.1:") and lines[first + 2].startswith("  expected ")
    second = next(place for place, line in enumerate(lines) if " failed " in line and place > first)
    assert lines[second + 1] == "" and lines[second + 2].startswith("lab 1, aarch64, 1.2:")
    assert sum(line.startswith("lab 1, aarch64, 1.") for line in lines) == 2
    assert run.stdout.count("cause      ") == 2


def test_the_second_isa_does_not_run_the_same_host_tests_again(tmp_path: Path) -> None:
    tree = changed_cut(tmp_path, "kernel/paging/page_table_map.h", "#pragma once", f"#pragma once  // {tmp_path}")
    run = pagewalk("grade", "1", "--milestone", "1.1", "--tree", str(tree), "-j", "1")
    assert run.returncode == 0, run.stdout + run.stderr
    first, second = (line for line in run.stdout.splitlines() if line.startswith("  lab 1 "))
    assert first.endswith("four formats") and second.endswith("(host tests unchanged since they passed)")
    again = pagewalk("grade", "1", "--milestone", "1.1", "--tree", str(tree), "--isa", "x86_64")
    assert again.stdout.count("(host tests unchanged since they passed)") == 1


def test_a_handed_out_tree_says_nothing_about_how_it_is_graded(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    cut(ROOT, 1, 0, tree, with_grader=True)
    for gone in ("grade/tests", "docs/instructor.md", ".ci", "labs/1-identity-map/bugs", "labs/2-higher-half"):
        assert not (tree / gone).exists(), gone
    assert (tree / "grade" / "cli.py").exists()
    assert "instructor" not in (tree / "README.md").read_text() + (tree / "docs" / "map.md").read_text()
