"""Rosters, and which submission is whose."""

import re
from pathlib import Path

import pytest

from grade.classroom.csv_text import read_csv
from grade.classroom.download_names import Form, Hints, read_name
from grade.classroom.gathering import Found
from grade.classroom.roster import Matched, Roster, read_roster
from grade.ladder.labs import LadderError


def _roster(tmp_path: Path, text: str, encoding: str = "utf-8") -> Roster:
    path = tmp_path / "roster.csv"
    path.write_bytes(text.encode(encoding))
    return read_roster(path)


def _found(*names: str) -> list[Found]:
    return [Found(f"name-{index}", name, read_name(name).hints) for index, name in enumerate(names)]


def _clones(*names: str) -> list[Found]:
    return [Found(name, name, Hints(Form.GITHUB, name)) for name in names]


def _pairs(matched: Matched) -> list[tuple[str, str]]:
    return [(person.key, found.source) for person, found in matched.pairs]


@pytest.mark.parametrize(
    "header",
    [
        "Name,Email,Login,ID",
        "full name,E-Mail Address,username,ID number".replace("E-Mail", "Email"),
        "Student,email,GitHub username,SIS User ID",
        "name,email,github_username,student_id",
    ],
)
def test_columns_by_their_usual_names(tmp_path: Path, header: str) -> None:
    (jane,) = _roster(tmp_path, f"{header}\nJane Doe,jane@example.edu,jdoe,0042\n").people
    assert (jane.key, jane.name, jane.email, jane.login, jane.ids) == (
        "jdoe",
        "Jane Doe",
        "jane@example.edu",
        "jdoe",
        frozenset({"0042"}),
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_delimiters_and_line_ends(tmp_path: Path, encoding: str, delimiter: str, end: str) -> None:
    rows = [["Surname", "First name", "Email address"], ['"Müller, ""M."""', "José", "jm@example.edu"]]
    text = end.join(delimiter.join(row) for row in rows)
    (person,) = _roster(tmp_path, text, encoding).people
    assert (person.name, person.email, person.line) == ('José Müller, "M."', "jm@example.edu", 2)


def test_github_classrooms_roster(tmp_path: Path) -> None:
    text = '"identifier","github_username","github_id","name"\n"Jane Doe (A)","jdoe","1001",""\n"max@x.edu","","",""\n'
    jane, max_ = _roster(tmp_path, text).people
    assert (jane.name, jane.login) == ("Jane Doe (A)", "jdoe")
    assert "1001" not in jane.ids  # a number of GitHub's is none of the course's website
    assert (max_.email, max_.name) == ("max@x.edu", "")
    found = _found("Jane Doe_12_assignsubmission_file_a.zip")
    assert _roster(tmp_path, text).match(found).pairs == [(jane, found[0])]


def test_canvass_gradebook_and_moodles_worksheet_are_rosters(tmp_path: Path) -> None:
    text = "Student,ID,SIS User ID,SIS Login ID,Section,Lab 3 (5)\n,,,,,Manual Posting\n    Points Possible,,,,,100\n"
    (jane,) = _roster(tmp_path, text + '"Doe, Jane",77,s1,jdoe,A,\n').people
    assert (jane.login, jane.ids) == ("jdoe", frozenset({"77", "s1"}))
    text = "Identifier,Full name,Email address,Grade\nParticipant 123,Jane Doe,j@x.edu,\n"
    assert _roster(tmp_path, text).people[0].ids == frozenset({"123"})


def test_by_login_in_a_clones_name(tmp_path: Path) -> None:
    roster = _roster(tmp_path, "name,login,github_username\nJane,jd1,Jane-Doe\nDoe,d,doe\nMax,m,max\nKim,k,kim\n")
    matched = roster.match(_clones("lab-3-jane-doe", "lab-3-max", "lab-3-stranger", "lab-3-doe"))
    assert _pairs(matched) == [("jd1", "lab-3-jane-doe"), ("d", "lab-3-doe"), ("m", "lab-3-max")]
    assert [found.source for found in matched.unmatched] == ["lab-3-stranger"]
    assert [person.key for person in matched.absent] == ["k"]


def test_a_clone_whose_name_ends_with_two_logins_is_not_guessed(tmp_path: Path) -> None:
    matched = _roster(tmp_path, "login\njane-doe\ndoe\n").match(_clones("lab-3-jane-doe"))
    assert not matched.pairs and not matched.absent
    assert matched.ambiguous[0].why == "may be of any of jane-doe, doe"


def test_by_moodles_and_canvass_names(tmp_path: Path) -> None:
    roster = _roster(tmp_path, 'name\n"Doe, Jané"\nMax van der Roe\nKim Lee\n')
    found = _found(
        "Jane Doe_12_assignsubmission_file_lab3.tar.gz",
        "vanderroemax_5_6_lab3.tar.gz",
        "Somebody Else_13_assignsubmission_file_lab3.tar.gz",
    )
    matched = roster.match(found)
    assert [person.name for person, _ in matched.pairs] == ["Doe, Jané", "Max van der Roe"]
    assert matched.unmatched == found[2:]
    assert [person.name for person in matched.absent] == ["Kim Lee"]


def test_two_people_of_one_name_are_told_apart_by_number_or_not_at_all(tmp_path: Path) -> None:
    roster = _roster(tmp_path, "name,id\nJane Doe,12\nJane Doe,13\nMax Roe,14\n")
    found = _found("Jane Doe_13_assignsubmission_file_a.zip", "doejane_99_1_a.zip")
    matched = roster.match(found)
    assert [(person.line, one) for person, one in matched.pairs] == [(3, found[0])]
    assert [(doubt.found, len(doubt.people)) for doubt in matched.ambiguous] == [(found[1], 2)]
    assert [person.name for person in matched.absent] == ["Max Roe"]


def test_a_number_that_belongs_to_another_name_is_not_believed(tmp_path: Path) -> None:
    roster = _roster(tmp_path, "name,id\nJane Doe,12\nMax Roe,14\n")
    whys = [doubt.why for doubt in roster.match(_found("Jane Doe_14_assignsubmission_file_a.zip")).ambiguous]
    assert whys == ["has the number and the name of different people: Jane Doe, Max Roe"]
    whys = [doubt.why for doubt in roster.match(_found("Group A_14_assignsubmission_file_a.zip")).ambiguous]
    assert whys == ["has the number of Max Roe, and the name Group A"]
    whys = [doubt.why for doubt in roster.match(_found("groupa_14_3_a.zip")).ambiguous]
    assert whys == ["has the number of Max Roe, and the name groupa"]


def test_a_number_alone_is_enough_where_names_are_hidden(tmp_path: Path) -> None:
    roster = _roster(tmp_path, "name,id\nJane Doe,12\n")
    assert len(roster.match(_found("Participant_12_assignsubmission_file_a.zip")).pairs) == 1


def test_plain_names(tmp_path: Path) -> None:
    roster = _roster(tmp_path, "name,email,id\nJane Doe,jane@x.edu,s-1\nMax Roe,max@x.edu,s-2\nKim Lee,kim@x.edu,s-3\n")
    matched = roster.match(_found("jane.tar.gz", "max_roe.zip", "S-3", "lab3-zoe"))
    assert [found.source for _, found in matched.pairs] == ["jane.tar.gz", "max_roe.zip", "S-3"]
    assert [found.source for found in matched.unmatched] == ["lab3-zoe"]


def test_two_submissions_of_one_person_are_for_a_person_to_look_at(tmp_path: Path) -> None:
    matched = _roster(tmp_path, "login,name\nalice,Al Ice\n").match(_found("alice.tar.gz", "lab3-alice"))
    assert not matched.pairs and not matched.absent
    assert [doubt.why for doubt in matched.ambiguous] == ["is one of 2 submissions of alice: keep the one that counts"] * 2


def test_gradescopes_email_counts_more_than_its_name(tmp_path: Path) -> None:
    roster = _roster(tmp_path, "name,email\nJane Doe,jane@x.edu\n")
    found = Found("n", "s", Hints(Form.GRADESCOPE, "submission_1", "Janie D.", email="Jane@x.edu"))
    assert roster.match([found]).pairs == [(roster.people[0], found)]


def test_keys_tell_people_apart(tmp_path: Path) -> None:
    roster = _roster(tmp_path, "name,email\nJane Doe,\nJane Doe,\nMax Roe,\nKim,kim@x.edu\n")
    assert [person.key for person in roster.people] == ["Jane Doe (line 2)", "Jane Doe (line 3)", "Max Roe", "kim@x.edu"]


def test_text_of_the_roster_is_harmless(tmp_path: Path) -> None:
    (person,) = _roster(tmp_path, 'name,id\n"\x1b[2JJane\nDoe","=""0012"""\n').people
    assert person.name == "\\x1b[2JJane Doe"
    assert person.ids == frozenset({"0012"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("login,name\nalice,A\nbob,B\nAlice,C\n", "roster.csv:4: has the login alice of line 2: correct one of them"),
        ("id,name\n7,A\n7,B\n", "roster.csv:3: has the number 7 of line 2"),
        ("email,name\na@x,A\nA@x,B\n", "roster.csv:3: has the email a@x of line 2"),
        ("colour,shape\nred,round\n", "roster.csv:1: no column is known among: colour, shape. Known are name, first name"),
        ("", "roster.csv:1: there is no header"),
        ("\n\n", "roster.csv:1: there is no header"),
        ("name,login\n", "roster.csv: lists nobody"),
        ("name,login\nDoe, Jane,jdoe\n", "roster.csv:2: has 3 cells, and the header has 2: put quotes"),
        ('name,login\nA,a\n"B,b\nC,c\n', "roster.csv:3: a quote that is opened in this row is never closed"),
        ("name\nA\0\n", "roster.csv:2: holds a NUL character"),
    ],
)
def test_bad_rosters(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(LadderError, match=re.escape(message)):
        _roster(tmp_path, text)


def test_rosters_that_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(LadderError, match=re.escape("roster.csv:2: is not UTF-8: save it as CSV (UTF-8)")):
        _roster(tmp_path, "name\nMüller\n", "latin-1")
    (tmp_path / "roster.csv").write_bytes(b"PK\x03\x04...")
    with pytest.raises(LadderError, match="is a spreadsheet: save or export it as CSV"):
        read_roster(tmp_path / "roster.csv")
    with pytest.raises(LadderError, match="cannot be read: No such file"):
        read_roster(tmp_path / "missing.csv")
    with pytest.raises(LadderError, match="cannot be read: Is a directory"):
        read_roster(tmp_path)


def test_the_line_of_a_row_counts_line_ends_inside_quotes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\r\n"x\r\ny\nz",2\r\n3,4\r\n')
    assert [row.line for row in read_csv(path).rows] == [1, 2, 5]
