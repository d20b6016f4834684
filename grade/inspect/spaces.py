"""The address spaces of a guest: the kernel's, and one for each process."""

from dataclasses import dataclass

from grade.boot.layout import PAGE
from grade.boot.process_slots import ProcessSlot, process_slots
from grade.boot.sight import Sight
from grade.walker import RadixWalker


class NoSuchSpace(Exception):
    """There is no process, or no root, with that name. str() says what there is."""


@dataclass(frozen=True)
class Space:
    """An address space: its name, and where its root table is. `slot` is None if no process has it."""

    label: str
    root: int
    slot: ProcessSlot | None = None


def live_root(guest: Sight) -> int:
    """Returns the root that the CPU uses now for user addresses."""
    roots = guest.cpu().roots
    return roots.get("user", roots["kernel"])


def spaces(guest: Sight) -> list[Space]:
    """Returns all address spaces, first the kernel's own, of process 0; also the live root if it is none of these."""
    found = [Space(_label(slot), slot.root, slot) for slot in process_slots(guest) if slot.root is not None]
    root = live_root(guest)
    if root not in {space.root for space in found}:
        found.append(Space("the root in the register", root))
    return found


def live_space(guest: Sight) -> Space:
    """Returns the space that the CPU uses now."""
    root = live_root(guest)
    return next(space for space in spaces(guest) if space.root == root)


def space_called(guest: Sight, name: str) -> Space:
    """Returns the space of a process by its PID, or of a root by its physical address (0x...). Raises NoSuchSpace."""
    try:
        number = int(name, 0)
    except ValueError as error:
        raise NoSuchSpace(f"{name} is neither a PID nor the physical address of a root (0x...)") from error
    known = spaces(guest)
    by_pid = [space for space in known if space.slot is not None and space.slot.pid == number]
    by_root = [space for space in known if space.root == number]
    if by_pid or by_root:
        return (by_root if name.startswith("0x") and by_root else by_pid or by_root)[0]
    if number >= PAGE and number % PAGE:
        raise NoSuchSpace(f"{name} is no root: that begins where a page does, as at {number - number % PAGE:#x}")
    if number >= PAGE:
        return Space(f"the root {number:#x}", number)
    pids = ", ".join(str(space.slot.pid) for space in known if space.slot is not None)
    raise NoSuchSpace(f"no process {number} has an address space" + (f"; these have: {pids}" if pids else ""))


def walker_of(guest: Sight, space: Space) -> RadixWalker:
    """Returns a walker as it would be with the space's root loaded."""
    return guest.walker().with_root(space.root)


def _label(slot: ProcessSlot) -> str:
    return "the kernel" if slot.pid == 0 else str(slot)
