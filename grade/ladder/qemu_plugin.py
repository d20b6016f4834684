"""Builds plugins for the installed QEMU."""

import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from grade.ladder.labs import LadderError
from grade.ladder.shared_library import shared_library
from grade.machine.qemu_version import require, version_of

_COMPILERS = ("cc", "gcc", "clang")
_OPTIONS = ("-std=c17", "-D_GNU_SOURCE", "-O2", "-fvisibility=hidden")
_ROOT = Path(__file__).parents[2]


@cache
def qemu_plugin(isa: str, folder: Path, source: Path, *others: Path, headers: Sequence[Path] = ()) -> Path:
    """Returns the sources as a shared library in `folder`, built if need be. They may include what is in the folder of the ISA.

    LadderError if there is no C compiler, or if they do not compile. ToolMissing, ToolTooOld: there is no QEMU.
    """
    compiler = next((found for name in _COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        names = ", ".join(_COMPILERS)
        raise LadderError(f"{source.stem} needs a C compiler of this machine, and none of {names} is on PATH")
    command = [compiler, *_OPTIONS, f"-I{_ROOT}", f"-iquote{_ROOT}/grade/isa/{isa}", f"-DPLUGIN_API={api_of(isa)}"]
    return shared_library(command, source, folder, *others, headers=headers)


def api_of(isa: str) -> int:
    """Returns the version of the plugins' API: 2 removes what we do not use, 3 changes how an instruction is read."""
    qemu = require(isa)
    version = version_of(qemu, qemu.stat().st_mtime_ns) or (0,)
    return 1 if version < (9, 0) else 2 if version < (9, 1) else 3


def comma_doubled(path: Path) -> str:
    """Returns a path as it must be written in an option of QEMU's, where a single comma would end it."""
    return str(path).replace(",", ",,")
