"""Opens what another may have put in the place of a file: a plain file within a size, and never what a link leads to."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from grade.ladder.labs import LadderError

LARGEST_TEXT = 64 << 20
LARGEST_PROGRAM = 256 << 20
_ADVICE = "no tool of a sound build leaves that, so it is not graded; read what was handed in"


def open_plain(path: Path, largest: int, within: Path | None = None) -> BinaryIO:
    """Opens a file of at most `largest` bytes for reading; it does not wait for who would write to a pipe.

    `within` is a folder above it, its own by default, that cannot have been replaced: below it no link is followed.
    LadderError, with the path, if it is anything but a plain file, or larger; FileNotFoundError if there is none.
    """
    place = within or path.parent
    real = place.resolve() / path.relative_to(place)
    try:
        handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:  # of a link ELOOP, of a socket ENXIO
        raise LadderError(f"{path} is no plain file ({error.strerror}): {_ADVICE}") from error
    try:
        seen = os.fstat(handle)
        if not stat.S_ISREG(seen.st_mode) or os.readlink(f"/proc/self/fd/{handle}") != str(real):
            raise LadderError(f"{path} is no plain file, or is reached by a link: {_ADVICE}")
        if seen.st_size > largest:
            raise LadderError(f"{path} has {seen.st_size} bytes, and may have {largest}: {_ADVICE}")
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_plain(path: Path, largest: int = LARGEST_TEXT, within: Path | None = None) -> bytes:
    """Returns what is in the file, opened in the same way; at most `largest` bytes even if it grows meanwhile."""
    with open_plain(path, largest, within) as file:
        return file.read(largest)
