"""The sandbox in which everything runs that a student wrote: it sees this machine's tools, and nothing else of it.

Bubblewrap makes it: namespaces of its own for processes, network, users, hostname and shared memory, no capability, an empty
environment, a read-only system, and a folder for temporary files that is of limited size. Everything in it dies with it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from grade.ladder.labs import LadderError
from grade.ladder.trees import find_root
from grade.submission.syscall_filter import write_filter

_KEEPER = Path(__file__).with_name("keeper.py")
_SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "nix", "gnu", "etc/alternatives", "etc/ld.so.cache")
"""What a compiler and what it makes need of a system, and what is no secret."""
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "NINJA_STATUS")
_KERNEL = tuple(
    word for name in ("sys", "sysrq-trigger", "irq", "bus") for word in ("--ro-bind-try", f"/proc/{name}", f"/proc/{name}")
)
"""What the kernel lets root set for the whole machine, whatever capabilities root has given up."""
_TEMPORARY, _PAGE = 1 << 30, 1 << 12
_OWN = str(find_root(Path(__file__)))
"""Our tree, with the solutions: nothing of it is seen but what is named."""


@dataclass(frozen=True)
class Sandbox:
    """What runs in it may read `reads` and write `writes`, at their own paths, and use so much, all processes together."""

    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    copies: Mapping[Path, Path] = field(default_factory=dict)
    """Folders in whose place it sees others, which it may write."""
    folder: Path = Path("/")
    """Where it begins."""
    memory: int = 1 << 30
    """Bytes."""
    cpu: float = 60.0
    """Seconds of CPU time."""
    seconds: float = 600.0
    processes: int = 16
    inherited: tuple[int, ...] = ()
    """Descriptors that it inherits beside the first three."""
    is_alone: bool = False
    """Whether it is one process that starts no other, and needs few system calls."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What its environment has beside the search path and the language."""

    def command(self) -> list[str]:
        """Returns a command that runs the one after it in the sandbox (keeper.py says with which exit status)."""
        limits = {"memory": self.memory, "cpu": self.cpu, "seconds": self.seconds, "processes": self.processes}
        passed = {"inherited": self.inherited, "variables": _PASSED_ON, "filter": ""}
        if self.is_alone:
            file = Path(_OWN, "build", "sandbox", "alone.bpf")
            file.parent.mkdir(parents=True, exist_ok=True)
            write_filter(file)
            passed["filter"] = str(file)
        keeper = [sys.executable, "-I", "-S", str(_KEEPER), json.dumps(limits | passed)]
        seen = [word for path in self.reads for word in ("--ro-bind", str(path), str(path))]
        seen += [word for path in self.writes for word in ("--bind", str(path), str(path))]
        seen += [word for place, copy in self.copies.items() for word in ("--bind", str(copy), str(place))]
        given = [word for name, value in {"HOME": "/tmp", **self.variables}.items() for word in ("--setenv", name, value)]
        made = _before(_PAGE if self.is_alone else _TEMPORARY)
        return [*keeper, *made, *seen, *_after(), *given, "--chdir", str(self.folder), "--"]


def around_engine(engine: Path) -> list[str]:
    """Returns a command that runs the engine of a program of host tests, with its line to the judge and the RAM of both."""
    return Sandbox(reads=(engine,), inherited=(3, 4), is_alone=True).command()


def around_compiler(tree: Path, folder: Path, copy: Path, library: Path, variables: Mapping[str, str]) -> list[str]:
    """Returns a command that builds in a `folder` of a tree, and writes to its `copy` alone. The `library` is loaded into the tools."""
    return Sandbox(
        (tree, library), copies={folder: copy}, folder=tree, variables=variables,
        memory=6 << 30, cpu=900, seconds=1800, processes=256,
    ).command()  # fmt: skip


def around_qemu(kernel: Path, binary: Path, *others: Path) -> tuple[str, ...]:
    """Returns bubblewrap's command for a QEMU that boots `kernel` and reads `others`, up to its last option.

    QEMU limits itself (-sandbox).
    """
    seen = [kernel, *others, *([] if str(binary.resolve()).startswith("/usr/") else [binary.resolve().parents[1]])]
    return (*_before(_PAGE), *(word for path in seen for word in ("--ro-bind", str(path), str(path))), *_after())


@cache
def refusal() -> str | None:
    """Returns why this machine makes no sandbox, or None if it does."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed: ./pagewalk setup"
    if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
        return "this kernel does not say which processes a process has started (CONFIG_PROC_CHILDREN)"
    try:
        tried = subprocess.run(
            [*Sandbox(is_alone=True).command(), "true"], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if tried.returncode == 0:
        return None
    return (tried.stderr.strip().splitlines() or [f"bwrap ended with status {tried.returncode}"])[-1]


def need_sandbox() -> None:
    """Raises LadderError, which says what to do, if this machine makes no sandbox."""
    if (why := refusal()) is not None:
        raise LadderError(
            f"what students wrote is built and run in a sandbox, and this machine makes none: {why}. "
            "What to do: docs/instructor.md, Sandbox. With --unsealed it runs with all your rights"
        )


def _before(temporary: int) -> list[str]:
    return [
        "bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox",
        *_system(), "--proc", "/proc", *_KERNEL, "--dev", "/dev", "--size", str(temporary), "--tmpfs", "/tmp", "--tmpfs", _OWN,
    ]  # fmt: skip


def _system() -> list[str]:
    words: list[str] = []
    for name in _SYSTEM:
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), str(path)]
        elif path.exists():
            words += ["--ro-bind", str(path), str(path)]
    return words


def _after() -> list[str]:
    return [word for path in ("/dev", _OWN, "/") for word in ("--remount-ro", path)]
