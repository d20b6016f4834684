"""./pagewalk run and ./pagewalk gdb: a guest on this terminal, or under GDB."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from grade.boot.failed_run import FailedRun, load
from grade.boot.guest import Recipe
from grade.boot.kernel_image import DEBUG_ROOT, KernelImage
from grade.ladder.build import Kernel, build_kernel
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, prepare
from grade.machine.boot_parameters import BootParameters
from grade.machine.platform import platform_of
from grade.machine.qemu_version import require

CANNOT_RUN = 2


def run_on_terminal(tree: Tree, isa: str, lab: int | None, ram_mib: int, script: str) -> int:
    """Boots to the monitor; returns QEMU's exit status. Ctrl-A X ends it."""
    elf = _kernel(tree, isa, lab).elf
    with tempfile.TemporaryDirectory(prefix="pagewalk-") as folder:
        command = _qemu(Recipe(isa, str(elf), script, 0, ram_mib), Path(folder))
        print("Ctrl-A X ends the machine.", flush=True)
        return subprocess.run([*command, "-serial", "mon:stdio", "-no-reboot"], check=False).returncode


def run_under_gdb(tree: Tree, what: str, isa: str, lab: int | None) -> int:
    """Starts the guest frozen at its first instruction and GDB with the right symbols; returns GDB's exit status.

    `what` is a lab, or a milestone that failed before: then the machine runs to the point where it failed.
    """
    if what and not re.fullmatch(r"\d+(\.\d+)?", what):
        raise LadderError(f"{what} is neither a lab nor a milestone")
    gdb = shutil.which("gdb-multiarch") or shutil.which("gdb")
    if gdb is None:
        raise LadderError("gdb-multiarch is not installed: ./pagewalk setup")
    failed = _failed_run(what, isa, lab) if "." in what else None
    if failed is not None:
        recipe, stop_at, sources = failed.recipe, failed.stop_at, failed.tree
    else:
        number = int(what) if what else lab
        kernel = _kernel(tree, isa, number)
        recipe, stop_at, sources = Recipe(isa, str(kernel.elf), "", 0), None, kernel.tree
    with tempfile.TemporaryDirectory(prefix="pagewalk-") as folder:
        return _debug(gdb, recipe, stop_at, sources, Path(folder))


def _failed_run(milestone: str, isa: str, lab: int | None) -> FailedRun:
    number = lab or int(milestone.split(".")[0])
    failed = load(number, milestone, isa)
    if failed is None:
        raise LadderError(f"milestone {milestone} has not failed on {isa}: ./pagewalk grade {number} --isa {isa}")
    if not failed.is_current:
        raise LadderError(
            f"the kernel has changed since milestone {milestone} failed; see whether it still does: "
            f"./pagewalk grade {number} --isa {isa} --milestone {milestone}"
        )
    return failed


def _debug(gdb: str, recipe: Recipe, stop_at: int | None, sources: Path, folder: Path) -> int:
    path = folder / "gdb"
    with socket.socket(socket.AF_UNIX) as listener:  # open before either of them starts: GDB cannot come too early
        listener.bind(os.fspath(path))
        listener.listen(1)
        command = _qemu(recipe, folder)
        command += ["-chardev", f"socket,id=gdb,fd={listener.fileno()},server=on,wait=off", "-gdb", "chardev:gdb"]
        command += ["-serial", "stdio", "-S", "-action", "reboot=shutdown,shutdown=pause"]
        qemu = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=(listener.fileno(),)
        )
    try:
        return subprocess.run([gdb, "-q", *_gdb_commands(recipe, stop_at, sources, path)], check=False).returncode
    finally:
        qemu.kill()
        qemu.wait()


def _gdb_commands(recipe: Recipe, stop_at: int | None, sources: Path, path: Path) -> list[str]:
    """Symbols for the low and the high addresses; then to where the run ended, or to the first instruction."""
    image = KernelImage(recipe.isa, Path(recipe.elf))
    lines = ["set pagination off", "set confirm off", f"set substitute-path {DEBUG_ROOT} {sources}"]
    lines.append(f"file {recipe.elf}")
    if image.offset:
        lines.append(f"add-symbol-file {recipe.elf} -o {-image.offset % (1 << 64):#x}")
    lines.append(f"target remote {path}")
    if stop_at is not None:
        lines += [f"hbreak *{stop_at:#x}", "continue"]
    return [word for line in lines for word in ("-ex", line)]


def _kernel(tree: Tree, isa: str, lab: int | None) -> Kernel:
    """The kernel of a lab, or of the whole tree."""
    folder = tree.root if lab is None else prepare(tree, lab)
    return build_kernel(folder, isa)


def _qemu(recipe: Recipe, folder: Path) -> list[str]:
    """QEMU's command line, but for the serial port and how to start."""
    platform = platform_of(recipe.isa)
    parameters = folder / "parameters"
    parameters.write_bytes(
        BootParameters(recipe.nonce, recipe.ram_mib << 20, recipe.script, recipe.fail_allocation).encode()
    )
    machine = f"{platform.machine},{platform.el2_option}" if recipe.el2 else platform.machine
    loader = f"loader,file={parameters},addr={platform.parameters_address:#x},force-raw=on"
    return [
        os.fspath(require(recipe.isa)), "-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg",
        "-machine", machine, "-cpu", recipe.cpu or platform.cpu, "-m", f"{recipe.ram_mib}M",
        "-device", loader, "-kernel", recipe.elf,
    ]  # fmt: skip
