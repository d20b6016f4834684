"""Patches are carried over a change of the lines around them, and nothing is written where that cannot be done."""

import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from grade.course.carry import Outcome, carried, carry_over
from grade.ladder.labs import LadderError
from grade.patches.patch import apply

LINES = [f"line {number}" for number in range(1, 21)]
HEADER = "Symptom: none.\nISAs: x86_64\nFails: 1.1\nCause: hang\nFrom: own\n\n"
DIFF = """\
diff --git a/kernel/x.h b/kernel/x.h
--- a/kernel/x.h
+++ b/kernel/x.h
@@ -7,7 +7,7 @@
 line 7
 line 8
 line 9
-line 10
+line ten
 line 11
 line 12
 line 13
"""


def git(tree: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=A Maintainer", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=tree, check=True, capture_output=True)


def write(tree: Path, lines: list[str]) -> None:
    (tree / "kernel" / "x.h").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def main(tmp_path: Path) -> Path:
    """Returns a repository with one lab, one file and one bug in it."""
    lab = tmp_path / "labs" / "1-map"
    (lab / "bugs").mkdir(parents=True)
    (lab / "lab.toml").write_text('number = 1\ntitle = "Map"\nowned = []\nadds = []\nretires = []\n', encoding="utf-8")
    (lab / "bugs" / "ten.patch").write_text(HEADER + DIFF, encoding="utf-8")
    (tmp_path / "kernel").mkdir()
    write(tmp_path, LINES)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "all")
    return tmp_path


def patch(main: Path) -> Path:
    return main / "labs" / "1-map" / "bugs" / "ten.patch"


def test_a_patch_that_fits_is_left_alone(main: Path) -> None:
    before = patch(main).read_bytes()
    assert list(carried(main, "HEAD")) == []
    assert patch(main).read_bytes() == before


def test_a_patch_is_carried_over_a_line_that_has_changed_beside_it(main: Path) -> None:
    moved = ["a new first line", *LINES]
    moved[moved.index("line 12")] = "line twelve"
    moved[moved.index("line 8")] = "line eight"
    write(main, moved)
    assert list(carried(main, "HEAD")) == [Outcome(patch(main))]
    text = patch(main).read_text(encoding="utf-8")
    assert text.startswith(HEADER + "diff --git a/kernel/x.h b/kernel/x.h\n--- a/kernel/x.h\n")
    assert " line eight\n" in text
    copy = main / "copy"
    (copy / "kernel").mkdir(parents=True)
    (copy / "kernel" / "x.h").write_bytes((main / "kernel" / "x.h").read_bytes())
    apply(patch(main), text[text.index("diff --git") :], copy)
    expected = [line.replace("line 10", "line ten") for line in moved]
    assert (copy / "kernel" / "x.h").read_text().splitlines() == expected
    assert list(carried(main, "HEAD")) == [], "now it fits"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("another line 10", "the change of main and its own meet in kernel/x.h"),
        ("line ten", "main itself now has what it changes"),
    ],
)
def test_what_has_to_be_done_by_hand_is_left_as_it_is(main: Path, line: str, problem: str) -> None:
    write(main, [line if old == "line 10" else old for old in LINES])
    before = patch(main).read_bytes()
    assert list(carried(main, "HEAD")) == [Outcome(patch(main), problem)]
    assert patch(main).read_bytes() == before


def test_a_patch_that_never_fitted_is_named(main: Path) -> None:
    patch(main).write_text(HEADER + DIFF.replace(" line 8", " line eight"), encoding="utf-8")
    assert list(carried(main, "HEAD")) == [Outcome(patch(main), "it does not fit HEAD either")]


def test_changes_that_are_committed_count_from_the_commit_that_is_named(main: Path) -> None:
    write(main, [line.replace("line 8", "line eight") for line in LINES])
    git(main, "commit", "-qam", "eight")
    assert [outcome.problem for outcome in carried(main, "HEAD")] == ["it does not fit HEAD either"]
    assert [outcome.problem for outcome in carried(main, "HEAD~1")] == [""]


def test_a_commit_that_is_not_there_is_refused(main: Path) -> None:
    with pytest.raises(LadderError, match="no-such is no commit"):
        list(carried(main, "no-such"))


def test_the_command_says_what_became_of_each(main: Path) -> None:
    console = Console(width=200, record=True, quiet=False, file=(main / "said").open("w"))
    assert carry_over(main, "HEAD", console) == 0
    write(main, [line.replace("line 8", "line eight") for line in LINES])
    assert carry_over(main, "HEAD", console) == 0
    write(main, [line.replace("line 10", "another") for line in LINES])
    assert carry_over(main, "HEAD~0", console) == 1
    said = console.export_text()
    assert "every patch still fits" in said
    assert "labs/1-map/bugs/ten.patch: carried over\n1 carried over, 0 left to do by hand" in said
