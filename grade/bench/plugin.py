"""Builds the plugin that counts instructions, for the QEMU that is here."""

import hashlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from grade.bench.figure import NotMeasured
from grade.machine.qemu_version import require, version_of

_SOURCE = Path(__file__).with_name("count_instructions.c")
_COMPILERS = ("cc", "gcc", "clang")
_OPTIONS = ("-std=c17", "-D_GNU_SOURCE", "-O2", "-fPIC", "-shared", "-fvisibility=hidden")


@cache
def build_plugin(isa: str, build: Path) -> Path:
    """The plugin as a shared library below `build`, built if need be. NotMeasured if there is no C compiler."""
    compiler = next((found for name in _COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        names = ", ".join(_COMPILERS)
        raise NotMeasured(f"counting instructions needs a C compiler of this machine, and none of {names} is on PATH")
    arguments = [*_OPTIONS, f"-DPLUGIN_API={_api(isa)}"]
    digest = hashlib.sha256(_SOURCE.read_bytes() + " ".join([compiler, *arguments]).encode()).hexdigest()[:16]
    library = build / "bench" / f"count_instructions-{digest}.so"
    if not library.exists():
        _compile([compiler, *arguments], library)
    return library


def _compile(command: list[str], library: Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    fresh = library.with_suffix(f".{os.getpid()}")  # others may build it, too, or use it already
    run = subprocess.run([*command, "-o", fresh, _SOURCE], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise NotMeasured(f"{_SOURCE.name} does not compile with {command[0]}:\n{run.stderr.strip()}")
    fresh.replace(library)


def _api(isa: str) -> int:
    """The version of the plugins' API: 2 takes away what we do not use, 3 changes how an instruction is read."""
    qemu = require(isa)
    version = version_of(qemu, qemu.stat().st_mtime_ns) or (0,)
    return 1 if version < (9, 0) else 2 if version < (9, 1) else 3
