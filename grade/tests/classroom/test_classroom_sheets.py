"""Sheets of Canvas and Moodle: one column is filled, all else stays byte for byte; and grades.csv."""

import csv
import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grade.classroom.csv_text import read_csv
from grade.classroom.download_names import read_name
from grade.classroom.grades_csv import grades_csv
from grade.classroom.people import Person
from grade.classroom.sheets import Filled, Replaced, Score, fill_canvas, fill_moodle
from grade.ladder.labs import LadderError

_CANVAS = '''Student,ID,SIS User ID,SIS Login ID,Section,Notes,Lab 2 (7001),Lab 3 (7002),Final Score,Final Grade (2026)
,,,,,,,Manual Posting,,
    Points Possible,,,,,,10.00,100.00,(read only),(read only)
"Doe, Jane",101,s-1,jdoe,"A, B",=1+1,9.50,,95.0,A
"=""=cmd()""",102,s-2,max@x.edu,A,"odd ""quotes""
and lines",,85.00,,
"Lee, Kim",103,s-3,kim,A,,-,EX,,
"Student, Test",104,,test,A,,,N/A,,
'''
_MOODLE = (
    '\ufeffIdentifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed","Last modified '
    '(grade)","Feedback comments"\r\n'
    '"Participant 501","Jane Doe",jane@x.edu,"Submitted for grading",,20.00,Yes,-,"<p>=SUM(A1)</p>"\r\n'
    'Participant 502,"Max Roe",max@x.edu,,"15,00",20.00,Yes,-,\r\n'
    "Participant 503,Kim Lee,kim@x.edu,,,20.00,No,-,\r\n"
)


def _write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "sheet.csv"
    path.write_bytes(text.encode(encoding))
    return path


def _score(name: str, points: float = 85, of: int = 100, person: Person | None = None) -> Score:
    return Score(read_name(name).hints, person, points, of)


def _canvas(tmp_path: Path, *scores: Score, text: str = _CANVAS, column: str | None = "Lab 3") -> tuple[Filled, str]:
    filled = fill_canvas(_write(tmp_path, text), column, scores)
    return filled, filled.content.decode()


def _moodle(tmp_path: Path, *scores: Score, text: str = _MOODLE) -> tuple[Filled, str]:
    filled = fill_moodle(_write(tmp_path, text), scores)
    return filled, filled.content.decode()


def test_canvass_number_in_a_files_name_finds_the_row(tmp_path: Path) -> None:
    filled, text = _canvas(tmp_path, _score("doejane_101_9_lab3.tar.gz"))
    assert text == _CANVAS.replace("9.50,,95.0", "9.50,85,95.0")
    assert (filled.column, filled.entered, filled.left_out, filled.notes) == ("Lab 3 (7002)", 1, [], [])


def test_a_grade_that_is_there_is_replaced_only_by_another(tmp_path: Path) -> None:
    person = Person("max", email="max@x.edu")
    filled, text = _canvas(tmp_path, _score("lab", 85, person=person))
    assert (text, filled.unchanged, filled.replaced) == (_CANVAS, 1, [])
    filled, text = _canvas(tmp_path, _score("lab", 85.5, person=person))
    assert text == _CANVAS.replace("85.00", "85.5")
    assert filled.replaced == [Replaced("max", "85.00", "85.5")]


def test_points_are_scaled_to_what_is_possible_and_this_is_said(tmp_path: Path) -> None:
    filled, text = _canvas(tmp_path, _score("doejane_101_9_a.zip", 121, 200), column="7001")
    assert filled.replaced == [Replaced("doejane_101_9_a", "9.50", "6.05")]
    assert filled.notes == ["200 points are 10.00 in the sheet"]
    assert text == _CANVAS.replace("9.50", "6.05")


@pytest.mark.parametrize(("points", "written"), [(0, "0"), (100, "10"), (33.25, "3.33"), (99.999, "10"), (1 / 3, "0.03")])
def test_halves_are_rounded_up_at_two_digits(tmp_path: Path, points: float, written: str) -> None:
    filled, _ = _canvas(tmp_path, _score("doejane_101_9_a.zip", points), column="7001")
    assert filled.replaced[0].after == written


@pytest.mark.parametrize("column", ["Lab 3", "lab 3 ", "7002", "Lab 3 (7002)"])
def test_the_column_is_called_by_name_or_number(tmp_path: Path, column: str) -> None:
    assert _canvas(tmp_path, column=column)[0].column == "Lab 3 (7002)"


