"""What ./pagewalk bench makes of its figures, and which of them the tree of a lab has."""

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from grade.bench import run
from grade.bench.boot import boot_between
from grade.bench.counting import Counter
from grade.bench.figure import Figure, NotMeasured, Ratio, ratio_of
from grade.bench.idle_process import idle_process
from grade.bench.operations import OPERATIONS, TIMED_OPERATIONS, Operation, instructions
from grade.cutting.cutter import cut
from grade.isa import ISAS
from grade.ladder.build import Kernel, build_kernel
from grade.ladder.trees import Tree, find_root
from grade.prepare import prepare

ROOT = find_root(Path(__file__))
COPY = [Figure("copy_page_insns", isa, value, "instructions") for isa, value in (("x86_64", 1000), ("aarch64", 500))]


def shown(figures: list[Figure]) -> str:
    console = Console(file=io.StringIO(), width=200)
    run._show(console, figures)
    return console.file.getvalue()


def fork(isa: str, value: float) -> Figure:
    return Figure("fork_per_page_insns", isa, value, "instructions")


def test_a_figure_is_beside_the_other_of_its_own_isa() -> None:
    assert ratio_of(fork("x86_64", 1200), COPY) == Ratio("copy_page_insns", 1.2, 1.24)
    assert ratio_of(fork("aarch64", 1200), COPY) == Ratio("copy_page_insns", 2.4, 1.5)


def test_a_figure_is_beside_nothing_if_nothing_was_promised_or_measured() -> None:
    assert ratio_of(COPY[0], COPY) is None
    assert ratio_of(fork("x86_64", 1200), COPY[1:]) is None


def test_the_table_shows_what_was_missed() -> None:
    rows = shown([*COPY, fork("x86_64", 1239), fork("aarch64", 776), Figure("boot_wall_ms", "x86_64", 61, "ms")])
    assert re.search(r"fork_per_page_insns +\S +x86_64 .* 1.24 x copy_page_insns \S +1.24 x", rows), rows
    assert re.search(r"fork_per_page_insns +\S +aarch64 .* 1.55 x copy_page_insns \S +missed 1.5 x", rows), rows
    assert re.search(r"boot_wall_ms .* missed 60", rows), rows


# --- with a machine --------------------------------------------------------------------------------------------------


@pytest.fixture(params=ISAS)
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return build_kernel(ROOT, request.param)


def test_an_idle_process_is_all_its_parts(kernel: Kernel) -> None:
    frames = {figure.name.removeprefix("idle_process_"): figure.value for figure in idle_process(kernel)}
    assert frames.pop("frames") == sum(frames.values())
    assert set(frames) == {"table_frames", "stack_frames", "page_frames", "map_frames"} and min(frames.values()) > 0


def test_the_time_between_words(kernel: Kernel) -> None:
    boot = boot_between(kernel, "run faultbench touch 1", "begin", "end")
    assert boot.seconds > 0 and "@exit pid=2 status=0 signal=0" in boot.text
    with pytest.raises(NotMeasured, match="without the words 'begin'"):
        boot_between(kernel, "run faultbench touch 1", "end", "begin")


@pytest.mark.parametrize("lab", sorted({operation.lab for operation in OPERATIONS}))
def test_a_lab_has_the_operations_that_it_should_have(lab: int) -> None:
    """And those of the next are not there."""
    counter = Counter(build_kernel(prepare(Tree(ROOT), lab), "x86_64"), ROOT / "build")
    for operation in OPERATIONS:
        if operation.lab <= lab:
            assert instructions(counter, operation).value > 0
        else:
            with pytest.raises(NotMeasured):
                instructions(counter, operation)


RELIED_ON = {
    "boot_wall_ms", "null_syscall_insns", "yield_round_trip_insns", "temp_map_insns", "fork_exit_wait_insns",
    "fork_per_page_insns", "copy_page_insns", "demand_zero_fault_insns", "zero_page_insns",
    "fork_exec_exit_wait_insns", "idle_process_frames",
}  # fmt: skip
"""Figures that others look up by their names."""


