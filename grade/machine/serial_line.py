"""The guest's serial line: two pipes, and the text that has come through so far."""

import codecs
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO


class SerialLine:
    """Collects what the guest prints and types what the caller sends.

    The guest waits when the pipe is full, so the caller that lets it run must call `drain` often.
    """

    def __init__(self, from_guest: IO[bytes], to_guest: IO[bytes], limit: int, keep: Path | None) -> None:
        """Keeps at most `limit` bytes; the file `keep` gets a copy of them at once. Raises OSError."""
        self._from_guest = from_guest.fileno()
        self._to_guest = to_guest.fileno()
        os.set_blocking(self._from_guest, False)
        os.set_blocking(self._to_guest, False)
        self._limit = limit
        self._copy: BinaryIO | None = keep.open("wb", buffering=0) if keep else None
        self._untyped = b""
        self._total = 0
        self._pieces: list[str] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._searched = 0

    def copy_to(self, file: BinaryIO) -> None:
        """Copies all further text to `file` at once, instead of `keep`; closes `file` at the end."""
        self.close()
        self._copy = file

    def text(self) -> str:
        """Returns all the text so far; bytes that are not UTF-8 become U+FFFD."""
        self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    @property
    def flooded(self) -> bool:
        """True once the guest has printed more than the limit."""
        return self._total > self._limit

    def drain(self) -> bool:
        """Takes what has arrived and types what is still to be sent, without waiting.

        Returns whether anything arrived.
        """
        self._type()
        before = self._total
        for data in self._arrived():
            data, excess = data[: max(0, self._limit - self._total)], len(data)
            self._total += excess
            self._pieces.append(self._decoder.decode(data))
            if self._copy:
                self._copy.write(data)
        return self._total > before

    def find(self, wanted: str) -> bool:
        """Looks for `wanted` after the place where the last search ended; moves that place past it."""
        position = self.text().find(wanted, self._searched)
        if position < 0:
            return False
        self._searched = position + len(wanted)
        return True

    def ends_with(self, wanted: str) -> bool:
        """Returns whether the guest's last output is `wanted`, and nothing is left to be typed."""
        return not self._untyped and self.text().endswith(wanted)

    def send(self, text: str) -> None:
        """Types `text`. The guest gets it when it next runs and reads."""
        self._untyped += text.encode()
        self._type()

    def close(self) -> None:
        """Closes the copy. The pipes belong to the process."""
        if self._copy:
            self._copy.close()

    def _type(self) -> None:
        if self._untyped:
            try:
                self._untyped = self._untyped[os.write(self._to_guest, self._untyped) :]
            except (BlockingIOError, BrokenPipeError):
                return

    def _arrived(self) -> Iterator[bytes]:
        try:
            while data := os.read(self._from_guest, 65536):
                yield data
        except BlockingIOError:
            return
