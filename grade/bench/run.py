"""./pagewalk bench: the figures that the project promises, measured on this machine.

Wall times depend on the machine and its load: compare figures of one run with each other. Counts of
instructions do not: the same kernel has the same counts.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from grade.bench import operations, waiting
from grade.bench.counting import Counter
from grade.bench.figure import ALL, Figure, NotMeasured, ratio_of
from grade.bench.idle_process import idle_process
from grade.guest.guest import CHECKPOINT, Guest
from grade.isa import ISAS
from grade.ladder.build import Kernel, build_kernel
from grade.ladder.trees import Tree
from grade.prepare import prepare
from grade.run_plan import graded_labs

Measure = Callable[[], Figure | list[Figure]]


WAITS = ("loop", "engine", "submission", "first", "quick", "tests")
"""What people wait for, in groups as named by `bench --only`; the last two take as long as all tests."""
_LONG = ("quick", "tests")


def run_bench(
    tree: Tree, console: Console, runs: int, json_file: Path | None, only: Sequence[str] = (), measured: Path | None = None
) -> int:
    """Measures all but the long ones, shows a table and writes {"figures": [...]}. Returns 1 if something was not measured.

    `only`: these groups of WAITS, and nothing else. `measured`: for them, the root of another main.
    """
    figures: list[Figure] = []
    missing: list[str] = []
    groups = [] if only else list(_all_measures(tree, runs))
    if tree.course is None:
        chosen = only or [name for name in WAITS if name not in _LONG]
        groups += [(f"what one waits for: {name}", [partial(_waits, name, measured or tree.root)]) for name in chosen]
    for what, measures in groups:
        console.print(f"measuring {what} ...")
        for measure in measures:
            try:
                found = measure()
                figures += found if isinstance(found, list) else [found]
            except NotMeasured as error:
                missing.append(f"{what}: {error}")
    _show(console, figures)
    for reason in dict.fromkeys(missing):
        console.print(f"not measured, {reason}", markup=False)
    if json_file is not None:
        document = {"figures": [asdict(figure) for figure in figures]}
        json_file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 1 if missing else 0


def _all_measures(tree: Tree, runs: int) -> Iterator[tuple[str, list[Measure]]]:
    """Yields what is measured, in groups with a name."""
    folder = prepare(tree, tree.lab)
    for isa in tree.isas:
        kernel = build_kernel(folder, isa)
        yield f"the kernel on {isa}", [*_walls(kernel, tree.lab, runs), partial(idle_process, kernel)]
        counter = Counter(kernel, tree.root / "build")
        yield f"instructions on {isa}", [partial(operations.boot_instructions, counter), *_counts(counter, tree.lab)]
        yield f"a build for {isa}", [partial(_cold_build, folder, isa)]
        lab = graded_labs(tree)[-1]
        yield f"./pagewalk grade {lab} --isa {isa}", [partial(_grade, tree, "grade_lab_warm_s", isa, lab)]
    if tree.course is None:  # a handed-out tree is graded as one lab
        yield "./pagewalk grade", [partial(_grade, tree, "grade_warm_s", ALL)]
    shared = partial(_lines, "kernel_shared_lines", ALL, folder / "kernel")
    yield "lines", [shared, *(partial(_lines, "arch_lines", isa, folder / "arch" / isa) for isa in tree.isas)]


def _waits(name: str, main: Path) -> list[Figure]:
    """Measures one group of WAITS."""
    isa = ISAS[0]
    measures: dict[str, Callable[[], Iterator[Figure]]] = {
        "loop": partial(waiting.loop_figures, main, isa),
        "engine": partial(waiting.engine_figures, main, isa),
        "submission": partial(waiting.submission_figures, main, isa),
        "first": partial(waiting.first_figures, main),
        "quick": partial(waiting.tests_figures, main, quick=True),
        "tests": partial(waiting.tests_figures, main, quick=False),
    }
    return list(measures[name]())


def _walls(kernel: Kernel, lab: int, runs: int) -> Iterator[Measure]:
    """Yields what is measured by the clock, among what a tree of this lab can do."""
    yield partial(operations.boot_wall, kernel, runs)
    yield partial(_root_walk, kernel, runs)
    for operation in operations.TIMED_OPERATIONS:
        if operation.lab <= lab:
            yield partial(operations.wall, operation, kernel, runs)
    if lab >= operations.FAULT_LAB:
        yield partial(operations.fault_wall, kernel, runs)


def _counts(counter: Counter, lab: int) -> list[Measure]:
    """Returns what is counted, among what a tree of this lab can do."""
    there = [operation for operation in operations.OPERATIONS if operation.lab <= lab]
    return [partial(operations.instructions, counter, operation) for operation in there]


def _show(console: Console, figures: list[Figure]) -> None:
    table = Table()
    for column in ("figure", "ISA", "value", "unit", "beside", "at most"):
        table.add_column(column, justify="right" if column in ("value", "at most") else "left")
    for figure in figures:
        ratio = ratio_of(figure, figures)
        value, target = (figure.value, figure.target) if ratio is None else (ratio.value, ratio.target)
        limit = "" if target is None else f"{target:g}" if ratio is None else f"{target:g} x"
        if target is not None and value > target:
            limit = f"[red]missed[/] {limit}"
        beside = "" if ratio is None else f"{ratio.value:.2f} x {ratio.base}"
        table.add_row(figure.name, figure.isa, _number(figure.value), figure.unit, beside, limit)
    console.print(table)


def _number(value: float) -> str:
    """Returns four significant digits, and all before the point."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"


def _root_walk(kernel: Kernel, runs: int) -> Figure:
    """Measures one walk of everything that the kernel's root maps, from the registers to the list of leaves."""
    with Guest(kernel, "checkpoint ready") as guest:
        guest.run_to_address(guest.image.va(CHECKPOINT), "the checkpoint")
        walker = guest.walker()

        def walk() -> float:
            start = time.perf_counter()
            if not list(walker.mappings()):
                raise RuntimeError("nothing is mapped")
            return time.perf_counter() - start

        seconds = statistics.median(walk() for _ in range(runs))
    return Figure("kernel_root_walk_ms", kernel.isa, seconds * 1e3, "ms")


def _cold_build(folder: Path, isa: str) -> Figure:
    """Measures a build of one kernel from nothing: another folder, and no compiler cache."""
    with tempfile.TemporaryDirectory(prefix="pagewalk-") as scratch:
        start = time.perf_counter()
        for command in (
            ["cmake", "--preset", isa, "-B", scratch, "-DCCACHE=OFF"],
            ["cmake", "--build", scratch, "--target", "kernel"],
        ):
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return Figure("cold_build_s", isa, time.perf_counter() - start, "s")


def _grade(tree: Tree, name: str, isa: str, *labs: int) -> Figure:
    """Measures `grade` of these labs, or of all, with all kernels built."""
    command = [sys.executable, "-m", "grade", "grade", *map(str, labs), *([] if isa == ALL else ["--isa", isa])]
    for _ in range(2):  # the first run builds what is out of date
        start = time.perf_counter()
        run = subprocess.run(command, cwd=tree.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        seconds = time.perf_counter() - start
    if run.returncode != 0:
        raise NotMeasured("it does not pass")
    return Figure(name, isa, seconds, "s")


def _lines(name: str, isa: str, folder: Path) -> Figure:
    """Counts lines of code and comments, without tests."""
    files = [f for f in folder.rglob("*") if f.suffix in (".h", ".cc", ".S", ".ld", ".inc") and "tests" not in f.parts]
    lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
    return Figure(name, isa, lines, "lines")
