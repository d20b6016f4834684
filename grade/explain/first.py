"""The first exception that should not have been taken, and the guest as it was then, in words."""

from grade.boot.sight import Sight
from grade.diagnosis.hindsight import Unexpected
from grade.explain.expected import ENDLESS, passed_before
from grade.inspect.names import Names
from grade.inspect.spaces import walker_of
from grade.isa.exceptions import Kind, Taken
from grade.machine.exception_log import ExceptionLog
from grade.walker import explain

_SHOWN = 4  # exceptions, from the first on
_LOW = "(low)"


def describe_first(first: Unexpected, log: ExceptionLog, index: int) -> list[str]:
    """Describes the exceptions from the one at `index` on. After one of a process's, the others continue normally."""
    lines = []
    if before := passed_before(log, index):
        lines.append(f"before it: {before}")
    of_interest = [repeated for repeated in log.taken[index:] if repeated.taken.kind is not Kind.INTERRUPT]
    shown = of_interest[: 1 if first.taken.user else _SHOWN]
    for number, repeated in enumerate(shown, start=1):
        taken = repeated.taken
        lines.append(f"{number}. {taken.what}")
        if taken.kind is not Kind.RESET:
            lines.append(f"   {_by(first.guest, taken)}")
        if repeated.times > (1 if not taken.user else ENDLESS):  # siblings die alike
            lines.append(f"   then the same {repeated.times - 1:,} times more")
    if log.is_cut_short:
        lines.append("... and so on, without end: the machine was stopped")
    elif len(of_interest) > len(shown) > 1:
        lines.append(f"... and {len(of_interest) - len(shown):,} more")
    space = first.space
    lines.append(f"the root was {space.root:#x}" + (f", of {space.label}" if space.slot is not None else ""))
    return lines


def _by(guest: Sight, taken: Taken) -> str:
    """Returns who did what: the instruction, and the address if that is another one."""
    who = "user code" if taken.user else "the kernel"
    place = "" if taken.user else guest.place(taken.pc)
    other = taken.address not in (None, taken.pc)
    at = f"by {who} at {taken.pc:#x}" + (f", {place}" if place else "")
    return at + (f"; address {taken.address:#x}" if other else "")


def walk_of(first: Unexpected) -> list[str]:
    """Returns how its address translated then, and what the address is. Empty if it was about no address."""
    address = first.taken.address
    if address is None:
        return []
    space = first.space
    name = Names(first.guest, space).of(address)
    if name.endswith(_LOW) and first.taken.user:  # what the kernel once had there does not concern a process
        name = ""
    lines = explain(walker_of(first.guest, space).walk(address)).splitlines()
    return [*lines, f"{address:#x} is in: {name}" if name else f"{address:#x} is in nothing that has a name"]
