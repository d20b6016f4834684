"""The machine of an ISA: how QEMU starts it, and what lies where in its physical memory."""

from collections.abc import Callable
from dataclasses import dataclass, field

from grade.walker.format import PAGE_BITS

# Other names of a register, tried in turn when the target description lacks the architecture's own.
# Case does not matter in names of registers; the grader writes them in lower case.
Fallbacks = tuple[str, ...]


@dataclass(frozen=True)
class Region:
    """Physical memory `pa` .. `pa + size` that the kernel maps with one set of permissions."""

    name: str
    pa: int
    size: int
    write: bool = False
    execute: bool = False
    device: bool = False

    @property
    def end(self) -> int:
        """The first physical address after it."""
        return self.pa + self.size

    @property
    def permissions(self) -> str:
        """The permissions in the usual notation: R-X, RW- ..."""
        return f"R{'W' if self.write else '-'}{'X' if self.execute else '-'}"


def device(name: str, pa: int) -> Region:
    """Returns the page of a device's registers."""
    return Region(name, pa, 1 << PAGE_BITS, write=True, device=True)


@dataclass(frozen=True)
class Board:
    """One ISA's QEMU board. Addresses are physical; their source is QEMU's documentation of the board."""

    qemu: str  # the binary's name
    package: str  # Debian's package that has it
    machine: str  # QEMU's -machine, without the RAM
    cpu: str  # QEMU's -cpu, unless the caller names another
    other_cpus: tuple[str, ...]  # others, which lack something or have more, on which a kernel must run as well
    el2_option: str | None  # what to add to -machine to start in EL2; None: the ISA has none
    ram_base: int
    parameters_address: int
    devices: tuple[Region, ...]
    breakpoint_bytes: int  # the `kind` of a breakpoint in the gdb protocol
    system_registers: dict[str, Fallbacks]  # those that matter to paging and faults
    told_by_qemu: dict[str, str] = field(default_factory=dict)
    """Numbers about the CPU that no register holds, by the walker's names: what to ask QEMU's monitor for each."""

    def numbers_told(self, ask_qemu: Callable[[str], str]) -> dict[str, int]:
        """Returns the numbers of `told_by_qemu`, but those for which the monitor has only words, as of what it does not know."""
        answers = {name: ask_qemu(line).strip() for name, line in self.told_by_qemu.items()}
        return {name: int(answer) for name, answer in answers.items() if answer.isdecimal()}
