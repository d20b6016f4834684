"""Builds the plugin that counts instructions, for the installed QEMU."""

import shutil
from functools import cache
from pathlib import Path

from grade.bench.figure import NotMeasured
from grade.ladder.labs import LadderError
from grade.ladder.shared_library import shared_library
from grade.machine.qemu_version import require, version_of

_SOURCE = Path(__file__).with_name("count_instructions.c")
_COMPILERS = ("cc", "gcc", "clang")
_OPTIONS = ("-std=c17", "-D_GNU_SOURCE", "-O2", "-fvisibility=hidden")


@cache
def build_plugin(isa: str, build: Path) -> Path:
    """Returns the plugin as a shared library below `build`, built if need be. NotMeasured if there is no C compiler."""
    compiler = next((found for name in _COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        names = ", ".join(_COMPILERS)
        raise NotMeasured(f"counting instructions needs a C compiler of this machine, and none of {names} is on PATH")
    command = [compiler, *_OPTIONS, f"-DPLUGIN_API={_api(isa)}"]
    try:
        return shared_library(command, _SOURCE, build / "bench")
    except LadderError as error:
        raise NotMeasured(str(error)) from error


def _api(isa: str) -> int:
    """Returns the version of the plugins' API: 2 removes what we do not use, 3 changes how an instruction is read."""
    qemu = require(isa)
    version = version_of(qemu, qemu.stat().st_mtime_ns) or (0,)
    return 1 if version < (9, 0) else 2 if version < (9, 1) else 3
