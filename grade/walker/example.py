"""One page in the tables of each format: the example that docs/paging.md walks by hand, and its figures show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from grade.walker.aarch64 import ACCESS_FLAG, NOT_BLOCK, NOT_GLOBAL, PXN
from grade.walker.aarch64 import USER_PAGE as AARCH64_USER
from grade.walker.aarch64 import UXN
from grade.walker.aarch64 import VALID as AARCH64_VALID
from grade.walker.aarch64 import Aarch64Walker
from grade.walker.format import PAGE_BITS
from grade.walker.i386 import I386Walker
from grade.walker.memory import MappedMemory
from grade.walker.radix import RadixWalker
from grade.walker.riscv64 import ACCESSED, DIRTY, MODE_LOW, PAGE_NUMBER_LOW, READABLE, USER_PAGE, VALID, WRITABLE, Riscv64Walker
from grade.walker.x86 import CR0_PG, CR4_PAE, EFER_LME, EFER_NXE, PRESENT
from grade.walker.x86_64 import EXECUTE_DISABLE, X86_64Walker

ADDRESS = 0x5234_5678
"""Below 4 GiB, so that every format can translate it; no two of its indices are the same in any."""
FRAME = 0x2A000
"""Where its page is. A user's data: readable and writable for the user, never executed, and already written to."""
_ROOT = 0x10000
_SIZE = 0x40000

_X86_WRITE, _X86_USER, _X86_ACCESSED, _X86_DIRTY = (1 << bit for bit in (1, 2, 5, 6))
_X86_TABLE = PRESENT | _X86_WRITE | _X86_USER
_X86_PAGE = _X86_TABLE | _X86_ACCESSED | _X86_DIRTY
_INNER_SHAREABLE = 3 << 8
_AARCH64_PAGE = AARCH64_VALID | NOT_BLOCK | AARCH64_USER | _INNER_SHAREABLE | ACCESS_FLAG | NOT_GLOBAL | PXN | UXN
_48_BITS_AND_NO_HIGH_HALF = 16 | 16 << 16 | 1 << 23 | 5 << 32
_RISCV_PAGE = VALID | READABLE | WRITABLE | USER_PAGE | ACCESSED | DIRTY
_SV39 = 8


@dataclass(frozen=True)
class _Written:
    """How a format's entries are written, and the registers that point to the root."""

    walker: type[RadixWalker]
    top: int
    table: Callable[[int], int]
    page: Callable[[int], int]
    registers: dict[str, int]


_WRITTEN = (
    _Written(
        X86_64Walker, 3, lambda at: at | _X86_TABLE, lambda at: at | _X86_PAGE | EXECUTE_DISABLE,
        {"cr0": CR0_PG, "cr3": _ROOT, "cr4": CR4_PAE, "efer": EFER_LME | EFER_NXE},
    ),
    _Written(
        Aarch64Walker, 3, lambda at: at | AARCH64_VALID | NOT_BLOCK, lambda at: at | _AARCH64_PAGE,
        {"ttbr0_el1": _ROOT, "ttbr1_el1": 0, "tcr_el1": _48_BITS_AND_NO_HIGH_HALF, "mair_el1": 0xFF, "sctlr_el1": 1},
    ),
    _Written(
        Riscv64Walker, 2, lambda at: at >> PAGE_BITS << PAGE_NUMBER_LOW | VALID,
        lambda at: at >> PAGE_BITS << PAGE_NUMBER_LOW | _RISCV_PAGE, {"satp": _SV39 << MODE_LOW | _ROOT >> PAGE_BITS},
    ),
    _Written(
        I386Walker, 1, lambda at: at | _X86_TABLE, lambda at: at | _X86_PAGE, {"cr0": CR0_PG, "cr3": _ROOT, "cr4": 0},
    ),
)  # fmt: skip


def examples() -> list[RadixWalker]:
    """Returns a walker for each format, over tables in which ADDRESS is mapped and nothing else."""
    return [_example(written) for written in _WRITTEN]


def _example(written: _Written) -> RadixWalker:
    ram = bytearray(_SIZE)
    table = _ROOT
    for level in range(written.top, -1, -1):
        below = table + (1 << PAGE_BITS)
        entry = written.table(below) if level else written.page(FRAME)
        index = ADDRESS >> written.walker.shift(level) & (1 << written.walker.index_bits) - 1
        at = table + index * written.walker.entry_bytes
        ram[at : at + written.walker.entry_bytes] = entry.to_bytes(written.walker.entry_bytes, "little")
        table = below
    return written.walker(MappedMemory(ram, 0), written.registers)
