"""The roster of a class: reads it, and says which submission is whose. Nothing is ever guessed."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from grade.classroom.csv_text import CsvText, Row, column_key, read_csv, value_of
from grade.classroom.download_names import Form
from grade.classroom.gathering import Found
from grade.classroom.people import Person, joined, joined_forms, words_of
from grade.ladder.labs import LadderError

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "fullname", "student", "studentname", "displayname"),
    "first": ("firstname", "givenname", "forename"),
    "last": ("lastname", "surname", "familyname"),
    "email": ("email", "emailaddress", "mail"),
    "login": (
        "login",
        "username",
        "loginid",
        "sisloginid",
        "githubusername",
        "githublogin",
        "githubuser",
        "github",
    ),
    "id": ("id", "sisuserid", "idnumber", "studentid", "studentnumber", "sid", "userid", "canvasid", "integrationid"),
    "identifier": ("identifier", "rosteridentifier"),
}
_WANTED = "name, first name and surname, email, login (or username, github_username), id (or ID number, SIS User ID)"
_Key = TypeVar("_Key")
_PARTICIPANT = re.compile(r"participant ?(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Doubt:
    """A submission of which a person has to say whose it is."""

    found: Found
    people: tuple[Person, ...]
    why: str


@dataclass
class Matched:
    """Which submission is whose. Each submission is in one of pairs, unmatched and ambiguous."""

    pairs: list[tuple[Person, Found]] = field(default_factory=list)
    unmatched: list[Found] = field(default_factory=list)
    absent: list[Person] = field(default_factory=list)
    """Those who handed in nothing that could be theirs."""
    ambiguous: list[Doubt] = field(default_factory=list)


@dataclass(frozen=True)
class Roster:
    """The people of a class, in the order of the file."""

    people: tuple[Person, ...]

    def match(self, found: Sequence[Found]) -> Matched:
        """Returns which submission is whose, by what the names of the downloads tell."""
        matched, by_person = Matched(), dict[Person, list[Found]]()
        starts = self._common_starts(found)
        for one in found:
            people, why = self._people_of(one, starts)
            if len(people) == 1 and not why:
                by_person.setdefault(people[0], []).append(one)
            elif people:
                matched.ambiguous.append(Doubt(one, people, why))
            else:
                matched.unmatched.append(one)
        for person, theirs in by_person.items():
            if len(theirs) == 1:
                matched.pairs.append((person, theirs[0]))
            else:
                why = f"is one of {len(theirs)} submissions of {person.key}: keep the one that counts"
                matched.ambiguous += [Doubt(one, (person,), why) for one in theirs]
        known = {person for person, _ in matched.pairs} | {one for doubt in matched.ambiguous for one in doubt.people}
        matched.absent = [person for person in self.people if person not in known]
        matched.pairs.sort(key=lambda pair: pair[0].line)
        matched.ambiguous.sort(key=lambda doubt: doubt.found.name)
        return matched

    def _people_of(self, found: Found, starts: Counter[str]) -> tuple[tuple[Person, ...], str]:
        """Returns who may have handed this in, and why that is doubtful; nothing in the latter if it is not."""
        clues = {clue: people for clue, people in self._clues(found, starts) if people}
        if not clues:
            return (), ""
        common = frozenset.intersection(*clues.values())
        if len(common) == 1:
            (person,) = common
            name = found.hints.name
            if set(clues) == {"number"} and name and person.name and not _same_name(name, person.name, found.hints.form):
                return (person,), f"has the number of {person.key}, and the name {name}"
            return (person,), ""
        people = common or frozenset.union(*clues.values())
        ordered = tuple(sorted(people, key=lambda person: person.line))
        keys = ", ".join(person.key for person in ordered)
        if common:
            return ordered, f"may be of any of {keys}"
        return ordered, f"has the {' and the '.join(clues)} of different people: {keys}"

    def _clues(self, found: Found, starts: Counter[str]) -> Iterator[tuple[str, frozenset[Person]]]:
        """Yields what the download's name tells, each with the people of whom it is true."""
        hints, nobody = found.hints, frozenset[Person]()
        yield "email", self._by_email.get(hints.email.casefold(), nobody)
        if hints.form is Form.GITHUB:
            yield "login", self._by_end(hints.label, starts)
        elif hints.form is Form.PLAIN:
            label = hints.label.casefold()
            exact = self._by_login.get(label, nobody) | self._by_id.get(label, nobody) | self._by_email.get(label, nobody)
            exact |= self._by_words.get(words_of(label), nobody)
            yield "name of the file", exact or self._by_end(hints.label, starts)
        else:
            yield "number", self._by_id.get(hints.id, nobody)
            if hints.form is Form.CANVAS:
                yield "name", self._by_joined.get(joined(hints.name), nobody)
            else:
                yield "name", self._by_words.get(words_of(hints.name), nobody)

    def _by_end(self, label: str, starts: Counter[str]) -> frozenset[Person]:
        """Returns whose login a name ends with; of several those with the beginning that most names have (lab-3-)."""
        ends = list(self._ends_of(label))
        most = max((starts[start] for start, _ in ends), default=0)
        return frozenset(person for start, people in ends if starts[start] == most for person in people)

    def _common_starts(self, found: Sequence[Found]) -> Counter[str]:
        labels = [one.hints.label for one in found if one.hints.form in (Form.GITHUB, Form.PLAIN)]
        return Counter(start for label in labels for start, _ in self._ends_of(label))

    def _ends_of(self, label: str) -> Iterator[tuple[str, frozenset[Person]]]:
        label = label.casefold()
        for match in re.finditer(r"[-_. ]", label):
            if (people := self._by_login.get(label[match.end() :])) is not None:
                yield label[: match.end()], people

    @cached_property
    def _by_email(self) -> dict[str, frozenset[Person]]:
        return _index(self.people, lambda person: [person.email.casefold()])

    @cached_property
    def _by_login(self) -> dict[str, frozenset[Person]]:
        """Also by the part of an address before the @, of those who have no login."""
        return _index(self.people, lambda person: person.logins or [person.email.casefold().partition("@")[0]])

    @cached_property
    def _by_id(self) -> dict[str, frozenset[Person]]:
        return _index(self.people, lambda person: [one.casefold() for one in person.ids])

    @cached_property
    def _by_words(self) -> dict[tuple[str, ...], frozenset[Person]]:
        return _index(self.people, lambda person: [words_of(person.name)])

    @cached_property
    def _by_joined(self) -> dict[str, frozenset[Person]]:
        return _index(self.people, lambda person: joined_forms(person.name))


