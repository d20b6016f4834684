"""The processes of a guest and what each was promised, read from the kernel's own records in guest RAM.

The offsets are those of struct Process (kernel/proc/process.h) and of what it holds.
"""

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grade.boot.layout import PAGE
from grade.diagnosis.failure import expect

if TYPE_CHECKING:
    from grade.boot.guest import Guest

_SLOTS = "_ZN12_GLOBAL__N_17g_slotsE"  # g_slots in a namespace without a name (Itanium C++ ABI, 5.1)
_SLOT_COUNT = 128  # kernel/mm/kernel_half.h
_PID, _STATE, _PARENT, _ROOT = 0, 4, 8, 24
_MAP, _HAS_MAP = 40, 56  # what an address space keeps of it; before lab 5 there is none
_HAS_SPACE, _STACK_TOP = 64, 88
_NAME = 16  # bytes of the name, which is the last of its members
_OF_AREAS = "_ZN7VmaList"  # begins the functions of class VmaList, kernel/mm/vma.h

STATES = ("free", "ready", "running", "sleeping", "waiting", "zombie")
KINDS = ("anonymous", "image", "heap", "stack", "thread")
"""As kernel/mm/vma.h numbers them."""

_MOST_AREAS = 128
_COUNT = "<Q"  # count_
_AREA = "<QQBBBBxxxx"  # start, end, read, write, execute, kind
_HEAP = 8 + 130 * struct.calcsize(_AREA)  # heap_start and heap_end, behind the list
_FILE_PARTS = _HEAP + 16  # of struct FilePart: where it goes; where it is, and its size
_FILE_PART, _FILE_PART_COUNT = "<QQQ", 8


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
    """All that a process was promised. `frame` is where the kernel keeps it."""

    frame: int
    areas: tuple[Area, ...]
    heap_start: int
    heap_end: int
    file_parts: tuple[tuple[int, int, int], ...] = ()
    """What comes from the program's file: to which address, from where in the kernel's image, how many bytes."""

    def area_of(self, va: int) -> Area | None:
        """The area that `va` lies in."""
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

    def __str__(self) -> str:
        return f"process {self.pid} ({self.program})"


def has_areas(guest: "Guest") -> bool:
    """Whether this kernel promises memory before it gives it: from lab 5 on."""
    return guest.image.has_any(_OF_AREAS)


def process_slots(guest: "Guest") -> list[ProcessSlot]:
    """The slots in use, zombies and process 0 too, in the order of the table. None before lab 3."""
    if _SLOTS not in guest.image.symbols:
        return []
    base, size = guest.image.pa(_SLOTS), guest.image.size(_SLOTS)
    step = size // _SLOT_COUNT
    table = guest.read_physical(base, size)
    pids = [int.from_bytes(table[at : at + 4], "little") for at in range(0, size, step)]
    first = guest.image.va(_SLOTS)
    found = []
    for number in range(_SLOT_COUNT):
        slot = table[number * step : (number + 1) * step]
        if not slot[_STATE]:
            continue
        parent, state = (_word(slot, _PARENT) - first) // step, slot[_STATE]
        has_space, has_map = slot[_HAS_SPACE], slot[_HAS_MAP]
        found.append(
            ProcessSlot(
                number,
                pids[number],
                STATES[state] if state < len(STATES) else f"no state: {state}",  # the kernel may have written anything
                pids[parent] if 0 <= parent < _SLOT_COUNT else -1,
                _word(slot, _ROOT) if has_space else None,
                _word(slot, _MAP) if has_space and has_map else None,
                _word(slot, _STACK_TOP),
                slot[-_NAME:].split(b"\0")[0].decode(errors="replace"),
            )
        )
    return found


def slot_of(guest: "Guest", pid: int) -> ProcessSlot:
    """The slot of the process `pid`; a Failure if there is none."""
    __tracebackhide__ = True
    slots = process_slots(guest)
    found = next((slot for slot in slots if slot.pid == pid), None)
    expect(found is not None, "process-killed", f"there is a process {pid}", f"there are {[s.pid for s in slots]}")
    return found


def memory_map(guest: "Guest", slot: ProcessSlot) -> MemoryMap:
    """What the process was promised; a Failure if the list cannot be one."""
    __tracebackhide__ = True
    expect(slot.map is not None, "vma-list-broken", f"{slot} has a list of areas", "it has none")
    data = guest.read_physical(slot.map, PAGE)
    (count,) = struct.unpack_from(_COUNT, data)
    expect(count <= _MOST_AREAS, "vma-list-broken", f"{slot} has at most {_MOST_AREAS} areas", f"{count}")
    areas = []
    for number in range(count):
        start, end, *may, kind = struct.unpack_from(_AREA, data, 8 + number * struct.calcsize(_AREA))
        protection = "".join(letter if yes else "-" for letter, yes in zip("rwx", may, strict=True))
        expect(kind < len(KINDS), "vma-list-broken", f"area {number} of {slot} is of a known kind", f"{kind}")
        areas.append(Area(start, end, protection, KINDS[kind]))
    parts = struct.iter_unpack(_FILE_PART, data[_FILE_PARTS:][: _FILE_PART_COUNT * struct.calcsize(_FILE_PART)])
    file_parts = tuple(part for part in parts if part[2])
    return MemoryMap(slot.map, tuple(areas), *struct.unpack_from("<QQ", data, _HEAP), file_parts)


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")
