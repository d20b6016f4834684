"""Fills one column of the sheet that Canvas or Moodle exported, and touches nothing else of it.

Points are scaled to what the sheet says is possible: 85 of 100 become 17 where 20 are possible, rounded to two digits.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

from grade.classroom.csv_text import Cell, CsvText, Row, column_key, read_csv, value_of
from grade.classroom.download_names import Form, Hints
from grade.classroom.people import Person, joined, joined_forms, words_of
from grade.ladder.labs import LadderError

_POSSIBLE = re.compile(r"\d+([.,]\d{1,2})?")
"""Three digits after a comma could as well be thousands."""
_NUMBER = re.compile(r"\d+([.,]\d+)?")
_ASSIGNMENT = re.compile(r"(?P<title>.+) \((?P<id>\d+)\)", re.DOTALL)
_FORMULA = ("=", "+", "-", "@")
_NO_GRADE = ("", "-")
_MEANINGS = {"EX": "is excused", "N/A": "does not have this assignment, or graders may not see the scores"}
_POINTS_OF_MOODLE = "100"
"""What Moodle takes for the maximum of an assignment unless somebody changes it. Old worksheets do not say it."""


@dataclass(frozen=True)
class Score:
    """The points of one submission: `points` of `of`."""

    hints: Hints
    person: Person | None
    points: int | float | Fraction
    of: int

    def __post_init__(self) -> None:
        if not 0 <= self.points <= self.of or self.of == 0:
            raise ValueError(f"{self.points} of {self.of} points")

    @property
    def who(self) -> str:
        """Returns how messages name the submission."""
        return self.person.key if self.person else self.hints.label


@dataclass(frozen=True)
class Replaced:
    """A grade that was in the sheet and is another one now."""

    who: str
    before: str
    after: str


@dataclass
class Filled:
    """A sheet with the points in it, and what a person should know about it."""

    column: str
    content: bytes = b""
    entered: int = 0
    unchanged: int = 0
    """How many cells held the same grade before."""
    replaced: list[Replaced] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """Scores that are not in the sheet: whose, and why."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Line:
    """A row of the sheet that is about a student."""

    row: Row
    cell: Cell
    possible: str
    name: str
    own: str
    """The number that the website also puts into the names of downloads."""
    numbers: frozenset[str]
    """That number, and the institution's own."""
    logins: frozenset[str]
    closed: str = ""
    """Why nothing may be entered here; empty if it may."""


def fill_canvas(export: Path, column: str | None, scores: Sequence[Score]) -> Filled:
    """Returns Canvas's gradebook export with the scores in the column of one assignment.

    `column` is the assignment's name, its number, or both as in the header; None if the export has only one assignment.
    Raises LadderError if it is no such export, or the column or its points are in doubt.
    """
    table = read_csv(export)
    find = _columns_of(table, ("id",), "Canvas's gradebook export: in Canvas's gradebook, Export > Export Entire Gradebook")
    if find("student") is None and find("lastname") is None:
        raise LadderError(f"{export}:1: has no column Student: is not Canvas's gradebook export")
    possible = next((row for row in table.rows if value_of(row.value(0)) == "Points Possible"), None)
    if possible is None:
        raise LadderError(f"{export}: has no row Points Possible: is not Canvas's gradebook export, or that row was removed")
    target = _assignment(table, possible, column)
    title = value_of(table.header.value(target))
    points = possible.value(target)
    _check_possible(f"{export}:{possible.line}: Points Possible of {title}", points)
    lines = []
    for row in table.rows[1:]:
        name = row.value(find("student")) or f"{row.value(find('firstname'))} {row.value(find('lastname'))}"
        own, sis = row.value(find("id")), row.value(find("sisuserid"))
        if row is possible or not (own or sis or row.value(find("sisloginid"))):
            continue
        cell = _cell_of(table, row, target)
        logins = frozenset({row.value(find("sisloginid")).casefold()} - {""})
        numbers = frozenset({own, value_of(sis)} - {""})
        lines.append(_Line(row, cell, points, value_of(name), own, numbers, logins))
    return _fill(table, Form.CANVAS, lines, scores, title)


