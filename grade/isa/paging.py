"""The page tables of an ISA, beyond what the walker says: what the kernel may do with them on this machine."""

from abc import ABC, abstractmethod

from grade.isa.control import Problem, Settings
from grade.walker import Mapping as Page
from grade.walker import RadixWalker, Step


class Paging(ABC):
    """One format, as the kernel uses it."""

    walker: type[RadixWalker]
    user_end: int
    """Where the lower half of the address space ends."""
    never_physical: int
    """No RAM and no device is so far up: an address from here on is a virtual one, or what is left of it in an entry."""
    levels: int
    """How many levels of tables the kernel uses."""
    largest_leaf: int
    """The level of the largest leaf that every CPU of the ISA has."""
    set_by_cpu: int = 0
    """Bits of any entry that the CPU sets by itself."""
    read_only: tuple[int, int]
    """The bits to clear and to set in a leaf that nobody may write to any longer."""
    of_user: int
    """The bit of a leaf that opens the page to user code."""
    reserved_at_first: int = 0
    """The bit of an entry that is reserved until a register turns on what it says; 0 if there is none."""
    root_in_gdb: str
    """The root of the lower half, as a GDB expression."""

    @property
    def table_span(self) -> int:
        """How many bytes of addresses a table of pages translates."""
        return 1 << self.walker.shift(1)

    def encoded(self, entry: int) -> bytes:
        """Returns an entry as it is in a table."""
        return entry.to_bytes(self.walker.entry_bytes, "little")

    @abstractmethod
    def entry_of_table(self, pa: int) -> int:
        """Returns an entry that leads to the table at `pa`."""

    def marks_global(self, page: Page) -> bool:
        """Returns whether the leaf says that it is global, also where the CPU has no global pages."""
        return page.global_

    @abstractmethod
    def memory_number(self, page: Page) -> int:
        """Returns the number of the memory type that the leaf asks for; what that type is says a register."""

    @abstractmethod
    def problem_of_table_entry(self, step: Step) -> Problem | None:
        """Returns what is wrong with an entry that leads to a table, beyond its permissions; None if nothing is."""

    @abstractmethod
    def problem_of_page(self, page: Page, settings: Settings) -> Problem | None:
        """Returns what is wrong with a leaf that does translate, with these settings; None if nothing is."""
