"""break-in: a breakpoint in one process. The same virtual address is other code in another process."""

from collections.abc import Sequence
from pathlib import Path

import gdb

from grade.boot.sight import Sight
from grade.gdb.command import PagingCommand, usage
from grade.gdb.guest import GdbGuest, answer
from grade.gdb.programs import ProgramSymbols
from grade.gdb.silence import silence
from grade.inspect.spaces import space_called


class BreakIn(PagingCommand):
    """break-in PID WHERE: stops at WHERE (a function, file:line, *ADDRESS) only while the root of PID is loaded.

    Names are those of the program that PID runs now, then the kernel's. The breakpoint is a hardware breakpoint, so
    nothing is written to memory, and the page need not be there yet."""

    name = "break-in"
    takes_pid = True

    def __init__(self, guest: GdbGuest, programs: ProgramSymbols) -> None:
        super().__init__(guest)
        self._programs = programs

    def lines(self, guest: Sight, words: Sequence[str]) -> list[str]:
        """Returns what to print."""
        if len(words) < 2:
            raise usage("break-in PID WHERE")
        space = space_called(guest, words[0])
        where = " ".join(words[1:])
        with silence():
            with self._programs.of(space) as file:
                at = _in_program(where, file)
            # By address: GDB looks a name up again whenever symbols change, and finds another program's.
            said = [
                _stop(place, f"{guest.isa.paging.root_in_gdb} == {space.root:#x}")
                for place in [f"*{pc:#x}" for pc in at] or [where]
            ]
        named = [f"{where} is {pc:#x} in {file.name}" for pc in at if file is not None]
        return [*"\n".join(said).splitlines(), *named, f"only in {space.label}, root {space.root:#x}"]


def _stop(place: str, condition: str) -> str:
    """Sets the breakpoint; returns what GDB says. GdbError if GDB has none to set, which is no error to it."""
    before = len(gdb.breakpoints())
    said = answer(f"hbreak {place} if {condition}").strip()
    if len(gdb.breakpoints()) == before:
        raise gdb.GdbError(f"break-in: {said.splitlines()[0] if said else f'there is no {place}'}")
    return said


def _in_program(where: str, file: Path | None) -> list[int]:
    """Returns the addresses of WHERE in a user program; none if the program does not have it."""
    if file is None or where.startswith("*"):
        return []
    try:
        found = gdb.decode_line(where)[1] or ()
    except gdb.error:
        return []
    named = ((sal.pc, sal.symtab.objfile.filename) for sal in found if sal.symtab is not None)
    return [pc for pc, name in named if name is not None and Path(name) == file]
