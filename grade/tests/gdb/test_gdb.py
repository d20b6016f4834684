"""./pagewalk gdb with a real GDB: symbols and sources before and after the move, and the way back to a failure."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grade.cutting.cutter import cut
from grade.cutting.planted import plant
from grade.failed import failed_run
from grade.failed.choice import choose_failed
from grade.failed.gdb_session import run_last_failure_under_gdb
from grade.guest.guest import Recipe
from grade.isa import ISAS
from grade.ladder.build import build_kernel
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, find_root
from grade.patches.bugs import load_bugs

ROOT = find_root(Path(__file__))
CHECK_FIRST = '#include "kernel/base/check.h"\nvoid run_monitor() {\n  CHECK(0 == 1);\n'


def gdb(arguments: list[str], commands: list[str]) -> str:
    """Returns what GDB prints when these commands are typed."""
    run = subprocess.run(
        [sys.executable, "-m", "grade", "gdb", *arguments],
        cwd=ROOT, input="\n".join([*commands, "quit"]) + "\n", capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.mark.parametrize("isa", ISAS)
def test_symbols_are_right_before_and_after_the_move(isa: str) -> None:
    output = gdb(
        ["2", "--isa", isa],
        [
            "hbreak turn_on_paging",
            "continue",
            "print/x $pc",
            "hbreak run_monitor",
            "continue",
            "print/x $pc",
            "info symbol $pc",
            "list",
        ],
    )
    assert f"arch/{isa}/boot_map.cc" in output
    low, high = (int(line.split()[-1], 16) for line in output.splitlines() if "$1 = " in line or "$2 = " in line)
    assert low < 1 << 32 and high > 1 << 63
    # It begins by turning interrupts off, in an inlined function of the ISA's: GDB may say that it is there, or in its caller.
    assert "run_monitor() in section .text" in output
    assert f" () at arch/{isa}/cpu.h" in output and "asm volatile(" in output


@pytest.mark.parametrize("isa", ISAS)
def test_backtraces_end_where_code_begins(isa: str) -> None:
    """Of the kernel at work, of a trap, and of a program: each caller, and no more."""
    stops = ["load_program", "handle_user_fault", "*0x400000"]  # the last when its page has come
    outer = {"x86_64": "long_mode", "aarch64": "at_el1"}[isa]
    commands = [line for stop in stops for line in (f"hbreak {stop}", "continue", "echo ---\\n", "bt", "echo ---\\n")]
    output = gdb(["--isa", isa, "--script", "run hello"], commands)
    traces = [trace.splitlines() for trace in output.split("---\n")[1::2]]
    assert len(traces) == 3 and "Backtrace stopped" not in output and "corrupt stack" not in output, output
    innermost, outermost = [], []
    for trace in traces:
        frames = [line for line in trace if re.match(r"(\(gdb\) )?#\d", line)]
        assert frames and len(frames) < 40, trace
        innermost.append(re.search(r"(\w+) \(", frames[0])[1])
        outermost.append(re.search(r"(\w+) \(", frames[-1])[1])
    assert innermost == ["load_program", "handle_user_fault", "_start"]
    assert outermost == [outer, "trap_common", "_start"]


@pytest.mark.parametrize("isa", ISAS)
def test_a_program_can_be_run_under_gdb(isa: str) -> None:
    """From the monitor's script to the program's first instruction, at 4 MiB."""
    build_kernel(ROOT, isa)
    program = ROOT / "build" / isa / "user" / "hello"
    commands = [f"add-symbol-file {program}", "hbreak main", "continue", "print/x (unsigned long) $pc >> 20", "info symbol $pc"]
    output = gdb(["--isa", isa, "--script", "run hello"], commands)
    assert "$1 = 0x4\n" in output and "main in section .text" in output


@pytest.fixture(scope="module")
def lab_1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a tree of lab 1, solved, for tests to break."""
    tree = tmp_path_factory.mktemp("gdb") / "tree"
    cut(ROOT, 1, 1, tree)
    return tree


