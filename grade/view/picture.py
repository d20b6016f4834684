"""Everything that is shown of a stopped guest, computed once: plain values, ready for JSON.

Every part is computed whatever state the guest is in. If its memory makes no sense, the part is missing, and `problems`
says why.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from grade.boot.layout import PAGE
from grade.boot.sight import Sight
from grade.diagnosis.nonsense import NONSENSE
from grade.guest.trapped import trap_frame_of
from grade.inspect.lint import lint
from grade.inspect.spaces import Space, live_root, spaces
from grade.inspect.trap_frame import frame_at
from grade.machine.stop import StopKind
from grade.results.causes import CAUSES
from grade.results.failure import Failure
from grade.view.areas import ProcessAreas, areas_of
from grade.view.ram import RamMap, ram_map
from grade.view.ranges import PictureSpace, RangeReader, Ranges, label_of
from grade.view.tables import Level, Tables, levels_of, tables_of
from grade.visible import visible
from grade.walker import explain

_LAST_LINES = 12
_LINTED = 8
"""The most spaces that are checked for findings: with a hundred of them, each check takes a while."""
_MOST_PROCESSES = 128
_MOST_PROBLEMS = 6

Part = TypeVar("Part")


@dataclass(frozen=True)
class Pick:
    """An address whose walk is of interest."""

    name: str
    va: str


@dataclass
class Picture:
    """A stopped guest. Addresses are hexadecimal: JSON's numbers cannot hold 64 bits everywhere."""

    title: str
    isa: str
    where: str
    facts: list[tuple[str, str]]
    """What comes first: cause, expected, seen... by their names."""
    translation: bool
    offset: str
    index_bits: int
    entry_bytes: int
    outside: str
    """The fault of an address that no root translates."""
    picks: list[Pick]
    levels: list[Level]
    spaces: list[PictureSpace]
    space: int
    """The space that is shown first: that of the failure's walk, else that in the register."""
    expected: int | None
    """The number of the space without a root: what the kernel's image requires."""
    ranges: Ranges
    tables: Tables
    places: list[tuple[str, str, str]]
    """First address, end and name of everything that has a name even where nothing is mapped."""
    processes: list[ProcessAreas]
    ram: RamMap | None
    findings: list[str]
    serial: str
    problems: list[str] = field(default_factory=list)
    """What in the guest's memory made no sense, and what was left out."""


@dataclass(frozen=True)
class Subject:
    """What the picture shows: a title, the failure if there is one, and an address to begin with."""

    title: str
    failure: Failure | None = None
    va: int | None = None
    command: str = ""
    note: str = ""
    """How it ended, if that is no failure."""