def test_without_a_name_the_only_assignment_is_meant(tmp_path: Path) -> None:
    one = 'Student,ID,Lab 3 (5),Final Score (2026)\nPoints Possible,,100,(read only)\n"Doe, Jane",101,,\n'
    filled, text = _canvas(tmp_path, _score("doejane_101_9_a.zip"), text=one, column=None)
    assert text == one.replace("101,,", "101,85,")


def test_what_is_no_grade_in_canvas_stays(tmp_path: Path) -> None:
    filled, text = _canvas(tmp_path, _score("leekim_103_9_a.zip"), _score("studenttest_104_9_a.zip"))
    assert text == _CANVAS
    assert filled.left_out == [
        ("leekim_103_9_a", "is excused: the sheet says EX"),
        ("studenttest_104_9_a", "does not have this assignment, or graders may not see the scores: the sheet says N/A"),
    ]
    assert _canvas(tmp_path, _score("leekim_103_9_a.zip"), column="7001")[0].entered == 1  # "-" is no grade at all


@pytest.mark.parametrize("cell", ["=85", "+85", "-85", "@x", "B+", "8 5", "85%"])
def test_a_formula_in_the_column_stays(tmp_path: Path, cell: str) -> None:
    text = _CANVAS.replace("9.50,,95.0", f"9.50,{cell},95.0")
    filled, after = _canvas(tmp_path, _score("doejane_101_9_a.zip"), text=text)
    assert after == text
    assert filled.left_out == [("doejane_101_9_a", f"has something else than a grade in the sheet: {cell}")]


def test_people_of_the_roster_are_found_by_login_number_and_name(tmp_path: Path) -> None:
    jane, kim = Person("j", "Jane Doe", ids=frozenset({"s-1"})), Person("k", "Kim Lee")
    filled, text = _canvas(tmp_path, _score("x", person=jane), _score("y", person=kim), column="7001")
    assert [one.after for one in filled.replaced] == ["8.5"] and filled.entered == 1
    text_by_login = _canvas(tmp_path, _score("x", person=Person("j", login="jdoe")), column="7001")[1]
    assert text_by_login == _CANVAS.replace("9.50", "8.5")


def test_without_a_roster_plain_names_are_logins(tmp_path: Path) -> None:
    assert _canvas(tmp_path, _score("jdoe.tar.gz"))[0].entered == 1


def test_who_is_not_in_the_sheet_is_listed(tmp_path: Path) -> None:
    filled, text = _canvas(tmp_path, _score("stranger.tar.gz"), _score("somebody_999_9_a.zip"))
    assert text == _CANVAS
    assert filled.left_out == [("somebody_999_9_a", "is not in the sheet"), ("stranger", "is not in the sheet")]


def test_a_number_with_another_name_is_not_believed(tmp_path: Path) -> None:
    filled, text = _canvas(tmp_path, _score("groupa_101_9_a.zip"))
    assert text == _CANVAS
    assert filled.left_out == [("groupa_101_9_a", "has the number of Doe, Jane, and the name groupa")]
    filled, text = _moodle(tmp_path, _score("Group A_501_assignsubmission_file_a.zip"))
    assert text == _MOODLE
    assert filled.left_out[0][1] == "has the number of Jane Doe, and the name Group A"
    person = Person("x", "Max Roe", ids=frozenset({"101"}))  # a number of another kind that happens to be the same
    assert (
        _canvas(tmp_path, _score("x", person=person))[0].left_out[0][1] == "has the number of Doe, Jane, and the name Max Roe"
    )


def test_two_submissions_for_one_row_are_for_a_person_to_look_at(tmp_path: Path) -> None:
    filled, text = _canvas(tmp_path, _score("doejane_101_9_a.zip"), _score("jdoe.zip", 90))
    assert text == _CANVAS
    why = "is one of 2 submissions for the same row (line 4): keep the one that counts"
    assert filled.left_out == [("doejane_101_9_a", why), ("jdoe", why)]


def test_a_name_that_two_rows_have_is_not_guessed(tmp_path: Path) -> None:
    text = _CANVAS.replace("Lee, Kim", "Jane Doe")
    filled, after = _canvas(tmp_path, _score("x", person=Person("j", "Jane Doe")), text=text)
    assert after == text
    assert filled.left_out == [("j", "fits 2 rows of the sheet: lines 4, 7")]


