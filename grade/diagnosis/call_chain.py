"""Who called whom in a stopped kernel: from its stack, and from the compiler's account of where it keeps what.

That account is the section .debug_frame (DWARF 4, 6.4). A student's code can write it no more than the rest of the debug
information: whoever believes a chain believes only that a line of source is worth a look.
"""

import io
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from grade.boot.kernel_image import SourceCall
from grade.boot.sight import Sight
from grade.inspect.trap_frame import frame_at

_DEEPEST = 32
_WORD = 8
_HEADER = 0xFFFF_FFFF  # what tells an entry that others share from one of a function (7.24)


@dataclass(frozen=True)
class Activation:
    """A function that has not returned: where it goes on, and the registers at that moment, by DWARF's numbers."""

    pc: int
    registers: Mapping[int, int]
    is_caller: bool
    """Whether `pc` is where a call returns to, and so after the line that called."""


def lines_of_calls(guest: Sight, at: tuple[int, int] | None = None) -> list[SourceCall]:
    """Returns the lines in which the stopped kernel is, innermost first, with functions that are inlined.

    `at` is where it was: pc and stack pointer, if they are not those of now.
    It goes through exceptions to what they interrupted, and ends where nothing more is known.
    """
    return guest.image.calls([found.pc - found.is_caller for found in activations(guest, at)])


def activations(guest: Sight, at: tuple[int, int] | None = None) -> Iterator[Activation]:
    """Yields the functions that the kernel is in, innermost first; `at` as for lines_of_calls()."""
    cpu = guest.cpu()
    names = guest.isa.registers.by_dwarf
    pc, sp = at or (cpu.pc, cpu.sp)
    registers = {number: cpu.registers[name] for number, name in names.items()}
    here: Activation | None = Activation(pc, {**registers, guest.isa.registers.stack_by_dwarf: sp}, is_caller=False)
    account = _account_of(guest.image.elf, guest.image.elf.stat().st_mtime_ns)
    for _ in range(_DEEPEST):
        if here is None:
            return
        yield here
        here = _caller(guest, account, here)


class _Account:
    """The section .debug_frame. Only what is asked for is read: reading all of it takes a second."""

    def __init__(self, elf: Path) -> None:
        from elftools.dwarf.structs import DWARFStructs  # not in GDB's Python, perhaps
        from elftools.elf.elffile import ELFFile

        with elf.open("rb") as file:
            opened = ELFFile(file)
            section = opened.get_section_by_name(".debug_frame")
            self._data = section.data() if section is not None else b""
            self._structs = DWARFStructs(little_endian=True, dwarf_format=32, address_size=_WORD)
        self._functions: list[tuple[int, int, int, int]] = []
        """The start, the size, the offset and the length of each function's entry."""
        at = 0
        while at + 24 <= len(self._data):
            length, header, start, size = struct.unpack_from("<IIQQ", self._data, at)
            if header != _HEADER:
                self._functions.append((start, size, at, length + 4))
            at += length + 4

    def entry(self, pc: int) -> Any:
        """Returns the account of the function at an address, an FDE of pyelftools; None if there is none."""
        from elftools.dwarf.callframe import FDE, CallFrameInfo

        found = next((one for one in self._functions if 0 <= pc - one[0] < one[1]), None)
        if found is None:
            return None
        _, _, at, size = found
        (header_at,) = struct.unpack_from("<I", self._data, at + 4)
        (length,) = struct.unpack_from("<I", self._data, header_at)
        alone = (
            self._data[header_at : header_at + length + 4] + self._data[at : at + 4] + bytes(4) + self._data[at + 8 : at + size]
        )
        information = CallFrameInfo(io.BytesIO(alone), len(alone), 0, self._structs)
        return next(entry for entry in information.get_entries() if isinstance(entry, FDE))


@lru_cache(4)
def _account_of(elf: Path, changed: int) -> _Account:
    del changed  # a file that was written anew is another one
    return _Account(elf)


def _caller(guest: Sight, account: _Account, callee: Activation) -> Activation | None:
    """Returns the activation that goes on when this one returns; None if the account does not say, or memory is not there."""
    at = callee.pc - callee.is_caller
    entry = account.entry(at)
    rows = [row for row in entry.get_decoded().table if row["pc"] <= at] if entry is not None else []
    if entry is None or not rows or rows[-1]["cfa"].expr is not None:
        return None
    row, column, stack = rows[-1], entry.cie["return_address_register"], guest.isa.registers.stack_by_dwarf
    if column in row and row[column].type == "UNDEFINED":
        return _interrupted(guest, callee)
    cfa = callee.registers[row["cfa"].reg] + row["cfa"].offset
    kept = {number: _value(guest, rule, cfa, callee.registers) for number, rule in row.items() if isinstance(number, int)}
    registers = {**callee.registers, **{number: value for number, value in kept.items() if value is not None}, stack: cfa}
    back = registers.get(column)
    if back is None or None in kept.values() or (back, cfa) == (callee.pc, callee.registers[stack]):
        return None
    return Activation(back, registers, is_caller=True)


def _interrupted(guest: Sight, entrance: Activation) -> Activation | None:
    """Returns what the exception interrupted whose entrance this is: its registers are on top of the stack. None if a user."""
    names = guest.isa.registers
    frame = frame_at(guest, entrance.registers[names.stack_by_dwarf])
    if frame is None or names.is_users(frame.registers):
        return None
    registers = {number: frame.registers[name] for number, name in names.by_dwarf.items()}
    return Activation(frame.registers[names.frame_pc], registers, is_caller=False)


def _value(guest: Sight, rule: Any, cfa: int, registers: Mapping[int, int]) -> int | None:
    if rule.type == "OFFSET":
        pa = guest.walk(cfa + rule.arg).pa
        return None if pa is None else guest.read_word(pa, _WORD)
    return registers.get(rule.arg) if rule.type == "REGISTER" else None
