"""who-wrote: goes back, in a recording, to the last write of the entry that maps an address."""

from collections.abc import Sequence
from dataclasses import dataclass

import gdb

from grade.boot.layout import PAGE
from grade.boot.sight import Sight
from grade.gdb.command import PagingCommand, address, usage
from grade.gdb.guest import GdbGuest
from grade.gdb.rewind import Timeline
from grade.inspect.frames import places_of
from grade.inspect.walk_text import entry_text
from grade.machine.debugged import MemoryWrite
from grade.walker import RadixWalker

_SIZE = 8
_MOST_FRAMES = 6
_MARKS = ("A", "D", "AF")


@dataclass(frozen=True)
class Place:
    """8 bytes of RAM: an entry of a table of `level`, or (None) the content of a page."""

    pa: int
    level: int | None
    what: str
    va: int | None


class WhoWrote(PagingCommand):
    """Goes back to who wrote something last; the machine then stands before the instruction that writes.

    who-wrote VA         the entry that maps VA, or that ends its walk, in the live root
    who-wrote -page VA   the 8 bytes at VA themselves
    who-wrote -pa PA     the 8 bytes at a physical address
    who-wrote            the write before that

    It needs a recording: ./pagewalk gdb --record. Writes of the CPU's own (accessed, dirty) are none of code's."""

    name = "who-wrote"
    options = ("-page", "-pa")

    def __init__(self, guest: GdbGuest, timeline: Timeline | None, recorded: str) -> None:
        """Defines the command. `recorded` is the command that starts this session with a recording."""
        super().__init__(guest)
        self._recorded = recorded
        self._recording = timeline
        self._place: Place | None = None

    @property
    def _timeline(self) -> Timeline:
        """The recording in which to go back; GdbError if there is none."""
        if self._recording is None:
            raise gdb.GdbError(f"who-wrote: it needs a recording, so start with: {self._recorded}")
        return self._recording

    def lines(self, guest: Sight, words: Sequence[str]) -> list[str]:
        """Returns what to print."""
        timeline = self._timeline  # first: without one there is nothing to say
        place = self._place = self._place_named(guest, words)
        walker, now = guest.walker(), guest.read_word(place.pa)
        write = self._last_write(guest, place)
        if write is None:
            nobody = "nobody has written it before, by an address that is watched, since the machine started"
            return [f"{place.what}: {nobody}", _shown(place, walker, now)]
        timeline.go_to(write.number)
        before, after = (int.from_bytes(data, "little") for data in (write.before, write.after))
        lines = [place.what, f"  from  {_shown(place, walker, before)}", f"  to    {_shown(place, walker, after)}"]
        if after != now:
            lines.append(f"  now   {_shown(place, walker, now)}  ({_since(walker, place, after, now)})")
        return [*lines, *_frames(), "The machine stands before this write. who-wrote: the write before it."]

    def _place_named(self, guest: Sight, words: Sequence[str]) -> Place:
        match [*words]:
            case [] if self._place is not None:
                return self._place
            case ["-pa", *pa] if pa:
                return _bytes_at(address(" ".join(pa)), None)
            case ["-page", *va] if va:
                return _bytes_of(guest, address(" ".join(va)))
            case [first, *_] if not first.startswith("-"):
                return _entry_of(guest, address(" ".join(words)))
        raise usage("who-wrote [-page] VA, who-wrote -pa PA, who-wrote (again)")

    def _last_write(self, guest: Sight, place: Place) -> MemoryWrite | None:
        end = self._timeline.now()
        last = None
        with self._timeline.playing() as machine:
            for last in machine.writes(place.pa, _SIZE, _ways_to(guest, place), end):
                continue
        now = guest.read_word(place.pa)
        if end and now != (0 if last is None else int.from_bytes(last.after, "little")):
            return self._by_last_instruction(guest, place, end, now) or last
        return last

    def _by_last_instruction(self, guest: Sight, place: Place, end: int, now: int) -> MemoryWrite | None:
        """Returns the write right before this moment: QEMU stops for the moment, and not for the write."""
        with self._timeline.playing() as machine:
            machine.run_to_instruction(end - 1)
            before = machine.read_physical(place.pa, _SIZE)
        then = int.from_bytes(before, "little")
        if then == now or _is_marked(guest.walker(), place, then, now):
            return None
        return MemoryWrite(end - 1, before, now.to_bytes(_SIZE, "little"))


def _entry_of(guest: Sight, va: int) -> Place:
    walk = guest.walk(va)
    if not walk.steps:
        raise gdb.GdbError(f"who-wrote: no table is read for {va:#x} ({walk.fault}); who-wrote -page has the bytes there")
    step = walk.steps[-1]
    role = "maps" if walk.mapping is not None else "ends the walk of"
    what = f"the {step.name or 'entry'} at {step.entry_address:#x}, level {step.level}, which {role} {va:#x}"
    return Place(step.entry_address, step.level, what, None)


def _bytes_of(guest: Sight, va: int) -> Place:
    walk = guest.walk(va)
    pa = va if walk.fault == "translation-off" else walk.pa
    if pa is None:
        raise gdb.GdbError(
            f"who-wrote: {va:#x} is not mapped at this moment, so there is no page: who-wrote {va:#x} has the entry"
        )
    return _bytes_at(pa, va)


def _bytes_at(pa: int, va: int | None) -> Place:
    pa &= -_SIZE
    at = f" ({va & -_SIZE:#x})" if va is not None else ""
    return Place(pa, None, f"the {_SIZE} bytes at {pa:#x}{at}", va & -_SIZE if va is not None else None)


def _ways_to(guest: Sight, place: Place) -> list[int]:
    """Returns the virtual addresses by which code can write there: before paging, in the linear map, in a window, or mapped."""
    ways = {place.pa, place.pa + guest.offset} | ({place.va} if place.va is not None else set())
    ways |= {va for _, va, _ in places_of(guest, place.pa)}
    return sorted(ways | {window + place.pa % PAGE for window in guest.layout.temp_slots})


def _since(walker: RadixWalker, place: Place, then: int, now: int) -> str:
    """Returns how the bytes became what they are now, after the last write that was found."""
    if _is_marked(walker, place, then, now):
        return "the CPU's own marks have come since"
    return "written since, by a way that is not watched"


def _is_marked(walker: RadixWalker, place: Place, then: int, now: int) -> bool:
    """Returns whether this is an entry in which only bits have changed that the CPU sets by itself: accessed and dirty."""
    if place.level is None:
        return False
    fields = walker.fields(place.level, walker.decode(place.level, now).kind)
    return not (then ^ now) & ~sum(1 << field.low for field in fields if field.name in _MARKS)


def _shown(place: Place, walker: RadixWalker, value: int) -> str:
    return f"{value:#018x}" if place.level is None else entry_text(walker, place.level, value)


def _frames() -> list[str]:
    """Returns the functions on the stack, innermost first."""
    lines: list[str] = []
    frame: gdb.Frame | None = gdb.newest_frame()
    while frame is not None and len(lines) < _MOST_FRAMES and (not lines or frame.name()):
        sal = frame.find_sal()
        where = f" at {sal.symtab.filename}:{sal.line}" if sal.symtab is not None else ""
        who = f"{frame.name() or hex(frame.pc())}{where}"
        if any(line.endswith(f" {who}") for line in lines):
            break  # GDB repeats frames where code has moved from low to high addresses
        lines.append(f"{'by' if not lines else 'for'} {who}")
        frame = frame.older()
    return lines
