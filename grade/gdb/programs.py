"""The symbols of the program whose address space is live: all programs are linked at the same addresses."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gdb
from grade.boot.guest import Guest
from grade.gdb.silence import silence
from grade.inspect.spaces import Space, live_space

_NAME = re.compile(r"[\w-][\w.-]*")  # it comes from the guest, and goes into a command line


class ProgramSymbols:
    """Which program's symbols GDB has: those of build/<isa>/user/NAME, beside the kernel."""

    def __init__(self, kernel: Path) -> None:
        self._folder = kernel.parent / "user"
        self._loaded: Path | None = None

    def follow(self, guest: Guest) -> bool:
        """Loads those of the live process, and no others. Returns whether that changed something for code of users."""
        return self._load(self.file_of(live_space(guest)))

    def file_of(self, space: Space) -> Path | None:
        """The program of an address space, with debug information; None if it has none."""
        if space.slot is None or not space.slot.pid or not _NAME.fullmatch(space.slot.program):
            return None
        file = self._folder / space.slot.program
        return file if file.is_file() else None

    @contextmanager
    def of(self, space: Space) -> Iterator[Path | None]:
        """Within this context the symbols are those of another process; yields the file they come from."""
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


def _quoted(file: Path) -> str:
    return '"' + os.fspath(file).replace("\\", "\\\\").replace('"', '\\"') + '"'
