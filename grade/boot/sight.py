"""A stopped machine that runs a known kernel, seen from outside: what all that the grader concludes is a function of.

There are four sources of it: a guest that runs and has been stopped (guest.py), one that was kept in files (snapshot.py),
one under GDB (grade/gdb/guest.py), and one that was booted again to go the same way (grade/explain/reboot.py).
"""

from pathlib import Path
from typing import Protocol

from grade.boot.kernel_image import KernelImage
from grade.boot.layout import Layout, layout_of
from grade.isa import Isa, isa_called
from grade.isa.registers import CpuState
from grade.machine.facts import Fact
from grade.machine.machine import Machine
from grade.machine.stop import Stop
from grade.walker import PhysicalMemory, RadixWalker, Walk, walker_for


class StoppedMachine(Protocol):
    """What is asked of a machine. Each answer is of the moment at which it was stopped."""

    @property
    def isa(self) -> Isa:
        """Of its CPU."""
        ...

    @property
    def memory(self) -> PhysicalMemory:
        """Guest RAM."""
        ...

    def registers(self) -> dict[str, int]:
        """The general registers and those that matter to paging, by their small names."""
        ...

    def read_physical(self, pa: int, size: int) -> bytes:
        """Guest RAM. Raises OutsideMemory."""
        ...

    def human_monitor_command(self, line: str) -> str:
        """What QEMU's monitor answers."""
        ...

    def facts(self) -> list[Fact]:
        """What the kernel has said."""
        ...

    def serial(self) -> str:
        """What the guest has printed."""
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

    @property
    def offset(self) -> int:
        """va - pa of the kernel where it stays."""
        return self.image.offset

    @property
    def ram_end(self) -> int:
        """The first physical address after the RAM."""
        return self.layout.ram_base + (self.ram_mib << 20)

    def cpu(self) -> CpuState:
        """The registers, as they are now."""
        return cpu_of(self.machine)

    def walker(self) -> RadixWalker:
        """Our own walk, from the real root registers, of the real RAM."""
        return walker_for(self.isa.name, self.machine.memory, self.machine.registers())

    def walk(self, va: int) -> Walk:
        """How `va` translates now."""
        return self.walker().walk(va)

    def facts(self, name: str) -> list[Fact]:
        """What the kernel has said about `name`: the weakest of the witnesses."""
        return [fact for fact in self.machine.facts() if fact.name == name]

    def kernel_tables(self) -> dict[int, int]:
        """Every table of the kernel's linear map, root included: frame address to level."""
        return self.walker().tables_under(self.offset)

    def tables_of_half(self, *, high: bool) -> set[int]:
        """The frames of the tables that translate one half of the address space; a root that serves both is left out."""
        walker = self.walker()
        halves = [mapping.va for mapping in walker.mappings() if (mapping.va >= self.offset) == high]
        tables = {step.table for va in halves for step in walker.walk(va).steps}
        return tables if "user" in self.cpu().roots else tables - set(self.cpu().roots.values())

    def read_physical(self, pa: int, size: int) -> bytes:
        """Guest RAM."""
        return self.machine.read_physical(pa, size)

    def read_word(self, pa: int, size: int = 8) -> int:
        """A little-endian number in guest RAM."""
        return int.from_bytes(self.read_physical(pa, size), "little")

    def place(self, pc: int) -> str:
        """`function at file:line` of a code address."""
        return self.image.place(pc)


class LiveSight(Sight):
    """The same of a guest that can be run on."""

    machine: Machine
