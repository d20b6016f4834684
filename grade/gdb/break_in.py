"""break-in: a breakpoint in one process. The same virtual address is other code in another one."""

from collections.abc import Sequence

import gdb
from grade.boot.guest import Guest
from grade.gdb.command import PagingCommand, usage
from grade.inspect.spaces import space_called

_ROOT = {
    "x86_64": "((unsigned long)$cr3 & 0xffffffffff000)",  # Intel SDM vol. 3, 4.5.2
    "aarch64": "((unsigned long)$TTBR0_EL1 & 0xfffffffffffe)",  # Arm ARM D17.2.144, BADDR
}


class BreakIn(PagingCommand):
    """break-in PID WHERE: stops at WHERE (a function, file:line, *ADDRESS) only while the root of PID is loaded.

    The breakpoint is a hardware breakpoint, so nothing is written to memory, and the page need not be there yet."""

    name = "break-in"
    takes_pid = True

    def lines(self, guest: Guest, words: Sequence[str]) -> list[str]:
        """What to print."""
        if len(words) < 2:
            raise usage("break-in PID WHERE")
        space = space_called(guest, words[0])
        where = " ".join(words[1:])
        said = gdb.execute(f"hbreak {where} if {_ROOT[guest.isa]} == {space.root:#x}", to_string=True)
        return [*said.strip().splitlines(), f"only in {space.label}, root {space.root:#x}"]
