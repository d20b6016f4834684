"""The forms of a submission: a folder, an archive, or a revision of a git repository."""

from collections.abc import Sequence
from pathlib import Path

from grade.ladder.labs import LadderError
from grade.submission.archive import read_archive
from grade.submission.entries import Entry
from grade.submission.folder import read_folder
from grade.submission.revision import read_revision


def read_source(source: str, wanted: Sequence[str]) -> list[Entry]:
    """Returns everything in the submission `source`, with the contents of the files whose names end in one of `wanted`.

    Raises LadderError if it cannot be read, or is too much.
    """
    try:
        return _read(source, tuple(wanted))
    except LadderError as error:
        raise LadderError(f"{source}: {error}") from error


def _read(source: str, wanted: tuple[str, ...]) -> list[Entry]:
    path = Path(source)
    if path.is_dir():
        return read_folder(path, lambda name: name.endswith(wanted))
    if path.is_file():
        return read_archive(path, wanted)
    if path.exists():
        raise LadderError("is neither a folder nor a file")
    folder, colon, revision = source.partition(":")
    if colon and not Path(folder).is_dir():
        raise LadderError(f"there is no folder {folder}")
    place, name = (Path(folder), revision) if colon else (Path.cwd(), source)
    entries = read_revision(place, name, lambda name: name.endswith(wanted))
    if entries is None:
        where = f"the git repository {folder}" if colon else "the git repository here"
        raise LadderError(f"there is no such file or folder, and {where} has no revision {name}")
    return entries