def test_first_and_last_names_in_columns_of_their_own(tmp_path: Path) -> None:
    text = "LastName,FirstName,ID,SIS Login ID,Section,Lab 3 (5)\n    Points Possible,,,,,100\nDoe,Jane,101,j,A,\n"
    assert _canvas(tmp_path, _score("doejane_101_9_a.zip"), text=text)[1] == text.replace("A,\n", "A,85\n")


def test_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    text = "Student;ID;Lab 3 (5)\n    Points Possible;;10,00\nDoe, Jane;101;9,50\n"
    filled, after = _canvas(tmp_path, _score("doejane_101_9_a.zip"), text=text)
    assert after == text.replace("9,50", "8,5")


def test_moodles_worksheet(tmp_path: Path) -> None:
    filled, text = _moodle(
        tmp_path,
        _score("Jane Doe_501_assignsubmission_file_"),
        _score("x", 85, person=Person("max", "Max Roe", "max@x.edu")),
        _score("Kim Lee_503_assignsubmission_file_"),
    )
    assert text == _MOODLE.replace('grading",,20.00', 'grading",17,20.00').replace('"15,00"', "17")
    assert (filled.entered, filled.replaced) == (1, [Replaced("max", "15,00", "17")])
    assert filled.left_out == [("Kim Lee_503_assignsubmission_file_", "may not be changed, as the worksheet says")]
    assert filled.notes == ["100 points are 20.00 in the sheet"]


def test_a_decimal_comma_between_commas_is_quoted(tmp_path: Path) -> None:
    text = 'Identifier,Full name,Grade,Maximum Grade\nParticipant 5,Jane Doe,,"10,00"\n'
    assert _moodle(tmp_path, _score("Jane Doe_5_assignsubmission_file_"), text=text)[1] == text.replace("Doe,,", 'Doe,"8,5",')


def test_a_worksheet_without_a_maximum(tmp_path: Path) -> None:
    text = "Identifier,Grade\nParticipant 5,\n"
    filled, after = _moodle(tmp_path, _score("Participant_5_assignsubmission_file_", 100, 200), text=text)
    assert after == text.replace("5,", "5,50")
    assert filled.notes[-1] == "the worksheet has no column Maximum Grade: 100 is taken for the maximum"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_stay(tmp_path: Path, encoding: str, end: str) -> None:
    text = _CANVAS.replace("Jane", "Jané 𝄞").replace("\n", end)
    filled = fill_canvas(_write(tmp_path, text, encoding), "Lab 3", [_score("x", person=Person("j", login="jdoe"))])
    assert filled.content == text.replace("9.50,,95.0", "9.50,85,95.0").encode(encoding)


