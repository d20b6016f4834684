"""The order in which milestones are judged: the current lab's first, and no long one at the very end.

How long each took is kept below build/. It affects only this order.
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
"""The seconds assumed for a milestone that was never judged here; most boot a guest or two."""


@dataclass(frozen=True)
class Due:
    """A milestone that is to be judged on a target."""

    number: str
    target: Target

    @property
    def key(self) -> str:
        """The key under which its duration is known."""
        return key_of(self.target.lab, self.target.isa, self.number)

    @property
    def turn(self) -> tuple[bool, int, int, int, int]:
        """Its place if nothing takes long: the lab's own milestones, then what must still hold, the highest lab first."""
        lab, place = (int(part) for part in self.number.split("."))
        return (lab != self.target.lab, -self.target.lab, ISAS.index(self.target.isa), lab, place)


def key_of(lab: int, isa: str, milestone: str) -> str:
    """Returns the key under which the duration of a milestone on a lab's kernel is kept."""
    return f"{milestone} on lab {lab}'s kernel for {isa}"


def beginnings(dues: Iterable[Due], seconds: Mapping[str, float], workers: int) -> dict[Due, float]:
    """Returns when each is to begin, for sorting: at its turn, or as early as it must to end with the others."""
    turns = sorted(set(dues), key=lambda due: due.turn)
    takes = [seconds.get(due.key, _UNKNOWN) for due in turns]
    end = max([sum(takes) / workers, *takes])
    before = accumulate(takes, initial=0.0)
    return {due: min(sum_before / workers, end - take) for due, sum_before, take in zip(turns, before, takes, strict=False)}


class Durations:
    """The file that keeps how long milestones took."""

    def __init__(self, root: Path) -> None:
        self._path = root / "build" / "durations.json"

    def read(self) -> dict[str, float]:
        """Reads what is known, by Due.key; nothing if the file cannot be read."""
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
