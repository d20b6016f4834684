"""Knows files again: what is run and read later has to be what was built."""

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from grade.ladder.labs import LadderError
from grade.ladder.plain_file import LARGEST_PROGRAM, read_plain

_MOST_KNOWN = 1024


class NotAsBuilt(Exception):
    """A file is not the one that was built."""


def digests_of(paths: Iterable[Path]) -> dict[str, str]:
    """Returns what tells each file from any other. LadderError for what is no plain file."""
    return {str(path): _digest(path) for path in paths}


def check_digests(digests: Mapping[str, str], *, read_once: str = "") -> None:
    """Raises NotAsBuilt, which names the file, unless each has the content that it had when digests_of() saw it.

    Files in a folder with the name `read_once`, which are many, are read again only if their time of change is another.
    """
    for path, digest in digests.items():
        try:
            seen = (_digest_once if Path(path).parent.name == read_once else _digest)(Path(path))
        except (LadderError, OSError) as error:
            raise NotAsBuilt(f"{path} is not the file that was built: {error}") from error
        if seen != digest:
            raise NotAsBuilt(f"{path} is not the file that was built: something has replaced or changed it since")


def _digest(path: Path) -> str:
    return hashlib.sha256(read_plain(path, LARGEST_PROGRAM)).hexdigest()


def _digest_once(path: Path) -> str:
    state = path.lstat()
    return _known(path, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


@lru_cache(_MOST_KNOWN)
def _known(path: Path, *_: int) -> str:
    return _digest(path)
