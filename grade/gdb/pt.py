"""pt: page tables, as ranges, as one walk, by frame, compared, and examined."""

from collections.abc import Sequence

import gdb

from grade.boot.sight import Sight
from grade.gdb.command import PagingCommand, address, usage
from grade.gdb.guest import GdbGuest, NotStopped
from grade.inspect.diff import diff_lines
from grade.inspect.frames import places_of
from grade.inspect.lint import lint
from grade.inspect.map_text import HEADER, AddressSpaceMap, map_lines, map_of
from grade.inspect.spaces import Space, live_space, space_called, walker_of
from grade.inspect.walk_text import walk_lines

_MOST_PLACES = 64
_USAGE = "pt [-root PID|PA] [VA], pt -pa PA, pt -diff [A B], pt -lint"


class PageTables(PagingCommand):
    """Page tables, read from outside, whatever the CPU has loaded.

    pt                   all that the live root maps, as ranges with names
    pt VA                the walk of VA, every entry with every bit
    pt -root PID         the same for the root of a process, or (-root 0x...) for any root
    pt -root PID VA
    pt -pa PA            every virtual address, in every root, that leads to PA
    pt -diff A B         what two roots (PIDs or 0x...) map differently
    pt -diff             what the live root has mapped and lost since the last stop
    pt -lint             what is wrong with the roots, at one look

    VA and PA are expressions, as for `print`. Marks: A and D count the leaves that the CPU has marked as accessed and
    as written (Arm does not mark what was written)."""

    name = "pt"
    options = ("-root", "-pa", "-diff", "-lint")

    def __init__(self, guest: GdbGuest) -> None:
        super().__init__(guest)
        self._before: AddressSpaceMap | None = None
        self._now: AddressSpaceMap | None = None

    def note_stop(self) -> None:
        """Keeps what is mapped, for `pt -diff` at the next stop: the guest has stopped."""
        self._before = self._now
        try:
            guest = self._guest.look()
            self._now = map_of(guest, live_space(guest))
        except (NotStopped, gdb.error):
            self._now = None

    def lines(self, guest: Sight, words: Sequence[str]) -> list[str]:
        """Returns what to print."""
        match [*words]:
            case []:
                return [HEADER, *map_lines(map_of(guest, live_space(guest)))]
            case ["-lint"]:
                return lint(guest) or ["nothing is wrong at first sight"]
            case ["-pa", pa]:
                return _places(guest, address(pa))
            case ["-diff"]:
                return self._since_last_stop(guest)
            case ["-diff", one, other]:
                return _differences(guest, space_called(guest, one), space_called(guest, other))
            case ["-root", name]:
                return [HEADER, *map_lines(map_of(guest, space_called(guest, name)))]
            case ["-root", name, *va] if va:
                return walk_lines(guest, walker_of(guest, space_called(guest, name)), address(" ".join(va)))
        if words[0].startswith("-"):
            raise usage(_USAGE)
        return walk_lines(guest, guest.walker(), address(" ".join(words)))

    def _since_last_stop(self, guest: Sight) -> list[str]:
        if self._before is None:
            raise gdb.GdbError("pt -diff: the machine has stopped only once, so there is nothing to compare with")
        now = map_of(guest, live_space(guest))
        lines = diff_lines(self._before, now)
        head = f"since the last stop, {self._before.space.label}"
        if now.space.root != self._before.space.root:
            head += f" (root {self._before.space.root:#x}) against {now.space.label} (root {now.space.root:#x})"
        return [head, *(lines or ["the same is mapped"])]


def _places(guest: Sight, pa: int) -> list[str]:
    lines = [f"{va:#x}  {rights}  in {space.label}" for space, va, rights in places_of(guest, pa)]
    if len(lines) > _MOST_PLACES:
        lines[_MOST_PLACES:] = [f"... and {len(lines) - _MOST_PLACES} more"]
    return lines or [f"nothing maps {pa:#x}"]


def _differences(guest: Sight, one: Space, other: Space) -> list[str]:
    lines = diff_lines(map_of(guest, one), map_of(guest, other))
    return [f"- {one.label}, root {one.root:#x}; + {other.label}, root {other.root:#x}", *(lines or ["they map the same"])]
