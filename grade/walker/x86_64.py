"""4-level paging of x86_64, and 5-level paging if CR4.LA57 is set.

Intel SDM vol. 3A, "Paging" (chapter 5, chapter 4 in editions before 2024), sections 5.5 and 5.6; canonical
addresses: chapter 4 and vol. 1, 3.3.7.1.

     63  62..59 58..52 51 ................. 12  11..9   8    7    6   5   4    3    2    1   0
    +---+------+------+-----------------------+------+---+------+---+---+----+----+----+----+---+
    | XD| PK   |  -   | address of table/page |  AVL | G |PS/PAT| D | A | PCD| PWT| U/S| R/W| P |
    +---+------+------+-----------------------+------+---+------+---+---+----+----+----+----+---+

Registers: cr0, cr3, cr4, efer; optional: pat (the MSR), physical_bits (MAXPHYADDR of CPUID, 52 if not given).
"""

from __future__ import annotations

from typing import Self

from grade.walker.entry import EMPTY, EXECUTE, Decoded, Field, flag, mask, reserved
from grade.walker.format import Window
from grade.walker.x86 import (
    BLOCK_FIELDS,
    BLOCK_PAT,
    CR0_PG,
    CR4_LA57,
    CR4_PAE,
    EFER_LME,
    EFER_NXE,
    PAGE_FIELDS,
    PAGE_SIZE,
    PRESENT,
    TABLE_FIELDS,
    X86Walker,
)

# 5.5.4, tables 5-14 to 5-20.
ADDRESS = mask(51, 12)
EXECUTE_DISABLE = 1 << 63
PAGE_ADDRESS = (mask(51, 12), mask(51, 21), mask(51, 30))  # of a PTE, of a PDE (2 MiB), of a PDPTE (1 GiB)
BLOCK_LEVELS = (1, 2)
NAMES = ("PTE", "PDE", "PDPTE", "PML4E", "PML5E")
_UPPER_FIELDS = (
    Field("PK", 59, 4, ("protection key, if CR4.PKE",)),
    flag("XD", 63, "executable", "never executed"),
)


class X86_64Walker(X86Walker):
    """Reads 4-level (or 5-level) tables from CR3."""

    isa = "x86_64"
    table_names = ("page table", "page directory", "page-directory-pointer table", "PML4 table", "PML5 table")

    def translation_on(self) -> bool:
        """Returns whether CR0.PG, CR4.PAE and EFER.LME are set, which 4-level and 5-level paging need (5.1.1)."""
        on = self.registers["cr0"] & CR0_PG and self.registers["cr4"] & CR4_PAE
        return bool(on and self.registers["efer"] & EFER_LME)

    def with_root(self, root: int, half: str | None = None) -> Self:
        return type(self)(self.memory, {**self.registers, "cr3": root})

    def _windows(self) -> tuple[Window, ...]:
        """Returns two windows with one root: the upper address bits repeat bit 47 (bit 56 with LA57)."""
        top = 4 if self.registers["cr4"] & CR4_LA57 else 3
        half_size = 1 << self.shift(top + 1) - 1
        root = self.registers["cr3"] & ADDRESS
        lower = Window("root", 0, half_size, root, top, 512)
        upper = Window("root", (1 << 64) - half_size, 1 << 64, root, top, 512)
        return lower, upper

    def entry_name(self, level: int) -> str:
        return NAMES[level]

    def decode(self, level: int, entry: int) -> Decoded:
        if not entry & PRESENT:
            return EMPTY
        if entry & EXECUTE_DISABLE and not self.registers["efer"] & EFER_NXE:
            return reserved("XD, bit 63, while EFER.NXE is 0")
        if entry & ADDRESS & ~mask(self.physical_bits - 1, 0):
            return reserved(f"an address of more than {self.physical_bits} bits")
        grants = self.rights(entry) & ~(EXECUTE if entry & EXECUTE_DISABLE else 0)
        if level == 0:
            return Decoded("leaf", grants)
        if not entry & PAGE_SIZE:
            return Decoded("table", grants)
        if level not in BLOCK_LEVELS:
            return reserved(f"PS, bit 7, in a {NAMES[level]}")
        if entry & ADDRESS & mask(self.shift(level) - 1, 0) & ~BLOCK_PAT:
            return reserved(f"bits {self.shift(level) - 1} to 13 of the address of a large page")
        return Decoded("leaf", grants)

    def table_address(self, entry: int) -> int:
        return entry & ADDRESS

    def page_address(self, level: int, entry: int) -> int:
        return entry & PAGE_ADDRESS[level]

    def frame_bits(self, level: int) -> int:
        return mask(self.physical_bits - 1, self.shift(level))

    def fields(self, level: int, kind: str) -> tuple[Field, ...]:
        if level == 0:
            return PAGE_FIELDS + _UPPER_FIELDS
        return (BLOCK_FIELDS if kind == "leaf" else TABLE_FIELDS) + _UPPER_FIELDS

    @property
    def physical_bits(self) -> int:
        """4.1.4: MAXPHYADDR; address bits from there on are reserved in every entry."""
        return self.registers.get("physical_bits", 52)
