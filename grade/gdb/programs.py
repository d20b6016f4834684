"""Which symbols GDB has besides the kernel's own: those of the live process's program, and the kernel's for low addresses.

All programs are linked at the same addresses. And once symbols have changed, GDB 13 warns at every command of a stop at a
breakpoint with a low and a high location: so the kernel's low symbols are dropped when it has moved.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gdb

from grade.boot.sight import Sight
from grade.gdb.silence import silence
from grade.inspect.spaces import Space, live_space

_NAME = re.compile(r"[\w-][\w.-]*")  # it comes from the guest, and goes into a command line


class ProgramSymbols:
    """The program symbols that GDB has: those of build/<isa>/user/NAME, beside the kernel.

    ./pagewalk gdb has loaded the kernel's, high and low."""

    def __init__(self, kernel: Path) -> None:
        self._kernel = kernel
        self._folder = kernel.parent / "user"
        self._loaded: Path | None = None
        self._has_low = True

    def follow(self, guest: Sight) -> bool:
        """Loads the live process's symbols, and no others. Returns whether that changed something for user code."""
        cpu = guest.cpu()
        if guest.offset:
            self._load_low(guest.offset, wanted=not cpu.translation_on or _is_low(guest, cpu.pc))
        return self._load(self.file_of(live_space(guest)))

    def _load_low(self, offset: int, *, wanted: bool) -> None:
        if wanted == self._has_low:
            return
        with silence():
            if wanted:
                gdb.execute(f"add-symbol-file {_quoted(self._kernel)} -o {-offset % (1 << 64):#x}", to_string=True)
            else:
                gdb.execute(f"remove-symbol-file {_quoted(self._kernel)}", to_string=True)
        self._has_low = wanted

    def file_of(self, space: Space) -> Path | None:
        """Returns the program of an address space, with debug information; None if it has none."""
        if space.slot is None or not space.slot.pid or not _NAME.fullmatch(space.slot.program):
            return None
        file = self._folder / space.slot.program
        return file if file.is_file() else None

    @contextmanager
    def of(self, space: Space) -> Iterator[Path | None]:
        """Loads the symbols of another process within this context; yields the file they come from."""
        before, file = self._loaded, self.file_of(space)
        self._load(file)
        try:
            yield file
        finally:
            self._load(before)

    def _load(self, file: Path | None) -> bool:
        if file == self._loaded:
            return False
        with silence():  # of warnings about breakpoints, which GDB finds again
            if self._loaded is not None:
                gdb.execute(f"remove-symbol-file {_quoted(self._loaded)}", to_string=True)
                self._loaded = None
            if file is not None:
                gdb.execute(f"add-symbol-file {_quoted(file)}", to_string=True)
        self._loaded = file
        return file is not None


def _is_low(guest: Sight, pc: int) -> bool:
    """Returns whether the kernel runs, and has not moved yet."""
    return guest.image.pa("image_start") <= pc < guest.image.pa("image_end")


def _quoted(file: Path) -> str:
    return '"' + os.fspath(file).replace("\\", "\\\\").replace('"', '\\"') + '"'
