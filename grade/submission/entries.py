"""The contents of a submission, whatever its form: names, kinds, and what was read of each file.

Nothing of a submission is ever unpacked. A reader lists it as entries, within limits, and keeps only the contents of
those few files that could be taken.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from grade.ladder.labs import LadderError

LARGEST_FILE = 1 << 20
"""The most bytes of a file. The largest file that a student owns has a hundredth of that."""
MOST_ENTRIES = 100_000
MOST_BYTES = 512 << 20
"""The most bytes of all files, unpacked: more than a student's clone has with everything that was built in it."""
_MOST_KEPT, _MOST_KEPT_BYTES = 1000, 32 << 20

Wanted = Callable[[str], bool]
"""Returns whether a file of this name could be taken, so that its contents must be kept."""


class Kind(StrEnum):
    """The kinds of things that a name can stand for, in words."""

    FILE = "a file"
    FOLDER = "a folder"
    LINK = "a symbolic link"
    HARD_LINK = "a hard link"
    DEVICE = "a device"
    PIPE = "a named pipe"
    SOCKET = "a socket"
    SUBMODULE = "a submodule"
    SPARSE = "a file with gaps"
    ENCRYPTED = "an encrypted file"
    OTHER = "nothing that has contents"


@dataclass(frozen=True)
class Entry:
    """One name of a submission. In names that are not UTF-8, each wrong byte is a surrogate."""

    name: str
    kind: Kind
    size: int = 0
    digest: str = ""
    """For a file that is not too large: git's name for its contents."""
    content: bytes | None = None
    """For a file that is wanted, and not too large."""


def blob_id(content: bytes, like: str = "") -> str:
    """Returns git's name for these contents: by SHA-1, or by SHA-256 if `like` is such a name."""
    algorithm = hashlib.sha256 if len(like) == 64 else hashlib.sha1
    return algorithm(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


class Budget:
    """Counts what is read of a submission. LadderError once it is too much."""

    def __init__(self) -> None:
        self._entries = self._bytes = self._kept = self._kept_bytes = 0

    def take_entry(self) -> None:
        """Counts one more name."""
        self._entries += 1
        if self._entries > MOST_ENTRIES:
            raise LadderError(f"holds more than {MOST_ENTRIES} files and folders: not read any further")

    def take_bytes(self, count: int) -> None:
        """Counts so many more bytes, read or unpacked."""
        self._bytes += count
        if self._bytes > MOST_BYTES:
            raise LadderError(f"unpacks to more than {MOST_BYTES >> 20} MiB: not read any further")

    def file_entry(self, name: str, content: bytes, wanted: Wanted) -> Entry:
        """Returns the entry of an ordinary file; `content` is all of it, or more than LARGEST_FILE bytes."""
        if len(content) > LARGEST_FILE:
            return Entry(name, Kind.FILE, len(content))
        if not wanted(name):
            return Entry(name, Kind.FILE, len(content), blob_id(content))
        self._kept, self._kept_bytes = self._kept + 1, self._kept_bytes + len(content)
        if self._kept > _MOST_KEPT or self._kept_bytes > _MOST_KEPT_BYTES:
            raise LadderError("holds the files that students own again and again: not read any further")
        return Entry(name, Kind.FILE, len(content), blob_id(content), content)
