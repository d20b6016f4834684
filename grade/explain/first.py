"""The first exception that should not have been taken, and the guest as it was then, in words."""

from dataclasses import dataclass

from grade.boot.sight import Sight
from grade.diagnosis.fault_cause import Attempt, cause_of_fault
from grade.explain.exception_log import ExceptionLog
from grade.explain.expected import ENDLESS, passed_before
from grade.inspect.names import Names
from grade.inspect.spaces import Space, live_root, spaces, walker_of
from grade.isa.exceptions import Kind, Taken
from grade.walker import explain

_SHOWN = 4  # exceptions, from the first on
_LOW = "(low)"


@dataclass(frozen=True)
class First:
    """Exception `index` of the log. `guest` stands at its handler, if `is_then`; else it is as it was at the end."""

    log: ExceptionLog
    index: int
    guest: Sight
    is_then: bool

    @property
    def taken(self) -> Taken:
        """The exception."""
        return self.log.taken[self.index].taken

    @property
    def space(self) -> Space:
        """The address space in which it was taken. A guest that stands there has its own roots: frames are not the log's."""
        root = live_root(self.guest) if self.is_then or self.taken.root is None else self.taken.root
        known = next((space for space in spaces(self.guest) if space.root == root), None)
        return known or Space("", root)

    def cause_in_kernel(self) -> str | None:
        """Why the kernel could not access the address; None if it is not about an address."""
        taken = self.taken
        if taken.address is None or taken.access is None:
            return None
        moved = max(taken.pc, self.guest.cpu().sp) >= self.guest.offset
        return cause_of_fault(self.guest, Attempt(taken.address, taken.access, moved))


def describe_first(first: First) -> list[str]:
    """Exception by exception, from the first one on. After one of a process's, the others go on as if nothing was."""
    log, lines = first.log, []
    if before := passed_before(log, first.index):
        lines.append(f"before it: {before}")
    of_interest = [repeated for repeated in log.taken[first.index :] if repeated.taken.kind is not Kind.INTERRUPT]
    shown = of_interest[: 1 if first.taken.user else _SHOWN]
    for number, repeated in enumerate(shown, start=1):
        taken = repeated.taken
        lines.append(f"{number}. {taken.what}")
        if taken.kind is not Kind.RESET:
            lines.append(f"   {_by(first.guest, taken)}")
        if repeated.times > (1 if not taken.user else ENDLESS):  # brothers die alike, too
            lines.append(f"   then the same {repeated.times - 1:,} times more")
    if log.is_cut_short:
        lines.append("... and so on, without end: the machine was stopped")
    elif len(of_interest) > len(shown) > 1:
        lines.append(f"... and {len(of_interest) - len(shown):,} more")
    space = first.space
    lines.append(f"the root was {space.root:#x}" + (f", of {space.label}" if space.slot is not None else ""))
    return lines


def _by(guest: Sight, taken: Taken) -> str:
    """Who did what: the instruction, and the address if that is another one."""
    who = "user code" if taken.user else "the kernel"
    place = "" if taken.user else guest.place(taken.pc)
    other = taken.address not in (None, taken.pc)
    at = f"by {who} at {taken.pc:#x}" + (f", {place}" if place else "")
    return at + (f"; address {taken.address:#x}" if other else "")


def walk_of(first: First) -> list[str]:
    """How its address translated then, and what the address is. Nothing if it was about no address."""
    address = first.taken.address
    if address is None:
        return []
    space = first.space
    name = Names(first.guest, space).of(address)
    if name.endswith(_LOW) and first.taken.user:  # that the kernel once had something there is no matter to a process
        name = ""
    lines = explain(walker_of(first.guest, space).walk(address)).splitlines()
    return [*lines, f"{address:#x} is in: {name}" if name else f"{address:#x} is in nothing that has a name"]
