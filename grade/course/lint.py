"""Looks over the grader's Python and the launcher's shell: layout, names that nobody uses, types, quoting."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

_PYTHON = ("grade", "labs")
_SHELL = ("pagewalk", ".ci/run", ".vscode/pagewalk-gdb")


@dataclass(frozen=True)
class Linter:
    """A tool of Debian 12's. Another version may want another layout, or find more: then it is not asked."""

    name: str
    version: str
    arguments: tuple[str, ...]


LINTERS = (
    Linter("black", "23.1.0", ("--check", "--quiet", "--diff", *_PYTHON)),
    Linter("isort", "5.6.4", ("--check", "--diff", *_PYTHON)),
    Linter("flake8", "5.0.4", _PYTHON),
    Linter("mypy", "1.0.1", ("--no-error-summary", "--cache-dir=build/mypy")),
    Linter("shellcheck", "0.9.0", _SHELL),
)


def lint(root: Path, console: Console, linters: tuple[Linter, ...] = LINTERS) -> bool:
    """Asks all linters at once; prints what they found, and who was not asked. Returns whether nothing was found."""
    with ThreadPoolExecutor() as threads:
        findings = list(threads.map(lambda linter: _findings(linter, root), linters))
    for linter, found in zip(linters, findings, strict=True):
        if found is None:
            console.print(f"{linter.name} {linter.version} is not here: it was not asked")
        elif found:
            console.print(f"{linter.name} finds:\n{found}", markup=False, soft_wrap=True)
    return not any(findings)


def _findings(linter: Linter, root: Path) -> str | None:
    """What it says; empty if it is content; None if it is not here, or in another version."""
    if shutil.which(linter.name) is None or _version(linter.name) != linter.version:
        return None
    run = subprocess.run([linter.name, *linter.arguments], cwd=root, capture_output=True, text=True, check=False)
    return run.stdout + run.stderr if run.returncode else ""


def _version(tool: str) -> str | None:
    said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+\.\d+\.\d+", said)
    return found[0] if found else None
