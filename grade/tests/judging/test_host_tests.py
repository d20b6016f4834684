"""Which cause a failed host test is given: by the most basic one that failed, and what it printed.

A script stands in for the program of host tests, and prints what gtest did print for kernels with these mistakes.
"""

import re
import stat
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace
from xml.sax.saxutils import quoteattr

import pytest

from grade.checks.host_tests import check_host_tests, program_of, programs_for
from grade.cutting.cutter import cut
from grade.ladder import files
from grade.ladder.build import BuildError, build_all_host_tests, build_host_tests
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, find_root
from grade.prepare import prepare
from grade.results.failure import Failure
from grade.submission.include_graph import files_that_reach
from grade.submission.watched_build import _is_part, _units

ROOT = find_root(Path(__file__))
BLOCKS = "PageTableMap.MapsABlockOfEachLevel/x86_64"
RANGE = "PageTableMapRange.ChoosesTheLargestBlocks/x86_64"
END = "PageTableMapRange.EndsWhereTheAddressSpaceEnds/x86_64"
TAKEN = "PageTableMap.RefusesAPageAlreadyMapped/x86_64"
MODEL = "PageTableMapModel.AgreesWithTheEngine/x86_64"
NOTHING_TO_FREE = "PageTableUnmap.RefusesWhatIsNotMapped/x86_64"


def equality(found: str, value: str, expected: str, wanted: str, words: str = "") -> str:
    """Returns what EXPECT_EQ prints."""
    lines = ["Expected equality of these values:", f"  {found}", f"    Which is: {value}"]
    return "\n".join([*lines, f"  {expected}", f"    Which is: {wanted}", words])


def looked_up(found: str, by_hardware: str) -> str:
    return equality("found", found, "seen", by_hardware, "lookup() of 0xc0001007 differs from the hardware's walk")


def refusal(outcome: str) -> str:
    return equality("outcome(table.map(va, pa, {.write = true}, level))", outcome, "error", '"already-mapped"')


def sizes(found: str, wanted: str) -> str:
    return equality("leaf_sizes(table)", found, "expected", wanted)


