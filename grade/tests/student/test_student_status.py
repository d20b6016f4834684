"""What a student is told without and after grading: what is left, how the labs stand, what comes next."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from grade.isa import ISAS
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree
from grade.results.result import Result, Status
from grade.student.around_grading import after_grading, refuse_conflicts
from grade.student.kept import Kept, keep, load
from grade.student.next_step import next_steps, points_line, urgency
from grade.student.remaining import find_remaining
from grade.student.status import show_status
from grade.student.submit import submit
from grade.tests.student.student_trees import git, result, student_clone, write_all

PASSED = [result("1.1"), result("1.2"), result("1.1", isa="aarch64"), result("1.2", isa="aarch64")]
NOT_WRITTEN = result("1.1", Status.TODO, function="first1")


def status(clone: Path, json_file: Path | None = None) -> str:
    """Returns what `./pagewalk status` prints."""
    console = Console(file=io.StringIO(), width=120)
    show_status(Tree(clone), console, json_file)
    return console.file.getvalue()


def graded(clone: Path, results: list[Result], isas: tuple[str, ...] = ISAS, *, complete: bool = True) -> str:
    """Returns what `./pagewalk grade` prints at its end."""
    console = Console(file=io.StringIO(), width=120)
    after_grading(Tree(clone), results, isas, console, complete=complete)
    return console.file.getvalue()


# --- what is left ------------------------------------------------------------------------------------------


def test_what_remains_is_in_the_handouts_order(tmp_path: Path) -> None:
    remaining = find_remaining(Tree(student_clone(tmp_path)))
    assert [(one.lab, one.function, one.place) for one in remaining] == [
        (1, "second1", "kernel/lab1.h:5"),
        (1, "first1", "kernel/lab1.h:3"),
        (1, "enter1", "arch/x86_64/lab1.S:2"),
        (1, "enter1", "arch/aarch64/lab1.S:2"),
    ]


@pytest.mark.parametrize(
    ("file", "text", "lines"),
    [
        ("kernel/lab1.h", '// lab_todo(1, "f");\n/* lab_todo(1, "f");\n*/\nlab_todo( 1 ,\n  "f");\n', [4]),
        ("kernel/lab1.h", 'int lab_todo_later;\nmy_lab_todo(1, "f");\n', []),
        ("arch/x86_64/lab1.S", "  lab_todo 1, f // lab_todo 1, g\n# lab_todo\n", [1]),
        ("kernel/lab1.h", "\udcff\x00", []),
    ],
)
def test_a_placeholder_in_a_comment_is_none(tmp_path: Path, file: str, text: str, lines: list[int]) -> None:
    clone = student_clone(tmp_path)
    (clone / file).write_text(text, encoding="utf-8", errors="surrogateescape")
    assert [one.line for one in find_remaining(Tree(clone)) if one.file == file] == lines


def test_only_the_courses_isas_count(tmp_path: Path) -> None:
    clone = student_clone(tmp_path, isas=("aarch64",))
    assert {one.file for one in find_remaining(Tree(clone))} == {"kernel/lab1.h", "arch/aarch64/lab1.S"}
    assert "x86_64" not in status(clone)


# --- what comes next ---------------------------------------------------------------------------------------


def test_what_is_not_written_is_named_with_its_place(tmp_path: Path) -> None:
    lines = next_steps(Tree(student_clone(tmp_path)), [result("1.2"), NOT_WRITTEN])
    assert lines[0] == "Next: 1.1 on x86_64 (Title of 1.1)."
    assert (
        "write second1 at kernel/lab1.h:5, and then first1, for which this waits;" in lines[1]
        and "labs/1-rung/README.md" in lines[1]
    )


def test_an_isas_own_function_is_the_one_to_write(tmp_path: Path) -> None:
    clone = student_clone(tmp_path)
    (clone / "kernel/lab1.h").write_text("int a;\n", encoding="utf-8")
    todo = result("1.1", Status.TODO, isa="aarch64", function="enter1")
    assert "enter1 at arch/aarch64/lab1.S:2" in next_steps(Tree(clone), [todo])[1]


def test_a_function_that_was_written_since_is_not_asked_for(tmp_path: Path) -> None:
    clone = student_clone(tmp_path)
    write_all(clone, 1)
    (line,) = next_steps(Tree(clone), [NOT_WRITTEN])
    assert "first1, which is not a placeholder any more: ./pagewalk grade" in line


def test_a_failure_comes_with_what_to_type(tmp_path: Path) -> None:
    commands = {verb: f"./pagewalk {verb} 1.2 --isa x86_64" for verb in ("gdb", "explain")}
    failed = result("1.2", Status.FAILED, expected="a", seen="b", file="kernel/lab1.h", commands=commands)
    assert next_steps(Tree(student_clone(tmp_path)), [result("1.1"), failed]) == [
        "First: 1.2 on x86_64 (Title of 1.2) fails.",
        "  cause wrong-frame, look at kernel/lab1.h",
        "  ./pagewalk grade --milestone 1.2 --isa x86_64 shows it again",
        "  ./pagewalk explain 1.2 --isa x86_64 tells what went wrong first, and why",
        "  ./pagewalk gdb 1.2 --isa x86_64 goes to where it failed",
    ]


def test_what_fails_for_a_reason_comes_first(tmp_path: Path) -> None:
    """This lab's before earlier labs'; then what says only how a run ended; what is to be written comes last."""
    tree = Tree(student_clone(tmp_path, "lab2"))
    broken, vague = result("1.2", Status.FAILED, lab=2), result("1.1", Status.FAILED, lab=2, cause="hang")
    new, ended = result("2.3", Status.FAILED), result("2.1", Status.FAILED, cause="process-killed")
    unwritten = result("2.2", Status.TODO, function="first2")
    order = [new, broken, ended, vague, unwritten]
    assert sorted(reversed(order), key=urgency) == order
    assert next_steps(tree, [vague, broken, ended, new])[0] == "First: 2.3 on x86_64 (Title of 2.3) fails."
    first, *_ = next_steps(tree, [unwritten, vague, ended, broken])
    assert first == "First: 1.2 on x86_64 (Title of 1.2) fails. It is lab 1's, and must still hold."
    waits = result("1.1", Status.TODO, lab=2, function="first2")
    assert next_steps(tree, [waits, result("2.1", Status.FAILED)])[0].startswith("First: 2.1")
    build = result("2.2", Status.FAILED, cause="does-not-compile", error="kernel/lab1.h:4:1: error: no\nmore")
    assert next_steps(tree, [broken, build]) == ["First make it build: kernel/lab1.h:4:1: error: no"]


def test_the_grader_that_cannot_judge_is_no_failure(tmp_path: Path) -> None:
    (line,) = next_steps(Tree(student_clone(tmp_path)), [result("1.1", Status.ERROR)])
    assert line.startswith("The grader could not judge 1.1 on x86_64")


def test_done_names_the_next_branch_as_git_knows_it(tmp_path: Path) -> None:
    clone = student_clone(tmp_path)
    assert next_steps(Tree(clone), PASSED) == [
        "Every milestone of lab 1 passes. Next:",
        "  ./pagewalk submit",
        "  git fetch",
        "  git merge origin/lab2",
    ]
    write_all(clone, 1)
    git(clone, "branch", "lab2", "origin/lab2")
    commit = '  git commit -a -m "Lab 1"'
    assert next_steps(Tree(clone), PASSED)[1:] == [commit, "  ./pagewalk submit", "  git merge lab2"]


def test_what_is_packed_need_not_be_packed_again(tmp_path: Path) -> None:
    clone = student_clone(tmp_path, "lab3")
    archive = tmp_path / "mine.tar.gz"
    submit(Tree(clone), Console(file=io.StringIO()), archive, force=False)
    done = "Every milestone of lab 3 passes, and mine.tar.gz has your files as they are."
    assert next_steps(Tree(clone), []) == [done, "That was the last lab. Well done."]
    (clone / "kernel/lab1.h").write_text("int a;\n", encoding="utf-8")
    assert "  ./pagewalk submit" in next_steps(Tree(clone), [])
    git(clone, "checkout", "-q", "kernel/lab1.h")
    archive.unlink()
    assert "  ./pagewalk submit" in next_steps(Tree(clone), [])


def test_a_missing_file_comes_first(tmp_path: Path) -> None:
    clone = student_clone(tmp_path)
    (clone / "kernel/lab1.h").unlink()
    told = (
        "First: kernel/lab1.h is missing, and is one of your files. As committed last:\n  git checkout HEAD -- kernel/lab1.h\n"
    )
    assert status(clone).endswith(told)
    failed = result("1.1", Status.FAILED, cause="does-not-compile", error="main.cc:1: error: undefined reference")
    assert graded(clone, [failed]).endswith(told) and status(clone).endswith(told)
    (clone / "arch/x86_64/lab1.S").unlink()
    assert "kernel/lab1.h, arch/x86_64/lab1.S are missing, and are files of yours." in status(clone)


def test_done_without_a_next_branch(tmp_path: Path) -> None:
    clone = student_clone(tmp_path)
    git(clone, "remote", "remove", "origin")
    assert "Lab 2 comes from your instructor" in next_steps(Tree(clone), PASSED)[-1]
    shutil.rmtree(clone / ".git")
    assert "Lab 2 comes from your instructor" in next_steps(Tree(clone), PASSED)[-1]


def test_the_last_lab_has_none_after_it(tmp_path: Path) -> None:
    lines = next_steps(Tree(student_clone(tmp_path, "lab3")), [result("3.1")])
    assert lines[-1] == "That was the last lab. Well done."
    assert "merge" not in "".join(lines)


# --- what is kept ------------------------------------------------------------------------------------------


def test_never_graded(tmp_path: Path) -> None:
    text = status(student_clone(tmp_path))
    assert "Lab 1 was not graded here yet" in text and "./pagewalk grade" in text
    assert "read labs/1-rung/README.md, and write second1 at kernel/lab1.h:5" in text


def test_points_are_kept_and_a_partial_run_changes_only_its_milestones(tmp_path: Path) -> None:
    clone = student_clone(tmp_path)
    write_all(clone, 1)
    failed = [result("1.1", Status.FAILED), *PASSED[1:]]
    assert "Lab 1: 50 of 100 points on x86_64, 100 of 100 points on aarch64." in graded(clone, failed)
    assert "50 / 100" in status(clone) and "1.1 on x86_64: Title of 1.1 (wrong-frame)" in status(clone)
    text = graded(clone, [PASSED[0]], ("x86_64",), complete=False)
    assert "Lab 1: 100 of 100 points on x86_64." in text and "./pagewalk submit" in text
    assert "git merge origin/lab2" in status(clone) and "1.1" not in status(clone)
    assert "0 of 50" in graded(clone, failed[:1], ("x86_64",))  # all of them, as it is now: nothing old is left


def test_what_does_not_hold_of_earlier_labs_is_said_beside_the_points() -> None:
    results = [replace(one, lab=2) for one in (result("2.1"), result("1.10", Status.FAILED), result("1.2", Status.FAILED))]
    line = points_line(2, [Kept(2, "x86_64", "", True, {}, results)])
    assert line.endswith(" points on x86_64. Of earlier labs, 1.2, 1.10 must still hold, and does not.")
    assert "earlier" not in points_line(2, [Kept(2, "x86_64", "", True, {}, results[:1])])


def test_a_partial_run_alone_is_not_everything(tmp_path: Path) -> None:
    clone = student_clone(tmp_path)
    failed = graded(clone, [result("1.1", Status.FAILED)], ("x86_64",), complete=False)
    assert "First: 1.1 on x86_64" in failed
    assert graded(clone, [PASSED[0]], ("x86_64",), complete=False).splitlines()[-1] == "Next: ./pagewalk grade"
    assert "50 / 50 so far" in status(clone)
    assert "Next: ./pagewalk grade --isa aarch64" in graded(clone, PASSED[:2], ("x86_64",))


def test_what_changed_since_is_named(tmp_path: Path) -> None:
    clone = student_clone(tmp_path)
    graded(clone, PASSED)
    assert "Changed since" not in status(clone)
    (clone / "arch/x86_64/lab1.S").write_text("nop\n", encoding="utf-8")
    (clone / "kernel/main.cc").unlink()
    (clone / "kernel/mine.h").write_text("", encoding="utf-8")
    (clone / "labs/1-rung/README.md").write_text("", encoding="utf-8")  # no kernel is made of it
    text, document = status(clone, tmp_path / "s.json"), json.loads((tmp_path / "s.json").read_text())
    assert document["changed"] == ["arch/x86_64/lab1.S", "kernel/main.cc", "kernel/mine.h"]
    graded(clone, [PASSED[0]], ("x86_64",), complete=False)
    assert "Changed since that grading:\n  arch/x86_64/lab1.S\n" in status(clone)  # as far as the others go
    assert document["given_changed"] == ["kernel/main.cc", "kernel/mine.h", "labs/1-rung/README.md"]
    assert "Next: ./pagewalk grade" in text
    kept = load(Tree(clone), 1, "aarch64")
    assert kept is not None and "arch/aarch64/lab1.S" in kept.files and "arch/x86_64/lab1.S" not in kept.files


def test_an_earlier_lab_keeps_the_points_of_its_own_tree(tmp_path: Path) -> None:
    clone = student_clone(tmp_path)
    graded(clone, [result("1.1"), result("1.2", Status.FAILED), *PASSED[2:]])
    git(clone, "merge", "--quiet", "--no-edit", "origin/lab2")
    graded(clone, [result("1.1", lab=2), result("2.1", Status.TODO, function="first2")], ("x86_64",))
    text = status(clone, tmp_path / "s.json")
    assert "graded last" in text and "an earlier lab's, on that lab's own tree." in text
    document = json.loads((tmp_path / "s.json").read_text())
    entries = ((lab["lab"], isa, entry) for lab in document["labs"] for isa, entry in lab["graded"].items())
    points = {(lab, isa): entry and entry["points"] for lab, isa, entry in entries}
    assert points == {(1, "x86_64"): 50, (1, "aarch64"): 100, (2, "x86_64"): 0, (2, "aarch64"): None}
    assert document["next"][0] == "Next: 2.1 on x86_64 (Title of 2.1)."


def test_what_was_given_is_not_asked_for(tmp_path: Path) -> None:
    text = status(student_clone(tmp_path, "lab2-catch-up", catch_up=(2,)))
    assert "1 Rung 1 │           given" in text
    assert "kernel/lab1.h" not in text and "second2 at kernel/lab2.h" in text


def test_who_was_given_labs_merges_the_next_one(tmp_path: Path) -> None:
    clone = student_clone(tmp_path, "lab2-catch-up", catch_up=(2,))
    write_all(clone, 2)
    git(clone, "commit", "-qam", "Lab 2")
    git(clone, "merge", "--quiet", "--no-edit", "origin/lab3")
    course = Tree(clone).course
    assert course is not None and (course.lab, course.solved) == (3, 1)
    assert {one.lab for one in find_remaining(Tree(clone))} == {3}


@pytest.mark.parametrize(
    "content", ["", "no JSON", "[]", '{"version": 2}', '{"version": 99}', '{"version": 2, "results": [1]}', "\udcff"]
)
def test_a_kept_result_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    clone = student_clone(tmp_path)
    tree = Tree(clone)
    keep(tree, PASSED, ISAS, complete=True)
    assert load(tree, 1, "x86_64") is not None
    for path in (clone / "build/graded").iterdir():
        path.write_text(content, encoding="utf-8", errors="surrogateescape")
    assert load(tree, 1, "x86_64") is None
    assert "Lab 1 was not graded here yet" in status(clone)


def test_what_was_interrupted_keeps_what_there_is(tmp_path: Path) -> None:
    clone = student_clone(tmp_path)
    assert graded(clone, [], complete=False) == ""
    assert "Lab 1 was not graded here yet" in status(clone)
    assert graded(clone, [PASSED[0]], complete=False).startswith("Lab 1: 50 of 50 points on x86_64.\n")
    assert load(Tree(clone), 1, "aarch64") is None


def test_results_that_cannot_be_kept_are_shown_all_the_same(tmp_path: Path) -> None:
    clone = student_clone(tmp_path)
    (clone / "build").write_text("in the way", encoding="utf-8")
    text = graded(clone, [NOT_WRITTEN])
    assert "could not be kept" in text and "write second1 at kernel/lab1.h:5" in text


def test_a_tree_without_git_has_a_status(tmp_path: Path) -> None:
    clone = student_clone(tmp_path)
    shutil.rmtree(clone / ".git")
    assert "second1 at kernel/lab1.h:5" in status(clone)


# --- a merge in progress -----------------------------------------------------------------------------------


def test_a_conflict_is_named_before_anything_is_built(tmp_path: Path) -> None:
    clone = student_clone(tmp_path)
    refuse_conflicts(Tree(clone))
    git(clone, "switch", "--quiet", "-c", "other")
    (clone / "kernel/lab1.h").write_text("int a;\ntheirs();\n", encoding="utf-8")
    git(clone, "commit", "-qam", "other")
    git(clone, "switch", "--quiet", "work")
    write_all(clone, 1)
    git(clone, "commit", "-qam", "mine")
    with pytest.raises(Exception, match="returned non-zero"):
        git(clone, "merge", "other")
    with pytest.raises(LadderError, match=r"^kernel/lab1.h:2: a conflict of a merge: decide it"):
        refuse_conflicts(Tree(clone))
