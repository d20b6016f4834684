"""`class` with what should not be there; and what rosters and sheets get from it."""

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest

from grade.ladder.labs import COURSE_FILE
from grade.student.archive import pack
from grade.tests.classroom.class_course import COURSE, Course, course

_ = course  # the fixture


@pytest.mark.parametrize(
    "options, words",
    [
        (["--lab", "7"], "there is no lab 7; there are labs 1 to 3"),
        (["-o", "nowhere/graded"], "cannot make nowhere/graded: there is no folder nowhere"),
        (["--dask", "tcp://127.0.0.1:1"], "Dask"),
        (["--dask", "tcp://x:1", "--slurm", "3"], "only one of them"),
        (["--roster", __file__], "test_classroom_bad_input.py"),
    ],
)
def test_a_wrong_command_line_is_explained_before_anything_is_graded(course: Course, options: list[str], words: str) -> None:
    course.hand_in(alice="points=5")
    run = course.run(*options)
    assert run.returncode == 2 and words in run.stderr and "Traceback" not in run.stderr
    assert not course.gradings()


def test_the_folder_of_the_class_is_not_among_the_submissions(course: Course) -> None:
    course.hand_in(alice="points=5")
    course.graded = course.submissions / "graded"
    run = course.run()
    assert run.returncode == 2 and "it would be taken for a submission" in run.stderr


def test_a_folder_with_other_things_is_left_alone(course: Course, tmp_path: Path) -> None:
    course.hand_in(alice="points=5")
    mine = tmp_path / "mine" / "students"
    mine.mkdir(parents=True)
    (mine / "notes.html").write_text("mine")
    course.graded = tmp_path / "mine"
    run = course.run()
    assert run.returncode == 2 and "holds other files, and is not of a class" in run.stderr
    course.graded = tmp_path
    assert "is inside" in course.run().stderr, "the submissions themselves"
    course.graded = mine / "notes.html"
    assert "is a file" in course.run().stderr
    assert (mine / "notes.html").read_text() == "mine" and list(course.submissions.iterdir())


def test_in_the_folder_of_a_class_only_its_own_files_go(course: Course) -> None:
    course.hand_in(alice="points=5")
    course.run()
    (course.graded / "students" / "photos").mkdir()
    (course.graded / "students" / "photos" / "alice.html").write_text("mine")
    (course.graded / "results" / ".git").mkdir()
    course.run()
    assert (course.graded / "students" / "photos" / "alice.html").exists() and (course.graded / "results" / ".git").exists()


def test_paths_are_those_of_the_folder_in_which_it_is_typed(course: Course, tmp_path: Path) -> None:
    course.hand_in(alice="points=5")
    command = [part.replace(f"{tmp_path}/", "") for part in course.command()]
    command[1:3] = course.command()[1:3]  # the driver and main
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=course.environment, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert course.grades() == {"alice": "5"}
    assert json.loads((course.graded / "results" / "alice.json").read_text())["class"]["source"].startswith(f"{tmp_path}/in/")


def test_a_broken_file_after_a_good_one_stops_nobody_else(course: Course) -> None:
    course.hand_in(alice="points=5", bob="points=4")
    course.run()
    (course.submissions / "alice.tar.gz").write_bytes(b"\x1f\x8b not an archive")
    run = course.run()
    assert run.returncode == 1 and "person     alice: could not be graded" in run.stdout, run.stderr
    assert course.grades() == {"alice": "", "bob": "4"}
    assert not (course.graded / "results" / "alice.picture.html").exists()


def test_what_a_submission_says_about_itself_is_part_of_the_work(course: Course) -> None:
    course.hand_in(alice="points=5")
    course.run()
    files = {COURSE_FILE: COURSE.replace(b"solved = 0", b"solved = 1"), "kernel/map.h": b"points=5"}
    (course.submissions / "alice.tar.gz").write_bytes(pack("lab1-submission", files))
    assert "1 to grade" in course.run().stdout


def test_two_of_one_name_have_pages_of_their_own(course: Course) -> None:
    for number in ("4711", "4712"):
        folder = course.submissions / f"Jane Doe_{number}_assignsubmission_file_"
        folder.mkdir()
        (folder / "lab1.tar.gz").write_bytes(b"\x1f\x8b not an archive")
    course.run()
    page = (course.graded / "index.html").read_text()
    notes = page[page.index("Notes for a person") :].partition("</table>")[0]
    assert "students/Jane-Doe-4711.html" in notes and "students/Jane-Doe-4712.html" in notes