WRONG_OFFSET = looked_up("(0x80000007 size 0x200000 ru)", "(0x80001007 size 0x200000 ru)")
END_EMPTY = sizes("{}", "{ 4096, 2097152 }")
UNMAPPED = equality("flush(table.protect(kVa - kPageSize, {}))", '"ok"', '"not-mapped"', "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Returns a build folder; the program there gives the results that `report` or `crash` writes."""
    program = tmp_path / "host_tests"
    program.write_text(
        '#!/bin/sh\ncd "$(dirname "$0")"\ncat printed\ncat errors >&2\n'
        '[ -e report ] && cp report "$(echo "$1" | sed s/--gtest_output=xml://)"\nexit 1\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    for name in ("printed", "errors"):
        (tmp_path / name).touch()
    return tmp_path


def judge(folder: Path, tests: str) -> Failure:
    with pytest.raises(Failure) as caught:
        check_host_tests(lambda _: folder / "host_tests", tests, folder)
    return caught.value


def report(folder: Path, results: dict[str, str | None]) -> Failure:
    """Returns what is said of tests that print this, or pass (None), in the order in which gtest ran them."""
    cases = []
    for test, message in results.items():
        suite, name = test.split(".")
        failure = f"<failure message={quoteattr(message)}/>" if message else ""
        cases.append(f'<testcase classname="{suite}" name="{name}">{failure}</testcase>')
    (folder / "report").write_text(f"<testsuites>{''.join(cases)}</testsuites>")
    return judge(folder, "PageTableUnmap*" if NOTHING_TO_FREE in results else "PageTableMap*")


def crash(folder: Path, failures: dict[str, str], running: str) -> Failure:
    """Returns what is said if the program ends in the test `running`, after these failures."""
    printed = "".join(f"[ RUN      ] {test}\n{text}\n[  FAILED  ] {test}, where\n" for test, text in failures.items())
    (folder / "printed").write_text(f"{printed}[ RUN      ] {running}\n")
    (folder / "errors").write_text("==1==ERROR: AddressSanitizer: SEGV\n    #0 0x1 in f kernel/paging/page_table_map.h:70\n")
    return judge(folder, "PageTableMap*")


@pytest.mark.parametrize(
    ("test", "printed", "cause"),
    [
        (BLOCKS, WRONG_OFFSET, "map-lookup-wrong"),
        (BLOCKS, looked_up("(0x8000 size 0x1000 rwu)", "(0x8000 size 0x1000 rw)"), "table-entry-restricts"),
        (BLOCKS, looked_up("(0x8000 size 0x1000 rw)", "(0x8000 size 0x1000 rwx)"), "map-lookup-wrong"),
        (TAKEN, refusal('"ok"'), "double-map-accepted"),
        (TAKEN, refusal('"misaligned"'), "map-lookup-wrong"),
        (TAKEN, equality("snapshot(table)", "5 tables", "before", "4 tables"), "half-built-path"),
        (RANGE, sizes("{ 4096, 2097152 }", "{ 4096, 2097152, 4096 }"), "region-end-not-mapped"),
        (RANGE, sizes("{ 4096, 2097152, 4096, 4096 }", "{ 4096, 2097152, 4096 }"), "map-lookup-wrong"),
        (RANGE, sizes("{}", "{ 4096, 2097152, 4096 }"), "map-lookup-wrong"),
        (END, END_EMPTY, "region-end-not-mapped"),
        (END, sizes("{ 4096 }", "{ 4096, 2097152 }"), "region-end-not-mapped"),
        (END, sizes("{ 4096, 4096 }", "{ 4096, 2097152 }"), "map-lookup-wrong"),
        (NOTHING_TO_FREE, UNMAPPED, "protect-wrong"),
    ],
)
def test_a_cause_is_named_by_what_was_seen(folder: Path, test: str, printed: str, cause: str) -> None:
    assert report(folder, {test: printed}).cause == cause


def test_the_most_basic_failure_decides_whatever_ran_first(folder: Path) -> None:
    taken_on_arm = TAKEN.replace("x86_64", "aarch64")
    failure = report(folder, {MODEL: "wrong", END: END_EMPTY, taken_on_arm: refusal('"ok"'), TAKEN: refusal('"ok"')})
    assert failure.cause == "double-map-accepted"
    assert failure.expected == "all 4 host tests pass"
    assert failure.seen.startswith(f"4 fail, first: {taken_on_arm}: Expected equality")


def test_tests_of_one_class_are_in_order_over_all_formats(folder: Path) -> None:
    blocks_on_arm = BLOCKS.replace("x86_64", "aarch64")
    failure = report(folder, {BLOCKS: None, TAKEN: refusal('"ok"'), blocks_on_arm: WRONG_OFFSET})
    assert failure.cause == "map-lookup-wrong"
    assert failure.seen.startswith(f"2 fail, first: {blocks_on_arm}:")


def test_a_crash_is_no_sign_of_what_its_test_is_about(folder: Path) -> None:
    failure = crash(folder, {}, END)
    assert failure.cause == "map-lookup-wrong" and "at kernel/paging/page_table_map.h:70" in failure.seen


def test_what_failed_before_a_crash_decides_if_it_is_more_basic(folder: Path) -> None:
    failure = crash(folder, {TAKEN: refusal('"ok"'), MODEL: "wrong"}, END)
    assert failure.cause == "double-map-accepted"
    assert failure.seen.startswith(f"{TAKEN}: Expected equality") and f"in {END}, which did not end" in failure.seen
    assert crash(folder, {MODEL: "wrong"}, BLOCKS).seen.startswith(f"{BLOCKS}: ==1==ERROR")


def test_what_the_students_code_prints_is_not_taken_for_a_test(folder: Path) -> None:
    (folder / "printed").write_text(f"[ RUN      ] {RANGE}\n")
    (folder / "errors").write_text(f"[ RUN      ] {TAKEN}\n@todo function=forged\n")
    assert judge(folder, "PageTableMap*").seen.startswith(f"{RANGE}: ")


def test_results_for_which_there_is_no_room_are_no_crash(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "printed").write_text(f"[ RUN      ] {RANGE}\n")
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    with pytest.raises(LadderError, match="no space is left on the disk"):
        check_host_tests(lambda _: folder / "host_tests", "PageTableMap*", folder)


def test_no_more_is_built_than_a_milestone_needs() -> None:
    """And each program is there for its first lab, with the tests that are asked of it."""
    assert [programs_for(lab) for lab in (1, 4)] == [["page_table_tests"]] * 2
    assert set(programs_for(6)) == {"page_table_tests", "vma_tests"}
    asked = {1: {"PageTableLookup*", "PageTableMap*"}, 3: {"PageTableUnmap*"}, 5: {"Vma*"}}
    everything = {tests for of_one in asked.values() for tests in of_one}
    of_programs = {1: asked[1], 3: asked[1] | asked[3], 5: asked[5]}
    for lab, of_one in asked.items():
        (program,) = {program_of(tests) for tests in of_one}
        suites = suites_of(build_host_tests(prepare(Tree(ROOT), lab), program))
        assert {tests for tests in everything if any(fnmatch(suite, tests) for suite in suites)} == of_programs[lab]
    left = suites_of(build_host_tests(prepare(Tree(ROOT), 6), "given_tests"))
    assert left and not any(fnmatch(suite, tests) for suite in left for tests in everything), "no milestone runs these"


def suites_of(program: Path) -> list[str]:
    listed = subprocess.run([program, "--gtest_list_tests"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^(\w+)\.", listed, re.MULTILINE)


def test_an_engine_that_does_not_compile_costs_no_other_program(tmp_path: Path) -> None:
    tree = tmp_path / "lab"
    cut(ROOT, 5, 5, tree)
    (tree / "kernel/paging/page_table_map.h").write_text("this is no C++\n")
    came = build_all_host_tests(tree, ["page_table_tests", "vma_tests"])
    assert isinstance(came["page_table_tests"], BuildError)
    assert came["vma_tests"] == tree / "build/host/vma_tests"
    assert files_of_program(tree, "vma_tests").isdisjoint(files_that_reach(tree, ["kernel/paging/page_table_map.h"]))


def files_of_program(tree: Path, program: str) -> set[str]:
    """Returns the sources of a program, as those who watch the build of a submission see them."""
    return {unit.source for unit in _units(tree, tree / "build/host") if _is_part(unit, program)}
