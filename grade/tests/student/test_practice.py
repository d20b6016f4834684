"""./pagewalk bug: what is listed does not tell the cause, what is revealed does, and the kernel is the broken one."""

import subprocess
import sys
from pathlib import Path

import pytest

from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, find_root
from grade.patches.bugs import load_bugs
from grade.practice.command import code_of, find_bug

ROOT = find_root(Path(__file__))
BUGS = load_bugs(ROOT)


def pagewalk(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "grade", *arguments]
    return subprocess.run(command, cwd=ROOT, input=typed, capture_output=True, text=True, timeout=120, check=False)


def words(text: str) -> str:
    return " ".join(text.replace("\u2502", " ").split())


def test_codes_are_unique() -> None:
    assert len({code_of(bug) for bug in BUGS}) == len(BUGS)


def test_the_list_has_every_symptom_and_no_cause() -> None:
    listed = pagewalk("bug")
    assert listed.returncode == 0, listed.stderr
    for bug in BUGS:
        assert code_of(bug) in listed.stdout
        assert not {bug.name, *bug.causes.values()} & set(listed.stdout.split())
    of_lab_2 = pagewalk("bug", "--lab", "2").stdout
    assert [code_of(bug) in of_lab_2 for bug in BUGS] == [bug.lab == 2 for bug in BUGS]
    assert pagewalk("bug", "--lab", "9").returncode == 2


def test_what_is_revealed() -> None:
    bug = next(bug for bug in BUGS if len(set(bug.causes.values())) == 2)
    told = words(pagewalk("bug", code_of(bug), "--reveal").stdout)
    assert bug.name in told and all(f"On {isa}: {cause}: " in told for isa, cause in bug.causes.items())
    assert "diff --git a/" in told and all(number in told for number in bug.fails)


def test_a_bug_is_found_by_code_and_by_name() -> None:
    tree, bug = Tree(ROOT), BUGS[-1]
    assert find_bug(tree, code_of(bug)) == find_bug(tree, bug.name) == bug
    with pytest.raises(LadderError, match="there is no planted bug 1-0000: ./pagewalk bug lists them"):
        find_bug(tree, "1-0000")


def test_the_broken_kernel_runs_under_gdb() -> None:
    """A kernel that has mapped page 0: nothing fails, and GDB's commands show it."""
    typed = "hbreak run_monitor\ncontinue\npt -lint\nquit\n"
    run = pagewalk("bug", "page-zero-mapped", "--isa", "aarch64", "--gdb", typed=typed)
    assert run.returncode == 0, run.stderr
    assert "page 0" in run.stdout and "nothing is wrong" not in run.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("CODE --gdb --explain", "--explain and --gdb do not go together: give one of them"),
        ("CODE --reveal --explain", "--reveal and --explain do not go together: give one of them"),
        ("CODE --explain --script help", "--explain and --script do not go together: give one of them"),
        ("CODE --record", "--record goes with --gdb"),
        ("CODE --lab 1", "--lab is for the list of bugs, and goes without a code"),
        ("--reveal", "--reveal is about one bug: ./pagewalk bug CODE --reveal; ./pagewalk bug lists the codes"),
        ("--gdb --lab 1", "--gdb is about one bug: ./pagewalk bug CODE --gdb; ./pagewalk bug lists the codes"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: str, words: str) -> None:
    run = pagewalk("bug", *options.replace("CODE", code_of(BUGS[0])).split())
    assert run.returncode == 2 and not run.stdout
    assert run.stderr.count("\n") == 1 and words in run.stderr, run.stderr


def test_a_session_with_a_bug_says_how_it_is_recorded() -> None:
    bug = next(bug for bug in BUGS if bug.name == "page-zero-mapped")
    run = pagewalk("bug", bug.name, "--isa", "aarch64", "--gdb", typed="who-wrote 0\nquit\n")
    assert f"start with: ./pagewalk bug {code_of(bug)} --isa aarch64 --gdb --record" in run.stderr
    run = pagewalk("bug", bug.name, "--isa", "aarch64", "--gdb", "--record", typed="who-wrote 0\nquit\n")
    assert "Recorded: " in run.stdout and "which maps 0x0" in run.stdout and "\nby " in run.stdout


def test_an_isa_on_which_it_does_not_show_is_refused() -> None:
    bug = next(bug for bug in BUGS if bug.isas == ("aarch64",))
    run = pagewalk("bug", code_of(bug), "--isa", "x86_64")
    assert run.returncode == 2 and "this bug shows on aarch64 only: --isa aarch64" in run.stderr
