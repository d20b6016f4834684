"""The 4 KiB granule of Arm's VMSAv8-64, as the kernel uses it."""

from collections.abc import Iterator, Mapping

from grade.isa.paging import Page, Paging, Problem
from grade.walker import Aarch64Walker, Step


class ArmPaging(Paging):
    """A page's permissions are in its entry alone."""

    walker = Aarch64Walker
    user_end = 1 << 48
    largest_leaf = 2
    read_only = (0, 1 << 7)  # AP[2], Arm ARM D8.4.1
    root_in_gdb = "((unsigned long)$TTBR0_EL1 & 0xfffffffffffe)"  # D17.2.144, BADDR

    def problems_of_settings(self, registers: Mapping[str, int]) -> Iterator[Problem]:
        """Yields nothing: no register matters."""
        del registers
        yield from ()

    def problem_of_table_entry(self, step: Step) -> Problem | None:
        """Returns None: TCR_EL1 says how tables are cached, and this kernel never runs in Secure state (NSTable)."""
        del step
        return None

    def problem_of_page(self, page: Page) -> Problem | None:
        """Returns None: the walker sees all problems."""
        del page
        return None
