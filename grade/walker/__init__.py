"""Reads page tables from outside the guest: written from the processors' manuals, never from a kernel's headers."""

from __future__ import annotations

from collections.abc import Callable

from .aarch64 import Aarch64Walker
from .access import Access
from .entry import Bit
from .explain import explain
from .i386 import I386Walker
from .memory import MappedMemory, OutsideMemory, PhysicalMemory
from .model import FAULTS, REFUSALS, Mapping, Step, TooManyTables, Walk
from .radix import RadixWalker
from .ranges import Range, coalesce
from .riscv64 import Riscv64Walker
from .x86_64 import X86_64Walker

WALKERS: dict[str, Callable[[PhysicalMemory, dict[str, int]], RadixWalker]] = {
    walker.isa: walker for walker in (X86_64Walker, Aarch64Walker, Riscv64Walker, I386Walker)
}

__all__ = [
    "FAULTS", "REFUSALS", "WALKERS", "Aarch64Walker", "Access", "Bit", "I386Walker", "MappedMemory", "Mapping", "OutsideMemory",
    "PhysicalMemory", "RadixWalker", "Range", "Riscv64Walker", "Step", "TooManyTables", "Walk", "X86_64Walker",
    "coalesce", "explain", "walker_for",
]  # fmt: skip


def walker_for(isa: str, memory: PhysicalMemory, registers: dict[str, int]) -> RadixWalker:
    """Returns a walker for 'x86_64', 'aarch64', 'riscv64' or 'i386'; KeyError for another ISA or a missing register."""
    return WALKERS[isa](memory, registers)
