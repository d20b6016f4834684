"""What a class looks like while it is graded: a table on a terminal, a line for each submission in a file."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from grade.classroom.job import Done
from grade.classroom.store import Outcome, Standing

_LATEST = 12
_STYLES = {Standing.GRADED: "green", Standing.REFUSED: "yellow", Standing.ERROR: "magenta"}


class ClassTable:
    """A context manager that shows each submission that is done, how many there are, the rate and the time left."""

    def __init__(self, console: Console, total: int, before: int) -> None:
        self._console = console
        self._total, self._before = total, before
        self._done: list[tuple[Done, Outcome | None]] = []
        self._begin = time.monotonic()
        is_live = console.is_terminal and not console.is_dumb_terminal
        self._live = Live(console=console, get_renderable=self._view, refresh_per_second=2) if is_live else None

    def __enter__(self) -> Self:
        """Begins to show it."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Leaves the last state on the terminal."""
        if self._live is not None:
            self._live.stop()

    def add(self, done: Done, outcome: Outcome | None) -> None:
        """Shows one more that is done."""
        self._done.append((done, outcome))
        if self._live is None:
            count = f"{len(self._done)} of {self._total}"
            self._console.print(f"{count:>11}  {done.name:32} {_words(done, outcome)}", markup=False, soft_wrap=True)

    def _view(self) -> Group:
        table = Table(box=None, pad_edge=False)
        for heading in ("submission", "", "seconds", "CPU"):
            table.add_column(heading, justify="right" if heading in ("seconds", "CPU") else "left")
        for done, outcome in self._done[-_LATEST:]:
            words = Text(_words(done, outcome), style=_STYLES.get(done.standing, ""), overflow="ellipsis", no_wrap=True)
            table.add_row(Text(done.name), words, f"{done.seconds:.0f}", f"{done.cpu:.0f}")
        return Group(table, Text(self._summary(), style="bold"))

    def _summary(self) -> str:
        seconds = time.monotonic() - self._begin
        count = len(self._done)
        parts = [f"{count} of {self._total} graded"]
        if count:
            left = (self._total - count) * seconds / count
            parts += [f"{count * 60 / seconds:.1f} a minute", f"{_duration(left)} left" if count < self._total else ""]
        if self._before:
            parts.append(f"{self._before} were graded before")
        return ", ".join(filter(None, parts))


def _words(done: Done, outcome: Outcome | None) -> str:
    if done.standing is Standing.GRADED and outcome is not None:
        return f"{outcome.points:g} / {outcome.most:g}"
    return f"{done.standing}: {done.why}"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min" if minutes else f"{seconds:.0f} s"
