"""./pagewalk test: everything that can be tested, one step after the other, all of them even if one fails."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from grade import grading
from grade.checks.host_tests import programs_for
from grade.course.generated_docs import renew
from grade.course.graded import corpus, is_led_well, read_outcomes, references
from grade.course.graded import table as graded_table
from grade.course.graded import wrong_plants
from grade.course.lint import lint
from grade.grading import GradeOptions
from grade.isa import ISAS
from grade.ladder.build import BuildError, build_all_host_tests, build_kernel
from grade.ladder.trees import Tree, find_root

OUTCOMES = Path("build/graded.json")
"""The file, from the root, in which the tests leave what they found out about the grader."""
MINUTES = Path("build/minutes.json")
"""The file in which they leave how many seconds each file of tests took."""
_TESTS = "grade/tests"
_MOST_SHOWN = 15
_UNJUDGED = ("given_tests", "user_memory_tests", "fuzz_elf", "fuzz_archive", "fuzz_script")
"""Programs of host tests that no milestone runs."""
_LONG = (
    # many kernels
    "test_bugs", "test_variants", "test_starters", "test_holes", "test_climb", "test_kernel_builds", "test_liars",
    "test_student_clone", "test_practice_clone", "test_submission_build", "test_submission_grade", "test_bench",
    "test_discipline", "test_rubbish", "test_twins",
    # long runs, and sessions of GDB
    "test_hostile", "test_exhaustion", "test_bad_programs", "test_soak", "test_memory_model", "test_out_of_memory",
    "test_explain", "test_gdb", "test_gdb_bad_input", "test_gdb_commands", "test_gdb_record", "test_recipes", "test_kill_point",
    # tools that nothing else needs: a browser, Doxygen, gcov
    "test_site", "test_view_page", "test_view_command", "test_classroom_pages", "test_coverage",
    # the whole of `grade`, again and again; trees of every lab; bombs; engines that hang, guests that flood
    "test_cli", "test_cuts", "test_host_tests", "test_user_memory", "test_submission_sources", "test_apart", "test_machine_limits",
    "test_compiler_cache", "test_named_attacks", "test_seed",
    # classes, begun and ended again and again; a cluster
    "test_classroom_grade", "test_classroom_ended", "test_classroom_cluster", "test_classroom_bad_input",
)  # fmt: skip
"""Files of tests that --quick leaves out: they take nine tenths of the time."""
WITHOUT_LONG = [f"--ignore-glob=*/{name}.py" for name in _LONG]
"""What tells pytest to leave them out."""
EXAMPLES = "PAGEWALK_EXAMPLES"
"""Tells grade/tests/kernel/test_memory_model.py how many examples to try. Without it they are few, and always the same."""
WHOLE = "PAGEWALK_WHOLE"
"""Tells the test of the planted bugs to grade all milestones of each, and not only those that must fail."""


@dataclass(frozen=True)
class _Step:
    """One part of the tests. `run` returns whether it passed."""

    name: str
    run: Callable[[], bool]


def run(console: Console, *, quick: bool, jobs: int | None) -> int:
    """Runs all steps, shows a summary, and returns the exit status."""
    root = find_root(Path(__file__))
    workers = str(jobs or _cores() + 2)  # two of them may be waiting for guests that sleep, or for a disk
    left_out = WITHOUT_LONG if quick else []
    labs = [Tree(root).lab] if quick else []
    reference = root / "build" / "reference.json"
    _forget(root, reference)
    looked_over = [_Step("the C++, the grader's Python and the launcher's shell, looked over", lambda: lint(root, console))]
    steps = [
        *([] if quick else looked_over),
        _Step("both kernels build" if quick else "both kernels build, and each header alone",
              lambda: _build_everything(root, console, quick=quick)),
        _Step("host tests and fuzz targets, under ASan and UBSan", lambda: _host_tests(root, console)),
        _Step("the grader's own tests, without those that take long" if quick else "the grader's own tests, planted bugs and variants",
              lambda: _pytest(root, [_TESTS, "-n", workers, "--dist=loadgroup", *left_out])),
        _Step("the milestones of the last lab" if quick else "the milestones of every lab",
              lambda: grading.run(GradeOptions(labs=labs, jobs=jobs, json_file=reference), console) == grading.PASSED),
    ]  # fmt: skip
    table = Table(title="./pagewalk test", title_justify="left")
    for column in ("", "result", "seconds"):
        table.add_column(column)
    passed = True
    for step in steps:
        console.rule(step.name, align="left")
        start = time.monotonic()
        step_passed = step.run()
        passed = passed and step_passed
        result = "[green]passed[/]" if step_passed else "[red]failed[/]"
        table.add_row(step.name, result, f"{time.monotonic() - start:.0f}")
    console.print(table)
    _show_minutes(console, root / MINUTES)
    return grading.PASSED if _show_graded(console, root, reference) and passed else grading.FAILED


def _show_graded(console: Console, root: Path, reference: Path) -> bool:
    """Prints how right the grader was, and about which plants it was not; returns whether that is right enough."""
    outcomes = read_outcomes(root / OUTCOMES)
    console.print(graded_table(corpus(root), outcomes + references(reference)))
    for line in wrong_plants(outcomes):
        console.print(line, markup=False, highlight=False)
    if is_led_well(outcomes):
        return True
    console.print("Too few plants lead to the right file, or have it named first.")
    return False


def renew_documents(console: Console) -> None:
    """Writes the documents that are made from the tree, and says which were stale."""
    root = find_root(Path(__file__))
    console.print("Some are measured on booted kernels: this takes minutes.")
    console.print("\n".join(f"{name} is written anew" for name in renew(root)) or "no document is stale")


def run_examples(jobs: int | None, examples: int) -> int:
    """Tries the model of processes and their memory on `examples` random examples for each ISA."""
    root = find_root(Path(__file__))
    workers = str(jobs or _cores())
    os.environ[EXAMPLES] = str(examples)
    return grading.PASSED if _pytest(root, [f"{_TESTS}/kernel/test_memory_model.py", "-n", workers]) else grading.FAILED


def run_plants(console: Console, jobs: int | None) -> int:
    """Grades all milestones of every planted bug: only this shows what students are told to look at first. Takes hours."""
    root = find_root(Path(__file__))
    os.environ[WHOLE] = "1"
    _forget(root, root / "build" / "reference.json")
    passed = _pytest(root, [f"{_TESTS}/graded/test_bugs.py", "-n", str(jobs or _cores())])
    return grading.PASSED if _show_graded(console, root, root / "build" / "reference.json") and passed else grading.FAILED


def _cores() -> int:
    return os.cpu_count() or 1


def _forget(root: Path, reference: Path) -> None:
    """Removes what an earlier run found out about the grader: the table shows only this run."""
    reference.parent.mkdir(exist_ok=True)
    for path in (reference, root / OUTCOMES, root / MINUTES):
        path.unlink(missing_ok=True)


def _build_everything(root: Path, console: Console, *, quick: bool) -> bool:
    try:
        for isa in ISAS:
            build_kernel(root, isa)
            if not quick:
                _run(["cmake", "--build", f"build/{isa}", "--target", "header_probes"], root)
    except (BuildError, subprocess.CalledProcessError) as error:
        console.print(str(error), markup=False)
        return False
    return True


def _show_minutes(console: Console, file: Path) -> None:
    """Prints where the time went: the files of tests that took longest, over all workers."""
    if not file.exists():
        return
    seconds: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
    longest = sorted(seconds, key=seconds.__getitem__, reverse=True)
    table = Table(title="where the time went, over all cores", title_justify="left")
    for column in ("tests", "seconds"):
        table.add_column(column, justify="right" if column == "seconds" else "left")
    for name in longest[:_MOST_SHOWN]:
        table.add_row(name, f"{seconds[name]:.0f}")
    table.add_row(f"{len(longest[_MOST_SHOWN:])} others", f"{sum(seconds[name] for name in longest[_MOST_SHOWN:]):.0f}")
    console.print(table)


def _host_tests(root: Path, console: Console) -> bool:
    built = build_all_host_tests(root, (*programs_for(Tree(root).lab), *_UNJUDGED))
    if errors := [str(came) for came in built.values() if isinstance(came, BuildError)]:
        console.print("\n".join(errors), markup=False)
        return False
    try:
        _run(["ctest", "--preset", "host", "--quiet", f"--parallel={_cores()}"], root)
    except subprocess.CalledProcessError as error:
        console.print(str(error), markup=False)
        return False
    return True


def _pytest(root: Path, arguments: list[str]) -> bool:
    quiet = ["-q", "--durations=25", "-p", "no:cacheprovider"]  # what takes long is shown where it is run
    command = [sys.executable, "-m", "pytest", *quiet, f"--rootdir={root}", *arguments]
    return subprocess.run(command, cwd=root, check=False).returncode == 0


def _run(command: list[str], root: Path) -> None:
    """Runs a command of the tool chain; prints its output only if it fails."""
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        sys.stdout.write(done.stdout)
    done.check_returncode()