@contextmanager
def broken(file: Path, old: str, new: str) -> Iterator[None]:
    """Breaks the file, for a while."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    try:
        yield
    finally:
        file.write_text(text)


def fail_milestone(tree: Path, milestone: str, isa: str) -> str:
    """Returns what grade prints about a milestone that fails."""
    command = [sys.executable, "-m", "grade", "grade", "1", "--isa", isa, "--milestone", milestone, "--tree", str(tree)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    assert f"try        ./pagewalk gdb {milestone} --isa {isa}" in run.stdout
    return run.stdout


@pytest.mark.parametrize("isa", ISAS)
def test_a_failed_milestone_is_opened_where_it_failed(isa: str, lab_1: Path) -> None:
    """A kernel that forgets one region dies at the same instruction under GDB."""
    owned = lab_1 / "kernel/map/map_kernel.cc"
    with broken(owned, "TRY(table.map_range(", 'if (region.name != "data") TRY(table.map_range('):
        assert "image-not-mapped" in fail_milestone(lab_1, "1.8", isa)
        output = gdb(["1.8", "--isa", isa], ["print/x $pc", "info symbol $pc"])
        assert f"Where milestone 1.8 failed on {isa}: " in output and "in section .text" in output
        assert output.count("cause: image-not-mapped") == 2  # the milestone's, and what `why` says
        with owned.open("a") as file:
            file.write("// changed\nint g_changed = 1;\n")
        build_kernel(lab_1, isa)  # without being graded
    stale = subprocess.run([sys.executable, "-m", "grade", "gdb", "1.8", "--isa", isa], cwd=ROOT, capture_output=True,
                           text=True, timeout=60, check=False)  # fmt: skip
    assert stale.returncode == 2 and "the kernel has changed since milestone 1.8 failed" in stale.stderr


@pytest.mark.parametrize("isa", ISAS)
def test_of_many_passes_of_an_address_the_one_that_failed_is_meant(isa: str, lab_1: Path) -> None:
    """1.5 stops at a checkpoint, where all is well, and then at another, where the reports of faults are seen to be wrong."""
    with broken(lab_1 / "kernel" / "base" / "trap.cc", "name(fault.access))\n", "name(Access::kRead))\n"):
        assert "fault-misreported" in fail_milestone(lab_1, "1.5", isa)
        output = gdb(["1.5", "--isa", isa], ["print name", "info symbol $pc"])
    assert f"Where milestone 1.5 failed on {isa}: stop 2 at checkpoint_reached." in output
    assert '"ready"' in output and "checkpoint_reached in section .text" in output
    assert "cause: fault-misreported" in output


@pytest.mark.parametrize("isa", ISAS)
def test_what_the_test_wrote_into_memory_is_written_again(isa: str, tmp_path: Path) -> None:
    """vmascript looks there for what it is to do: nothing, and it ends, and no stop of the test's comes again."""
    bug = next(bug for bug in load_bugs(ROOT) if bug.name == "brk-within-a-page")
    planted = plant(ROOT, bug, tmp_path / "tree")
    command = [sys.executable, "-m", "grade", "grade", "5", "--isa", isa, "--milestone", "5.5", "--tree", str(planted)]
    failed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert failed.returncode == 1 and f"cause      {bug.causes[isa]}" in failed.stdout, failed.stdout
    output = gdb(["5.5", "--isa", isa], ["procs"])
    assert f"Where milestone 5.5 failed on {isa}: " in output and f"cause: {bug.causes[isa]}" in output
    assert "vmascript" in output.partition("(gdb)")[2]
    recorded = gdb(["5.5", "--isa", isa, "--record"], [])
    assert "which cannot be recorded; without --record it is" in recorded and f"cause: {bug.causes[isa]}" in recorded


