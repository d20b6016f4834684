"""A program of host tests that ran is not run again, as long as it is the same; and nobody is judged by what was damaged.

A script stands in for the program: it notes that it runs, and passes or fails as it says itself.
"""

import stat
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest

from grade.checks import ran_before
from grade.checks.host_tests import check_host_tests
from grade.checks.ran_before import HostTests
from grade.ladder.trees import find_root
from grade.results.failure import Failure, NotWritten
from grade.run_plan import Target

ROOT = find_root(Path(__file__))
TESTS = "Vma*"
PROGRAM = """#!/bin/sh
echo ran >> {runs}
cat > "$(echo "$1" | sed s/--gtest_output=xml://)" <<'END'
<testsuites>{cases}</testsuites>
END
"""
PASSES = "".join(f'<testcase classname="Vma" name="Test{number}"/>' for number in range(60))
FAILS = PASSES + '<testcase classname="VmaGap" name="Finds"><failure message="no gap at all"/></testcase>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_program(tmp_path, PASSES)
    (tmp_path / "runs").touch()
    return tmp_path


def write_program(folder: Path, cases: str) -> None:
    program = folder / "vma_tests"
    program.write_text(PROGRAM.format(runs=folder / "runs", cases=cases))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def runs(folder: Path) -> int:
    return len((folder / "runs").read_text().splitlines())


def judge(folder: Path, tests: str = TESTS, memory: str = "memory") -> bool:
    """Judges in a new folder; whether what was remembered was used. Raises what the milestone would."""
    scratch = folder / f"scratch{len(list(folder.glob('scratch*')))}"
    scratch.mkdir()
    programs, before = HostTests(lambda name: folder / name, folder / memory), runs(folder)
    try:
        check_host_tests(programs, tests, scratch)
    finally:
        assert programs.reused == (runs(folder) == before)
    return programs.reused


def test_the_same_program_is_not_run_again(folder: Path) -> None:
    assert [judge(folder) for _ in range(3)] == [False, True, True] and runs(folder) == 1


def test_a_program_that_failed_fails_with_the_same_words(folder: Path) -> None:
    write_program(folder, FAILS)
    said = []
    for _ in range(2):
        with pytest.raises(Failure) as caught:
            judge(folder)
        said.append((caught.value.cause, caught.value.expected, caught.value.seen))
    assert said[0] == said[1] and "no gap at all" in said[0][2] and runs(folder) == 1


def test_another_engine_is_run(folder: Path) -> None:
    engine = folder / "vma_tests_engine"
    for content in ("one", "another"):
        engine.write_text(content)
        assert [judge(folder) for _ in range(2)] == [False, True]


def test_the_content_counts_and_not_the_name_or_the_time(folder: Path) -> None:
    judge(folder)
    state = (folder / "vma_tests").stat()
    write_program(folder, PASSES.replace("Test9", "Test8"))
    ran_before.os.utime(folder / "vma_tests", ns=(state.st_atime_ns, state.st_mtime_ns))
    assert (folder / "vma_tests").stat().st_size == state.st_size
    assert not judge(folder)
    write_program(folder, PASSES)
    assert judge(folder) and runs(folder) == 2


@pytest.mark.parametrize("what", ["tests", "judge", "variable", "folder"])
def test_what_else_a_run_depends_on(folder: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    judge(folder)
    if what == "judge":
        (folder / "judge.py").write_text("another")
        monkeypatch.setattr(ran_before, "_JUDGES", (*ran_before._JUDGES, folder / "judge.py"))
    if what == "variable":
        monkeypatch.setenv("GTEST_SHUFFLE", "1")
    again = judge(folder, "VmaModel*" if what == "tests" else TESTS, "other" if what == "folder" else "memory")
    assert not again and runs(folder) == 2


def test_the_judges_are_all_that_judges() -> None:
    """What is imported into them from this package is older knowledge: names of causes, how records are kept."""
    assert {path.name for path in ran_before._JUDGES} == {"host_tests.py", "ran_before.py"}
    assert all(path.is_file() for path in ran_before._JUDGES)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: data.replace(b"<failure", b"<nothing"), lambda data: b""]
)
def test_a_damaged_record_has_the_program_run_anew(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    write_program(folder, FAILS)
    with pytest.raises(Failure):
        judge(folder)
    for record in (folder / "memory").glob("*.record"):
        record.write_bytes(damage(record.read_bytes()))
    with pytest.raises(Failure, match="vma-gap-wrong"):
        judge(folder)
    assert runs(folder) == 2


def test_what_did_not_come_to_its_end_is_not_remembered(folder: Path) -> None:
    for last, error in (("kill -9 $$", Failure), ("echo '@todo lab=5 function=find_gap'", NotWritten), ("exit 3", Failure)):
        (folder / "vma_tests").write_text(f"#!/bin/sh\necho ran >> {folder / 'runs'}\n{last}\n")
        for _ in range(2):
            with pytest.raises(error):
                judge(folder)
    assert runs(folder) == 6


def test_where_nothing_can_be_remembered_the_program_runs(folder: Path) -> None:
    (folder / "memory").write_text("no folder")
    assert [judge(folder) for _ in range(2)] == [False, False] and runs(folder) == 2


def test_two_that_need_it_at_once_run_it_once(folder: Path) -> None:
    processes = [get_context("fork").Process(target=judge_elsewhere, args=(folder, number)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0] and runs(folder) == 1


def judge_elsewhere(folder: Path, number: int) -> None:
    (folder / f"of{number}").mkdir()
    check_host_tests(HostTests(lambda name: folder / name, folder / "memory"), TESTS, folder / f"of{number}")


def test_nobody_knows_of_another_trees_runs(tmp_path: Path) -> None:
    """A submission has its own folder, which is new each time; what is in a tree of somebody else's is not looked at."""
    own = [Target(lab, isa, ROOT, frozenset()).memory for lab in (3, 6) for isa in ("x86_64", "aarch64")]
    assert set(own) == {ROOT / "build/ran"}
    handed_in = [
        Target(lab, "x86_64", tmp_path / who / f"lab-{lab}", frozenset(), True).memory for who in "ab" for lab in (3, 6)
    ]
    assert handed_in == [tmp_path / who / "ran" for who in "aabb"]
    foreign = [Target(3, "x86_64", tmp_path / who, frozenset()).memory for who in "ab"]
    assert len({*foreign, *own}) == 3 and all(path.is_relative_to(ROOT / "build") for path in foreign)