def test_a_sheet_that_cannot_be_filled_is_refused_before_anything_is_graded(course: Course, tmp_path: Path) -> None:
    course.hand_in(alice="points=5")
    (tmp_path / "sheet.csv").write_text("Name,Nothing else\nAlice,\n")
    for option in ("--canvas", "--moodle"):
        for sheet in ("sheet.csv", "none.csv"):
            run = course.run(option, str(tmp_path / sheet))
            assert run.returncode == 2 and sheet in run.stderr and "Traceback" not in run.stderr
    assert not course.gradings()


def test_an_error_has_no_points_on_any_page(course: Course) -> None:
    course.hand_in(alice="status=error")
    course.run()
    row = (course.graded / "index.html").read_text().partition("<h2>Submissions</h2>")[2].partition("</table>")[0]
    assert 'class="number"></td><td class="error">error' in row
    assert "of 5 points" not in (course.graded / "students" / "alice.html").read_text()


def test_a_change_is_told_once(course: Course) -> None:
    course.hand_in(alice="points=5")
    course.run()
    document = json.loads((course.graded / "results" / "alice.json").read_text())
    document["results"][0] |= {"points": 0, "status": "failed", "cause": "hang", "expected": "a", "seen": "b"}
    (course.graded / "results" / "alice.json").write_text(json.dumps(document))
    (course.main.root / "kernel" / "main.cc").write_text("void kernel_main() { /* another */ }\n")
    assert "changed    alice: 0 points before, 5 now" in course.run("--changed").stdout
    assert "changed    alice" not in course.run().stdout


def test_a_result_that_nobody_can_read_is_graded_again(course: Course) -> None:
    course.hand_in(alice="points=5", bob="points=4")
    course.run()
    (course.graded / "results" / "alice.json").write_text('{"class": {"name": "alice"')
    (course.graded / "results" / "bob.json").write_text("[]")
    assert course.run().returncode == 0 and course.grades() == {"alice": "5", "bob": "4"}
    assert sorted(course.gradings()) == ["alice", "alice", "bob", "bob"]


def test_text_of_a_student_has_no_effect_on_a_page(course: Course) -> None:
    text = "</pre><script>alert(1)</script>\x1b[2J"
    course.hand_in(alice="status=failed cause=hang text=</pre><script>alert(1)</script>\x1b[2J")
    course.run()
    page = (course.graded / "students" / "alice.html").read_text()
    assert "<script>" not in page and "&lt;script&gt;alert(1)" in page and text not in page
    assert "\x1b" not in page + (course.graded / "students" / "alice.txt").read_text()


def test_the_roster_says_whose_work_it_is_and_who_is_missing(course: Course, tmp_path: Path) -> None:
    course.hand_in(alice="points=5", zed="points=1")
    roster = tmp_path / "roster.csv"
    roster.write_text("name,login,email\nAlice Doe,alice,a@example.org\nBob Roe,bob,b@example.org\n")
    run = course.run("--roster", str(roster))
    assert run.returncode == 1
    assert "person     zed: matches nobody on the roster" in run.stdout
    assert "1 on the roster have handed in nothing: Bob Roe" in run.stdout
    rows = list(csv.DictReader(io.StringIO((course.graded / "grades.csv").read_text())))
    assert [(row["name"], row["points"]) for row in rows] == [("Alice Doe", "5"), ("zed", "1"), ("Bob Roe", "")]
    assert "Alice Doe: lab 1" in (course.graded / "students" / "alice.html").read_text()


def test_a_sheet_of_moodle_gets_its_column(course: Course, tmp_path: Path) -> None:
    folder = course.submissions / "Alice Doe_4711_assignsubmission_file_"
    folder.mkdir()
    course.hand_in(zed="points=3")
    files = {COURSE_FILE: COURSE, "kernel/map.h": b"points=4"}
    (folder / "lab1.tar.gz").write_bytes(pack("lab1-submission", files))
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(
        'Identifier,"Full name",Grade,"Maximum Grade"\n"Participant 4711","Alice Doe",,10\n"Participant 4712",Bob,,10\n'
    )
    run = course.run("--moodle", str(sheet))
    assert "sheet.csv, Grade: 1 entered" in run.stdout and "sheet.csv: zed: is not in the sheet" in run.stdout
    assert (
        '"Participant 4711","Alice Doe",8,10\n"Participant 4712",Bob,,10\n' in (course.graded / "moodle-sheet.csv").read_text()
    )
