"""The guest to which this GDB is attached, as in grade/boot/sight.py: what works for the grader works here.

Memory is read physically, through the gdb protocol, so it can be examined while paging is off or broken.
"""

from pathlib import Path

import gdb

from grade.boot.layout import PAGE
from grade.boot.process_slots import process_slots
from grade.boot.sight import Sight
from grade.gdb.facts import KernelFacts, image_of
from grade.isa import Isa, isa_called
from grade.machine.facts import Fact
from grade.walker.memory import OutsideMemory

_WORD = (1 << 64) - 1


class NotStopped(Exception):
    """There is no stopped machine to examine."""


class GdbMemory:
    """The guest's RAM. Pages that were read are cached until the guest runs or GDB writes."""

    def __init__(self, base: int, size: int) -> None:
        self.base, self.end = base, base + size
        self._pages: dict[int, bytes] = {}

    def forget(self) -> None:
        """Forgets what was read, which may have changed."""
        self._pages.clear()

    def read(self, pa: int, size: int) -> bytes:
        """Returns the bytes at a physical address; OutsideMemory if one is not RAM: a read of a device might change it."""
        if pa < self.base or pa + size > self.end:
            raise OutsideMemory(pa)
        first = pa & -PAGE
        pages = b"".join(self._page(page) for page in range(first, pa + size, PAGE))
        return pages[pa - first : pa - first + size]

    def _page(self, pa: int) -> bytes:
        if pa not in self._pages:
            self._pages[pa] = self._read_page(pa)
        return self._pages[pa]

    def _read_page(self, pa: int) -> bytes:
        _packet("Qqemu.PhyMemMode:1")
        try:
            return bytes(gdb.selected_inferior().read_memory(pa, PAGE))
        except gdb.MemoryError as error:
            raise OutsideMemory(pa) from error
        finally:
            _packet("Qqemu.PhyMemMode:0")  # otherwise the mode would hold for everything else, including GDB's own reads


class GdbMachine:
    """The answers of a stopped machine, from GDB."""

    def __init__(self, isa: Isa, ram_mib: int) -> None:
        self.isa = isa
        self.memory = GdbMemory(isa.board.ram_base, ram_mib << 20)
        self.slots_as_facts: list[Fact] = []
        self._constants: dict[str, int] | None = None

    def registers(self) -> dict[str, int]:
        """Returns all registers that fit into 64 bits, with the names that the grader uses."""
        frame = gdb.newest_frame()
        known: dict[str, int] = {}
        for register in frame.architecture().registers():
            value = frame.read_register(register.name)
            if value.type.sizeof <= 8 and value.type.code is not gdb.TYPE_CODE_UNION:
                known[register.name.lower()] = int(value.cast(_UNSIGNED[value.type.sizeof]())) & _WORD
        for name, others in self.isa.board.system_registers.items():
            other = next((other for other in others if other in known), None)
            if name not in known and other is not None:
                known[name] = known[other]
        if self._constants is None:
            self._constants = self.isa.board.numbers_told(self.human_monitor_command)
        return known | self._constants

    def read_physical(self, pa: int, size: int) -> bytes:
        """Reads guest RAM."""
        return self.memory.read(pa, size)

    def human_monitor_command(self, line: str) -> str:
        """Returns the answer of QEMU's monitor."""
        return answer(f"monitor {line}")

    def facts(self) -> list[Fact]:
        """Returns the live processes, in the words of the kernel; its own words went to the terminal."""
        return self.slots_as_facts

    def serial(self) -> str:
        """Returns '': what the guest has printed went to the terminal."""
        return ""


class GdbGuest(Sight):
    """The guest under this GDB."""

    machine: GdbMachine

    def __init__(self, facts: KernelFacts) -> None:
        machine = GdbMachine(isa_called(facts.isa), facts.ram_mib)
        super().__init__(image_of(facts), Path(facts.tree), machine, facts.ram_mib)

    def look(self) -> "GdbGuest":
        """Returns the guest, stopped, with the processes it has now. NotStopped if it runs, or if there is none."""
        thread = gdb.selected_thread()
        if thread is None or thread.is_running():
            raise NotStopped("the machine is not stopped: nothing can be read (Ctrl-C stops it)")
        self.machine.slots_as_facts = [
            Fact("process", {"pid": str(s.pid), "root": hex(s.root), "stack": hex(s.stack_top), "program": s.program}, "")
            for s in process_slots(self)
            if s.pid and s.root is not None
        ]
        return self


def answer(command: str) -> str:
    """Runs a GDB command; returns what it would have printed."""
    return gdb.execute(command, to_string=True) or ""


def _packet(text: str) -> None:
    gdb.execute(f"maintenance packet {text}", to_string=True)


_UNSIGNED = {
    1: lambda: gdb.lookup_type("unsigned char"),
    2: lambda: gdb.lookup_type("unsigned short"),
    4: lambda: gdb.lookup_type("unsigned int"),
    8: lambda: gdb.lookup_type("unsigned long"),
}
