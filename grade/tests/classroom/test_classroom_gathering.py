"""Finding a class's submissions in what Moodle, Canvas, GitHub Classroom and Gradescope let a teacher download."""

import os
import re
import tarfile
from pathlib import Path

import pytest

from grade.classroom.download_names import Form
from grade.classroom.gathering import Found, Gathered, gather
from grade.classroom.safe_names import SafeNames, safe_stem
from grade.ladder.labs import LadderError


def _archive(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz"):
        pass
    return path


def _tree(path: Path) -> Path:
    (path / "labs").mkdir(parents=True)
    (path / "labs" / "course.toml").write_text("lab = 3\n")
    return path


def _clone(path: Path) -> Path:
    (_tree(path) / ".git").mkdir()
    return path


def _only(gathered: Gathered) -> Found:
    assert len(gathered.found) == 1, gathered
    return gathered.found[0]


@pytest.mark.parametrize(
    "name",
    [
        "Jane Doe_1234567_assignsubmission_file_",
        "Jane Doe_1234567_assignsubmission_file",
    ],
)
def test_moodles_folder_with_one_archive_stands_for_it(tmp_path: Path, name: str) -> None:
    archive = _archive(tmp_path / name / "lab3.tar.gz")
    found = _only(gather(tmp_path))
    assert found.source == str(archive)
    assert found.name == "Jane-Doe-1234567"
    assert (found.hints.form, found.hints.name, found.hints.id) == (Form.MOODLE, "Jane Doe", "1234567")


def test_moodles_folder_keeps_the_students_own_folders(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "Jane Doe_12_assignsubmission_file_" / "my work" / "lab3.zip")
    assert _only(gather(tmp_path)).source == str(archive)


def test_moodles_folder_with_the_files_themselves(tmp_path: Path) -> None:
    folder = tmp_path / "Jane Doe_12_assignsubmission_file_"
    _tree(folder / "pagewalk")
    _archive(folder / "pagewalk" / "lab3.tar.gz")  # made by ./pagewalk submit, and not what was handed in
    assert _only(gather(tmp_path)).source == str(folder)


def test_an_archive_beside_folders(tmp_path: Path) -> None:
    folder = tmp_path / "Jane Doe_12_assignsubmission_file_"
    archive = _archive(folder / "lab3.tar.gz")
    (folder / "report").mkdir()
    assert _only(gather(tmp_path)).source == str(archive)
    _tree(folder / "pagewalk")
    assert _only(gather(tmp_path)).source == str(folder)


def test_moodle_does_not_number_uploads(tmp_path: Path) -> None:
    _archive(tmp_path / "Jane Doe_12_assignsubmission_file_" / "lab3.tar.gz")
    _archive(tmp_path / "Jane Doe_12_assignsubmission_file_" / "lab3-1.tar.gz")
    assert len(gather(tmp_path).doubtful) == 2


def test_moodles_files_without_folders(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "Jane Doe_12_assignsubmission_file_lab3.tar.gz")
    found = _only(gather(tmp_path))
    assert (found.source, found.hints.name, found.hints.id) == (str(archive), "Jane Doe", "12")


def test_a_students_file_name_cannot_name_another_student(tmp_path: Path) -> None:
    _archive(tmp_path / "Jane Doe_12_assignsubmission_file_Max Roe_99_assignsubmission_file_lab3.tar.gz")
    found = _only(gather(tmp_path))
    assert (found.hints.name, found.hints.id) == ("Jane Doe", "12")
    _archive(tmp_path / "doejane_12_34_roemax_99_78_lab3.tar.gz")
    assert sorted(found.hints.id for found in gather(tmp_path).found) == ["12", "12"]


def test_moodle_can_hide_names(tmp_path: Path) -> None:
    _archive(tmp_path / "Participant_77_assignsubmission_file_" / "lab3.tar.gz")
    found = _only(gather(tmp_path))
    assert (found.name, found.hints.name, found.hints.id) == ("participant-77", "", "77")


def test_text_that_was_typed_in_is_no_submission(tmp_path: Path) -> None:
    _archive(tmp_path / "Jane Doe_12_assignsubmission_file_" / "lab3.tar.gz")
    (tmp_path / "Jane Doe_12_assignsubmission_onlinetext_").mkdir()
    (tmp_path / "doejane_12_text.html").write_text("see attachment")
    gathered = gather(tmp_path)
    assert len(gathered.found) == 1
    assert [why for _, why in gathered.ignored] == [
        "is text that was typed into Moodle, and no file",
        "is text that was typed into Canvas, and no file",
    ]


def test_two_archives_of_one_person_are_for_a_person_to_look_at(tmp_path: Path) -> None:
    folder = tmp_path / "Jane Doe_12_assignsubmission_file_"
    _archive(folder / "lab3.tar.gz")
    _archive(folder / "lab3-fixed.tar.gz")
    gathered = gather(tmp_path)
    assert [found.name for found in gathered.found] == ["Jane-Doe-12-lab3", "Jane-Doe-12-lab3-fixed"]
    assert [name for name, _ in gathered.doubtful] == ["Jane-Doe-12-lab3", "Jane-Doe-12-lab3-fixed"]
    assert "one of 2 submissions of one person" in gathered.doubtful[0][1]


def test_what_lies_beside_an_archive_is_listed(tmp_path: Path) -> None:
    folder = tmp_path / "Jane Doe_12_assignsubmission_file_"
    _archive(folder / "lab3.tar.gz")
    (folder / "report.pdf").write_text("")
    (folder / ".DS_Store").write_text("")
    assert gather(tmp_path).ignored == [(f"{folder.name}/report.pdf", "lies beside an archive, which is taken")]


def test_canvass_names(tmp_path: Path) -> None:
    _archive(tmp_path / "doejane_12345_678910_lab3-submission.tar.gz")
    _archive(tmp_path / "roemax_LATE_12346_678911_lab3-submission.tar.gz")
    jane, max_ = gather(tmp_path).found
    assert (jane.name, jane.hints.name, jane.hints.id, jane.hints.late) == ("doejane-12345", "doejane", "12345", False)
    assert (max_.name, max_.hints.name, max_.hints.id, max_.hints.late) == ("roemax-12346", "roemax", "12346", True)
    assert jane.hints.form is Form.CANVAS


def test_canvas_can_hide_names(tmp_path: Path) -> None:
    _archive(tmp_path / "LATE_anon_x7Qz2_678910_lab3.tar.gz")
    hints = _only(gather(tmp_path)).hints
    assert (hints.login, hints.id, hints.late) == ("anon_x7Qz2", "", True)


def test_of_canvass_uploads_under_one_name_the_latest_counts(tmp_path: Path) -> None:
    for number, attempt in enumerate(("", "-2", "-10", "-1")):
        _archive(tmp_path / f"doejane_1_{100 + number}_lab3{attempt}.tar.gz")
    gathered = gather(tmp_path)
    found = _only(gathered)
    assert found.source.endswith("lab3-10.tar.gz")
    assert found.hints.attempt == 10
    assert not gathered.doubtful
    assert [why for _, why in gathered.ignored] == ["is an earlier upload; the latest is taken"] * 3


def test_a_number_in_a_students_own_name_is_no_attempt(tmp_path: Path) -> None:
    _archive(tmp_path / "doejane_1_100_lab-3.tar.gz")
    assert _only(gather(tmp_path)).hints.attempt is None
    _archive(tmp_path / "doejane_1_101_final-1.tar.gz")
    gathered = gather(tmp_path)
    assert len(gathered.found) == len(gathered.doubtful) == 2


def test_a_report_beside_the_archive_of_the_same_person_is_not_graded(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "doejane_1_101_lab3.tar.gz")
    (tmp_path / "doejane_1_100_report.pdf").write_text("")
    gathered = gather(tmp_path)
    assert _only(gathered).source == str(archive)
    assert gathered.ignored == [("doejane_1_100_report.pdf", "lies beside a file of the same person, which is taken")]


def test_who_handed_in_something_else_is_not_absent(tmp_path: Path) -> None:
    (tmp_path / "doejane_1_100_report.pdf").write_text("")
    assert _only(gather(tmp_path)).source.endswith("report.pdf")


def test_github_classrooms_clones(tmp_path: Path) -> None:
    for login in ("alice", "bob-b", "Carol"):
        _clone(tmp_path / f"lab-3-{login}")
    found = gather(tmp_path).found
    assert [one.hints.login for one in found] == ["alice", "bob-b", "Carol"]
    assert [one.name for one in found] == ["lab-3-alice", "lab-3-bob-b", "lab-3-Carol"]
    assert {one.hints.form for one in found} == {Form.GITHUB}
    assert found[0].source == str(tmp_path / "lab-3-alice")


def test_clones_under_plain_names(tmp_path: Path) -> None:
    _clone(tmp_path / "alice")
    _clone(tmp_path / "bob")
    assert [(one.hints.form, one.hints.login) for one in gather(tmp_path).found] == [(Form.PLAIN, "alice"), (Form.PLAIN, "bob")]


_METADATA = """---
submission_100:
  :submitters:
  - :name: Jane Doe
    :sid: '3001'
    :email: jane@example.edu
  :created_at: 2026-01-01
  :results:
    output: |-
      submission_200:
        :submitters:
        - :name: Forged
submission_200:
  :submitters:
  - :name: 'Max O''Roe'
    :sid: "3002"
  - :name: Kim Lee
    :sid: '3003'
"""


def test_gradescopes_export(tmp_path: Path) -> None:
    _tree(tmp_path / "submission_100")
    archive = _archive(tmp_path / "submission_200" / "lab3.tar.gz")
    (tmp_path / "submission_metadata.yml").write_text(_METADATA)
    gathered = gather(tmp_path)
    jane, max_ = gathered.found
    assert (jane.name, jane.hints.email, jane.hints.id) == ("Jane-Doe-100", "jane@example.edu", "3001")
    assert jane.hints.form is Form.GRADESCOPE
    assert (max_.hints.name, max_.hints.id, max_.source) == ("Max O'Roe", "3002", str(archive))
    assert gathered.doubtful == [(max_.name, "was handed in by several people: Max O'Roe, Kim Lee")]
    assert not gathered.ignored


def test_plain_names(tmp_path: Path) -> None:
    _archive(tmp_path / "alice.tar.gz")
    _tree(tmp_path / "bob")
    _archive(tmp_path / "carol" / "work.zip")
    (tmp_path / "dave").write_bytes(b"\x1f\x8bno ending")
    found = gather(tmp_path).found
    assert [one.name for one in found] == ["alice", "bob", "carol", "dave"]
    assert [Path(one.source).relative_to(tmp_path).as_posix() for one in found] == [
        "alice.tar.gz",
        "bob",
        "carol/work.zip",
        "dave",
    ]
    assert [one.hints.login for one in found] == ["alice", "bob", "carol", "dave"]


def test_one_plain_name_twice_is_for_a_person_to_look_at(tmp_path: Path) -> None:
    _archive(tmp_path / "alice.tar.gz")
    _tree(tmp_path / "Alice")
    gathered = gather(tmp_path)
    assert len(gathered.found) == len(gathered.doubtful) == 2
    assert len({found.name.casefold() for found in gathered.found}) == 2


def test_what_is_ignored_and_what_is_not_even_mentioned(tmp_path: Path) -> None:
    _archive(tmp_path / "alice.tar.gz")
    for name in (".DS_Store", "Thumbs.db", "grades.csv", "~$grades.xlsx", ".~lock.grades.ods#", "notes.txt", ".hidden"):
        (tmp_path / name).write_text("")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "bob").symlink_to(tmp_path / "alice.tar.gz")
    os.mkfifo(tmp_path / "pipe.tar.gz")
    gathered = gather(tmp_path)
    assert _only(gathered).name == "alice"
    assert dict(gathered.ignored) == {
        "grades.csv": "is a sheet, and no submission",
        "~$grades.xlsx": "is hidden, or a leftover of an editor",
        ".~lock.grades.ods#": "is hidden, or a leftover of an editor",
        ".hidden": "is hidden, or a leftover of an editor",
        "notes.txt": "is neither a folder nor an archive",
        "empty": "is a folder without any file; links are not followed",
        "bob": "is a symbolic link: not followed",
        "pipe.tar.gz": "is neither a file nor a folder",
    }


