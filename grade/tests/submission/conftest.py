"""Main and a student's clone of it, small enough to be made anew for each test."""

from pathlib import Path

import pytest

from grade.ladder.trees import Tree
from grade.tests.submission.submission_trees import clone, small_main


@pytest.fixture
def main(tmp_path: Path) -> Tree:
    return small_main(tmp_path / "main")


@pytest.fixture
def student(main: Tree, tmp_path: Path) -> Path:
    """Returns a clone of lab 2."""
    return clone(main, 2, tmp_path / "alice")
