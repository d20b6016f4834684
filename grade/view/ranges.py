"""What every root maps, as ranges; those that many roots share occur once."""

from dataclasses import dataclass, field

from grade.boot.layout import PAGE
from grade.boot.sight import Sight
from grade.inspect.map_text import AddressSpaceMap, NamedRange, map_of
from grade.inspect.names import is_users
from grade.inspect.spaces import Space, walker_of
from grade.inspect.walk_text import access_lines
from grade.visible import visible
from grade.walker import RadixWalker
from grade.walker.explain import letters
from grade.walker.format import Window

MOST = 4000  # ranges in one file
MOST_PAGES = 16_000
"""In one half of one space: twice the window in pages of 4 KiB. Tables that make no sense can lead to millions."""


@dataclass(frozen=True)
class PictureRange:
    """A range with one name, in words. `access`: the number in Ranges.accesses of what kernel and user may do there."""

    va: str
    end: str
    pa: str
    pages: int
    kernel: str
    user: str
    is_global: bool
    memory: str
    name: str
    accessed: int
    dirty: int | None
    warnings: tuple[str, ...]
    access: int


@dataclass(frozen=True)
class PictureSpace:
    """An address space. `ranges` are numbers in Ranges.all; `windows`: the address ranges that a root translates."""

    label: str
    root: str
    live: bool
    pid: int | None
    ranges: list[int]
    problem: str
    unusable: int
    windows: list[dict[str, str | int | None]]


@dataclass
class Ranges:
    """All ranges of all spaces."""

    all: list[PictureRange] = field(default_factory=list)
    accesses: list[list[str]] = field(default_factory=list)
    left_out: int = 0
    _numbers: dict[PictureRange, int] = field(default_factory=dict)

    def number_of(self, entry: PictureRange) -> int | None:
        """Returns the index in `all`, adding the entry if need be; None if there is no more room."""
        if entry not in self._numbers:
            if len(self.all) >= MOST:
                self.left_out += 1
                return None
            self._numbers[entry] = len(self.all)
            self.all.append(entry)
        return self._numbers[entry]


def label_of(text: str) -> str:
    """Returns the name of a program, or of something else that the guest names, on one line."""
    return visible(" ".join(text.split()))


class RangeReader:
    """Reads the maps of one guest. A kernel's half that many roots share is read once."""

    def __init__(self, guest: Sight) -> None:
        self._guest = guest
        self.ranges = Ranges()
        self._halves: dict[object, tuple[list[int], AddressSpaceMap]] = {}
        self._access: dict[tuple[str, str, bool], int] = {}

    def read(self, space: Space, live: bool) -> PictureSpace:
        """Reads one space."""
        walker = walker_of(self._guest, space)
        lower = map_of(self._guest, space, 0, self._guest.isa.paging.user_end, MOST_PAGES)
        upper, found = self._upper(space, walker)
        numbers = self._numbers(walker, lower) + upper
        pid = space.slot.pid if space.slot is not None else None
        problem = lower.problem or found.problem
        unusable = lower.unusable + found.unusable
        windows = [_window(one) for one in walker.windows]
        return PictureSpace(label_of(space.label), f"{space.root:#x}", live, pid, numbers, problem, unusable, windows)

    def expected(self) -> PictureSpace:
        """Returns what the kernel's own half must have, by the linked image: not a root, but to be compared with one."""
        numbers = []
        for region in sorted(self._guest.layout.regions, key=lambda region: region.pa):
            va, kernel = region.pa + self._guest.layout.offset_of(region), letters(True, region.write, region.execute)
            memory = "device" if region.device else "normal"
            pages = region.size // PAGE
            entry = PictureRange(
                f"{va:#x}", f"{va + region.size:#x}", f"{region.pa:#x}", pages, kernel, "---", True, memory,
                region.name, 0, None, (), -1,
            )  # fmt: skip
            numbers.append(self.ranges.number_of(entry))
        kept = [number for number in numbers if number is not None]
        return PictureSpace("what the kernel's image asks for", "", False, None, kept, "", 0, [])

    def _upper(self, space: Space, walker: RadixWalker) -> tuple[list[int], AddressSpaceMap]:
        """Reads the upper half, of roots whose upper halves are the same entries only the first."""
        upper = walker.windows[-1]
        half = walker.read_table(upper.root, upper.entries)
        kept = ~self._guest.isa.paging.set_by_cpu
        same = upper.root if "high" in walker.halves else half and tuple(half[slot] & kept for slot in walker.root_slots(upper))
        if same not in self._halves:
            found = map_of(self._guest, space, self._guest.isa.paging.user_end, most=MOST_PAGES)
            self._halves[same] = self._numbers(walker, found), found
        return self._halves[same]

    def _numbers(self, walker: RadixWalker, found: AddressSpaceMap) -> list[int]:
        numbers = (self.ranges.number_of(self._range(walker, entry)) for entry in found.ranges)
        return [number for number in numbers if number is not None]

    def _range(self, walker: RadixWalker, entry: NamedRange) -> PictureRange:
        part = entry.range
        kernel = letters(part.read, part.write, part.kernel_execute)
        user = letters(part.user_read, part.user_write, part.user_execute)
        key = (kernel, user, is_users(self._guest, part.va))
        if key not in self._access:
            self._access[key] = len(self.ranges.accesses)
            self.ranges.accesses.append(access_lines(self._guest, walker, part.va))
        return PictureRange(
            f"{part.va:#x}", f"{part.end:#x}", f"{part.pa:#x}", part.pages, kernel, user, part.global_, part.memory,
            visible(entry.name), entry.accessed, entry.dirty, entry.warnings, self._access[key],
        )  # fmt: skip


def _window(window: Window) -> dict[str, str | int | None]:
    low, high, root = f"{window.low:#x}", f"{window.high:#x}", f"{window.root:x}"
    fault = window.fault and window.fault + (f": {window.detail}" if window.detail else "")
    return {"low": low, "high": high, "root": root, "top": window.top, "entries": window.entries, "fault": fault}
