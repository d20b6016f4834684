"""Exact counts of guest instructions: boots a kernel with the plugin, and reads the plugin's output."""

import os
from dataclasses import dataclass
from pathlib import Path

from grade.bench.boot import END, Boot, boot_until
from grade.bench.figure import NotMeasured
from grade.bench.plugin import build_plugin
from grade.boot.kernel_image import KernelImage
from grade.boot.layout import layout_of
from grade.boot.user_image import user_image
from grade.ladder.build import Kernel
from grade.ladder.qemu_plugin import comma_doubled
from grade.machine.qemu_process import memory_file

BEGIN_MARK, END_MARK, PROGRAM_MARK = 1, 2, 3
"""The numbers of mark_begin() and mark_end() in user/lib/<isa>/marker.h, and of a program's first instruction."""


@dataclass(frozen=True)
class Mark:
    """A marker that was executed: the number of instructions before it, and the time."""

    number: int
    count: int
    nanoseconds: int


@dataclass(frozen=True)
class Counts:
    """What the plugin has seen in one boot. `first_user` has the number 0; None if no program ran."""

    first_user: Mark | None
    marks: tuple[Mark, ...]
    boot: Boot

    def between(self, first: int, last: int) -> int:
        """Returns the instructions between marker `first` and the next `last`. NotMeasured if these were not executed."""
        start = next((mark for mark in self.marks if mark.number == first), None)
        if start is None:
            raise NotMeasured(f"the guest did not come to marker {first}: {self.boot.last_fact}")
        end = next((mark for mark in self.marks if mark.number == last and mark.count > start.count), None)
        if end is None:
            raise NotMeasured(f"the guest did not come from marker {first} to marker {last}: {self.boot.last_fact}")
        return end.count - start.count - 1  # the first marker is itself an instruction


@dataclass(frozen=True)
class Counter:
    """Counts what a kernel executes. The plugin is built in a folder below `build`."""

    kernel: Kernel
    build: Path
    user_code: tuple[int, int] | None = None
    """Where programs are; None for those of the kernel's archive: from their beginning to the end of their stack."""

    def run(self, script: str) -> Counts:
        """Runs the monitor's script until the machine is turned off. NotMeasured if the counter does not work here."""
        plugin = comma_doubled(build_plugin(self.kernel.isa, self.build))
        low, high = self.user_code or _user_code(self.kernel)
        with memory_file("counts") as log:
            option = f"{plugin},out=/dev/fd/{log.fileno()},low={low:#x},high={high:#x}"
            boot = boot_until(self.kernel, script, END, ["-plugin", option], [log.fileno()])
            lines = os.pread(log.fileno(), os.fstat(log.fileno()).st_size, 0).decode().splitlines()
        return parse(lines, boot)


def _user_code(kernel: Kernel) -> tuple[int, int]:
    begin = min(segment.va for segment in user_image(kernel.elf, "bench").segments)
    return begin, layout_of(KernelImage(kernel.isa, kernel.elf)).user.stack_top


def parse(lines: list[str], boot: Boot) -> Counts:
    """Reads the plugin's lines; count_instructions.c says what they are."""
    first_user = None
    marks = []
    for line in lines:
        kind, *numbers = line.split()
        if kind == "user":
            first_user = Mark(0, *map(int, numbers))
        else:
            marks.append(Mark(*map(int, numbers)))
    return Counts(first_user, tuple(marks), boot)
