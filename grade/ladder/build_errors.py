"""Finds the first error in what cmake, ninja and the compilers print, even while they are still printing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from grade.ladder.too_large import largest_in, source_of

DEBUG_ROOT = "/pagewalk"
"""The name that debug information and messages give the folder of the tree (CMakeLists.txt)."""
_LONGEST_SHOWN = 400
_FAILED = re.compile(r"FAILED: (\S+)")
_BETWEEN = re.compile(r"/cc\w{6}\.s$")
"""Between compiler and assembler: a file that is gone when somebody reads of it."""
_EXCERPT = re.compile(r"\s*\d*\s*\|")
_INDENTED = re.compile(r"  |$")

_LINKER = r"(?:\S*[/-])?ld(?:\.\w+)?:"
_TOO_LARGE = "The kernel does not fit"  # arch/*/kernel.ld
_ERRORS = [
    # The compiler, the assembler, the linker (an object or source file; its script; the rest), CMake, ninja, a driver.
    re.compile(r"(?P<file>[^\s:][^:]*):(?P<line>\d+):(?P<column>\d+): (?:fatal )?error: (?P<message>.*)"),
    re.compile(r"(?P<file>[^\s:][^:]*):(?P<line>\d+): (?:Error|Fatal error|fatal error|error): (?P<message>.*)"),
    re.compile(rf"{_LINKER} error: unplaced orphan section `(?P<section>[^']*)' from `(?P<file>[^']*)'"),
    re.compile(
        rf"(?:{_LINKER} )?(?P<file>[^\s:()]+):(?:(?P<line>\d+):)?(?:\([^)]*\):)? "
        r"(?P<message>(?:undefined reference to|multiple definition of|relocation truncated) .*)"
    ),
    re.compile(rf"{_LINKER} ?(?P<file>/[^\s:]+|\.\.[^\s:]+):(?P<line>\d+): (?P<message>(?!warning).*)"),
    re.compile(rf"{_LINKER} (?P<message>(?!.*(?:warning: |NOTE: |in function |in section )).*)"),
    re.compile(r"CMake Error at (?P<file>[^\s:]+):(?P<line>\d+).*"),
    re.compile(r"CMake Error: (?P<message>.*)"),
    re.compile(r"ninja: (?:error|fatal): (?P<message>.*)"),
    re.compile(r"\S*(?:g\+\+|gcc|c\+\+|cc1plus|collect2|as): (?:fatal |internal compiler )?error: (?P<message>.*)"),
    re.compile(r"(?:\S*(?:cc1plus|as): )?(?P<message>(?:out of memory allocating|virtual memory exhausted).*)"),
]


@dataclass(frozen=True)
class Diagnostic:
    """One error of the tool chain. `file` is relative to the tree; what the tool did not say is None."""

    file: str | None
    line: int | None
    column: int | None
    message: str
    excerpt: str = ""
    """The source line and the caret, as the compiler printed them."""

    def __str__(self) -> str:
        place = "".join(f"{part}:" for part in (self.file, self.line, self.column) if part is not None)
        return f"{place} error: {self.message}".strip() + (f"\n{self.excerpt}" if self.excerpt else "")


class FirstError:
    """Takes the output line by line, and gives the first error as soon as it is complete."""

    def __init__(self, tree: Path, build_dir: Path) -> None:
        self._tree, self._build_dir = tree, build_dir
        self._lines: list[str] = []
        self._given = False

    def take(self, line: str) -> Diagnostic | None:
        """Takes the next line; returns the error if this line shows that nothing more belongs to it."""
        line = line.rstrip("\n")
        if self._lines and (_EXCERPT.match(line) or _INDENTED.match(line)):
            self._lines.append(line)
            return None
        if self._lines:
            return self.rest()
        if not self._given and any(pattern.fullmatch(line) for pattern in _ERRORS):
            self._lines.append(line)
        return None

    def rest(self) -> Diagnostic | None:
        """Returns the error if one has begun: nothing more is coming for now."""
        if not self._lines:
            return None
        lines, self._lines, self._given = self._lines, [], True
        return find_first_error("\n".join(lines), self._tree, self._build_dir)


def find_first_error(log: str, tree: Path, build_dir: Path) -> Diagnostic | None:
    """Returns the first error in the output of cmake, ninja and the compilers; None if there is none."""
    lines = log.splitlines()
    for number, line in enumerate(lines):
        match = next((found for pattern in _ERRORS if (found := pattern.fullmatch(line))), None)
        if match is None:
            continue
        parts = match.groupdict()
        file, message = parts.get("file"), parts.get("message")
        if (section := parts.get("section")) is not None:
            message = f"{section} has no place in memory: take the name of the section away, here or in what this includes"
        place = parts.get("line")
        if file is not None and _BETWEEN.search(file):
            file, place = _compiled(lines[:number]), None
        return with_culprit(
            Diagnostic(
                file=None if file is None else _from_root(file, tree, build_dir),
                line=int(place) if place else None,
                column=int(parts["column"]) if parts.get("column") else None,
                message=(message or _indented_text(lines[number + 1 :]))[:_LONGEST_SHOWN],
                excerpt="\n".join(line[:_LONGEST_SHOWN] for line in _leading(lines[number + 1 :], _EXCERPT)),
            ),
            build_dir,
        )
    return None


def _compiled(lines: list[str]) -> str | None:
    """Returns the object of the job whose failure ninja has reported last; None if it has not yet."""
    return next((found[1] for line in reversed(lines) if (found := _FAILED.match(line))), None)


def with_culprit(error: Diagnostic, build_dir: Path) -> Diagnostic:
    """Returns the error; one that says that the kernel does not fit also with the file and the variable that are too large."""
    if not error.message.startswith(_TOO_LARGE) or error.file is not None or (largest := largest_in(build_dir)) is None:
        return error
    return replace(error, file=largest.source, message=f"{error.message}; {largest}")


def _leading(lines: list[str], pattern: re.Pattern[str]) -> Iterator[str]:
    for line in lines:
        if not pattern.match(line):
            return
        yield line


def _indented_text(lines: list[str]) -> str:
    """Returns CMake's message: the indented lines, and the empty ones between, as one line."""
    return " ".join(" ".join(_leading(lines, _INDENTED)).split())


def _from_root(name: str, tree: Path, build_dir: Path) -> str:
    """Returns the file as a path from the tree.

    Compilers name it from the build folder, CMake from the tree, and the linker as the debug information does.
    """
    if name.startswith(f"{DEBUG_ROOT}/") and not Path(name).exists():
        return name.removeprefix(f"{DEBUG_ROOT}/")
    if (source := source_of(name)) is not None:
        return source
    path = (build_dir / name).resolve()
    if not path.exists():
        return name
    return path.relative_to(tree).as_posix() if path.is_relative_to(tree) else str(path)
