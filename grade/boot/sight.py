"""A stopped machine that runs a known kernel, seen from outside: everything that the grader concludes is derived from it.

There are four sources: a guest that runs and was stopped (guest.py), one that was kept in files (snapshot.py),
one under GDB (grade/gdb/guest.py), and one that was booted again to go the same way (grade/failed/reboot.py).
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from grade.boot.kernel_image import KernelImage
from grade.boot.layout import Layout, layout_of
from grade.isa import Isa, isa_called
from grade.isa.registers import CpuState
from grade.machine.facts import Fact
from grade.machine.machine import Machine
from grade.machine.stop import Stop
from grade.walker import PhysicalMemory, RadixWalker, Walk, walker_for

NOTHING: Mapping[str, int] = MappingProxyType({})


class StoppedMachine(Protocol):
    """What a machine can be asked. Each answer is about the moment at which it was stopped."""

    @property
    def isa(self) -> Isa:
        """The ISA of its CPU."""
        ...

    @property
    def memory(self) -> PhysicalMemory:
        """Guest RAM."""
        ...

    def registers(self) -> dict[str, int]:
        """Returns the general registers and those that matter to paging, by their small names."""
        ...

    def read_physical(self, pa: int, size: int) -> bytes:
        """Reads guest RAM. Raises OutsideMemory."""
        ...

    def human_monitor_command(self, line: str) -> str:
        """Returns the answer of QEMU's monitor."""
        ...

    def facts(self) -> list[Fact]:
        """Returns what the kernel has said."""
        ...

    def serial(self) -> str:
        """Returns what the guest has printed."""
        ...


def cpu_of(machine: StoppedMachine) -> CpuState:
    """Reads the registers of a stopped machine."""
    return machine.isa.registers.state(machine.registers(), machine.human_monitor_command)


class Sight:
    """A kernel, its ISA, and a stopped machine with its registers, its memory and its serial text."""

    machine: StoppedMachine

    def __init__(
        self, image: KernelImage, tree: Path, machine: StoppedMachine, ram_mib: int, last_stop: Stop | None = None
    ) -> None:
        self.image = image
        self.tree = tree
        self.machine = machine
        self.ram_mib = ram_mib
        self.last_stop = last_stop
        self.isa = isa_called(image.isa)
        self.layout: Layout = layout_of(image)
        self.meant_deaths: set[int] = set()
        """Numbers of processes whose end a test has asked for: it says nothing of what went wrong later."""

    @property
    def offset(self) -> int:
        """va - pa of the kernel where it stays."""
        return self.image.offset

    @property
    def ram_end(self) -> int:
        """The first physical address after the RAM."""
        return self.layout.ram_base + (self.ram_mib << 20)

    def cpu(self) -> CpuState:
        """Reads the registers as they are now."""
        return cpu_of(self.machine)

    def walker(self, unseen: Mapping[str, int] = NOTHING) -> RadixWalker:
        """Returns our own walker, which starts at the real root registers and reads the real RAM.

        `unseen` are registers that QEMU does not show; without them they are taken for what they are after a reset.
        """
        return walker_for(self.isa.name, self.machine.memory, {**self.machine.registers(), **unseen})

    def walk(self, va: int) -> Walk:
        """Returns how `va` translates now."""
        return self.walker().walk(va)

    def facts(self, name: str) -> list[Fact]:
        """Returns what the kernel has said about `name`: the weakest of the witnesses."""
        return [fact for fact in self.machine.facts() if fact.name == name]

    def kernel_tables(self) -> dict[int, int]:
        """Returns every table of the kernel's linear map, including the root: frame address to level."""
        return self.walker().tables_under(self.offset)

    def tables_of_half(self, *, high: bool) -> set[int]:
        """Returns the frames of the tables that translate one half of the address space, without a root that serves both."""
        walker = self.walker()
        halves = [mapping.va for mapping in walker.mappings() if (mapping.va >= self.offset) == high]
        tables = {step.table for va in halves for step in walker.walk(va).steps}
        return tables if "user" in self.cpu().roots else tables - set(self.cpu().roots.values())

    def read_physical(self, pa: int, size: int) -> bytes:
        """Reads guest RAM."""
        return self.machine.read_physical(pa, size)

    def read_word(self, pa: int, size: int = 8) -> int:
        """Reads a little-endian number from guest RAM."""
        return int.from_bytes(self.read_physical(pa, size), "little")

    def place(self, pc: int) -> str:
        """Returns `function at file:line` of a code address."""
        return self.image.place(pc)


class LiveSight(Sight):
    """A kernel whose machine can be resumed."""

    machine: Machine
