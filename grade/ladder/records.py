"""Keeps below build/ what took long to find out, for the next process, and rejects any record that is damaged.

A record is found by everything that its content depends on, and begins with a checksum of that and of the content: one
that was damaged, cut short, or written for something else is ignored. Where nothing can be written, nothing is kept.
"""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

_MOST = 400
"""The most records in one folder; the oldest are removed."""
_SUFFIX = ".record"


class Records:
    """The records in one folder, which is made when the first one is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, *depends_on: str) -> str | None:
        """Returns what was kept under this key, or None."""
        try:
            checksum, _, content = self._path(depends_on).read_bytes().partition(b"\n")
        except OSError:
            return None
        if checksum != _checksum(depends_on, content):
            return None
        return content.decode("utf-8", "surrogateescape")

    def write(self, content: str, *depends_on: str) -> None:
        """Keeps `content` under this key, if possible."""
        data = content.encode("utf-8", "surrogateescape")
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, fresh = tempfile.mkstemp(dir=self._folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_checksum(depends_on, data) + b"\n" + data)
                os.replace(fresh, self._path(depends_on))
            except BaseException:
                os.unlink(fresh)
                raise
            self._forget_oldest()

    def _path(self, depends_on: tuple[str, ...]) -> Path:
        return self._folder / f"{_checksum(depends_on, b'')[:40].decode()}{_SUFFIX}"

    def _forget_oldest(self) -> None:
        records = [entry for entry in os.scandir(self._folder) if entry.name.endswith(_SUFFIX)]
        if len(records) > _MOST:
            records.sort(key=lambda entry: entry.stat().st_mtime_ns)
            for entry in records[: len(records) - _MOST]:
                os.unlink(entry.path)


def _checksum(depends_on: tuple[str, ...], content: bytes) -> bytes:
    digest = hashlib.sha256()
    for part in (*(text.encode("utf-8", "surrogateescape") for text in depends_on), content):
        digest.update(b"%d:" % len(part) + part)  # with lengths, so that no two keys run together
    return digest.hexdigest().encode()
