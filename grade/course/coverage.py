"""`./pagewalk coverage`: what of the grader the tests run, and what of the kernel its host tests run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from grade.course import cpp_coverage, python_coverage
from grade.course.counts import Counts

FOLDER = Path("build/coverage")
"""The folder, from the root, of all of it: nothing else is built or read there."""


@dataclass(frozen=True)
class CoverageOptions:
    """What is asked for."""

    tests: Sequence[str]
    """Files of tests, from the root; if none, those of `./pagewalk test --quick`, including milestones."""
    languages: Sequence[str]
    jobs: int | None


def run(root: Path, options: CoverageOptions, console: Console) -> int:
    """Measures, and prints a table for each language. Returns 1 if a test failed: then the figures may be too low."""
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    passed = True
    if "cpp" in options.languages:
        files, cpp_passed = cpp_coverage.measure(root, folder / "cpp")
        console.print(_table("C++ in the host tests: what students write, and all of kernel/", files))
        console.print(f"line by line: {(folder / 'cpp').relative_to(root)}/*.gcov")
        passed = passed and cpp_passed
    if "python" in options.languages:
        folders, python_passed = python_coverage.measure(root, folder / "python", options.tests, options.jobs)
        console.print(_table("Python, in the tests named" if options.tests else "Python, in the quick tests", folders))
        console.print(f"line by line: {(folder / 'python').relative_to(root)}/html/index.html")
        passed = passed and python_passed
    return 0 if passed else 1


def _table(title: str, counted: dict[str, Counts | None]) -> Table:
    """Returns a row for each name; names without counts say so."""
    table = Table(title=title, title_justify="left")
    for column in ("", "lines", "", "branches", ""):
        table.add_column(column, justify="left" if not table.columns else "right")
    for name, counts in counted.items():
        table.add_row(name, *(counts.cells() if counts else ("in no host test", "", "", "")))
    return table