def fill_moodle(worksheet: Path, scores: Sequence[Score]) -> Filled:
    """Returns Moodle's grading worksheet with the scores in its column Grade.

    Raises LadderError if it is no such worksheet, or a maximum grade is no number.
    """
    table = read_csv(worksheet)
    hint = "Moodle's grading worksheet in English: set your language in Moodle, and download the worksheet again"
    find = _columns_of(table, ("identifier", "grade"), hint)
    target, maximum = find("grade"), find("maximumgrade")
    if [column_key(cell.value) for cell in table.header.cells].count("grade") != 1 or target is None:
        raise LadderError(f"{worksheet}:1: has more than one column Grade")
    lines = []
    for row in table.rows[1:]:
        if row.is_blank:
            continue
        cell = _cell_of(table, row, target)
        points = row.value(maximum) if maximum is not None else _POINTS_OF_MOODLE
        _check_possible(f"{worksheet}:{row.line}: Maximum Grade", points)
        own = "".join(re.findall(r"\d+$", row.value(find("identifier"))))
        numbers = frozenset({own, value_of(row.value(find("idnumber")))} - {""})
        logins = frozenset({row.value(find("emailaddress")).casefold()} - {""})
        closed = "may not be changed, as the worksheet says" if row.value(find("gradecanbechanged")) == "No" else ""
        lines.append(_Line(row, cell, points, value_of(row.value(find("fullname"))), own, numbers, logins, closed))
    filled = _fill(table, Form.MOODLE, lines, scores, "Grade")
    if maximum is None:
        filled.notes.append(f"the worksheet has no column Maximum Grade: {_POINTS_OF_MOODLE} is taken for the maximum")
    return filled


# --- the file -----------------------------------------------------------------------------------------------


def _columns_of(table: CsvText, needed: Sequence[str], what: str) -> Callable[[str], int | None]:
    """Returns a function that finds the first column of a name. LadderError if one that is needed is missing."""
    places: dict[str, int] = {}
    for index, cell in enumerate(table.header.cells):
        places.setdefault(column_key(cell.value), index)
    for name in needed:
        if name not in places:
            raise LadderError(f"{table.path}:1: has no column {name.upper() if name == 'id' else name.title()}: is not {what}")
    return places.get


def _assignment(table: CsvText, possible: Row, wanted: str | None) -> int:
    """Returns the index of the column of the assignment that is wanted."""
    titles = {}
    for index, cell in enumerate(table.header.cells):
        match = _ASSIGNMENT.fullmatch(cell.value.strip())
        if match is not None and "read only" not in possible.value(index):
            titles[index] = (match["title"].strip(), match["id"], cell.value.strip())
    if not titles:
        raise LadderError(f"{table.path}:1: has no column of an assignment, such as Lab 3 (12345)")
    fitting = [
        index for index, names in titles.items() if wanted is None or wanted.strip().casefold() in map(str.casefold, names)
    ]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(value_of(titles[index][2]) for index in (fitting or titles))
    if wanted is None:
        raise LadderError(f"{table.path}:1: has several assignments: say which, by name or number: {listed}")
    several = "several assignments" if fitting else "no assignment"
    raise LadderError(f"{table.path}:1: has {several} called {wanted}: give the number of one of: {listed}")


def _cell_of(table: CsvText, row: Row, column: int) -> Cell:
    if len(row.cells) != len(table.header.cells):
        counts = f"{len(row.cells)} cells, and the header has {len(table.header.cells)}"
        raise LadderError(f"{table.path}:{row.line}: has {counts}: export it again, and do not edit it before")
    return row.cells[column]


def _check_possible(where: str, possible: str) -> None:
    if not _POSSIBLE.fullmatch(possible) or _number(possible) == 0:
        raise LadderError(f"{where} is {value_of(possible) or 'empty'}: it must be a number of points, such as 100")


# --- the scores ---------------------------------------------------------------------------------------------


def _fill(table: CsvText, form: Form, lines: Sequence[_Line], scores: Sequence[Score], column: str) -> Filled:
    filled, changes = Filled(column), dict[Cell, str]()
    by_line: dict[int, tuple[_Line, list[Score]]] = {}
    for score in scores:
        line = _line_of(form, lines, score)
        if isinstance(line, str):
            filled.left_out.append((score.who, line))
        else:
            by_line.setdefault(line.row.line, (line, []))[1].append(score)
    for line, theirs in by_line.values():
        if len(theirs) > 1:
            why = f"is one of {len(theirs)} submissions for the same row (line {line.row.line}): keep the one that counts"
            filled.left_out += [(score.who, why) for score in theirs]
        else:
            _enter(line, theirs[0], changes, filled)
    scales = {(str(score.of), line.possible) for line, theirs in by_line.values() for score in theirs}
    for given, possible in sorted(scales):
        if _number(given) != _number(possible):
            filled.notes.append(f"{given} points are {possible} in the sheet")
    filled.content = table.with_cells(changes)
    filled.left_out.sort()
    return filled


