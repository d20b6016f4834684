"""Which owners a frame of RAM has: by the allocator's records, and by what leads to it."""

from collections.abc import Iterator
from dataclasses import dataclass

from grade.boot.frame_records import frame_records
from grade.boot.layout import PAGE
from grade.boot.process_slots import process_slots
from grade.boot.sight import Sight
from grade.inspect.ledger import Ledger, ledger_of
from grade.inspect.spaces import Space, spaces, walker_of
from grade.walker import TooManyTables

_SHOWN_FRAMES, _SHOWN_OWNERS = 6, 3


@dataclass(frozen=True)
class FrameUse:
    """`shares` by the allocator's records (None: not the allocator's frame); `owners` in words, from the tables."""

    frame: int
    shares: int | None
    owners: tuple[str, ...]

    def __str__(self) -> str:
        if self.shares is None:
            return f"frame {self.frame:#x}: not the allocator's"
        held = "free" if not self.shares else f"{self.shares} share{'s' if self.shares > 1 else ''}"
        return f"frame {self.frame:#x}: {held}" + (f", {' and '.join(self.owners)}" if self.owners else "")


@dataclass(frozen=True)
class OddFrame:
    """A frame with fewer shares than things that lead to it; `owners` is all of these, in words."""

    frame: int
    shares: int
    owners: tuple[str, ...]

    def __str__(self) -> str:
        if not self.shares:
            return f"free, and yet {self.frame:#x} is {self.owners[0]}"
        held = f"{self.shares} share{'s' if self.shares > 1 else ''}"
        return f"held by {held}, and yet {self.frame:#x} is {' and '.join(self.owners[:_SHOWN_OWNERS])}"


@dataclass(frozen=True)
class FrameFindings:
    """The differences between the allocator's records and what leads to its frames."""

    lost: tuple[int, ...] = ()
    """Frames in use to which nothing leads; the kernel's own code may hold some just now."""
    freed: tuple[OddFrame, ...] = ()
    """Free frames to which something leads all the same."""
    short: tuple[OddFrame, ...] = ()
    """Frames with fewer shares than things that lead to them."""

    @property
    def lost_words(self) -> list[str]:
        """The line about lost frames, if there are any."""
        shown = ", ".join(map(hex, self.lost[:_SHOWN_FRAMES]))
        return [f"in use, and nothing leads to them ({len(self.lost)}): {shown}"] if self.lost else []


def uses_of(guest: Sight) -> Ledger:
    """Returns everything that leads to a frame, whatever lab the kernel is of."""
    return ledger_of(guest, slots=process_slots(guest))


def frame_use(guest: Sight, pa: int) -> FrameUse:
    """Returns the owners of the frame of `pa`."""
    frame, records = pa & -PAGE, frame_records(guest)
    is_allocators = guest.layout.region("frames").pa <= frame < max(zone.stop for zone in records.never_used)
    owners = tuple(words for _, words in uses_of(guest).owners.get(frame, ())) if process_slots(guest) else ()
    return FrameUse(frame, records.shares.get(frame, 0) if is_allocators else None, owners)


def frame_findings(guest: Sight) -> FrameFindings:
    """Returns what is inconsistent; nothing before there are processes, when owners cannot be known."""
    if not process_slots(guest):
        return FrameFindings()
    records, ledger = frame_records(guest), uses_of(guest)
    odd = [
        OddFrame(frame, records.shares.get(frame, 0), tuple(words for _, words in uses))
        for frame, uses in sorted(ledger.owners.items())
        if records.shares.get(frame, 0) < len(uses) and any(frame in zone for zone in records.zones)
    ]
    freed, short = (tuple(one for one in odd if (one.shares == 0) == is_free) for is_free in (True, False))
    return FrameFindings(tuple(sorted(records.shares.keys() - ledger.frames)), freed, short)


def frames_lines(guest: Sight) -> list[str]:
    """Returns how many frames are in use, for what, and what is inconsistent."""
    records = frame_records(guest)
    used, free = len(records.shares), sum(records.free)
    lines = [f"{used} frames in use, {free} free ({records.free[0]} in the window, {sum(records.free[1:])} beyond it)"]
    shared = {frame: count for frame, count in records.shares.items() if count > 1}
    lines += [f"shared: {frame:#x} by {count}" for frame, count in sorted(shared.items())[:8]]
    if not process_slots(guest):
        return lines
    lines.append(f"what leads to them: {uses_of(guest)}")
    found = frame_findings(guest)
    if found.lost:
        lines += [*found.lost_words, "  (just now the kernel's own code may hold some)"]
    return lines + [str(odd) for odd in (*found.freed, *found.short)[:_SHOWN_FRAMES]]


def places_of(guest: Sight, pa: int) -> Iterator[tuple[Space, int, str]]:
    """Yields each virtual address that leads to the byte `pa`, with its space and permissions; the kernel's half once."""
    seen: set[int] = set()
    for space in spaces(guest):
        try:
            for page in walker_of(guest, space).mappings():
                if page.pa <= pa < page.pa + page.size:
                    va = page.va + pa - page.pa
                    if va >= guest.offset > 0 and va in seen:
                        continue
                    seen.add(va)
                    yield space, va, f"kernel {'w' if page.write else 'r'}, user {'w' if page.user_write else 'r' if page.user else '-'}"
        except TooManyTables:
            continue
