"""Reads who handed in what from submission_metadata.yml, which Gradescope puts beside the submissions that it exports.

Only the names at the beginning of each submission are read. Further down that file holds text of students' programs, which
is indented more deeply and cannot look like them.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grade.ladder.labs import LadderError
from grade.visible import visible

METADATA = "submission_metadata.yml"
_LARGEST = 256 << 20
_SUBMISSION = re.compile(r"(submission_\d+):")
_FIELD = re.compile(r"(?:  - |    ):(name|sid|email): ?(.*)")


@dataclass(frozen=True)
class Submitter:
    """One of the people who handed in a submission."""

    name: str = ""
    sid: str = ""
    email: str = ""


def read_submitters(folder: Path) -> dict[str, list[Submitter]]:
    """Returns the people of each submission, by the name of its folder; nothing if Gradescope did not make `folder`.

    Raises LadderError if the file cannot be read.
    """
    path = folder / METADATA
    if path.is_symlink() or not path.is_file():
        return {}
    try:
        if path.stat().st_size > _LARGEST:
            raise LadderError(f"{path}: is larger than {_LARGEST >> 20} MiB: not as Gradescope makes it")
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as error:
        raise LadderError(f"{path}: cannot be read: {error.strerror}") from error
    return dict(_submissions(lines))


def _submissions(lines: list[str]) -> Iterator[tuple[str, list[Submitter]]]:
    for number, line in enumerate(lines):
        if (start := _SUBMISSION.fullmatch(line.rstrip())) and lines[number + 1 : number + 2] == ["  :submitters:"]:
            yield start[1], list(_submitters(lines, number + 2))


def _submitters(lines: list[str], first: int) -> Iterator[Submitter]:
    fields: dict[str, str] = {}
    for line in lines[first:]:
        if (match := _FIELD.fullmatch(line.rstrip())) is None:
            break
        if line.startswith("  -") and fields:
            yield Submitter(**fields)
            fields = {}
        fields[match[1]] = _text(match[2])
    if fields:
        yield Submitter(**fields)


def _text(scalar: str) -> str:
    """Returns what a YAML value on one line stands for, harmless for a terminal."""
    if scalar[:1] == "'" == scalar[-1:]:
        scalar = scalar[1:-1].replace("''", "'")
    elif scalar[:1] == '"':
        try:
            scalar = str(json.loads(scalar))
        except ValueError:
            scalar = scalar.strip('"')
    return " ".join(visible(scalar).split())