def test_links_in_a_students_folder_are_not_followed(tmp_path: Path) -> None:
    secret = _archive(tmp_path / "elsewhere" / "reference.tar.gz")
    folder = tmp_path / "class" / "Jane Doe_12_assignsubmission_file_"
    folder.mkdir(parents=True)
    (folder / "lab3.tar.gz").symlink_to(secret)
    (folder / "more").symlink_to(secret.parent)
    _archive(tmp_path / "class" / "bob.tar.gz")
    gathered = gather(tmp_path / "class")
    assert _only(gathered).name == "bob"
    assert gathered.ignored == [(folder.name, "is a folder without any file; links are not followed")]


def test_names_are_harmless_for_a_terminal_and_for_files(tmp_path: Path) -> None:
    _archive(tmp_path / "\x1b[2J<b>Jane\n\u202eDoe_12_assignsubmission_file_lab3.tar.gz")
    _archive(tmp_path / "-rf.tar.gz")
    _archive(tmp_path / "..tar.gz.zip")
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff\xfe.tar.gz", os.O_CREAT | os.O_WRONLY))
    (tmp_path / "\x1bnotes").write_text("")
    gathered = gather(tmp_path)
    for found in gathered.found:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", found.name)
        assert found.hints.label.isprintable() and found.hints.name.isprintable()
        found.hints.label.encode()
    assert len(gathered.found) == 3
    assert [name for name, _ in gathered.ignored] == ["..tar.gz.zip", "\\x1bnotes"]


