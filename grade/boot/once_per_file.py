"""Reads a file of the build once, although each test boots a guest and asks for it again."""

from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_MOST_FILES = 64


def once_per_file(read: Callable[[Path], T]) -> Callable[[Path], T]:
    """Returns `read`, but done once for each state of a file. What it returns is shared and must not be changed."""

    @lru_cache(_MOST_FILES)
    def known(path: Path, *_: int) -> T:
        return read(path)

    @wraps(read)
    def current(path: Path) -> T:
        state = path.stat()
        return known(path, state.st_ino, state.st_size, state.st_mtime_ns)

    return current
