"""Checks what everything is written in: Python's layout and types, the shell's quoting, what compilers let pass in C++."""

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from grade.course import clang_tidy

_PYTHON = ("grade", "labs")
_SHELL = (
    *("pagewalk", ".ci/run", ".vscode/pagewalk-gdb", "grade/packages/grade_one.sh", "grade/packages/prairielearn/entry.sh"),
    *("grade/packages/gradescope/setup.sh", "grade/packages/gradescope/run_autograder"),
)


@dataclass(frozen=True)
class Linter:
    """A tool of Debian 12. Another version may want another layout, or find more: then it is not asked."""

    name: str
    version: str
    arguments: tuple[str, ...]
    shares: Callable[[Path], Sequence[tuple[str, ...]]] = lambda _: [()]
    """The extra arguments of each of its runs, which are concurrent."""
    once: Callable[[str], str] = str
    """Leaves out what several runs report alike."""


LINTERS = (
    Linter("black", "23.1.0", ("--check", "--quiet", "--diff", *_PYTHON)),
    Linter("isort", "5.6.4", ("--check", "--diff", *_PYTHON)),
    Linter("flake8", "5.0.4", _PYTHON),
    Linter("mypy", "1.0.1", ("--no-error-summary", "--cache-dir=build/mypy")),
    Linter("shellcheck", "0.9.0", _SHELL),
    Linter(
        "clang-tidy",
        "14.0.6",
        ("--quiet", "--warnings-as-errors=*", f"-p={clang_tidy.FOLDER}"),
        clang_tidy.shares,
        clang_tidy.once,
    ),
)


def lint(root: Path, console: Console, linters: tuple[Linter, ...] = LINTERS) -> bool:
    """Runs all linters at once; prints what they found, and which did not run. Returns whether nothing was found."""
    with ThreadPoolExecutor() as threads:
        findings = list(threads.map(lambda linter: _findings(linter, root), linters))
    for linter, found in zip(linters, findings, strict=True):
        if found is None:
            console.print(f"{linter.name} {linter.version} is not here: it was not asked")
        elif found:
            console.print(f"{linter.name} finds:\n{found}", markup=False, soft_wrap=True)
    return not any(findings)


def _findings(linter: Linter, root: Path) -> str | None:
    """Returns what the linter says; empty if it finds nothing; None if it is missing, or in another version."""
    if shutil.which(linter.name) is None or _version(linter.name) != linter.version:
        return None
    try:
        commands = [[linter.name, *linter.arguments, *share] for share in linter.shares(root)]
    except subprocess.CalledProcessError as error:
        return f"nothing, for {error}\n{error.stdout}{error.stderr}"
    with ThreadPoolExecutor() as threads:
        said = threads.map(lambda command: _complaints(command, root), commands)
    return linter.once("".join(said))


def _complaints(command: Sequence[str], root: Path) -> str:
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return run.stdout + run.stderr if run.returncode else ""


def _version(tool: str) -> str | None:
    said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+\.\d+\.\d+", said)
    return found[0] if found else None
