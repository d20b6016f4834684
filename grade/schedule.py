"""In which order milestones are judged: the current lab's first, and none that takes long at the very end.

How long each took is kept below build/. It decides on nothing but this order.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from grade.isa import ISAS
from grade.results.result import Result
from grade.run_plan import Target

_UNKNOWN = 0.3
"""Seconds that a milestone takes which was never judged here; most boot a guest or two."""


@dataclass(frozen=True)
class Due:
    """A milestone that is to be judged on a target."""

    number: str
    target: Target

    @property
    def key(self) -> str:
        """By which its duration is known."""
        return key_of(self.target.lab, self.target.isa, self.number)

    @property
    def turn(self) -> tuple[bool, int, int, int, int]:
        """Its place if nothing takes long: what the lab itself asks, then what must still hold, the highest lab first."""
        lab, place = (int(part) for part in self.number.split("."))
        return (lab != self.target.lab, -self.target.lab, ISAS.index(self.target.isa), lab, place)


def key_of(lab: int, isa: str, milestone: str) -> str:
    """By which the duration of a milestone on a lab's kernel is kept."""
    return f"{milestone} on lab {lab}'s kernel for {isa}"


def beginnings(dues: Iterable[Due], seconds: Mapping[str, float], workers: int) -> dict[Due, float]:
    """When each is to begin: at its turn, or as early as it must to end with the others. By that they are sorted."""
    turns = sorted(set(dues), key=lambda due: due.turn)
    takes = [seconds.get(due.key, _UNKNOWN) for due in turns]
    end = max([sum(takes) / workers, *takes])
    before = accumulate(takes, initial=0.0)
    return {due: min(sum_before / workers, end - take) for due, sum_before, take in zip(turns, before, takes, strict=False)}


class Durations:
    """The file in which it is kept how long milestones took."""

    def __init__(self, root: Path) -> None:
        self._path = root / "build" / "durations.json"

    def read(self) -> dict[str, float]:
        """What is known, by Due.key; nothing of a file that cannot be read."""
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(key): float(seconds) for key, seconds in document.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def note(self, results: Sequence[Result]) -> None:
        """Keeps how long these took, if that can be written."""
        new = {key_of(result.lab, result.isa, result.milestone): round(result.duration, 2) for result in results}
        with suppress(OSError):
            self._path.parent.mkdir(exist_ok=True)
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps(self.read() | new), encoding="utf-8")
            fresh.replace(self._path)
