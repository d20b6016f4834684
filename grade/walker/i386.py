"""32-bit paging of i386: two levels, optionally 4 MiB pages (PSE, with PSE-36's wider addresses).

Intel SDM vol. 3A, "Paging" (chapter 5, chapter 4 in editions before 2024), section 5.3, tables 5-4 to 5-6.

     31 .................. 12  11..9   8    7    6   5   4    3    2    1   0
    +------------------------+------+---+------+---+---+----+----+----+----+---+
    | address of table/page  |  AVL | G |PS/PAT| D | A | PCD| PWT| U/S| R/W| P |   PTE, and PDE of a table
    +---------+---+------+---+------+---+------+---+---+----+----+----+----+---+
    | 31..22  | 0 |20..13|PAT|      a PDE that maps 4 MiB: bits 20..13 are bits 39..32 of the address
    +---------+---+------+---+

Registers: cr0, cr3, cr4; optional: pat (the MSR). There is no execute-disable bit in this format.
"""

from __future__ import annotations

from typing import Self

from grade.walker.entry import EMPTY, Decoded, Field, mask, reserved
from grade.walker.format import Window
from grade.walker.x86 import BLOCK_FIELDS, CR0_PG, CR4_PAE, CR4_PSE, PAGE_FIELDS, PAGE_SIZE, PRESENT, TABLE_FIELDS, X86Walker

ADDRESS = mask(31, 12)
BLOCK_ADDRESS = mask(31, 22)
BLOCK_ADDRESS_39_32 = mask(20, 13)
BLOCK_RESERVED = 1 << 21
NAMES = ("PTE", "PDE")


class I386Walker(X86Walker):
    """Reads 32-bit paging's tables from CR3."""

    isa = "i386"
    index_bits = 10
    entry_bytes = 4
    outside = "outside-address-size"

    def translation_on(self) -> bool:
        """Returns whether CR0.PG is set without CR4.PAE (5.1.1); with PAE the tables have another format, which is not read here."""
        return bool(self.registers["cr0"] & CR0_PG) and not self.registers["cr4"] & CR4_PAE

    def with_root(self, root: int, half: str | None = None) -> Self:
        return type(self)(self.memory, {**self.registers, "cr3": root})

    def _windows(self) -> tuple[Window, ...]:
        return (Window("root", 0, 1 << 32, self.registers["cr3"] & ADDRESS, 1, 1024),)

    def entry_name(self, level: int) -> str:
        return NAMES[level]

    def decode(self, level: int, entry: int) -> Decoded:
        if not entry & PRESENT:
            return EMPTY
        if level == 0:
            return Decoded("leaf", self.rights(entry))
        if not (entry & PAGE_SIZE and self.registers["cr4"] & CR4_PSE):
            return Decoded("table", self.rights(entry))
        if entry & BLOCK_RESERVED:
            return reserved("bit 21 of a PDE that maps 4 MiB")
        return Decoded("leaf", self.rights(entry))

    def table_address(self, entry: int) -> int:
        return entry & ADDRESS

    def page_address(self, level: int, entry: int) -> int:
        if level == 0:
            return entry & ADDRESS
        return entry & BLOCK_ADDRESS | (entry & BLOCK_ADDRESS_39_32) << 32 - 13

    def frame_bits(self, level: int) -> int:
        return ADDRESS if level == 0 else BLOCK_ADDRESS

    def fields(self, level: int, kind: str) -> tuple[Field, ...]:
        if level == 0:
            return PAGE_FIELDS
        return BLOCK_FIELDS if kind == "leaf" else TABLE_FIELDS
