"""The 4 KiB granule of Arm's VMSAv8-64, as the kernel uses it."""

from grade.isa.control import Problem, Settings
from grade.isa.paging import Page, Paging
from grade.walker import Aarch64Walker, Step

# A byte of MAIR_EL1 for device memory, D17.2.97: its bits 3:2
_DEVICE = ("nGnRnE", "nGnRE", "nGRE", "GRE")
_IN_ORDER = ("nGnRnE", "nGnRE")
_TABLE = 0b11  # bits 1:0 of a table descriptor, D8.3.1


class ArmPaging(Paging):
    """A page's permissions are in its entry alone."""

    walker = Aarch64Walker
    user_end = 1 << 48
    never_physical = 1 << 46
    levels = 4
    largest_leaf = 2
    read_only = (0, 1 << 7)  # AP[2], Arm ARM D8.4.1
    of_user = 1 << 6  # AP[1]
    root_in_gdb = "((unsigned long)$TTBR0_EL1 & 0xfffffffffffe)"  # D17.2.144, BADDR

    def entry_of_table(self, pa: int) -> int:
        """Returns an entry that takes no rights (D8.3.1)."""
        return pa | _TABLE

    def memory_number(self, page: Page) -> int:
        """Returns AttrIndx, a byte of MAIR_EL1."""
        return page.entry >> 2 & 7

    def problem_of_table_entry(self, step: Step) -> Problem | None:
        """Returns None: TCR_EL1 says how tables are cached, and this kernel never runs in Secure state (NSTable)."""
        del step
        return None

    def problem_of_page(self, page: Page, settings: Settings) -> Problem | None:
        """Returns a problem if accesses to a device may be joined or change places (B2.7.2); the walker sees all others."""
        number = self.memory_number(page)
        kind = _DEVICE[settings.registers["mair_el1"] >> 8 * number + 2 & 3]
        if page.memory == "device" and kind not in _IN_ORDER:
            wanted = f"{page.va:#x} is Device-nGnRnE or -nGnRE: each access reaches the device, in order"
            return Problem("wrong-memory-type", wanted, f"byte {number} of MAIR_EL1 says Device-{kind}")
        return None
