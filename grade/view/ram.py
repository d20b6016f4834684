"""All frames of RAM by what they are used for: a letter for each, and what holds it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from grade.boot.frame_records import FrameRecords, frame_records
from grade.boot.layout import PAGE
from grade.boot.sight import Sight
from grade.inspect.frames import uses_of
from grade.inspect.spaces import Space
from grade.view.ranges import label_of

MOST_RUNS = 8000  # in one file

FREE, OTHER, IMAGE, PARAMETERS, RECORDS = ".", "-", "K", "B", "A"
TABLE, USER, STACK, PROMISES, TWICE, LOST, DANGLING = "T", "U", "S", "M", "X", "L", "D"
MANY = "+"

LEGEND = {
    FREE: "free",
    TABLE: "a table",
    USER: "a user page",
    STACK: "a page of a kernel stack",
    PROMISES: "what a process was promised (its list of areas)",
    IMAGE: "the kernel's image",
    RECORDS: "the allocator's records",
    PARAMETERS: "boot parameters",
    OTHER: "not handed out by the allocator",
    "2-9": "shared, by so many",
    MANY: "shared by more than nine",
    LOST: "lost: in use, and nothing leads to it (just now the kernel's own code may hold it)",
    DANGLING: "dangling: free, and yet something leads to it",
    TWICE: "used for two things",
}
"""In the order in which a legend has them. The last three are wrong, or at least suspicious."""
WRONG = (LOST, DANGLING, TWICE)

_LETTERS = {"table": TABLE, "user page": USER, "page of a kernel stack": STACK, "map": PROMISES}


@dataclass(frozen=True)
class FrameRun:
    """Neighbouring frames with the same letter and the same owners; `owner` is a number in RamMap.owners."""

    first: int
    count: int
    letter: str
    owner: int
    shares: int


@dataclass(frozen=True)
class RamMap:
    """All of RAM. `counts`: how many frames have a letter. `whose`: the space of each of `owners`, or -1."""

    base: int
    frames: int
    runs: tuple[FrameRun, ...]
    owners: tuple[str, ...]
    whose: tuple[int, ...]
    counts: dict[str, int]
    left_out: int


def ram_map(guest: Sight, spaces: list[Space]) -> RamMap:
    """Returns the use of each frame of RAM. Trusts the records: the caller must catch any exception that they cause."""
    base, count = guest.layout.ram_base, (guest.ram_mib << 20) // PAGE
    records = frame_records(guest)
    owners = {frame: [(kind, words) for kind, words in uses] for frame, uses in uses_of(guest).owners.items()}
    cells = _given_parts(guest, records, base, count)
    for frame in records.shares.keys() | owners.keys():
        if 0 <= (number := (frame - base) // PAGE) < count:
            uses, shares = owners.get(frame, []), records.shares.get(frame, 0)
            is_handed_out = any(frame in zone for zone in records.zones)
            if shares or is_handed_out or cells[number][0] == OTHER:
                cells[number] = (_letter(uses, shares, is_handed_out), _words(uses), shares)
    return _runs(base, cells, spaces)


def _given_parts(guest: Sight, records: FrameRecords, base: int, count: int) -> list[tuple[str, str, int]]:
    """Returns letter, words and shares of each frame, as far as the linked image and the allocator's zones tell."""
    cells = [(OTHER, "", 0)] * count

    def fill(start: int, end: int, letter: str, words: str) -> None:
        first, last = max(0, (start - base) // PAGE), min(count, -(-(end - base) // PAGE))
        cells[first:last] = [(letter, words, 0)] * max(0, last - first)

    pa = guest.image.pa
    fill(pa("image_start"), pa("image_end"), IMAGE, "the kernel's image")
    for region in guest.layout.regions:
        if region.name != "frames" and not region.device:
            letter = PARAMETERS if region.name == "parameters" else IMAGE
            fill(region.pa, region.end, letter, f"the kernel's {region.name}")
    for guard in guest.layout.guards:
        fill(guard.pa, guard.end, OTHER if guard.pa < pa("image_start") else IMAGE, f"the {guard.name}")
    fill(records.kept_in.start, records.kept_in.stop, RECORDS, "the allocator's records")
    for zone in records.zones:
        fill(zone.start, zone.stop, FREE, "")
    return cells


def _letter(uses: list[tuple[str, str]], shares: int, is_handed_out: bool) -> str:
    if not uses:
        return LOST
    if not shares and is_handed_out:
        return DANGLING
    if len({kind for kind, _ in uses}) > 1:
        return TWICE
    if shares > 1 and uses[0][0] == "user page":
        return str(shares) if shares < 10 else MANY
    return _LETTERS[uses[0][0]]


def _words(uses: list[tuple[str, str]]) -> str:
    some = " and ".join(words for _, words in uses[:4])
    return label_of(some + (f" and {len(uses) - 4} more" if len(uses) > 4 else ""))


def _runs(base: int, cells: list[tuple[str, str, int]], spaces: list[Space]) -> RamMap:
    owners: dict[str, int] = {}
    counts: dict[str, int] = {}
    runs: list[FrameRun] = []
    left_out = 0
    for first, size, (letter, words, shares) in _grouped(cells):
        counts[letter] = counts.get(letter, 0) + size
        if len(runs) >= MOST_RUNS:
            left_out += size
            continue
        runs.append(FrameRun(first, size, letter, owners.setdefault(words, len(owners)), shares))
    labels = [label_of(space.label) for space in spaces]
    whose = (next((number for number, label in enumerate(labels) if words.endswith(label)), -1) for words in owners)
    return RamMap(base, len(cells), tuple(runs), tuple(owners), tuple(whose), counts, left_out)


def _grouped(cells: list[tuple[str, str, int]]) -> Iterator[tuple[int, int, tuple[str, str, int]]]:
    first = 0
    for cell, same in groupby(cells):
        size = sum(1 for _ in same)
        yield first, size, cell
        first += size