@pytest.mark.parametrize("isa", ISAS)
def test_a_kernel_that_reports_its_end_is_met_before_the_report(isa: str, lab_1: Path) -> None:
    """The stack still has who found out; the test's own machine stopped when it was turned off."""
    with broken(lab_1 / "kernel" / "monitor" / "monitor.cc", "void run_monitor() {\n", CHECK_FIRST):
        assert "kernel-check-failed" in fail_milestone(lab_1, "1.8", isa)
        output = gdb(["1.8", "--isa", isa], ["bt 2"])
    assert "check_failed is about to report the kernel's end" in output
    assert "in run_monitor ()" in output


def failure_document(milestone: str, recipe: dict) -> dict:
    """Returns what is kept of a failure, on a kernel that is not there any more."""
    failure = {"cause": "hang", "expected": "an end", "seen": "none", "walk": None, "file": "", "kill": None}
    return {"lab": 1, "milestone": milestone, "isa": "aarch64", "recipe": recipe, "way": {"stops": [], "deeds": []}, "stop_kind": "breakpoint",
            "stop_at": 4, "failure": failure, "tree": str(ROOT), "digest": "another"}  # fmt: skip


def test_the_last_failure_is_the_newest_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(failed_run.ELSEWHERE, str(tmp_path / "failed"))
    assert failed_run.latest() is None
    with pytest.raises(LadderError, match="no milestone has failed with a machine running"):
        run_last_failure_under_gdb(Tree(ROOT))
    (tmp_path / "failed").mkdir()
    for age, milestone in ((30, "1.2"), (10, "1.8"), (20, "1.3")):
        recipe = Recipe("aarch64", str(tmp_path / "kernel.elf"), milestone, 0).as_dict()
        path = tmp_path / "failed" / f"lab1-{milestone}-aarch64" / "failure.json"
        path.parent.mkdir()
        path.write_text(json.dumps(failure_document(milestone, recipe)))
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    last = failed_run.latest()
    assert last is not None and last.recipe.script == "1.8"
    with pytest.raises(LadderError, match="the kernel has changed since milestone 1.8 failed; see whether .*/pagewalk grade 1"):
        run_last_failure_under_gdb(Tree(ROOT))


def test_tests_beside_each_other_do_not_reopen_each_others_failures(lab_1: Path) -> None:
    """A worker has its own: the same milestone may be failed, or passed, by another worker's test at the same time."""
    with broken(lab_1 / "kernel" / "monitor" / "monitor.cc", "void run_monitor() {\n", CHECK_FIRST):
        fail_milestone(lab_1, "1.8", "aarch64")
    last = failed_run.latest()
    assert last is not None and last.tree == lab_1 and not last.folder.is_relative_to(ROOT)


def test_a_more_basic_failure_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of the same kernel only: what another build had failed may be mended."""
    monkeypatch.setenv(failed_run.ELSEWHERE, str(tmp_path / "failed"))
    kernel = tmp_path / "kernel.elf"
    kernel.write_bytes(b"a kernel")
    this = hashlib.sha256(b"a kernel").hexdigest()
    for age, milestone, digest in ((30, "1.2", "another"), (20, "1.3", this), (10, "1.10", this), (20, "1.11", this)):
        document = failure_document(milestone, Recipe("aarch64", str(kernel), milestone, 0).as_dict())
        path = tmp_path / "failed" / f"lab1-{milestone}-aarch64" / "failure.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(document | {"digest": digest}))
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    assert choose_failed(Tree(ROOT), "", "", None).milestone == "1.10"
    said = capfd.readouterr().err
    assert "about milestone 1.10, which failed last" in said and said.endswith(": ask for 1.3 --isa aarch64\n")
    (tmp_path / "failed" / "lab1-1.3-aarch64" / "failure.json").unlink()
    assert choose_failed(Tree(ROOT), "", "", None).milestone == "1.10"
    assert capfd.readouterr().err == ""
