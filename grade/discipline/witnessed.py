"""A guest with the witness beside it.

    with witnessed(recipe, tree) as (guest, witness):
        guest.run_to_power_off()
        record = witness.record()
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import grade.isa as isas
from grade.boot.kernel_image import KernelImage
from grade.boot.layout import PAGE, layout_of
from grade.discipline.record import COUNTERS_SIZE, Record, read_record
from grade.guest.guest import Guest, Recipe, machine_for
from grade.ladder.qemu_plugin import comma_doubled, qemu_plugin
from grade.machine.machine import Machine
from grade.machine.qemu_process import memory_file

_PLUGIN = Path(__file__).parent / "plugin"
_FOLDER = Path(__file__).parents[2] / "build" / "discipline"
"""Below the grader, and not in the tree that is graded: what is loaded into QEMU is ours."""
_CPU_SECONDS, _IDLE_SECONDS = 8.0, 10.0  # a sound run takes one second; ticks come late on a busy machine


class NotJudged(Exception):
    """The witness could not judge a run, for a reason that is not the kernel's."""


class Witness:
    """What the plugin writes to while the guest runs, and what it must be told of the kernel."""

    def __init__(
        self,
        image: KernelImage,
        folder: Path = _FOLDER,
        *,
        tells_all: bool = False,
        watched: int | None = None,
        roots_only: bool = False,
    ) -> None:
        """Builds the plugin in `folder` if need be. LadderError if that fails.

        `watched` is a word whose stores it tells. With `roots_only` it judges one rule alone.
        """
        self._lines, self._counters = memory_file("discipline-lines"), memory_file("discipline-counters")
        self._counters.truncate(COUNTERS_SIZE)
        layout, record = layout_of(image), image.defined.record("FrameRecord")
        users_end = layout.user.end if layout.most_processes else 0
        monitor = 0 if layout.most_processes else image.function("run_monitor")
        first_frame = -(-image.pa("image_end") // PAGE) * PAGE
        arguments = {
            "users": f"{users_end:#x}", "frames": f"{first_frame:#x}",
            "record": record.size, "shares": record["shares"].offset, "all": int(tells_all),
            "monitor": f"{monitor:#x}", "roots": int(roots_only),
            "lines": _path_of(self._lines), "counters": _path_of(self._counters),
        }  # fmt: skip
        if watched is not None:
            arguments["watched"] = f"{watched:#x}"
        self.plugin_file = _library(image.isa, folder)
        self.plugin = ",".join([comma_doubled(self.plugin_file), *(f"{name}={value}" for name, value in arguments.items())])
        self.inherited = (self._lines.fileno(), self._counters.fileno())

    def attach(self, machine: Machine) -> None:
        """Has a machine that has not started yet be seen."""
        machine.plugin, machine.inherited = self.plugin, self.inherited

    def record(self) -> Record:
        """Returns what was seen so far."""
        return read_record(_contents(self._lines), _contents(self._counters))

    def close(self) -> None:
        """Forgets what was seen."""
        self._lines.close()
        self._counters.close()


@contextmanager
def witnessed(recipe: Recipe, tree: Path, *, tells_all: bool = False) -> Iterator[tuple[Guest, Witness]]:
    """Yields a guest before its first instruction, and the witness, which may be asked as long as the context lasts."""
    witness = Witness(KernelImage(recipe.isa, Path(recipe.elf)), tells_all=tells_all)
    try:
        with guest_beside(witness, recipe, tree) as guest:
            yield guest, witness
    finally:
        witness.close()


def guest_beside(
    witness: Witness, recipe: Recipe, tree: Path, cpu_seconds: float = _CPU_SECONDS, idle_seconds: float = _IDLE_SECONDS
) -> Guest:
    """Returns a guest that the witness is going to see, not yet started."""
    machine = machine_for(recipe, cpu_seconds, idle_seconds)
    witness.attach(machine)
    return Guest.again(recipe, tree, machine)


def _library(isa: str, folder: Path) -> Path:
    first = _PLUGIN / "witness.c"
    others = [source for source in sorted(_PLUGIN.glob("*.c")) if source != first]
    of_isa = Path(str(isas.__file__)).parent / isa
    headers = (*sorted(_PLUGIN.glob("*.h")), of_isa / "tables.h")
    return qemu_plugin(isa, folder, first, *others, of_isa / "discipline.c", headers=headers)


def _path_of(file: BinaryIO) -> str:
    return f"/dev/fd/{file.fileno()}"


def _contents(file: BinaryIO) -> bytes:
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
