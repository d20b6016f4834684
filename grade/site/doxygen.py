"""Runs Doxygen, and draws all its graphs with one `dot`.

Doxygen starts `dot` anew for each of more than two thousand graphs, which takes minutes. One `dot` that draws them all takes
seconds. So Doxygen runs twice: first up to where it would begin to draw, and then again, to find every graph drawn.
If another Doxygen does not find them, it draws them by itself: slower, but just as right.
"""

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from grade.ladder.labs import LadderError
from grade.pipes import output_of
from grade.tied import while_we_live

GRAPHS_BEGIN = re.compile(r"Running dot for graph ")
_PHASES = (
    (re.compile(r"(?:Parsing|Preprocessing|Reading) "), "reading the sources"),
    (re.compile(r"Generating docs for "), "working out the graphs"),
    (re.compile(r"Patching output file (?P<done>\d+)/(?P<total>\d+)"), "writing pages"),
)
_DRAWING = "drawing the graphs"
_ORDER = [*(phase for _, phase in _PHASES[:-1]), _DRAWING, _PHASES[-1][1]]
_AT_A_TIME = 100
_DRAFTS = ("*.dot", "*.md5", "*.map")
_NOTHING = subprocess.DEVNULL


class _Phases:
    """Shows the progress: a bar on a terminal, else a line for each new phase. It never goes back to an earlier one."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._task, self._reached = progress, progress.add_task("", total=None), -1

    def show(self, phase: str, done: int = 0, total: int | None = None) -> None:
        number = _ORDER.index(phase)
        if number < self._reached:
            return
        if number > self._reached:
            self._reached = number
            self._progress.reset(self._task, description=phase, total=total)
            if not self._progress.console.is_terminal:
                self._progress.console.print(phase)
        self._progress.update(self._task, completed=done, total=total)

    def take(self, line: str) -> None:
        """Takes a line of Doxygen's output."""
        for pattern, phase in _PHASES:
            if match := pattern.match(line):
                found = match.groupdict()
                return self.show(phase, int(found.get("done", 0)), int(found["total"]) if "total" in found else None)


@contextmanager
def progress_on(console: Console) -> Iterator[_Phases]:
    """Yields where the following functions show their progress."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield _Phases(progress)


def run_doxygen(configuration: Path, phases: _Phases, until: re.Pattern[str] | None = None) -> int:
    """Runs Doxygen to its end, or to the first line that matches `until`; returns its exit status."""
    with subprocess.Popen(
        while_we_live(["doxygen", os.fspath(configuration)]), cwd=configuration.parent, text=True, errors="replace",
        env=os.environ | {"LC_ALL": "C.UTF-8"}, stdin=_NOTHING, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as doxygen:  # fmt: skip
        try:
            for line in output_of(doxygen):
                phases.take(line)
                if until is not None and until.match(line):
                    break
            else:
                return doxygen.wait()
        finally:
            doxygen.kill()
    return 0


def draw_graphs(site: Path, phases: _Phases) -> None:
    """Draws what Doxygen wrote down in `site`, and notes it as Doxygen does. LadderError if dot cannot."""
    drafts = sorted(site.glob("*.dot"))
    for first in range(0, len(drafts), _AT_A_TIME):
        phases.show(_DRAWING, first, len(drafts))
        some = drafts[first : first + _AT_A_TIME]
        result = subprocess.run(["dot", "-Tsvg", "-Tcmapx", "-O", *some], cwd=site, capture_output=True, check=False)
        if result.returncode != 0:
            raise LadderError(f"dot cannot draw a graph: {result.stderr.decode(errors='replace').strip()}")
        for draft in some:
            draft.with_name(f"{draft.name}.svg").rename(draft.with_suffix(".svg"))
            draft.with_name(f"{draft.name}.cmapx").rename(draft.with_suffix(".map"))
            draft.with_suffix(".md5").write_text(hashlib.md5(draft.read_bytes()).hexdigest(), encoding="ascii")


def remove_drafts(site: Path) -> None:
    """Removes what only the two runs need."""
    for pattern in _DRAFTS:
        for path in site.glob(pattern):
            path.unlink()
