"""Reads what the name of a download tells: who handed it in, and when.

Moodle, Canvas and GitHub Classroom each put a student's name and number into the names of files and folders. What follows
in such a name was chosen by the student.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from grade.visible import visible

_ARCHIVE = re.compile(r"\.(tar(\.(gz|bz2|xz))?|tgz|tbz2?|txz|zip|7z|rar)$", re.IGNORECASE)
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?P<kind>file|[a-z]+)(?:_(?P<file>.*))?", re.DOTALL)
_CANVAS = re.compile(r"(?P<name>\w+?)_(?P<late>LATE_)?(?P<id>\d+)_\d+_(?P<file>.+)", re.DOTALL)
_CANVAS_WITHOUT_NAMES = re.compile(r"(?P<late>LATE_)?(?P<name>anon_\w+?)_\d+_(?P<file>.+)", re.DOTALL)
_CANVAS_TYPED = re.compile(r"\w+?_(LATE_)?\d+_(text|link)\.html")
_ATTEMPT = re.compile(r"(?P<before>.+?)-(?P<attempt>\d+)(?P<after>(\.[A-Za-z]\w*)+)", re.DOTALL)
_GITHUB_LOGIN = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
_WITHOUT_NAMES = ("participant", "")
"""What Moodle calls everybody whose name is hidden from the person who grades."""


class Form(StrEnum):
    """Where a download's name comes from."""

    MOODLE = "Moodle"
    CANVAS = "Canvas"
    GITHUB = "GitHub Classroom"
    GRADESCOPE = "Gradescope"
    PLAIN = "a plain name"


@dataclass(frozen=True)
class Hints:
    """What a download's name tells about the person. Each is empty if the name does not say it."""

    form: Form
    label: str
    """The name itself, without the ending of an archive, made harmless for a terminal."""
    name: str = ""
    """The person's name: "Jane Doe", or in Canvas's form "doejane"."""
    login: str = ""
    email: str = ""
    id: str = ""
    """Digits: Moodle's participant, Canvas's user; in Gradescope whatever the course calls a student's ID."""
    late: bool = False
    attempt: int | None = None
    """Which upload of several under one name; the first has none."""


@dataclass(frozen=True)
class Named:
    """A name that was read. `file` is the student's own part of it; `typed` for text typed into the website."""

    hints: Hints
    file: str = ""
    typed: bool = False


def read_name(name: str) -> Named:
    """Returns what the name of a file or folder in a download tells."""
    label = _plain_text(without_ending(name))
    if (moodle := _MOODLE.fullmatch(name)) is not None:
        person = _plain_text(moodle["name"])
        person = "" if person.casefold() in _WITHOUT_NAMES else person
        return Named(Hints(Form.MOODLE, label, person, id=moodle["id"]), moodle["file"] or "", moodle["kind"] != "file")
    if _CANVAS_TYPED.fullmatch(name) is not None:
        return Named(Hints(Form.CANVAS, label), typed=True)
    if (hidden := _CANVAS_WITHOUT_NAMES.fullmatch(name)) is not None:
        return Named(Hints(Form.CANVAS, label, login=hidden["name"], late=bool(hidden["late"])), hidden["file"])
    if (canvas := _CANVAS.fullmatch(name)) is not None:
        hints = Hints(Form.CANVAS, label, canvas["name"], id=canvas["id"], late=bool(canvas["late"]))
        return Named(hints, canvas["file"])
    return Named(Hints(Form.PLAIN, label, name=label, login=label))


def attempt_of(file: str) -> tuple[str, int]:
    """Returns a file's name as it was at the first upload, and which upload this one is, from 0.

    Canvas calls the second upload of lab3.tar.gz lab3-1.tar.gz. A name that a student chose can look the same, so this
    means something only beside another file whose name was the same at first.
    """
    if (match := _ATTEMPT.fullmatch(file)) is None:
        return file, 0
    return match["before"] + match["after"], int(match["attempt"][:9])


def has_archive_ending(name: str) -> bool:
    """Returns whether the name ends as those of archives do, also of those that Pagewalk cannot read."""
    return _ARCHIVE.search(name) is not None


def without_ending(name: str) -> str:
    """Returns the name without the ending of an archive."""
    return _ARCHIVE.sub("", name) or name


def logins_of_clones(names: Sequence[str]) -> list[str]:
    """Returns the logins in the names of clones by GitHub Classroom (lab-3-alice, lab-3-bob).

    All begin with the assignment's name, so what they have in common up to a hyphen is left out. Returns the names
    unchanged if there is no such beginning.
    """
    start = os.path.commonprefix([name.casefold() for name in names])
    start = start[: start.rfind("-") + 1]
    logins = [name[len(start) :] for name in names]
    return logins if start and all(_GITHUB_LOGIN.fullmatch(login) for login in logins) else list(names)


def _plain_text(text: str) -> str:
    """Returns the text on one line, with nothing invisible in it."""
    return " ".join(visible(text).split())
