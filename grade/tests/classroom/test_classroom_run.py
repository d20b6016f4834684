"""`class` over pretended gradings: each one once; what the folder holds; what the exit status says."""

import json

from grade.ladder.labs import COURSE_FILE
from grade.student.archive import pack
from grade.tests.classroom.class_course import COURSE, Course, course

_ = course  # the fixture


def test_everybody_is_graded_once_and_the_folder_tells_it(course: Course) -> None:
    course.hand_in(alice="points=5", bob="status=failed cause=hang", carol="points=3")
    first = course.run()
    assert first.returncode == 0, first.stdout + first.stderr
    assert "3 submissions, 3 to grade" in first.stdout
    assert course.grades() == {"alice": "5", "bob": "0", "carol": "3"}
    assert (course.graded / "results" / "alice.picture.html").read_text() == "picture of alice"
    page = (course.graded / "students" / "bob.html").read_text()
    assert "0 of 5 points" in page and "cause      hang" in page
    assert "hang" in (course.graded / "students" / "bob.txt").read_text()
    assert "The kernel neither goes on nor stops" in (course.graded / "index.html").read_text()
    again = course.run()
    assert again.returncode == 0 and "3 submissions, 0 to grade, 3 graded before" in again.stdout
    assert sorted(course.gradings()) == ["alice", "bob", "carol"]
    assert not course.processes() and not course.left_over()


def test_only_new_and_changed_work_is_graded(course: Course) -> None:
    course.hand_in(alice="points=5", bob="points=2")
    course.run()
    course.hand_in(bob="points=4", carol="points=1")
    assert "3 submissions, 2 to grade, 1 graded before" in course.run().stdout
    assert sorted(course.gradings()) == ["alice", "bob", "bob", "carol"]
    assert course.grades() == {"alice": "5", "bob": "4", "carol": "1"}
    (course.submissions / "carol.tar.gz").unlink()
    course.run()
    assert course.grades() == {"alice": "5", "bob": "4"}
    assert not (course.graded / "students" / "carol.html").exists()


def test_another_main_grades_again_only_when_told_and_says_whose_points_change(course: Course) -> None:
    course.hand_in(alice="points=5", bob="status=error-once points=5")
    course.run()
    (course.main.root / "kernel" / "main.cc").write_text("void kernel_main() { /* another */ }\n")
    stays = course.run()
    assert stays.returncode == 0 and "with other tools, and left so: 2." in stays.stdout
    assert len(course.gradings()) == 3
    document = json.loads((course.graded / "results" / "alice.json").read_text())
    document["results"][0] |= {"points": 0, "status": "failed", "cause": "hang", "expected": "a", "seen": "b"}
    (course.graded / "results" / "alice.json").write_text(json.dumps(document))
    changed = course.run("--changed")
    assert "changed    alice: 0 points before, 5 now: 1.1 on x86_64: failed (hang), now passed" in changed.stdout
    assert "changed    bob" not in changed.stdout
    assert "failed (hang), now passed" in (course.graded / "index.html").read_text()
    assert len(course.gradings()) == 5
    course.run("--changed")
    assert len(course.gradings()) == 5


def test_a_document_or_a_planted_bug_is_no_other_main(course: Course) -> None:
    course.hand_in(alice="points=5")
    course.run()
    (course.main.root / "README.md").write_text("read me again\n")
    (course.main.root / "labs" / "1-x" / "README.md").write_text("a handout\n")
    (course.main.root / "labs" / "1-x" / "bugs").mkdir()
    (course.main.root / "labs" / "1-x" / "bugs" / "new.patch").write_text("a planted bug\n")
    assert "1 graded before" in course.run("--changed").stdout


def test_an_error_of_ours_is_tried_once_more_and_is_nobodys_zero(course: Course) -> None:
    course.hand_in(alice="points=5", bob="status=error", carol="status=error-once", dave="signal=9")
    run = course.run()
    assert run.returncode == 2
    assert sorted(course.gradings()) == ["alice", "bob", "bob", "carol", "carol", "dave", "dave"]
    assert course.grades() == {"alice": "5", "bob": "", "carol": "5", "dave": ""}
    assert "error      bob: milestones that could not be judged: 1; the first is 1.1: the machine is on fire" in run.stdout
    assert "error      dave: the grader ended by signal 9" in run.stdout
    assert "Errors of the grader" in (course.graded / "index.html").read_text()
    course.run()
    assert course.gradings().count("bob") == 4, "the next run tries again"
    assert course.gradings().count("alice") == 1


def test_what_cannot_be_read_needs_a_person(course: Course) -> None:
    course.hand_in(alice="points=5")
    (course.submissions / "bob.tar.gz").write_bytes((course.submissions / "alice.tar.gz").read_bytes()[:60])
    (course.submissions / "carol.zip").write_bytes(b"PK\x03\x04 but no more")
    run = course.run()
    assert run.returncode == 1
    assert "person     bob: could not be graded: is damaged" in run.stdout and "person     carol: could" in run.stdout
    assert course.grades() == {"alice": "5", "bob": "", "carol": ""}
    assert "could not be graded" in (course.graded / "students" / "bob.html").read_text()
    assert course.gradings() == ["alice"]


def test_what_takes_too_long_is_given_up_with_all_that_it_started(course: Course) -> None:
    course.hand_in(alice="seconds=60", bob="points=5")
    run = course.run("--minutes", "0.02")
    assert run.returncode == 2 and "error      alice: grading it took more than" in run.stdout
    assert course.grades() == {"alice": "", "bob": "5"}
    assert not course.processes() and not course.left_over()


def test_a_lab_handed_out_solved_needs_a_person(course: Course) -> None:
    files = {COURSE_FILE: COURSE.replace(b"solved = 0", b"solved = 1"), "kernel/map.h": b"points=5"}
    (course.submissions / "eve.tar.gz").write_bytes(pack("lab1-submission", files))
    course.hand_in(alice="points=5")
    run = course.run()
    # The pretended grading says nothing of what was given: what the real one says is in test_classroom_grade.py.
    assert run.returncode == 0 and course.grades() == {"alice": "5", "eve": "5"}
