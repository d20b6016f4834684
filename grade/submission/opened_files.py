"""Records which files the compiler's tools open: builds opened_files.c, and reads what it recorded."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grade.ladder.plain_file import LARGEST_PROGRAM, LARGEST_TEXT, open_plain
from grade.ladder.shared_library import shared_library

_SOURCE = Path(__file__).with_suffix(".c")
_COMPILER = ["g++", "-x", "c", "-std=c17", "-O2"]


@dataclass(frozen=True)
class ToolRun:
    """One run of one program: its arguments, and what it opened."""

    arguments: tuple[str, ...]
    opened: tuple[str, ...]
    """Also what it tried in vain, for it was not there."""
    is_whole: bool = True
    """Whether that is all: what goes beyond the size of a record is not read."""

    @property
    def tool(self) -> str:
        """The program's name without folder and prefix: cc1plus, as, ld."""
        return Path(self.arguments[0]).name.rpartition("-")[2] if self.arguments else ""


def environment(library: Path, records: Path) -> dict[str, str]:
    """Returns the environment in which a tool's opened files are recorded in the folder `records`."""
    return {"LD_PRELOAD": str(library), "PAGEWALK_OPENED": str(records)}


def build_library(folder: Path) -> Path:
    """Returns opened_files.c as a shared library in `folder`, built if need be. LadderError if it does not compile."""
    return shared_library(_COMPILER, _SOURCE, folder)


def tool_runs(records: Path) -> Iterator[ToolRun]:
    """Yields what was recorded in the folder `records`. LadderError if one of the tools has left something else there."""
    for name in sorted(os.listdir(records)):
        with open_plain(records / name, LARGEST_PROGRAM, within=records.parent) as file:
            arguments, _, opened = file.read(LARGEST_TEXT).partition(b"\0\0")
            is_whole = not file.read(1)
        yield ToolRun(_strings(arguments), _strings(opened) if is_whole else (), is_whole)


def _strings(joined: bytes) -> tuple[str, ...]:
    return tuple(os.fsdecode(part) for part in joined.split(b"\0") if part)
