"""What is wrong with the grader's own Python and shell is found, whoever finds it."""

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from grade.course.lint import LINTERS, Linter, lint
from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))
WRONG = {
    "black": ("grade/a.py", "x = {  'a':1 }\n"),
    "isort": ("grade/a.py", "import sys\nimport os\n\nprint(os, sys)\n"),
    "flake8": ("labs/a.py", "import os\n"),
    "mypy": ("grade/a.py", "def f() -> int:\n    return None\n"),
    "shellcheck": ("pagewalk", "#!/bin/sh\nrm $1\n"),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree in which nothing is wrong."""
    for name in ("pyproject.toml", ".flake8"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("grade/a.py", "labs/a.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    for name in ("pagewalk", ".ci/run", ".vscode/pagewalk-gdb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("#!/bin/sh\ntrue\n")
    return tmp_path


def told(tree: Path, *linters: Linter) -> tuple[bool, str]:
    out = io.StringIO()
    return lint(tree, Console(file=out, width=200), linters), out.getvalue()


@pytest.mark.parametrize("linter", LINTERS, ids=lambda linter: linter.name)
def test_what_is_wrong_is_shown(tree: Path, linter: Linter) -> None:
    if told(tree, linter)[1]:
        pytest.skip(f"{linter.name} {linter.version} is not here")
    assert told(tree, linter) == (True, "")
    file, text = WRONG[linter.name]
    (tree / file).write_text(text)
    passed, said = told(tree, linter)
    assert not passed and said.startswith(f"{linter.name} finds:\n") and Path(file).name in said


@pytest.mark.parametrize("linter", [Linter("sh", "99.0.0", ("-c", "exit 1")), Linter("no-such-tool", "1.0.0", ())])
def test_another_version_is_not_asked(tree: Path, linter: Linter) -> None:
    assert told(tree, linter) == (True, f"{linter.name} {linter.version} is not here: it was not asked\n")
