"""Finds out which source file makes a kernel too large for its memory: linkers name others, which can no longer reach theirs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grade.ladder.plain_file import LARGEST_PROGRAM, open_plain

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

_OBJECT = re.compile(r"CMakeFiles/\w+\.dir/(.+)\.o(?:bj)?")
_LARGE = 4 << 20
"""Bytes, of the 32 MiB that a kernel may have: nothing that is given is as large."""
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Largest:
    """The largest section of all objects: where it is from, and the variable that fills it."""

    source: str
    """From the tree's root."""
    section: str
    size: int
    """Bytes."""
    variable: str
    """Empty if no variable fills most of it."""

    def __str__(self) -> str:
        inside = f"{self.variable} in {self.section}" if self.variable else self.section
        unit = next((unit for unit in (30, 20, 10) if self.size >> unit), 0)
        return f"{inside} takes {self.size / (1 << unit):.3g} {({30: 'GiB', 20: 'MiB', 10: 'KiB'}.get(unit, 'bytes'))}"


def source_of(path: str) -> str | None:
    """Returns the source, from the tree's root, of an object that is named from the build folder; None if it is none."""
    found = _OBJECT.fullmatch(path)
    return found[1] if found else None


def largest_in(build_dir: Path) -> Largest | None:
    """Returns the largest section that takes memory in the kernel; None if none is too large by itself."""
    objects = (build_dir / "CMakeFiles/kernel.dir").rglob("*.obj")
    large = [one for path in objects for one in _sections(path, build_dir) if one.size >= _LARGE]
    return max(large, key=lambda one: one.size) if large else None


def _sections(path: Path, build_dir: Path) -> Iterator[Largest]:
    from elftools.common.exceptions import ELFError  # GDB's Python, which comes by here, may lack it
    from elftools.elf.constants import SH_FLAGS
    from elftools.elf.elffile import ELFFile

    source = source_of(path.relative_to(build_dir).as_posix()) or ""
    with open_plain(path, LARGEST_PROGRAM, within=build_dir) as file:
        try:
            parsed = ELFFile(file)
            for number, section in enumerate(parsed.iter_sections()):
                if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and (size := section["sh_size"]):
                    yield Largest(source, section.name, size, _variable(parsed, number, size) if size >= _LARGE else "")
        except ELFError:  # half an object, of a compiler that was ended
            return


def _variable(parsed: ELFFile, section: int, size: int) -> str:
    from elftools.elf.sections import SymbolTableSection

    tables = (table for table in parsed.iter_sections() if isinstance(table, SymbolTableSection))
    symbols = (symbol for table in tables for symbol in table.iter_symbols() if symbol["st_shndx"] == section)
    largest = max(symbols, key=lambda symbol: int(symbol["st_size"]), default=None)
    if largest is None or largest["st_size"] < size // 2:
        return ""
    name: str = largest.name
    try:
        run = subprocess.run(["c++filt"], input=name, capture_output=True, text=True, errors="replace", check=True)
    except (OSError, subprocess.CalledProcessError):
        return name[:_LONGEST_NAME]
    return run.stdout.strip().replace("(anonymous namespace)::", "")[:_LONGEST_NAME]
