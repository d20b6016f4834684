"""Which frames are in use, and when the allocator fails: read from its records in RAM (kernel/frames/frame_allocator.h)."""

from dataclasses import dataclass

from grade.boot.layout import PAGE
from grade.boot.sight import LiveSight, Sight

_ALLOCATOR = ("kernel/frames/frame_allocator.cc", "g_frames")


@dataclass(frozen=True)
class FrameRecords:
    """The state of the allocator, as its records give it."""

    shares: dict[int, int]
    """How many shares of a frame are held, for each frame with at least one."""
    never_used: tuple[range, ...]
    """The frames that were never handed out, by zone: the window, and what lies beyond it."""
    free: tuple[int, ...]
    """How many frames nobody holds, by zone, including those that were never handed out."""
    kept_in: range
    """The frames that hold the records themselves."""
    zones: tuple[range, ...]
    """The frames that the allocator hands out: those of the window, and those beyond it."""

    @property
    def in_use(self) -> frozenset[int]:
        """The frames of which somebody holds a share."""
        return frozenset(self.shares)


def frame_records(guest: Sight) -> FrameRecords:
    """Reads the records as they are now."""
    allocator, defined = allocator_place(guest), guest.image.defined
    first, zone_record, record = first_frame(guest), defined.record("FrameAllocator::ZoneState"), defined.record("FrameRecord")
    shares: dict[int, int] = {}
    never_used, free, zones = [], [], []
    for place in defined.record("FrameAllocator")["zones_"].places():
        zone = guest.read_physical(allocator + place, zone_record.size)
        start, fresh, end = (zone_record[name].read(zone) for name in ("start", "fresh", "end"))
        records = guest.read_physical(first + (start - first) // PAGE * record.size, (fresh - start) // PAGE * record.size)
        counts = (record["shares"].read(records, at) for at in range(0, len(records), record.size))
        held = {start + number * PAGE: count for number, count in enumerate(counts) if count}
        shares |= held
        never_used.append(range(fresh, end, PAGE))
        free.append((end - start) // PAGE - len(held))
        zones.append(range(start, end, PAGE))
    return FrameRecords(shares, tuple(never_used), tuple(free), range(first, zones[0].start, PAGE), tuple(zones))


def fail_allocation(guest: LiveSight, k: int) -> None:
    """Makes the k-th allocation from now fail, as the monitor's command `fail` does; 0 cancels it."""
    field, data = _fail_after(guest), k.to_bytes(8, "little")
    guest.machine.write_physical(field, data)
    guest.machine.note_deed(field + guest.offset, data)


def allocations_to_failure(guest: Sight) -> int:
    """Returns how many allocations are left until one fails; 0 if it has failed, or if none is to fail."""
    return guest.read_word(_fail_after(guest))


def record_address(guest: Sight, frame: int) -> int:
    """Returns the address of a frame's record, which begins with the number of its shares."""
    first = first_frame(guest)
    return first + (frame - first) // PAGE * guest.image.defined.record("FrameRecord").size


def allocator_place(guest: Sight) -> int:
    """Returns the physical address of the allocator, which lies in a Guarded, after its lock."""
    va, _ = guest.image.hidden_place(*_ALLOCATOR)
    return va - guest.offset + guest.image.defined.record("Guarded<FrameAllocator>")["data_"].offset


def first_frame(guest: Sight) -> int:
    """Returns the address of the records, which is also the first frame that has one."""
    return guest.read_word(allocator_place(guest) + guest.image.defined.record("FrameAllocator")["first_"].offset)


def _fail_after(guest: Sight) -> int:
    return allocator_place(guest) + guest.image.defined.record("FrameAllocator")["fail_after_"].offset


def fill_of_freed(guest: Sight) -> int:
    """Returns the byte with which the kernel fills freed frames."""
    return guest.image.defined.constant("OwnedFrame::kPoison")


def is_fill_of_freed(guest: Sight, number: int) -> bool:
    """Returns whether a number of 64 bits was read from a freed frame; something may have been added to its lowest digits."""
    return f"{fill_of_freed(guest):02x}" * 4 in f"{number % (1 << 64):016x}"
