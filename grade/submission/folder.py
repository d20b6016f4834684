"""A student's clone, as a folder on this machine. Links in it are reported and not followed."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from grade.ladder.labs import LadderError
from grade.submission.entries import LARGEST_FILE, Budget, Entry, Kind, Wanted

_NOT_LOOKED_INTO = ("build", ".git")
_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.FOLDER,
    stat.S_IFLNK: Kind.LINK,
    stat.S_IFBLK: Kind.DEVICE,
    stat.S_IFCHR: Kind.DEVICE,
    stat.S_IFIFO: Kind.PIPE,
    stat.S_IFSOCK: Kind.SOCKET,
}


def read_folder(folder: Path, wanted: Wanted) -> list[Entry]:
    """Returns everything below `folder` except what was built there and git's own. LadderError if it is too much."""
    budget = Budget()
    try:
        return list(_below(folder, "", budget, wanted))
    except RecursionError:
        raise LadderError("holds folders in folders without end") from None


def _below(folder: Path, prefix: str, budget: Budget, wanted: Wanted) -> Iterator[Entry]:
    try:
        listed = sorted(os.scandir(folder), key=lambda found: found.name)
    except OSError as error:
        raise LadderError(f"{prefix or folder} cannot be read: {error.strerror}") from error
    for found in listed:
        budget.take_entry()
        name = prefix + found.name
        try:
            entry = _entry(found, name, budget, wanted)
        except OSError as error:
            raise LadderError(f"{name} cannot be read: {error.strerror}") from error
        yield entry
        if entry.kind is Kind.FOLDER and found.name not in _NOT_LOOKED_INTO:
            yield from _below(Path(found.path), f"{name}/", budget, wanted)


def _entry(found: os.DirEntry[str], name: str, budget: Budget, wanted: Wanted) -> Entry:
    seen = found.stat(follow_symlinks=False)
    kind = _KINDS.get(stat.S_IFMT(seen.st_mode), Kind.OTHER)
    if kind is not Kind.FILE:
        return Entry(name, kind)
    if seen.st_nlink > 1:  # a second name for a file that may be anybody's
        return Entry(name, Kind.HARD_LINK)
    # Not a link and not a pipe, even if it has become one since.
    with os.fdopen(os.open(found.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        content = file.read(LARGEST_FILE + 1)
    budget.take_bytes(len(content))
    return budget.file_entry(name, content, wanted)
