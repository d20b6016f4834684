"""What is wrong with the C++, the grader's own Python and the shell is found, whoever finds it."""

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from grade.course.lint import LINTERS, Linter, lint
from grade.isa import ISAS
from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))
WRONG = {
    "black": ("grade/a.py", "x = {  'a':1 }\n"),
    "isort": ("grade/a.py", "import sys\nimport os\n\nprint(os, sys)\n"),
    "flake8": ("labs/a.py", "import os\n"),
    "mypy": ("grade/a.py", "def f() -> int:\n    return None\n"),
    "shellcheck": ("pagewalk", "#!/bin/sh\nrm $1\n"),
    "clang-tidy": ("kernel/base/header.h", "inline bool is_one(unsigned long a) { bool b = a == 1; return b && b; }\n"),
}
# What clang 14 cannot compile unless it is helped, and a header that two files include.
MAIN = """#include <expected>
#include "kernel/base/header.h"
struct Owner { ~Owner(); };
std::expected<Owner, int> owner() { return Owner{}; }
"""
CMAKE = """cmake_minimum_required(VERSION 3.25)
project(tree LANGUAGES CXX)
include_directories(.)
add_compile_options(-std=gnu++2b -Wall -Werror ${ISA_FLAGS} -ffreestanding)
add_library(kernel kernel/main.cc kernel/again.cc arch/${ISA}/cpu.cc)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Returns a tree in which nothing is wrong."""
    for name in ("pyproject.toml", ".flake8"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("grade/a.py", "labs/a.py", "labs/1-first/first.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    (shellcheck,) = (linter for linter in LINTERS if linter.name == "shellcheck")
    for name in shellcheck.arguments:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("#!/bin/sh\ntrue\n")
    lay_out_cpp(tmp_path)
    return tmp_path


def lay_out_cpp(tree: Path) -> None:
    """Lays out a kernel that is built as main's is, with a file for each ISA that no other may read."""
    shutil.copy(ROOT / ".clang-tidy", tree)
    shutil.copy(ROOT / "CMakePresets.json", tree)
    (tree / "CMakeLists.txt").write_text(CMAKE)
    (tree / "kernel/base").mkdir(parents=True)
    (tree / "kernel/base/header.h").touch()
    for name in ("kernel/main.cc", "kernel/again.cc"):
        (tree / name).write_text(MAIN)
    for isa in ISAS:
        (tree / "arch" / isa).mkdir(parents=True)
        shutil.copy(ROOT / "arch" / isa / "toolchain.cmake", tree / "arch" / isa)
        (tree / "arch" / isa / "cpu.cc").write_text(f"#ifndef __{isa}__\n#error this is not for {isa}\n#endif\n")


def told(tree: Path, *linters: Linter) -> tuple[bool, str]:
    out = io.StringIO()
    return lint(tree, Console(file=out, width=200), linters), out.getvalue()


def skip_unless_asked(tree: Path, linter: Linter) -> None:
    """Goes on where the linter is here, and content with the tree as it is."""
    passed, said = told(tree, linter)
    if said.endswith("it was not asked\n"):
        pytest.skip(said)
    assert passed and not said, said


@pytest.mark.parametrize("linter", LINTERS, ids=lambda linter: linter.name)
def test_what_is_wrong_is_shown(tree: Path, linter: Linter) -> None:
    skip_unless_asked(tree, linter)
    file, text = WRONG[linter.name]
    (tree / file).write_text(text)
    passed, said = told(tree, linter)
    assert not passed and said.startswith(f"{linter.name} finds:\n") and Path(file).name in said


def test_a_wrong_type_in_what_serves_a_lab_is_shown(tree: Path) -> None:
    mypy = next(linter for linter in LINTERS if linter.name == "mypy")
    skip_unless_asked(tree, mypy)
    (tree / "labs/1-first/b.py").write_text("from first import x\n\ny: str = x\n")
    assert "labs/1-first/b.py:3: error: Incompatible types" in told(tree, mypy)[1]


def test_what_is_wrong_in_a_header_is_shown_once(tree: Path) -> None:
    clang_tidy = next(linter for linter in LINTERS if linter.name == "clang-tidy")
    skip_unless_asked(tree, clang_tidy)
    file, text = WRONG["clang-tidy"]
    (tree / file).write_text(text)
    assert told(tree, clang_tidy)[1].count("[misc-redundant-expression") == 1


def test_a_tree_that_cannot_be_configured_is_told(tree: Path) -> None:
    clang_tidy = next(linter for linter in LINTERS if linter.name == "clang-tidy")
    skip_unless_asked(tree, clang_tidy)
    (tree / "CMakeLists.txt").write_text("no_such_command()\n")
    passed, said = told(tree, clang_tidy)
    assert not passed and "no_such_command" in said


@pytest.mark.parametrize("linter", [Linter("sh", "99.0.0", ("-c", "exit 1")), Linter("no-such-tool", "1.0.0", ())])
def test_another_version_is_not_asked(tree: Path, linter: Linter) -> None:
    assert told(tree, linter) == (True, f"{linter.name} {linter.version} is not here: it was not asked\n")