def _enter(line: _Line, score: Score, changes: dict[Cell, str], filled: Filled) -> None:
    """Enters a score, unless what is in its cell forbids it."""
    before, after = line.cell.value.strip(), _written(score, line.possible)
    if line.closed:
        filled.left_out.append((score.who, line.closed))
    elif before in _NO_GRADE:
        changes[line.cell] = after
        filled.entered += 1
    elif before.upper() in _MEANINGS:
        filled.left_out.append((score.who, f"{_MEANINGS[before.upper()]}: the sheet says {value_of(before)}"))
    elif before.startswith(_FORMULA) or not _NUMBER.fullmatch(before):
        filled.left_out.append((score.who, f"has something else than a grade in the sheet: {value_of(before)[:40]}"))
    elif _rounded(_number(before)) == _rounded(_number(after)):
        filled.unchanged += 1
    else:
        changes[line.cell] = after
        filled.replaced.append(Replaced(score.who, before, after))


def _written(score: Score, possible: str) -> str:
    """Returns the points as the sheet writes numbers: with a comma if that is what it has in them."""
    share = Fraction(str(score.points)) / score.of * Fraction(possible.replace(",", "."))
    points = f"{_rounded(Decimal(share.numerator) / Decimal(share.denominator)):f}"
    points = points.rstrip("0").rstrip(".")
    return points.replace(".", ",") if "," in possible else points


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", "."))


def _rounded(points: Decimal) -> Decimal:
    return points.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _line_of(form: Form, lines: Sequence[_Line], score: Score) -> _Line | str:
    """Returns the row of the student who handed this in, or why it is not known."""
    for by_number, fitting in _clues(form, lines, score):
        if len(fitting) > 1:
            return f"fits {len(fitting)} rows of the sheet: lines {', '.join(str(line.row.line) for line in fitting)}"
        if fitting:
            (line,) = fitting
            if by_number and not _may_be_called(line, form, score):
                told, _ = _names_of(score)[-1]
                return f"has the number of {line.name}, and the name {told}"
            return line
    return "is not in the sheet"


def _clues(form: Form, lines: Sequence[_Line], score: Score) -> Iterator[tuple[bool, list[_Line]]]:
    """Yields the rows that fit, by one clue after the other, and whether the clue is a number alone."""
    hints, person = score.hints, score.person
    if hints.form is form and hints.id:
        yield True, [line for line in lines if line.own == hints.id]
    if person is not None:
        known = {*person.logins, person.email.casefold()} - {""}
        yield False, [line for line in lines if known & line.logins]
        yield True, [line for line in lines if person.ids & line.numbers]
    elif hints.form is Form.PLAIN:
        yield False, [line for line in lines if hints.login.casefold() in line.logins]
    yield False, [line for line in lines if line.name and _is_called(line, score)]


def _is_called(line: _Line, score: Score) -> bool:
    return any(_same(line, name, form) for name, form in _names_of(score))


def _may_be_called(line: _Line, form: Form, score: Score) -> bool:
    """Returns whether nothing that is known of the names speaks against it."""
    names = _names_of(score)
    return not names or not line.name or any(_same(line, name, form) for name, form in names)


def _same(line: _Line, name: str, form: Form) -> bool:
    if form is Form.CANVAS:
        return joined(name) in joined_forms(line.name)
    return words_of(name) == words_of(line.name)


def _names_of(score: Score) -> list[tuple[str, Form]]:
    """Returns the names that are known, each with how it is written. A plain file name counts only without a person."""
    hints, person = score.hints, score.person
    names = [(person.name, Form.PLAIN)] if person is not None else []
    if hints.form is not Form.PLAIN or person is None:
        names.append((hints.name, hints.form))
    return [(name, form) for name, form in names if name]