def test_bench_measures_every_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names are promised; the values depend on the machine. (What grading and building take is measured below, on less.)"""
    graded: list[tuple[object, ...]] = []

    def grade(tree: Tree, name: str, isa: str, *labs: int) -> Figure:
        graded.append((tree.root, name, isa, *labs))
        return Figure(name, isa, 1.0, "s")

    built: list[str] = []

    def cold_build(folder: Path, isa: str) -> Figure:
        assert folder == prepare(Tree(ROOT), Tree(ROOT).lab)
        built.append(isa)
        return Figure("cold_build_s", isa, 1.0, "s")

    waited: list[tuple[str, Path]] = []
    monkeypatch.setattr(run, "_cold_build", cold_build)
    monkeypatch.setattr(run, "_grade", grade)
    monkeypatch.setattr(run, "_waits", lambda name, main: waited.append((name, main)) or [])
    console = Console(file=io.StringIO(), width=200)
    status = run.run_bench(Tree(ROOT), console, 1, tmp_path / "b.json")
    figures = json.loads((tmp_path / "b.json").read_text())["figures"]
    assert all(figure["value"] > 0 and figure["unit"] for figure in figures)
    for_each = {"kernel_root_walk_ms", "cold_build_s", "grade_lab_warm_s", "arch_lines"}
    for_each |= {"boot_wall_ms", "boot_insns", "demand_zero_fault_wall_us", "idle_process_frames"}
    for_each |= {f"idle_process_{part}_frames" for part in ("table", "stack", "page", "map")}
    for_each |= {operation.figure for operation in (*OPERATIONS, *TIMED_OPERATIONS)}
    expected = {(name, isa) for name in for_each for isa in ISAS}
    expected |= {("grade_warm_s", "all"), ("kernel_shared_lines", "all")}
    assert {(figure["name"], figure["isa"]) for figure in figures} == expected, console.file.getvalue()
    assert RELIED_ON <= for_each
    assert status == 0, console.file.getvalue()
    assert built == [*ISAS]
    assert waited == [(name, ROOT) for name in ("loop", "engine", "submission", "first")]
    assert graded == [*((ROOT, "grade_lab_warm_s", isa, 6) for isa in ISAS), (ROOT, "grade_warm_s", "all")]


def test_a_build_is_timed_without_what_was_built_before(tmp_path: Path) -> None:
    cut(ROOT, 1, 1, tmp_path / "tree")
    before = set(tmp_path.rglob("*"))
    assert run._cold_build(tmp_path / "tree", ISAS[0]).value > 1
    assert set(tmp_path.rglob("*")) == before


def test_grading_is_timed_where_it_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run._grade(Tree(ROOT), "grade_lab_warm_s", "aarch64", 1).value > 0
    (tmp_path / "grade").mkdir()
    (tmp_path / "grade" / "__main__.py").write_text("raise SystemExit(1)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # the launcher's names this tree
    with pytest.raises(NotMeasured, match="it does not pass"):
        run._grade(Tree(tmp_path), "grade_warm_s", "all")


@pytest.mark.parametrize("isa", ISAS)
def test_no_count_is_above_its_limit(isa: str) -> None:
    """What was once gained stays: the limits lie a little above what the kernel takes."""
    counter = Counter(build_kernel(ROOT, isa), ROOT / "build")
    table = shown([instructions(counter, operation) for operation in OPERATIONS])
    assert "missed" not in table, table


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.figure)
def test_the_same_kernel_has_the_same_counts(isa: str, operation: Operation) -> None:
    counter = Counter(build_kernel(ROOT, isa), ROOT / "build")
    first = instructions(counter, operation)
    assert instructions(counter, operation) == first
    assert first.value > 0
