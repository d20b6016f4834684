"""The registers of an ISA: their names, their uses, and what they say when the CPU is stopped."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class CpuState:
    """Registers of a stopped guest. `vectors` holds every address through which the CPU finds its handlers."""

    pc: int
    sp: int
    first_argument: int
    is_user: bool
    """Whether the CPU runs with the rights of a user."""
    translation_off: str
    """The bit that keeps the CPU from walking the tables; empty if the CPU walks them."""
    roots: dict[str, int]
    """Physical addresses of the root tables: `kernel`, and `user` if that is another register."""
    vectors: dict[str, int]
    breakpoints_of_its_own: str
    """The register by which the guest has the CPU stop at addresses of its choice; empty if it does not."""
    fault_address: int
    """The last address that faulted."""
    registers: dict[str, int]

    @property
    def translation_on(self) -> bool:
        """Whether addresses are translated, in the mode that the kernel is made for."""
        return not self.translation_off


@dataclass(frozen=True)
class Bits:
    """Some bits of a register; `wanted` is what they are to be, if that is known."""

    register: str
    mask: int
    wanted: int = 0

    def of(self, registers: Mapping[str, int]) -> int:
        """Returns the bits in their places in the register."""
        return registers[self.register] & self.mask


class Registers(ABC):
    """The names are QEMU's, in lower case."""

    word_bytes: int
    """The size of a general register, and so of a pointer."""
    pc: str
    sp: str
    general: tuple[str, ...]
    """All registers that the kernel keeps for interrupted code, except pc and sp."""
    arguments: tuple[str, ...]
    """The registers of a C++ function's arguments, from the first on."""
    link: str = ""
    """The register that holds where a function returns to, on an ISA that has one."""
    call_number: str
    call_arguments: tuple[str, ...]
    """The registers of a system call's arguments."""
    result: str
    """The register of a system call's result."""
    thread_pointer: str
    """The register by which user code finds its thread-local variables."""
    segments: tuple[str, ...] = ()
    flags: Bits
    """The flags that belong to the user."""
    interrupts: Bits
    """The bits that must be so for the timer to interrupt."""
    fault_address: str
    """The name of the register as the manual writes it."""
    by_dwarf: Mapping[int, str]
    """The registers by the numbers that the debug information gives them."""
    stack_by_dwarf: int
    """Its number of the stack pointer."""
    frame_pc: str
    frame_sp: str
    """The names that `struct TrapFrame` gives them (arch/<isa>/trap_frame.h)."""

    def signed(self, value: int) -> int:
        """Returns the number in a general register, read as two's complement."""
        return value - (1 << 8 * self.word_bytes) if value >> 8 * self.word_bytes - 1 else value

    @abstractmethod
    def state(self, registers: dict[str, int], ask_qemu: Callable[[str], str]) -> CpuState:
        """Returns the state that the registers describe. `ask_qemu` answers a line for QEMU's monitor."""

    @abstractmethod
    def is_users(self, frame: Mapping[str, int]) -> bool:
        """Returns whether the registers in a trap frame are those of user code."""
