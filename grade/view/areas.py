"""What each process was promised, beside the pages that it has."""

from dataclasses import dataclass
from itertools import islice

from grade.boot.layout import PAGE
from grade.boot.process_slots import Area, MemoryMap, ProcessSlot, memory_map
from grade.boot.sight import Sight
from grade.inspect.lint import more_than
from grade.inspect.spaces import Space, walker_of
from grade.results.failure import Failure
from grade.view.ranges import MOST_PAGES, label_of
from grade.visible import visible
from grade.walker import Mapping, TooManyTables
from grade.walker.memory import OutsideMemory

_STRIP = 64
"""The most marks for the pages of an area: one each, or one for several."""
_MOST_STRAY = 16
_MOST_IN_STRIP = 1 << 24
"""The most pages of an area for which marks are computed: no kernel of this course promises more."""
THERE, SOME, AWAY, WRONG = "■", "◧", "□", "▲"


@dataclass(frozen=True)
class AreaBand:
    """An area, or a run of pages outside all areas: then `kind` is ''. `strip` has a mark for `per_mark` pages each."""

    start: str
    end: str
    rights: str
    kind: str
    pages: int
    resident: int
    strip: str
    per_mark: int
    findings: tuple[str, ...]


@dataclass(frozen=True)
class ProcessAreas:
    """One process. `has_list` is False if the kernel keeps no list of areas: before lab 5."""

    label: str
    pid: int
    state: str
    root: str
    heap: str
    has_list: bool
    bands: tuple[AreaBand, ...]
    left_out: int
    problem: str


def areas_of(guest: Sight, space: Space, slot: ProcessSlot) -> ProcessAreas:
    """Returns the bands of the process that has the space, in order of address; errors in its records are in `problem`."""
    pages, problem = _pages(guest, space)
    areas: MemoryMap | None = None
    if slot.map is not None:
        try:
            areas = memory_map(guest, slot)
        except (Failure, OutsideMemory) as error:
            problem = str(error)
    bands = [_band(area, pages) for area in areas.areas[:128]] if areas is not None else []
    stray = [page for page in pages if page.user and (areas is None or areas.area_of(page.va) is None)]
    runs = _runs(stray)
    bands += [_stray(run, is_wrong=areas is not None) for run in runs[:_MOST_STRAY]]
    bands.sort(key=lambda band: int(band.start, 16))
    heap = f"{areas.heap_start:#x}-{areas.heap_end:#x}" if areas is not None else ""
    return _process(slot, heap, areas is not None, bands, max(0, len(runs) - _MOST_STRAY), problem)


def _process(slot: ProcessSlot, heap: str, has_list: bool, bands: list[AreaBand], left_out: int, problem: str) -> ProcessAreas:
    label, root = label_of(str(slot)), f"{slot.root:#x}"
    return ProcessAreas(label, slot.pid, slot.state, root, heap, has_list, tuple(bands), left_out, visible(problem))


def _pages(guest: Sight, space: Space) -> tuple[list[Mapping], str]:
    found: list[Mapping] = []
    try:
        found.extend(islice(walker_of(guest, space).mappings(low=0, high=guest.isa.paging.user_end), MOST_PAGES))
    except TooManyTables as error:
        return found, str(error)
    return found, f"pages after the first {MOST_PAGES} were not looked at" if len(found) == MOST_PAGES else ""


def _band(area: Area, pages: list[Mapping]) -> AreaBand:
    mine = [page for page in pages if area.start < page.end and page.va < area.end]
    count = max(0, area.end - area.start) // PAGE
    there = {va for page in mine for va in range(max(page.va, area.start), min(page.end, area.end), PAGE)}
    wrong = {page.va: more for page in mine if (more := more_than(page, area.protection))}
    findings = tuple(f"{va:#x} can be {more}" for va, more in list(wrong.items())[:4])
    per_mark = max(1, -(-count // _STRIP))
    parts = range(area.start, area.end, per_mark * PAGE) if count < _MOST_IN_STRIP else ()
    strip = "".join(_mark(range(at, min(at + per_mark * PAGE, area.end), PAGE), there, wrong) for at in parts)
    kind, end = visible(area.kind), f"{area.end:#x}"
    return AreaBand(f"{area.start:#x}", end, area.protection, kind, count, len(there), strip, per_mark, findings)


def _mark(pages: range, there: set[int], wrong: dict[int, str]) -> str:
    if any(va in wrong for va in pages):
        return WRONG
    have = sum(va in there for va in pages)
    return THERE if have == len(pages) else SOME if have else AWAY


def _runs(pages: list[Mapping]) -> list[list[Mapping]]:
    """Returns neighbours with the same rights together."""
    runs: list[list[Mapping]] = []
    for page in pages:
        last = runs[-1][-1] if runs else None
        if last is not None and last.end == page.va and _rights(last) == _rights(page):
            runs[-1].append(page)
        else:
            runs.append([page])
    return runs


def _stray(run: list[Mapping], *, is_wrong: bool) -> AreaBand:
    count = (run[-1].end - run[0].va) // PAGE
    per_mark = max(1, -(-count // _STRIP))
    strip = (WRONG if is_wrong else THERE) * (-(-count // per_mark))
    findings = ("mapped, and in no area",) if is_wrong else ()
    start, end = f"{run[0].va:#x}", f"{run[-1].end:#x}"
    return AreaBand(start, end, _rights(run[0]), "", count, count, strip, per_mark, findings)


def _rights(page: Mapping) -> str:
    return "".join(c if may else "-" for c, may in zip("rwx", (page.user_read, page.user_write, page.user_execute)))
