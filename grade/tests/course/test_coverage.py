"""What tests run is counted in both languages: in the processes that tests start, too, and line by line."""

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from grade.course import coverage, cpp_coverage, python_coverage
from grade.course.counts import Counts
from grade.course.coverage import CoverageOptions
from grade.cutting.cutter import cut
from grade.ladder.labs import LadderError
from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))
THING = "def sign(number):\n    if number < 0:\n        return -1\n    return 1\n"
IN_ANOTHER_PROCESS = """import subprocess
import sys

def test_sign():
    subprocess.run([sys.executable, "-c", "from grade.part.thing import sign; sign(4)"], check=True)
"""
CMAKE = """cmake_minimum_required(VERSION 3.25)
project(tree LANGUAGES CXX)
enable_testing()
include_directories(.)
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
add_executable(tests kernel/tests/tests.cc kernel/paging/own.cc)
add_test(NAME tests COMMAND tests)
"""
OWN = "int sign(int number) {\n  if (number < 0) return -1;\n  return 1;\n}\nint unused() { return 0; }\n"
TESTS = "int sign(int);\nint main() { return sign(4) - 1; }\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Returns a tree with a lab, one file of the grader's and one of a student's, and a test of each."""
    files = {
        "CMakeLists.txt": CMAKE,
        "kernel/paging/own.cc": OWN,
        "kernel/paging/late.cc": "",
        "kernel/tests/tests.cc": TESTS,
        "labs/1-a/lab.toml": 'number = 1\ntitle = "a"\nowned = ["kernel/paging/own.cc", "kernel/paging/late.cc"]\nretires = []\n',
        "grade/__init__.py": "",
        "grade/part/__init__.py": "",
        "grade/part/thing.py": THING,
        "test_thing.py": IN_ANOTHER_PROCESS,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "CMakePresets.json", tmp_path)
    return tmp_path


def measured(tree: Path, language: str) -> tuple[int, str]:
    out = io.StringIO()
    status = coverage.run(tree, CoverageOptions(["test_thing.py"], [language], 1), Console(file=out, width=120))
    return status, out.getvalue()


def test_another_process_is_counted(tree: Path) -> None:
    pytest.importorskip("coverage")
    counted, passed = python_coverage.measure(tree, tree / "build/counted", ["test_thing.py"], 1)
    assert passed and counted["grade/part"] == counted["all"] == Counts(4, 3, 2, 1)
    assert (tree / "build/counted/html/index.html").exists()


def test_what_students_write_is_counted(tree: Path) -> None:
    status, told = measured(tree, "cpp")
    assert status == 0
    own = next(line for line in told.splitlines() if "kernel/paging/own.cc" in line)
    assert "3 of 4" in own and "1 of 2" in own, told
    assert "in no host test" in next(line for line in told.splitlines() if "kernel/paging/late.cc" in line)
    assert "#####:    5:int unused()" in (tree / "build/coverage/cpp/kernel#paging#own.cc.gcov").read_text(encoding="utf-8")


def test_a_test_that_fails_is_no_success(tree: Path) -> None:
    (tree / "kernel/tests/tests.cc").write_text(TESTS.replace("- 1", "+ 1"), encoding="utf-8")
    status, told = measured(tree, "cpp")
    assert status == 1 and "kernel/paging/own.cc" in told


def test_what_is_missing_is_told(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpp_coverage.shutil, "which", lambda _: None)
    monkeypatch.setattr(python_coverage, "find_spec", lambda _: None)
    with pytest.raises(LadderError, match="install gcc"):
        measured(tree, "cpp")
    with pytest.raises(LadderError, match="apt-get install python3-coverage"):
        measured(tree, "python")


def test_what_does_not_build_is_told(tree: Path) -> None:
    (tree / "kernel/paging/own.cc").write_text("int sign(int", encoding="utf-8")
    with pytest.raises(LadderError, match="own.cc"):
        measured(tree, "cpp")


def test_the_students_files_of_a_lab_are_counted(tmp_path: Path) -> None:
    """In the tree of lab 3, which takes half as long to build as main."""
    tree = tmp_path / "tree"
    cut(ROOT, 3, 3, tree)
    counted, passed = cpp_coverage.measure(tree, tmp_path / "counted")
    assert passed
    # Those of labs 1 and 3 run in the engine, the last one in the tests' own program.
    for file in ("paging/page_table_map.h", "paging/page_table_unmap.h", "space/address_space.cc"):
        counts = counted[f"kernel/{file}"]
        assert counts is not None and counts.lines_run > 0.9 * counts.lines, (file, counts)
