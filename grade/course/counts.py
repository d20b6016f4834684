"""How many lines and branches there are, and how many of them were run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """The counts of one file or folder."""

    lines: int = 0
    lines_run: int = 0
    branches: int = 0
    branches_run: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.lines + other.lines,
            self.lines_run + other.lines_run,
            self.branches + other.branches,
            self.branches_run + other.branches_run,
        )

    def cells(self) -> tuple[str, str, str, str]:
        """Returns what a table shows, for lines and for branches: how many of all were run, and that in percent."""
        return (*_cells(self.lines_run, self.lines), *_cells(self.branches_run, self.branches))


def _cells(run: int, every: int) -> tuple[str, str]:
    return (f"{run} of {every}", f"{100 * run / every:.1f} %") if every else ("none", "")
