"""What has to be done whenever the guest stops or goes on: forget what was read, note what is mapped, change symbols."""

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
        """The guest has stopped somewhere."""
        self._forget()
        if self._is_quiet:
            return
        self._tables.note_stop()
        try:
            guest = self._guest.look()
            is_new = self._programs.follow(guest)
            if is_new and guest.cpu().is_user:
                gdb.execute("frame")  # what GDB has just said was said without them
        except EXPECTED:
            return  # there is nothing that can be looked at, and no symbols change

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Within this context stops are on the way to somewhere, and nobody sees them."""
        self._is_quiet = True
        try:
            with silence():
                yield
        finally:
            self._is_quiet = False
            self._forget()
