"""4-level paging of x86_64, as the kernel uses it."""

from grade.isa.control import Problem, Settings
from grade.isa.paging import Page, Paging
from grade.isa.x86_64.control import GIB_PAGES
from grade.walker import Step, X86_64Walker

_PRESENT, _WRITABLE = 1 << 0, 1 << 1
_NOT_WRITE_BACK = 1 << 3 | 1 << 4  # PWT, PCD: the type of memory in which the table is, 4.9.2
_GLOBAL = 1 << 8
_PAGE_SIZE = 1 << 7  # in an entry of a higher table; in the table of pages the same bit is PAT (table 4-19)


class X86Paging(Paging):
    """Not every CPU has 1 GiB pages."""

    walker = X86_64Walker
    user_end = 1 << 47
    never_physical = 1 << 46
    levels = 4
    largest_leaf = 1
    set_by_cpu = 0x60  # accessed, dirty: Intel SDM vol. 3, 4.8
    read_only = (_WRITABLE, 0)
    of_user = 1 << 2  # U/S
    reserved_at_first = 1 << 63  # XD, by EFER.NXE: 4.6
    root_in_gdb = "((unsigned long)$cr3 & 0xffffffffff000)"  # 4.5.2

    def entry_of_table(self, pa: int) -> int:
        """Returns an entry that takes no rights but those of users (table 4-15)."""
        return pa | _PRESENT | _WRITABLE

    def marks_global(self, page: Page) -> bool:
        """Returns whether the leaf has bit G, which counts where CR4.PGE is 1."""
        return bool(page.entry & _GLOBAL)

    def memory_number(self, page: Page) -> int:
        """Returns PAT, PCD and PWT, an entry of IA32_PAT (table 4-18 in 4.9.2)."""
        pat = page.entry >> (7 if page.level == 0 else 12) & 1
        return pat << 2 | page.entry >> 3 & 3

    def problem_of_table_entry(self, step: Step) -> Problem | None:
        """Returns a problem if the CPU does not read the table below as the kernel writes it: through the caches."""
        if not step.word & _NOT_WRITE_BACK:
            return None
        wanted = f"PWT and PCD of the {step.name} at {step.entry_address:#x} are clear"
        return Problem("table-not-cached", wanted, f"it is {step.word:#x}")

    def problem_of_page(self, page: Page, settings: Settings) -> Problem | None:
        """Returns a problem if a bit that belongs to higher tables selects a memory type here, or the CPU has no such page."""
        if page.level == 0 and page.entry & _PAGE_SIZE:
            return Problem("page-size-bit-in-page", f"bit 7 of the entry of page {page.va:#x} is clear", "it is set")
        if page.level > self.largest_leaf and settings.features is not None and not settings.features[GIB_PAGES]:
            return Problem("feature-absent", f"{page.va:#x} is mapped by pages that this CPU has", "by one of 1 GiB")
        return None
