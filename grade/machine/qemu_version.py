"""Finds the QEMU that emulates an ISA and checks that it is new enough."""

import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from grade.isa import isa_called

NEEDED = (7, 2)


class ToolMissing(Exception):
    """A program that the grader needs is not on PATH."""


class ToolTooOld(Exception):
    """A program that the grader needs is there, but its version is too old."""


def require(isa: str) -> Path:
    """Returns the QEMU binary for `isa`.

    Raises ToolMissing if PATH has none or it does not run, ToolTooOld if it is older than NEEDED,
    ValueError for an unknown ISA.
    """
    board = isa_called(isa).board
    needed = ".".join(map(str, NEEDED))
    found = shutil.which(board.qemu)
    advice = f"{needed} or newer is needed; on Debian and Ubuntu it is in the package {board.package}"
    if found is None:
        raise ToolMissing(f"{board.qemu} is not on PATH: {advice}")
    path = Path(found)
    version = version_of(path, path.stat().st_mtime_ns)
    if version is None:
        raise ToolMissing(f"{path} does not tell its version, so it does not seem to work: {advice}")
    if version < NEEDED:
        raise ToolTooOld(f"{path} is version {'.'.join(map(str, version))}: {advice}")
    return path


# QEMU starts no program, gains no rights, and makes no system call that it can do without.
_SANDBOX = ("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny")


@lru_cache
def sandbox_of(binary: Path, modified_ns: int) -> tuple[str, ...]:
    """Returns the options that shut QEMU in its own sandbox (seccomp); none if this one was built without it."""
    del modified_ns
    try:
        tried = subprocess.run([binary, *_SANDBOX, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return _SANDBOX if tried.returncode == 0 else ()


@lru_cache
def takes_plugins(binary: Path, modified_ns: int) -> bool:
    """Returns whether this QEMU was built with support for plugins."""
    del modified_ns
    try:
        tried = subprocess.run([binary, "-plugin", "any", "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0


@lru_cache
def version_of(binary: Path, modified_ns: int) -> tuple[int, ...] | None:
    """Returns the version that `binary --version` prints, as numbers, or None if it prints none.

    The answer is remembered, as asking takes QEMU about 15 ms; a new `modified_ns` makes it ask again.
    """
    del modified_ns
    try:
        answer = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"version (\d+(?:\.\d+)+)", answer.stdout)
    return tuple(map(int, match[1].split("."))) if match else None
