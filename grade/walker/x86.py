"""What 32-bit and 4-level paging of x86 share: control registers, access rights, memory types, named bits.

Sections are of the Intel SDM vol. 3A; "Paging" is chapter 5 there, and was chapter 4 in editions before 2024.
"""

from __future__ import annotations

from grade.walker.entry import KERNEL_EXECUTE, LOCAL, READ, USER, USER_EXECUTE, WRITE, Field, flag
from grade.walker.model import Attributes
from grade.walker.radix import RadixWalker

# 2.5 Control registers, 5.1.3 Paging-mode modifiers; EFER: vol. 4, MSR C0000080H.
CR0_WP = 1 << 16
CR0_PG = 1 << 31
CR4_PSE = 1 << 4
CR4_PAE = 1 << 5
CR4_PGE = 1 << 7
CR4_LA57 = 1 << 12
CR4_SMEP = 1 << 20
EFER_LME = 1 << 8
EFER_NXE = 1 << 11

# 5.3 and 5.5, the tables of entry formats: these bits are where they are in every format.
PRESENT = 1 << 0
WRITABLE = 1 << 1
USER_PAGE = 1 << 2
WRITE_THROUGH = 1 << 3
CACHE_DISABLE = 1 << 4
ACCESSED = 1 << 5
DIRTY = 1 << 6
PAGE_SIZE = 1 << 7  # in an entry that could point to a table
PAGE_PAT = 1 << 7  # in an entry of the table of pages
GLOBAL = 1 << 8
BLOCK_PAT = 1 << 12  # in an entry that maps a larger page

# 5.9.2: the type of each PAT entry; 13.12.2 (the PAT after reset): WB WT UC- UC WB WT UC- UC.
PAT_AFTER_RESET = 0x0007_0406_0007_0406
MEMORY_OF_TYPE = {0: "device", 7: "device", 1: "normal-noncacheable", 4: "normal", 5: "normal", 6: "normal"}

PAGE_SIZE_FIELD = flag("PS", 7, "points to a table", "maps a page; i386: if CR4.PSE")
COMMON_FIELDS = (
    flag("P", 0, "not present", "present"),
    flag("R/W", 1, "read-only", "writable"),
    flag("U/S", 2, "supervisor only", "user"),
    flag("PWT", 3, "write-back", "write-through"),
    flag("PCD", 4, "cached", "not cached"),
    flag("A", 5, "never used", "used"),
)
TABLE_FIELDS = COMMON_FIELDS + (PAGE_SIZE_FIELD,)
_PAGE_FIELDS = COMMON_FIELDS + (
    flag("D", 6, "never written", "written"),
    flag("G", 8, "of this address space", "global, if CR4.PGE"),
    Field("AVL", 9, 3, ("for software",)),
)
BLOCK_FIELDS = _PAGE_FIELDS + (PAGE_SIZE_FIELD, flag("PAT", 12, "PAT 0-3", "PAT 4-7"))
PAGE_FIELDS = _PAGE_FIELDS + (flag("PAT", 7, "PAT 0-3", "PAT 4-7"),)


class X86Walker(RadixWalker):
    """Access rights and memory types, alike in both formats."""

    def attributes(self, level: int, entry: int, grants: int) -> Attributes:
        """Applies 5.6 (access rights), 5.8 (accessed and dirty) and 5.10.2.4 (global pages).

        A page is the user's only if all entries have U/S; the same holds for R/W. CR0.WP=0 lets the kernel write anywhere.
        """
        cr0, cr4 = self.registers["cr0"], self.registers["cr4"]
        user, write = bool(grants & USER), bool(grants & WRITE)
        return {
            "write": write or not cr0 & CR0_WP,
            "kernel_execute": bool(grants & KERNEL_EXECUTE) and not (user and cr4 & CR4_SMEP),
            "user_read": user,
            "user_write": user and write,
            "user_execute": user and bool(grants & USER_EXECUTE),
            "global_": bool(entry & GLOBAL and cr4 & CR4_PGE),
            "memory": self._memory(level, entry),
            "accessed": bool(entry & ACCESSED),
            "dirty": bool(entry & DIRTY),
        }

    def rights(self, entry: int) -> int:
        """Returns what an entry lets through by R/W and U/S; table and leaf have the same bits."""
        write = WRITE if entry & WRITABLE else 0
        user = USER if entry & USER_PAGE else 0
        return READ | LOCAL | KERNEL_EXECUTE | USER_EXECUTE | write | user

    def _memory(self, level: int, entry: int) -> str:
        """Returns the memory type (5.9.2): PAT, PCD and PWT are the number of a PAT entry. MTRRs are ignored."""
        pat_bit = PAGE_PAT if level == 0 else BLOCK_PAT
        number = 4 * bool(entry & pat_bit) + 2 * bool(entry & CACHE_DISABLE) + bool(entry & WRITE_THROUGH)
        pat = self.registers.get("pat", PAT_AFTER_RESET)
        return MEMORY_OF_TYPE.get(pat >> 8 * number & 7, "unknown")
