"""Reads page tables from outside the guest: written from the processors' manuals, never from a kernel's headers."""

from __future__ import annotations

from collections.abc import Callable

from grade.walker.aarch64 import Aarch64Walker
from grade.walker.access import Access
from grade.walker.entry import Bit
from grade.walker.explain import explain
from grade.walker.i386 import I386Walker
from grade.walker.memory import MappedMemory, OutsideMemory, PhysicalMemory
from grade.walker.model import FAULTS, REFUSALS, Mapping, Step, TooManyTables, Walk
from grade.walker.radix import RadixWalker
from grade.walker.ranges import Range, coalesce
from grade.walker.riscv64 import Riscv64Walker
from grade.walker.x86_64 import X86_64Walker

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