class _Parts:
    """Computes a part, or notes why that is impossible."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def get(self, what: str, work: Callable[[], Part], otherwise: Part) -> Part:
        try:
            return work()
        except NONSENSE as error:
            text = label_of(str(error))[:300]
            self.problems.append(f"{what} cannot be shown: {text or type(error).__name__}")
            return otherwise


def picture_of(guest: Sight, subject: Subject) -> Picture:
    """Returns the picture of a stopped guest."""
    parts = _Parts()
    live = live_root(guest)
    register = [Space("the root in the register", live)]
    every = parts.get("The table of processes", lambda: spaces(guest), register)
    wanted = _root_of_failure(subject)
    number = next((at for root in (wanted, live) for at, space in enumerate(every) if space.root == root), 0)
    picks = _picks(guest, subject, every[number], parts)
    reader, walkers = RangeReader(guest), [(space, guest.walker().with_root(space.root)) for space in every]
    shown = [
        parts.get(f"The map of {label_of(space.label)}", partial(reader.read, space, space.root == live), None)
        or _unread(space, live)
        for space in every
    ]
    expected, walker = reader.expected(), guest.walker()
    sane = [at for at in (number, *range(len(every))) if not shown[at].problem]  # the others have too many pages
    linted = [every[at] for at in dict.fromkeys(sane)][:_LINTED]
    picture = Picture(
        title=visible(subject.title),
        isa=guest.isa.name,
        where=_where(guest),
        facts=_facts(guest, subject),
        translation=walker.translation_on(),
        offset=f"{guest.offset:#x}",
        index_bits=walker.index_bits, entry_bytes=walker.entry_bytes, outside=walker.outside,
        picks=picks,
        levels=levels_of(walker, max(window.top for window in walker.windows)),
        spaces=[*shown, expected], space=number, expected=len(shown),
        ranges=reader.ranges,
        tables=parts.get("The tables", lambda: tables_of(walkers, int(picks[0].va, 16)), Tables()),
        places=_places(guest),
        processes=_processes(guest, every, number, parts),
        ram=parts.get("The map of frames", lambda: ram_map(guest, every), None),
        findings=[visible(line) for line in parts.get("The findings", partial(lint, guest, linted), list[str]())],
        serial=visible("\n".join(guest.machine.serial().splitlines()[-_LAST_LINES:])),
    )  # fmt: skip
    picture.problems = _some(parts.problems) + _left_out(picture, len(every) - len(linted))
    return picture


def first_walk(guest: Sight, picture: Picture) -> list[str]:
    """Returns the walk with which the picture begins, a line for each entry."""
    walker = guest.walker().with_root(int(picture.spaces[picture.space].root, 16))
    return visible(explain(walker.walk(int(picture.picks[0].va, 16)))).splitlines()


def _some(problems: list[str]) -> list[str]:
    """Returns the first few problems: where the process table makes no sense there is one for each slot."""
    more = len(problems) - _MOST_PROBLEMS
    return problems[:_MOST_PROBLEMS] + ([f"and {more} more such parts"] if more > 0 else [])


def _unread(space: Space, live: int) -> PictureSpace:
    label, problem = label_of(space.label), "it cannot be read"
    return PictureSpace(label, f"{space.root:#x}", space.root == live, None, [], problem, 0, [])


def _where(guest: Sight) -> str:
    pc = guest.cpu().pc
    return visible(f"{pc:#x}" + (f", {place}" if (place := guest.place(pc)) else ""))


def _facts(guest: Sight, subject: Subject) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    if (failure := subject.failure) is not None:
        facts.append(("cause", f"{failure.cause}: {CAUSES[failure.cause].meaning}"))
        facts += [("expected", visible(failure.expected)), ("seen", visible(failure.seen))]
    elif subject.note:
        facts.append(("ended", visible(subject.note)))
    elif guest.last_stop is not None and guest.last_stop.kind is not StopKind.BREAKPOINT:
        facts.append(("ended", visible(guest.last_stop.detail)))
    return facts


def _picks(guest: Sight, subject: Subject, space: Space, parts: _Parts) -> list[Pick]:
    """Returns addresses worth a walk, the one to begin with first."""
    cpu = guest.cpu()
    crashed = guest.last_stop is not None and guest.last_stop.kind is not StopKind.BREAKPOINT
    found: list[tuple[str, int]] = [("as asked", subject.va)] if subject.va is not None else []
    if subject.failure is not None and (walk := subject.failure.walk) is not None:
        found.append(("where it failed", walk.va))
    if subject.failure is not None and (kill := subject.failure.kill) is not None and kill.address is not None:
        found.append(("what it was killed for", kill.address))
    fault = [(f"last fault ({guest.isa.registers.fault_address})", cpu.fault_address)] if cpu.fault_address else []
    found += fault if crashed else []
    found += parts.get("The trap frame", lambda: _interrupted(guest, space), [])
    found += [("pc", cpu.pc), ("sp", cpu.sp), *fault]
    first_name = {va: name for name, va in reversed(found)}
    return [Pick(name, f"{va:#x}") for va, name in dict((va, first_name[va]) for _, va in found).items()]


def _root_of_failure(subject: Subject) -> int | None:
    return subject.failure.walk.root if subject.failure is not None and subject.failure.walk is not None else None


def _interrupted(guest: Sight, space: Space) -> list[tuple[str, int]]:
    """Returns where the process for which the CPU works was when it entered the kernel."""
    if space.slot is None or not space.slot.pid or not space.slot.stack_top:
        return []
    frame = frame_at(guest, space.slot.stack_top - trap_frame_of(guest).size)
    return [("the process's pc", frame.registers[guest.isa.registers.frame_pc])] if frame is not None else []


def _places(guest: Sight) -> list[tuple[str, str, str]]:
    """Returns the kernel's regions and guards; page 0 is at its physical address."""
    found = []
    for region in (*guest.layout.regions, *guest.layout.guards):
        va = region.pa + (guest.layout.offset_of(region) if region.name != "page-0" else 0)
        found.append((f"{va:#x}", f"{va + region.size:#x}", region.name))
    return found


def _processes(guest: Sight, every: list[Space], number: int, parts: _Parts) -> list[ProcessAreas]:
    """Returns the processes, first the one for which the CPU works."""
    found = []
    for space in [every[number], *(space for at, space in enumerate(every) if at != number)][:_MOST_PROCESSES]:
        if space.slot is None or not space.slot.pid:
            continue
        areas = parts.get(f"What {label_of(space.label)} was promised", partial(areas_of, guest, space, space.slot), None)
        found += [areas] if areas is not None else []
    return found


def _left_out(picture: Picture, spaces_not_linted: int) -> list[str]:
    """Returns what is missing because there is too much of it."""
    lines = []
    if picture.tables.left_out:
        count = picture.tables.left_out
        lines.append(f"{count} tables, and what they lead to, were left out: the file would become too large")
    if picture.ranges.left_out:
        lines.append(f"{picture.ranges.left_out} ranges were left out: the file would become too large")
    if picture.ram is not None and picture.ram.left_out:
        size = picture.ram.left_out * PAGE >> 10
        lines.append(f"the last {size} KiB of RAM were left out of the map of frames: too many changes of owner")
    if spaces_not_linted > 0:
        lines.append(f"findings are not of all address spaces: {spaces_not_linted} were not looked at")
    return lines
