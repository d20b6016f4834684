"""Which frames are in use, by the frame allocator's own records in guest RAM (kernel/mm/frame_allocator.h)."""

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
_RECORD = 8  # shares and next_free, four bytes each


@dataclass(frozen=True)
class FrameRecords:
    """What the allocator has written down."""

    shares: dict[int, int]
    """How many shares of a frame are held, for each frame of which there are any."""
    never_used: tuple[range, ...]
    """The frames that were never handed out, by zone: the window, and what lies beyond it."""

    @property
    def in_use(self) -> frozenset[int]:
        """The frames of which somebody holds a share."""
        return frozenset(self.shares)


def frame_records(guest: "Guest") -> FrameRecords:
    """The records as they are now."""
    at = guest.image.pa(_ALLOCATOR) + _LOCK
    (first,) = struct.unpack(_FIRST, guest.read_physical(at, 8))
    held: dict[int, int] = {}
    never_used = []
    for number in range(2):
        zone = at + 8 + number * struct.calcsize(_ZONE)
        start, fresh, end, _, _ = struct.unpack(_ZONE, guest.read_physical(zone, struct.calcsize(_ZONE)))
        records = guest.read_physical(first + (start - first) // PAGE * _RECORD, (fresh - start) // PAGE * _RECORD)
        numbered = enumerate(struct.iter_unpack("<II", records))
        held |= {start + i * PAGE: shares for i, (shares, _) in numbered if shares}
        never_used.append(range(fresh, end, PAGE))
    return FrameRecords(held, tuple(never_used))


def record_address(guest: "Guest", frame: int) -> int:
    """Where the record of a frame is: the number of its shares comes first."""
    (first,) = struct.unpack(_FIRST, guest.read_physical(guest.image.pa(_ALLOCATOR) + _LOCK, 8))
    return first + (frame - first) // PAGE * _RECORD
