"""Reads what QEMU logs about each exception of a running guest, only as long as it is needed.

A guest that faults for ever fills a disk within minutes, so the text comes through a pipe, is read as it comes and is
not kept; after a limit of exceptions the guest is stopped.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread

from grade.isa import Isa
from grade.isa.exceptions import Kind, Taken

_MOST_OF_KERNEL = 1000  # exceptions of the kernel's own, without interrupts: a sound kernel takes a handful
_MOST_TEXT = 64 << 20  # bytes; a run of user programs has many expected exceptions
_END = b"the guest stands still\n"


@dataclass
class Repeated:
    """The same exception, several times in a row."""

    taken: Taken
    times: int


class ExceptionLog:
    """The log of one run. QEMU writes to `input`; call `finish` when the guest has stopped, `close` at the end."""

    def __init__(self, isa: Isa) -> None:
        self._output, self.input = os.pipe()
        self._format = isa.exception_reader()
        self._of_kernel = self._bytes = 0
        self._complete = Event()
        self.taken: list[Repeated] = []
        self.is_cut_short = False
        """Whether the guest was stopped because it took too many exceptions."""
        self._stop_guest: Callable[[], None] = lambda: None
        self._reader = Thread(target=self._read, daemon=True)

    def follow(self, stop_guest: Callable[[], None]) -> None:
        """Begins to read. `stop_guest` is called, from another thread, when reading on is of no use."""
        self._stop_guest = stop_guest
        self._reader.start()

    def finish(self) -> None:
        """Returns when everything that the guest has caused has been read. The guest must be stopped."""
        os.write(self.input, b"\n" + _END)
        self._complete.wait()

    def close(self) -> None:
        """Closes the log. QEMU must have ended."""
        os.close(self.input)
        if self._reader.ident is not None:
            self._reader.join()
        os.close(self._output)

    def _read(self) -> None:
        rest = b""
        while data := os.read(self._output, 1 << 16):
            if self._complete.is_set():  # the guest has been resumed: it must not wait for us
                continue
            text = rest + data
            is_end = text.endswith(_END)
            if not self.is_cut_short:
                *lines, rest = text.split(b"\n")
                self._take(lines)
            else:
                rest = text[-len(_END) :]
            if is_end:
                self._complete.set()

    def _take(self, lines: list[bytes]) -> None:
        for line in lines:
            self._bytes += len(line)
            taken = self._format.take(line.decode(errors="replace"))
            if taken is not None:
                self._note(taken)
        if self._of_kernel > _MOST_OF_KERNEL or self._bytes > _MOST_TEXT:
            self.is_cut_short = True
            self._stop_guest()

    def _note(self, taken: Taken) -> None:
        self._of_kernel += not taken.user and taken.kind is not Kind.INTERRUPT
        if self.taken and self.taken[-1].taken == taken:
            self.taken[-1].times += 1
        else:
            self.taken.append(Repeated(taken, 1))
