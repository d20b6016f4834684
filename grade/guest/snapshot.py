"""The state of a guest at one moment, kept in files: RAM and registers, to be examined when its machine has gone.

    save_snapshot(guest, folder)
    guest = load_snapshot(folder, tree)      what works for a Guest that is stopped works for this one, but running it
"""

import json
import mmap
from dataclasses import asdict
from pathlib import Path
from typing import Any

from grade.boot.kernel_image import KernelImage
from grade.boot.sight import Sight
from grade.guest.guest import Guest, Recipe
from grade.isa import isa_called
from grade.machine.facts import Fact, parse_facts
from grade.machine.machine import MachineError
from grade.machine.stop import Stop, StopKind
from grade.walker.memory import MappedMemory

_RAM, _STATE, _SERIAL = "ram", "state.json", "serial"
_MONITOR = ("info registers",)  # what an ISA's registers ask of QEMU's monitor


class SavedMachine:
    """The answers of a machine that was stopped, from files."""

    def __init__(self, folder: Path, state: dict[str, Any]) -> None:
        self.isa = isa_called(state["recipe"]["isa"])
        with (folder / _RAM).open("rb") as ram:
            self.memory = MappedMemory(mmap.mmap(ram.fileno(), 0, access=mmap.ACCESS_READ), self.isa.board.ram_base)
        self._registers: dict[str, int] = state["registers"]
        self._monitor: dict[str, str] = state["monitor"]
        self._serial = (folder / _SERIAL).read_text(encoding="utf-8", errors="replace")

    def registers(self) -> dict[str, int]:
        """Returns all registers that were kept."""
        return dict(self._registers)

    def read_physical(self, pa: int, size: int) -> bytes:
        """Reads guest RAM. Raises OutsideMemory."""
        return self.memory.read(pa, size)

    def human_monitor_command(self, line: str) -> str:
        """Returns what QEMU's monitor answered. MachineError if it was not asked."""
        if line not in self._monitor:
            raise MachineError(f"the machine has gone, and nobody asked it for {line!r}")
        return self._monitor[line]

    def facts(self) -> list[Fact]:
        """Returns what the kernel had said."""
        return parse_facts(self._serial)

    def serial(self) -> str:
        """Returns what the guest had printed."""
        return self._serial


class SavedGuest(Sight):
    """A guest that can no longer run, only be examined."""

    def __init__(self, folder: Path) -> None:
        state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        recipe, stop = Recipe(**state["recipe"]), state["last_stop"]
        last_stop = Stop(StopKind(stop["kind"]), stop["pc"], stop["detail"]) if stop else None
        image = KernelImage(recipe.isa, Path(recipe.elf))
        super().__init__(image, Path(state["tree"]), SavedMachine(folder, state), recipe.ram_mib, last_stop)


def save_snapshot(guest: Guest, folder: Path) -> None:
    """Keeps a stopped guest in a folder. Raises OSError, and MachineError if the machine cannot be examined."""
    folder.mkdir(parents=True, exist_ok=True)
    stop = guest.last_stop
    state = {
        "recipe": guest.recipe.as_dict(),
        "tree": str(guest.tree),
        "registers": guest.machine.registers(),
        "monitor": {line: guest.machine.human_monitor_command(line) for line in _MONITOR},
        "last_stop": {**asdict(stop), "kind": stop.kind.value} if stop is not None else None,
    }
    guest.machine.save_ram(folder / _RAM)
    (folder / _SERIAL).write_text(guest.machine.serial(), encoding="utf-8")
    (folder / _STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")


def load_snapshot(folder: Path) -> SavedGuest | None:
    """Returns what save_snapshot() kept there, or None. The kernel's file must still be the one that ran."""
    return SavedGuest(folder) if (folder / _STATE).is_file() else None
