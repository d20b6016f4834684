"""4-level paging of x86_64, as the kernel uses it."""

from collections.abc import Iterator, Mapping

from grade.isa.paging import Page, Paging, Problem
from grade.walker import Step, X86_64Walker

_NO_EXECUTE_ENABLE = 1 << 11  # EFER.NXE, Intel SDM vol. 3, 2.2.1
_WRITE_PROTECT = 1 << 16  # CR0.WP, 2.5
_NOT_WRITE_BACK = 1 << 3 | 1 << 4  # PWT, PCD: the type of memory in which the table is, 4.9.2
_PAGE_SIZE = 1 << 7  # in an entry of a higher table; in the table of pages the same bit is PAT (table 4-19)


class X86Paging(Paging):
    """Not every CPU has 1 GiB pages."""

    walker = X86_64Walker
    user_end = 1 << 47
    largest_leaf = 1
    set_by_cpu = 0x60  # accessed, dirty: Intel SDM vol. 3, 4.8
    read_only = (1 << 1, 0)  # R/W
    root_in_gdb = "((unsigned long)$cr3 & 0xffffffffff000)"  # 4.5.2

    def problems_of_settings(self, registers: Mapping[str, int]) -> Iterator[Problem]:
        """Yields a problem if NX or read-only pages do not count."""
        if "efer" in registers and not registers["efer"] & _NO_EXECUTE_ENABLE:
            yield Problem("nx-not-enabled", "EFER.NXE is 1", f"EFER is {registers['efer']:#x}")
        if "cr0" in registers and not registers["cr0"] & _WRITE_PROTECT:
            yield Problem("write-protect-off", "CR0.WP is 1", f"CR0 is {registers['cr0']:#x}")

    def problem_of_table_entry(self, step: Step) -> Problem | None:
        """Returns a problem if the CPU does not read the table below as the kernel writes it: through the caches."""
        if not step.word & _NOT_WRITE_BACK:
            return None
        wanted = f"PWT and PCD of the {step.name} at {step.entry_address:#x} are clear"
        return Problem("table-not-cached", wanted, f"it is {step.word:#x}")

    def problem_of_page(self, page: Page) -> Problem | None:
        """Returns a problem if a bit that belongs to higher tables selects a memory type here."""
        if page.level == 0 and page.entry & _PAGE_SIZE:
            return Problem("page-size-bit-in-page", f"bit 7 of the entry of page {page.va:#x} is clear", "it is set")
        return None
