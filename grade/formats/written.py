"""Writes the reports of a run when it ends, however it ends."""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from grade.formats.report import Report
from grade.ladder.files import need_folder_of, write_whole
from grade.ladder.labs import LadderError
from grade.machine.qemu_version import ToolMissing, ToolTooOld
from grade.results.result import Result
from grade.unjudged import left_of


class Reports:
    """A context manager around a run, which notes what it learns here. At its end it writes each file atomically.

    An exception that leaves the context is noted as the problem, and goes on.
    """

    def __init__(self, asked: Sequence[tuple[str, Path]]) -> None:
        """Takes pairs of a format's name and a file. LadderError if the folder of a file does not exist."""
        for _, path in asked:
            need_folder_of(path)
        self._asked = [(name, path.resolve()) for name, path in asked]
        self.planned: Sequence[Result] = ()
        """A result for each milestone that is to be judged, as if none were."""
        self.results: Sequence[Result] = ()
        self.waiting: Sequence[Result] = ()
        """Milestones that could not be judged yet, and are not in the report."""
        self.seed: int | None = None
        self.submission: dict[str, Any] | None = None
        self.problem: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._asked:
            return
        if error is not None:
            self.problem = _said(error)
        failed = self._write()
        if failed and error is not None:
            print(f"Error: {failed}", file=sys.stderr)
        elif failed:
            raise LadderError(failed)

    def report(self) -> Report:
        """Returns the report: what was judged, and of everything else that it was not."""
        problem = self.problem
        if problem is None and not self.results:
            problem = "nothing was graded"
        missing = left_of(self.planned, (*self.results, *self.waiting), problem or "the run has ended before")
        return Report((*self.results, *missing), self.seed, self.submission, problem)

    def _write(self) -> str:
        """Writes all files that can be written; returns why the others cannot, or nothing."""
        from grade.formats.formats import FORMATS

        report, failed = self.report(), []
        for name, path in self._asked:
            try:
                write_whole(path, FORMATS[name](report))
            except LadderError as error:
                failed.append(str(error))
        return "; ".join(failed)


def _said(error: BaseException) -> str:
    """Returns what a student may read about why the run has ended."""
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted"
    is_plain = isinstance(error, LadderError | ToolMissing | ToolTooOld)
    return str(error) if is_plain else f"{type(error).__name__}: {error}"
