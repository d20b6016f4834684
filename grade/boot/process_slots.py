"""The processes of a guest and what memory each was promised, read from the kernel's own records in guest RAM."""

from dataclasses import dataclass

from grade.boot.layout import PAGE
from grade.boot.sight import Sight
from grade.results.failure import expect, expect_found

_SLOTS = ("kernel/process/process.cc", "g_slots")


@dataclass(frozen=True)
class Area:
    """A range of pages that a process was promised: the addresses from `start` up to, but not including, `end`."""

    start: int
    end: int
    protection: str
    kind: str

    def __str__(self) -> str:
        return f"{self.start:#x}-{self.end:#x} {self.protection} {self.kind}"

    def __contains__(self, va: int) -> bool:
        return self.start <= va < self.end


@dataclass(frozen=True)
class MemoryMap:
    """The memory that a process was promised. `frame` is where the kernel keeps this record."""

    frame: int
    areas: tuple[Area, ...]
    heap_start: int
    heap_end: int
    file_parts: tuple[tuple[int, int, int], ...] = ()
    """The parts that come from the program's file: to which address, from where in the kernel's image, how many bytes."""

    def area_of(self, va: int) -> Area | None:
        """Returns the area that contains `va`, or None."""
        return next((area for area in self.areas if va in area), None)


@dataclass(frozen=True)
class ProcessSlot:
    """A slot of the process table that is in use. `root` and `map` are None where there is no address space."""

    number: int
    pid: int
    state: str
    parent: int
    root: int | None
    map: int | None
    stack_top: int
    program: str

    @property
    def own_root(self) -> int:
        """The root of a process that lives; a Failure if it has no address space."""
        __tracebackhide__ = True
        return expect_found(self.root, "user-page-not-mapped", f"{self} has an address space", "it has none")

    def __str__(self) -> str:
        return f"process {self.pid} ({self.program})"


def has_areas(guest: Sight) -> bool:
    """Returns whether this kernel promises memory before it provides it: from lab 5 on."""
    return "MemoryMap" in guest.image.defined.records


def has_windows(guest: Sight) -> bool:
    """Returns whether this kernel reaches the memory of users by temporary mappings: from lab 4 on."""
    return "TempMap" in guest.image.defined.records


def process_slots(guest: Sight) -> list[ProcessSlot]:
    """Returns the slots in use, including zombies and process 0, in the order of the table. None of them before lab 3."""
    image = guest.image
    where = image.hidden(*_SLOTS)
    if where is None:
        return []
    first, size = where
    record, states = image.defined.record("Process"), image.defined.enumerators("ProcessState")
    pid, state, parent, stack_top = (record[name] for name in ("pid", "state", "parent", "stack_top"))
    has_space, root = record["space.has_value"], record["space.root_"]
    has_map, map_frame = record["space.map_frame_.has_value"], record["space.map_frame_.frame_"]
    table = guest.read_physical(first - image.offset, size)
    beginnings = range(0, len(table), record.size)
    found = []
    for number, at in enumerate(beginnings):
        if not (now := state.read(table, at)):
            continue
        of_parent, name = parent.read(table, at) - first, record["name"].bytes_in(table, at)
        is_there = bool(has_space.read(table, at))
        found.append(
            ProcessSlot(
                number,
                pid.read(table, at),
                states.get(now, f"no state: {now}"),  # the kernel may have written anything
                pid.read(table, of_parent) if of_parent in beginnings else -1,
                root.read(table, at) if is_there else None,
                map_frame.read(table, at) if is_there and has_map.read(table, at) else None,
                stack_top.read(table, at),
                name.split(b"\0")[0].decode(errors="replace"),
            )
        )
    return found


def slot_of(guest: Sight, pid: int) -> ProcessSlot:
    """Returns the slot of the process `pid`; a Failure if there is none."""
    __tracebackhide__ = True
    slots = process_slots(guest)
    found = next((slot for slot in slots if slot.pid == pid), None)
    return expect_found(found, "process-killed", f"there is a process {pid}", f"there are {[s.pid for s in slots]}")


def memory_map(guest: Sight, slot: ProcessSlot) -> MemoryMap:
    """Returns what the process was promised; a Failure if the list is malformed."""
    __tracebackhide__ = True
    frame = expect_found(slot.map, "vma-list-broken", f"{slot} has a list of areas", "it has none")
    defined, data = guest.image.defined, guest.read_physical(frame, PAGE)
    record, most = defined.record("MemoryMap"), defined.constant("VmaList::kMost")
    count = record["areas.count_"].read(data)
    expect(count <= most, "vma-list-broken", f"{slot} has at most {most} areas", f"{count}")
    areas, kinds = [], defined.enumerators("VmaKind")
    area, letters = defined.record("Vma"), (("protection.read", "r"), ("protection.write", "w"), ("protection.execute", "x"))
    for number, at in enumerate(record["areas.areas_"].places()[:count]):
        protection = "".join(letter if area[name].read(data, at) else "-" for name, letter in letters)
        kind = area["kind"].read(data, at)
        expect(kind in kinds, "vma-list-broken", f"area {number} of {slot} is of a known kind", f"{kind}")
        areas.append(Area(area["start"].read(data, at), area["end"].read(data, at), protection, kinds[kind]))
    start, end = (record[name].read(data) for name in ("heap_start", "heap_end"))
    part = defined.record("FilePart")
    to, source, size = (part[name] for name in ("start", "bytes.data", "bytes.size"))
    file_parts = ((to.read(data, at), source.read(data, at), size.read(data, at)) for at in record["file"].places())
    return MemoryMap(frame, tuple(areas), start, end, tuple(one for one in file_parts if one[2]))
