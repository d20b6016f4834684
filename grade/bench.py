"""./pagewalk bench: the figures that the project promises, measured on this machine.

Wall times depend on the machine and on what else it does: compare figures of one run with each other.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from grade.boot.guest import CHECKPOINT, Guest
from grade.ladder.build import Kernel, build_kernel
from grade.ladder.labs import ISAS
from grade.ladder.trees import Tree, prepare
from grade.machine.stop import StopKind

_BOOTED_LAB = 2


@dataclass(frozen=True)
class Figure:
    """One measured number. `isa` is "all" where it does not depend on one."""

    name: str
    isa: str
    value: float
    unit: str


def run_bench(tree: Tree, console: Console, runs: int, json_file: Path | None) -> None:
    """Measures everything, shows a table and writes {"figures": [...]}."""
    figures: list[Figure] = []
    folder = prepare(tree, _BOOTED_LAB)
    for isa in ISAS:
        console.print(f"measuring {isa} ...")
        kernel = build_kernel(folder, isa)
        figures.append(Figure("boot_wall_ms", isa, _median_ms(lambda k=kernel: _boot(k), runs), "ms"))
        figures.append(Figure("kernel_root_walk_ms", isa, _walk_ms(kernel, runs), "ms"))
        figures.append(Figure("cold_build_s", isa, _cold_build_s(folder, isa), "s"))
    console.print("measuring ./pagewalk grade 1 2 ...")
    figures.append(Figure("grade_warm_s", "all", _grade_s(tree), "s"))
    figures.append(Figure("kernel_shared_lines", "all", _lines(folder / "kernel"), "lines"))
    figures += [Figure("arch_lines", isa, _lines(folder / "arch" / isa), "lines") for isa in ISAS]
    _show(console, figures)
    if json_file is not None:
        document = {"figures": [asdict(figure) for figure in figures]}
        json_file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _show(console: Console, figures: list[Figure]) -> None:
    table = Table()
    for column in ("figure", "ISA", "value", "unit"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for figure in figures:
        table.add_row(figure.name, figure.isa, f"{figure.value:.4g}", figure.unit)
    console.print(table)


def _median_ms(action: Callable[[], float], runs: int) -> float:
    return statistics.median(action() for _ in range(runs)) * 1000


def _boot(kernel: Kernel) -> float:
    """Seconds from the start of QEMU until the kernel's last fact has come over the serial line."""
    guest = Guest(kernel, "frames\npoweroff")
    start = time.perf_counter()
    with guest:
        stop = guest.machine.run()
        taken = time.perf_counter() - start
        if stop.kind is not StopKind.POWERED_OFF or not guest.facts("poweroff"):
            raise RuntimeError(f"the kernel did not come to its last fact: {stop}")
    return taken


def _walk_ms(kernel: Kernel, runs: int) -> float:
    """One walk of everything that the kernel's root maps, from the registers to the list of leaves."""
    with Guest(kernel, "checkpoint ready") as guest:
        guest.run_to_address(guest.image.va(CHECKPOINT), "the checkpoint")
        walker = guest.walker()

        def walk() -> float:
            start = time.perf_counter()
            if not list(walker.mappings()):
                raise RuntimeError("nothing is mapped")
            return time.perf_counter() - start

        return _median_ms(walk, runs)


def _cold_build_s(folder: Path, isa: str) -> float:
    """A build of one kernel from nothing: another folder, and no compiler cache."""
    with tempfile.TemporaryDirectory(prefix="pagewalk-") as scratch:
        start = time.perf_counter()
        for command in (
            ["cmake", "--preset", isa, "-B", scratch, "-DCCACHE=OFF"],
            ["cmake", "--build", scratch, "--target", "kernel"],
        ):
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


def _grade_s(tree: Tree) -> float:
    """`grade 1 2` with all kernels built."""
    command = [sys.executable, "-m", "grade", "grade", "1", "2"]
    subprocess.run(command, cwd=tree.root, check=True, stdout=subprocess.DEVNULL)
    start = time.perf_counter()
    subprocess.run(command, cwd=tree.root, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _lines(folder: Path) -> int:
    """Lines of code and comments, tests left out."""
    files = [f for f in folder.rglob("*") if f.suffix in (".h", ".cc", ".S", ".ld", ".inc") and "tests" not in f.parts]
    return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