def read_roster(path: Path) -> Roster:
    """Returns the people that a CSV file with a header lists. Gradebooks and worksheets of Canvas and Moodle are such files.

    Raises LadderError, with file and line, if it cannot be read, has no column that is known, or gives one login, email
    or number to two people. Two people may have the same name.
    """
    table = read_csv(path)
    columns = _columns(table)
    people = []
    for row in table.rows[1:]:
        if len(row.cells) > len(table.header.cells):
            counts = f"{len(row.cells)} cells, and the header has {len(table.header.cells)}"
            raise LadderError(f"{path}:{row.line}: has {counts}: put quotes around text with a delimiter in it")
        if row.is_blank or _is_of_the_gradebook(row, columns):
            continue
        people.append(_person(path, row, columns))
    if not people:
        raise LadderError(f"{path}: lists nobody: give a line to each person after the header")
    _refuse_twins(path, people)
    return Roster(tuple(_with_keys(people)))


def _columns(table: CsvText) -> dict[str, list[int]]:
    """Returns where each kind of column is; the same kind may be there more than once."""
    columns: dict[str, list[int]] = {}
    for index, cell in enumerate(table.header.cells):
        for kind, names in _COLUMNS.items():
            if column_key(value_of(cell.value)) in names:
                columns.setdefault(kind, []).append(index)
    if not columns:
        there = ", ".join(value_of(cell.value) for cell in table.header.cells[:8])
        raise LadderError(f"{table.path}:{table.header.line}: no column is known among: {there}. Known are {_WANTED}")
    return columns


def _is_of_the_gradebook(row: Row, columns: Mapping[str, list[int]]) -> bool:
    """Returns whether this is one of the rows of Canvas's gradebook that are about assignments."""
    known = [value_of(row.value(index)) for indices in columns.values() for index in indices]
    return not any(known) or [value for value in known if value] == ["Points Possible"]


def _person(path: Path, row: Row, columns: Mapping[str, list[int]]) -> Person:
    values = {kind: [value_of(row.value(index)) for index in indices] for kind, indices in columns.items()}
    first = {kind: next(filter(None, given), "") for kind, given in values.items()}
    name = first.get("name") or f"{first.get('first', '')} {first.get('last', '')}".strip()
    logins = list(filter(None, values.get("login", [])))
    ids = set(filter(None, values.get("id", [])))
    email, identifier = first.get("email", ""), first.get("identifier", "")
    if (participant := _PARTICIPANT.fullmatch(identifier)) is not None:
        ids.add(participant[1])
    elif "@" in identifier:
        email = email or identifier
    elif identifier:
        ids.add(identifier)
        name = name or identifier
    if not (name or email or logins or ids):
        raise LadderError(f"{path}:{row.line}: names nobody: give one of {_WANTED}")
    return Person("", name, email, logins[0] if logins else "", frozenset(ids), tuple(logins[1:]), row.line)


def _refuse_twins(path: Path, people: Sequence[Person]) -> None:
    kinds: tuple[tuple[str, Callable[[Person], Iterable[str]]], ...] = (
        ("login", lambda person: person.logins),
        ("email", lambda person: [person.email.casefold()]),
        ("number", lambda person: sorted(one.casefold() for one in person.ids)),
    )
    for kind, values_of in kinds:
        lines: dict[str, int] = {}
        for person in people:
            for value in filter(None, values_of(person)):
                line = lines.setdefault(value, person.line)
                if line != person.line:
                    raise LadderError(f"{path}:{person.line}: has the {kind} {value} of line {line}: correct one of them")


def _with_keys(people: Sequence[Person]) -> Iterator[Person]:
    """Yields the people, each with a key that no other has."""
    names = Counter(person.name for person in people)
    for person in people:
        key = person.login or person.email or (person.name if names[person.name] == 1 else "") or min(person.ids, default="")
        yield replace(person, key=key or f"{person.name} (line {person.line})")


def _index(people: Iterable[Person], keys: Callable[[Person], Iterable[_Key]]) -> dict[_Key, frozenset[Person]]:
    """Returns the people by what is true of them. An empty key is true of nobody."""
    index: dict[_Key, set[Person]] = {}
    for person in people:
        for key in filter(None, keys(person)):
            index.setdefault(key, set()).add(person)
    return {key: frozenset(those) for key, those in index.items()}


def _same_name(told: str, known: str, form: Form) -> bool:
    if form is Form.CANVAS:
        return joined(told) in joined_forms(known)
    return words_of(told) == words_of(known)