_RAW = st.one_of(
    st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters='",\r\n\0\ufeff'), max_size=6),
    st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters='"\0\ufeff'), max_size=6).map(lambda t: f'"{t}"'),
    st.sampled_from(['""', '""""', '"a""b"', '"x"tail', 'mid"dle', '=HYPERLINK("x")', '"=1,2"', " ", '"\r\n"', "'", "\t"]),
)
_ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(_RAW, _RAW, _ENDS), min_size=1, max_size=6),
    filled=st.sets(st.integers(0, 5)),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be"]),
)
def test_all_other_cells_stay_byte_for_byte(rows: list[tuple[str, str, str]], filled: set[int], encoding: str) -> None:
    def sheet(grade: Callable[[int], str]) -> bytes:
        text = "Identifier,Odd,Grade,Maximum Grade,Feedback\r\n"
        for index, (first, last, end) in enumerate(rows):
            text += f"Participant {index + 1},{first},{grade(index)},100.00,{last}{end}"
        return text.encode(encoding)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sheet.csv"
        path.write_bytes(sheet(lambda _: ""))
        scores = [_score(f"Participant_{index + 1}_assignsubmission_file_", index) for index in filled]
        content = fill_moodle(path, scores).content
    assert content == sheet(lambda index: str(index) if index in filled else "")


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("name,points\nA,1\n", None, "sheet.csv:1: has no column ID: is not Canvas's gradebook export"),
        ("name,ID\nA,1\n", None, "sheet.csv:1: has no column Student"),
        ("Student,ID,Lab 3 (5)\nA,1,\n", None, "sheet.csv: has no row Points Possible"),
        ("Student,ID,Lab\nPoints Possible,,1\n", None, "sheet.csv:1: has no column of an assignment"),
        (_CANVAS, None, "has several assignments: say which, by name or number: Lab 2 (7001), Lab 3 (7002)"),
        (_CANVAS, "Lab 4", "has no assignment called Lab 4: give the number of one of: Lab 2 (7001), Lab 3 (7002)"),
        (_CANVAS, "Final Grade", "has no assignment called Final Grade"),
        (
            _CANVAS.replace("Lab 2", "Lab 3"),
            "Lab 3",
            "has several assignments called Lab 3: give the number of one of: Lab 3 (7001), L",
        ),
        (_CANVAS.replace("100.00", ""), "Lab 3", "sheet.csv:3: Points Possible of Lab 3 (7002) is empty: it must be a number"),
        (_CANVAS.replace("100.00", "0"), "Lab 3", "is 0: it must be a number of points"),
        (_CANVAS.replace("100.00", '"1,000"'), "Lab 3", "is 1,000: it must be a number of points"),
        (_CANVAS.replace("jdoe,", "jdoe,,"), "Lab 3", "sheet.csv:4: has 11 cells, and the header has 10: export it again"),
        (_CANVAS.replace('B",', "B,"), "Lab 3", "sheet.csv:4: has"),
        (_CANVAS + '"', "Lab 3", "sheet.csv:9: a quote that is opened in this row is never closed"),
    ],
)
def test_bad_exports_of_canvas(tmp_path: Path, text: str, column: str | None, message: str) -> None:
    with pytest.raises(LadderError, match=re.escape(message)):
        _canvas(tmp_path, _score("doejane_101_9_a.zip"), text=text, column=column)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Kennung,Bewertung\nTeilnehmer 5,\n",
            "sheet.csv:1: has no column Identifier: is not Moodle's grading worksheet in English",
        ),
        ("Identifier,Full name\nParticipant 5,A\n", "sheet.csv:1: has no column Grade"),
        ("Identifier,Grade,Grade\nParticipant 5,,\n", "sheet.csv:1: has more than one column Grade"),
        (
            "Identifier,Grade,Maximum Grade\nParticipant 5,,Scale: A\n",
            "sheet.csv:2: Maximum Grade is Scale: A: it must be a number",
        ),
        ("Identifier,Grade\nParticipant 5\n", "sheet.csv:2: has 1 cells, and the header has 2"),
    ],
)
def test_bad_worksheets_of_moodle(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(LadderError, match=re.escape(message)):
        _moodle(tmp_path, text=text)


def test_a_sheet_in_utf_16_that_is_cut_off(tmp_path: Path) -> None:
    path = _write(tmp_path, _CANVAS, "utf-16")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(LadderError, match="sheet.csv:8: is not UTF-16-LE"):
        fill_canvas(path, "Lab 3", [])


def test_impossible_points_are_refused() -> None:
    for points, of in ((-1, 100), (101, 100), (0, 0)):
        with pytest.raises(ValueError, match="points"):
            _score("x", points, of)


def test_grades_csv_is_text_that_has_no_effect() -> None:
    rows = [
        {"name": "=HYPERLINK(1)", "points": 85, "share": 0.5, "note": None},
        {"name": 'Ünï, "quoted"\nline\x1b[2J\u202e', "points": -1, "late": True},
        {"name": "@x", "note": "+1", "late": "-1"},
        {"name": " =1", "note": "\t1", "late": "\r1"},
        {"name": "＝1", "note": "a=1", "late": "\udcff"},
    ]
    text = grades_csv(rows)
    text.encode("utf-8")
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["name", "points", "share", "note", "late"],
        ["'=HYPERLINK(1)", "85", "0.5", "", ""],
        ['Ünï, "quoted" line\\x1b[2J\\u202e', "-1", "", "", "True"],
        ["'@x", "", "", "'+1", "'-1"],
        ["' =1", "", "", "' 1", "'\\x0d1"],
        ["'＝1", "", "", "a=1", "\\xff"],
    ]
    assert grades_csv([]) == ""


def test_the_header_of_grades_csv_is_neutral_too() -> None:
    assert grades_csv([{"=x": 1}]) == "'=x\r\n1\r\n"


def test_reading_does_not_change_a_file(tmp_path: Path) -> None:
    path = _write(tmp_path, _CANVAS, "utf-16")
    assert read_csv(path).with_cells({}) == path.read_bytes()
