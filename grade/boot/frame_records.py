"""Which frames are in use, and when the allocator fails: by its records in guest RAM (kernel/mm/frame_allocator.h)."""

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grade.boot.layout import PAGE

if TYPE_CHECKING:
    from grade.boot.guest import Guest

_ALLOCATOR = "_ZN12_GLOBAL__N_18g_framesE"  # g_frames in a namespace without a name (Itanium C++ ABI, 5.1)
_LOCK = 8  # bytes before the allocator in its Guarded
_FIRST = "<Q"  # first_: where the records are, and the first frame that has one
_ZONE = "<QQQIxxxxQ"  # start, fresh, end, free_list, returned
_FAIL_AFTER = _LOCK + 8 + 2 * struct.calcsize(_ZONE) + 8  # fail_after_, behind total_
_RECORD = 8  # shares and next_free, four bytes each
FILL_OF_FREED = 0xCC
"""The byte that the kernel fills frames with that are given back: kPoison in kernel/mm/frame.cc."""


@dataclass(frozen=True)
class FrameRecords:
    """What the allocator has written down."""

    shares: dict[int, int]
    """How many shares of a frame are held, for each frame of which there are any."""
    never_used: tuple[range, ...]
    """The frames that were never handed out, by zone: the window, and what lies beyond it."""
    free: tuple[int, ...]
    """How many frames nobody holds, by zone; those that were never handed out are among them."""
    kept_in: range
    """The frames that hold the records themselves."""
    zones: tuple[range, ...]
    """The frames that the allocator hands out: those of the window, and those beyond it."""

    @property
    def in_use(self) -> frozenset[int]:
        """The frames of which somebody holds a share."""
        return frozenset(self.shares)


def frame_records(guest: "Guest") -> FrameRecords:
    """The records as they are now."""
    at = guest.image.pa(_ALLOCATOR) + _LOCK
    (first,) = struct.unpack(_FIRST, guest.read_physical(at, 8))
    shares: dict[int, int] = {}
    never_used, free, zones = [], [], []
    for number in range(2):
        zone = at + 8 + number * struct.calcsize(_ZONE)
        start, fresh, end, _, _ = struct.unpack(_ZONE, guest.read_physical(zone, struct.calcsize(_ZONE)))
        records = guest.read_physical(first + (start - first) // PAGE * _RECORD, (fresh - start) // PAGE * _RECORD)
        counted = ((start + i * PAGE, count) for i, (count, _) in enumerate(struct.iter_unpack("<II", records)))
        held = {frame: count for frame, count in counted if count}
        shares |= held
        never_used.append(range(fresh, end, PAGE))
        free.append((end - start) // PAGE - len(held))
        zones.append(range(start, end, PAGE))
    return FrameRecords(shares, tuple(never_used), tuple(free), range(first, zones[0].start, PAGE), tuple(zones))


def fail_allocation(guest: "Guest", k: int) -> None:
    """Makes the k-th allocation from now fail, as the monitor's command `fail` does; 0 takes it back."""
    data = struct.pack("<Q", k)
    guest.machine.write_physical(guest.image.pa(_ALLOCATOR) + _FAIL_AFTER, data)
    guest.machine.note_deed(guest.image.va(_ALLOCATOR) + _FAIL_AFTER, data)


def allocations_to_failure(guest: "Guest") -> int:
    """How many allocations there are to go until one fails; 0 if it has failed, or if none is to."""
    return guest.read_word(guest.image.pa(_ALLOCATOR) + _FAIL_AFTER)


def record_address(guest: "Guest", frame: int) -> int:
    """Where the record of a frame is: the number of its shares comes first."""
    (first,) = struct.unpack(_FIRST, guest.read_physical(guest.image.pa(_ALLOCATOR) + _LOCK, 8))
    return first + (frame - first) // PAGE * _RECORD


def is_fill_of_freed(number: int) -> bool:
    """Whether a number of 64 bits was read from a freed frame; something may have been added to its lowest digits."""
    return f"{FILL_OF_FREED:02x}" * 4 in f"{number % (1 << 64):016x}"
