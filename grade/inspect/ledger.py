"""What leads to which frame: the frames in use as seen from outside, share for share."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from grade.boot.process_slots import ProcessSlot, has_areas, process_slots
from grade.boot.sight import Sight
from grade.inspect.spaces import live_root
from grade.walker import RadixWalker

_TABLE, _USER_PAGE, _STACK_PAGE, _MAP = "table", "user page", "page of a kernel stack", "map"
_KINDS = (_TABLE, _USER_PAGE, _STACK_PAGE, _MAP)


@dataclass(frozen=True)
class Ledger:
    """The frames in use as seen from outside, by what they are used for."""

    tables: frozenset[int]
    user_pages: frozenset[int]
    stack_pages: frozenset[int]
    maps: frozenset[int]
    """Frames that hold what a process was promised: from lab 5 on."""
    owners: dict[int, list[tuple[str, str]]] = field(compare=False, repr=False)
    """For each frame, everything that leads to it: its kind, and in words."""

    @property
    def frames(self) -> frozenset[int]:
        """All frames of the ledger."""
        return frozenset(self.owners)

    def __str__(self) -> str:
        pages = f"{len(self.user_pages)} user pages, {len(self.stack_pages)} pages of kernel stacks"
        maps = f", {len(self.maps)} maps of processes" if self.maps else ""
        return f"{len(self.frames)} ({len(self.tables)} tables, {pages}{maps})"


def ledger_of(guest: Sight, roots: Iterable[int] = (), held: Iterable[int] = (), slots: Iterable[ProcessSlot] = ()) -> Ledger:
    """Returns what leads to which frame, as for check_frames(), and compares nothing. With `slots`, `roots` are not needed."""
    kernel_root, named = live_root(guest), {root: f"the root {root:#x}" for root in roots}
    maps: dict[int, str] = {}
    known = process_slots(guest) if has_areas(guest) else slots
    if rooted := [(slot.root, slot) for slot in known if slot.root is not None]:
        kernel_root = next((root for root, slot in rooted if slot.pid == 0), kernel_root)
        named = {root: f"process {slot.pid} ({slot.program})" for root, slot in rooted if slot.pid != 0}
        maps = {slot.map: f"what process {slot.pid} ({slot.program}) was promised" for _, slot in rooted if slot.map}
    owners: dict[int, list[tuple[str, str]]] = {}
    for kind, frame, words in _uses(guest, kernel_root, named):
        owners.setdefault(frame, []).append((kind, words))
    for frame, words in maps.items():
        owners.setdefault(frame, []).append((_MAP, words))
    of_kind = {kind: frozenset(frame for frame, uses in owners.items() if uses[0][0] == kind) for kind in _KINDS}
    ledger = Ledger(of_kind[_TABLE], of_kind[_USER_PAGE], of_kind[_STACK_PAGE], of_kind[_MAP], owners)
    for frame in held:
        owners.setdefault(frame, []).append(("held", "held by the kernel's code"))
    return ledger


def _uses(guest: Sight, kernel_root: int, processes: dict[int, str]) -> Iterator[tuple[str, int, str]]:
    """Yields kind, frame and words of each entry that leads to a frame of the allocator's, and of each root."""
    walker, linear = guest.walker(), (guest.layout.offset, guest.layout.device_offset)
    windows, is_split = guest.layout.temp_slots, "high" in walker.halves
    user_slots, upper = walker.root_slots(walker.windows[0]), walker.root_slots(walker.windows[-1])
    upper_root = walker.roots()["high"] if is_split else kernel_root
    for root in {kernel_root, upper_root}:
        yield _TABLE, root, "a root of the kernel's"
    for kind, frame, va in _entries(walker, upper_root, upper):
        if kind == "table":
            yield _TABLE, frame, f"the kernel's table for {va:#x}"
        elif va - frame not in linear and va not in windows:
            yield _STACK_PAGE, frame, f"page {va:#x} of a kernel stack"
    for kind, frame, va in _entries(walker, kernel_root, user_slots):
        if kind == "table":  # the monitor's command `map` makes such entries; what they lead to is not the allocator's
            yield _TABLE, frame, f"the kernel's table for {va:#x}"
    for root, owner in processes.items():
        yield _TABLE, root, f"the root of {owner}"
        for kind, frame, va in _entries(walker, root, user_slots):
            if kind == "table":
                yield _TABLE, frame, f"the table for {va:#x} of {owner}"
            else:
                yield _USER_PAGE, frame, f"the page {va:#x} of {owner}"


def _entries(walker: RadixWalker, root: int, slots: dict[int, int]) -> Iterator[tuple[str, int, int]]:
    """Yields kind, frame and address of each table and page that `slots` of a root lead to; no entries of a repeated table."""
    top, count = walker.windows[0].top, 1 << walker.index_bits
    first, va = next(iter(slots.items()))
    todo, seen = [(top, root, va - (first << walker.shift(top)), list(slots))], {root}
    kinds: dict[tuple[int, int], str] = {}  # for entries that differ only in where their page is
    while todo:
        level, table, start, indexes = todo.pop()
        entries, frame_bits = walker.read_table(table, count) or (), walker.frame_bits(level)
        for index in indexes if entries else ():
            if not (entry := entries[index]):
                continue
            if (kind := kinds.get((level, entry & ~frame_bits))) is None:
                kind = kinds[level, entry & ~frame_bits] = walker.decode(level, entry).kind
            va = start + (index << walker.shift(level))
            if kind == "leaf":
                yield kind, walker.page_address(level, entry), va % (1 << 64)
            elif kind == "table":
                below = walker.table_address(entry)
                yield kind, below, va % (1 << 64)
                if below not in seen:
                    seen.add(below)
                    todo.append((level - 1, below, va, list(range(count))))
