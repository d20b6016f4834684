"""What must be done whenever the guest stops or resumes: forget what was read, note what is mapped, change symbols."""

from collections.abc import Iterator
from contextlib import contextmanager

import gdb

from grade.gdb.command import EXPECTED
from grade.gdb.guest import GdbGuest
from grade.gdb.programs import ProgramSymbols
from grade.gdb.pt import PageTables
from grade.gdb.silence import silence


class Follower:
    """Listens to GDB's events."""

    def __init__(self, guest: GdbGuest, tables: PageTables, programs: ProgramSymbols) -> None:
        self._guest, self._tables, self._programs = guest, tables, programs
        self._forget = guest.machine.memory.forget
        self._is_quiet = False
        gdb.events.cont.connect(lambda event: self._forget())
        gdb.events.memory_changed.connect(lambda event: self._forget())
        gdb.events.stop.connect(lambda event: self.stopped())

    def stopped(self) -> None:
        """Notes that the guest has stopped."""
        self._forget()
        if self._is_quiet:
            return
        self._tables.note_stop()
        try:
            guest = self._guest.look()
            is_new = self._programs.follow(guest)
            if is_new and guest.cpu().is_user:
                gdb.execute("frame")  # GDB has just printed the frame without them
        except EXPECTED:
            return  # there is nothing that can be examined, and no symbols change

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Hides the stops within this context: they are only steps on the way to somewhere."""
        self._is_quiet = True
        try:
            with silence():
                yield
        finally:
            self._is_quiet = False
            self._forget()