def test_safe_stems() -> None:
    assert safe_stem("José Müller-Lüdenscheidt") == "Jose-Muller-Ludenscheidt"
    assert safe_stem("a" * 100) != safe_stem("a" * 101)
    assert len(safe_stem("a" * 100)) <= 60
    assert safe_stem("李雷") != safe_stem("韩梅梅")
    assert re.fullmatch(r"submission-[0-9a-f]{6}", safe_stem("..-.."))
    names = SafeNames()
    given = [names.give("Alice", "1"), names.give("alice", "2"), names.give("ALICE", "3"), names.give("alice", "2")]
    assert given[0] == "Alice"
    assert len({name.casefold() for name in given}) == 4


def test_the_names_do_not_depend_on_who_else_is_there(tmp_path: Path) -> None:
    _archive(tmp_path / "Jane Doe_12_assignsubmission_file_" / "lab3.tar.gz")
    before = gather(tmp_path).found[0]
    _archive(tmp_path / "Jane Doe_11_assignsubmission_file_" / "lab3.tar.gz")
    assert before in gather(tmp_path).found


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "there is no such folder"),
        (lambda folder: folder.write_text(""), "is a file: unpack the download"),
        (lambda folder: folder.mkdir(), "is empty"),
        (_tree, "is one submission, and no folder of them: ./pagewalk grade --submission"),
        (lambda folder: (folder / "notes.txt").mkdir(parents=True), "there is no submission in it"),
    ],
)
def test_what_is_no_class_is_refused(tmp_path: Path, make: "object", message: str) -> None:
    make(tmp_path / "class")  # type: ignore[operator]
    with pytest.raises(LadderError, match=re.escape(message)):
        gather(tmp_path / "class")
