"""The registers of an ISA: their names, what is in which, and how they read when the CPU is stopped."""

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
    """Whether it runs with the rights of a user."""
    translation_off: str
    """The bit that keeps the tables from being walked; empty if they are."""
    roots: dict[str, int]
    """Physical addresses of the root tables: `kernel`, and `user` where that is another register."""
    vectors: dict[str, int]
    fault_address: int
    """The last address that faulted."""
    registers: dict[str, int]

    @property
    def translation_on(self) -> bool:
        """Whether addresses are translated, in the mode that the kernel is made for."""
        return not self.translation_off


@dataclass(frozen=True)
class Bits:
    """Some bits of a register; `wanted` is what they are to be, where that is known."""

    register: str
    mask: int
    wanted: int = 0

    def of(self, registers: Mapping[str, int]) -> int:
        """The bits, where they are in the register."""
        return registers[self.register] & self.mask


class Registers(ABC):
    """Names are QEMU's, small."""

    pc: str
    sp: str
    general: tuple[str, ...]
    """All that the kernel keeps for interrupted code, but pc and sp."""
    arguments: tuple[str, ...]
    """Those of a C++ function, from the first on."""
    link: str = ""
    """Where a function returns to, on an ISA on which a register holds that."""
    call_number: str
    call_arguments: tuple[str, ...]
    """Of a system call."""
    result: str
    """Of a system call."""
    thread_pointer: str
    """By which user code finds its thread-local variables."""
    segments: tuple[str, ...] = ()
    flags: Bits
    """Those of the flags that are the user's."""
    interrupts: Bits
    """What must be so for the timer to interrupt."""
    fault_address: str
    """As the manual writes it."""
    frame_pc: str
    frame_sp: str
    """What `struct TrapFrame` calls them (arch/<isa>/trap_frame.h)."""

    @abstractmethod
    def state(self, registers: dict[str, int], ask_qemu: Callable[[str], str]) -> CpuState:
        """Returns what they say. `ask_qemu` answers a line for QEMU's monitor."""

    @abstractmethod
    def is_users(self, frame: Mapping[str, int]) -> bool:
        """Whether it is user code whose registers are in a trap frame."""
