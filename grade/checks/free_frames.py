"""Whether the allocator's records are as only the allocator leaves them (kernel/frames/frame_allocator.h).

Code that has lost frames could hide it there: raise a count, say that a frame is free, move the border of a zone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from grade.boot.frame_records import allocator_place, first_frame, record_address
from grade.boot.layout import PAGE
from grade.boot.sight import Sight
from grade.results.failure import expect

_CAUSE = "frame-records-changed"


@dataclass(frozen=True)
class Zone:
    """What the allocator notes about one of its zones."""

    handed_out: range
    """The frames that were ever handed out."""
    free_list: int
    """The number of the first free one."""
    returned: int
    """How many there are, as the allocator counts."""


def check_zones(guest: Sight) -> list[Zone]:
    """Checks that the allocator hands out this machine's frames; only then do its records speak of them."""
    __tracebackhide__ = True
    defined, place, first = guest.image.defined, allocator_place(guest), first_frame(guest)
    record, zone_record = defined.record("FrameAllocator"), defined.record("FrameAllocator::ZoneState")
    window = guest.layout.region("frames")
    expect(first == window.pa, _CAUSE, f"the allocator's records begin at {window.pa:#x}", f"they begin at {first:#x}")
    size = (guest.ram_end - first) // PAGE * defined.record("FrameRecord").size
    borders = (first + -(-size // PAGE) * PAGE, window.end, guest.ram_end)
    total, counted = (borders[2] - borders[0]) // PAGE, guest.read_word(place + record["total_"].offset)
    expect(counted == total, _CAUSE, f"the allocator counts {total} frames in all", f"it counts {counted}")
    zones = []
    for zone_place, start, end in zip(record["zones_"].places(), borders, borders[1:]):
        data = guest.read_physical(place + zone_place, zone_record.size)
        names = ("start", "end", "fresh", "free_list", "returned")
        low, high, fresh, free_list, returned = (zone_record[name].read(data) for name in names)
        wanted = f"a zone of frames goes from {start:#x} to {end:#x}"
        expect((low, high) == (start, end), _CAUSE, wanted, f"from {low:#x} to {high:#x}")
        wanted = f"frames from {start:#x} to {end:#x} are handed out one after the other"
        expect(fresh in range(start, end + 1, PAGE), _CAUSE, wanted, f"the next one is {fresh:#x}")
        zones.append(Zone(range(start, fresh, PAGE), free_list, returned))
    return zones


def check_free_frames(guest: Sight, zones: Iterable[Zone], file: str = "") -> None:
    """Checks that the allocator has listed as free just the frames of which nobody holds a share.

    `file` is where to look, if it is not the cause's.
    Where the machine was stopped while the allocator works, which its lock says, the lists are not checked.
    """
    __tracebackhide__ = True
    guarded = guest.image.defined.record("Guarded<FrameAllocator>")
    is_held = guest.read_word(allocator_place(guest) - guarded["data_"].offset + guarded["lock_.held_"].offset, 1)
    for zone in zones if not is_held else ():
        _check_list(guest, zone.handed_out, zone.free_list, zone.returned, file)


def _check_list(guest: Sight, handed_out: range, head: int, length: int, file: str) -> None:
    """Checks a zone's list of free frames, among the frames that were ever handed out."""
    __tracebackhide__ = True
    first, record = first_frame(guest), guest.image.defined.record("FrameRecord")
    none = (1 << 8 * record["next_free"].size) - 1
    records = guest.read_physical(first + (handed_out.start - first) // PAGE * record.size, len(handed_out) * record.size)
    free = {frame: at for at, frame in enumerate(handed_out) if not record["shares"].read(records, at * record.size)}
    listed: set[int] = set()
    while head != none:
        frame = first + head * PAGE
        why = "held" if frame in handed_out else "none that was handed out"
        wanted = "all frames in the list of free frames are free"
        expect(frame in free, _CAUSE, wanted, f"it has {frame:#x}, which is {why}", file=file)
        expect(frame not in listed, _CAUSE, "the list of free frames has an end", f"{frame:#x} is in it twice", file=file)
        listed.add(frame)
        head = record["next_free"].read(records, free[frame] * record.size)
    lost = free.keys() - listed
    wanted = "a frame of which nobody holds a share is in the list of free frames"
    frame = min(lost, default=0)
    seen = f"{len(lost)} are not, first {frame:#x}, whose record is at the physical address {record_address(guest, frame):#x}"
    expect(not lost, _CAUSE, wanted, seen, file=file)
    wanted = f"the list of free frames says that it has {len(listed)}"
    expect(length == len(listed), _CAUSE, wanted, f"it says {length}", file=file)
