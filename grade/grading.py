"""./pagewalk grade: builds, then judges the labs' milestones, with progress, and shows the results."""

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from grade.building import Building
from grade.cli_common import CANNOT_RUN, INTERRUPTED
from grade.isa import ISAS
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, find_root
from grade.machine.qemu_version import require
from grade.needs import Needs, all_needs, needs_of
from grade.results.result import Result, Status
from grade.run_plan import Plan, milestones_for, plan, plan_submission
from grade.seed import fresh_seed
from grade.student.around_grading import after_grading, refuse_conflicts

PASSED, FAILED = 0, 1


@dataclass(frozen=True)
class GradeOptions:
    """The command line of `grade`."""

    labs: Sequence[int] = ()
    isas: Sequence[str] = ()
    expression: str | None = None
    milestones: Sequence[str] = ()
    json_file: Path | None = None
    junit_file: Path | None = None
    tree: Path | None = None
    submission: str | None = None
    unsealed: bool = False
    jobs: int | None = None
    seed: int | None = None


def run(options: GradeOptions, console: Console) -> int:
    """Grades and returns the exit status. Raises ToolMissing, ToolTooOld and LadderError if it cannot begin."""
    tests = Tree(find_root(Path(__file__)))
    for path in (options.json_file, options.junit_file):
        if path is not None and not path.resolve().parent.is_dir():
            raise LadderError(f"cannot write {path}: there is no folder {path.parent}")
    if options.submission is None:
        if options.unsealed:
            raise LadderError("--unsealed is about what students handed in: it goes with --submission")
        tree = Tree(options.tree.resolve()) if options.tree else tests
        return _grade(options, console, plan(tree, tests, list(options.labs), options.isas))
    if options.tree is not None:
        raise LadderError("--submission goes without --tree: its files are laid over a tree of this one's")
    if tests.course is not None:
        raise LadderError("--submission is for instructors: it needs main, and this is a handed-out tree")
    return _grade_submission(options, options.submission, console, tests)


def _grade_submission(options: GradeOptions, submitted: str, console: Console, tests: Tree) -> int:
    from grade.submission.laid_out import laid_out  # only main has it
    from grade.submission.sandbox import refusal
    from grade.submission.show import show

    if not options.unsealed and (why := refusal()) is not None:
        raise LadderError(
            f"what students wrote is built and run in a sandbox, and this machine makes none: {why}. "
            "What to do: docs/instructor.md, Sandbox. With --unsealed it runs with all your rights"
        )
    with laid_out(tests, submitted, options.labs, options.isas or ISAS, sealed=not options.unsealed) as submission:
        targets = plan_submission(submission.folder, tests, submission.labs, options.isas)
        show(console, submission, sorted({target.isa for target in targets.targets}))
        return _grade(options, console, targets, submission.folder)


def _grade(options: GradeOptions, console: Console, targets: Plan, submission: Path | None = None) -> int:
    tests = Tree(find_root(Path(__file__)))
    for isa in dict.fromkeys(target.isa for target in targets.targets):
        require(isa)
    if _is_students(options, tests):
        refuse_conflicts(tests)
    known, needs = milestones_for(tests, targets), needs_of(tests)
    for number in options.milestones:
        if number not in known:
            raise LadderError(f"no milestone matches {number}; {_there_is(targets, known)}")
    with Building(targets) as building:
        # While the build runs, this process gets ready to judge: importing pytest and the tests takes as long as a small build.
        if options.expression is None:  # only pytest can tell what matches that
            building.begin(all_needs(needs, options.milestones or known))
        status = _judge(options, console, submission, Judging(targets, known, building, needs))
    return status


@dataclass(frozen=True)
class Judging:
    """What is known before pytest is imported."""

    targets: Plan
    known: Sequence[str]
    """The milestones that the targets are graded on."""
    building: Building
    needs: dict[str, Needs]


def _judge(options: GradeOptions, console: Console, submission: Path | None, judging: Judging) -> int:
    import pytest  # only now, with all that needs it: see above

    from grade.front import Front
    from grade.progress import ProgressLine
    from grade.results.report import print_report, waiting_lines

    tests, targets = Tree(find_root(Path(__file__))), judging.targets
    front = Front(ProgressLine(console), judging.building, judging.needs, options.jobs)
    seed = _seed(options, submission)
    output = io.StringIO()
    with contextlib.redirect_stdout(output), _only_our_plugins():
        status = pytest.main(_pytest_arguments(options, tests, targets, submission, seed), plugins=[front])
    if front.cannot_run is not None:
        raise front.cannot_run
    if status == pytest.ExitCode.NO_TESTS_COLLECTED and options.expression is not None:
        among = f" among {', '.join(options.milestones)}" if options.milestones else ""
        raise LadderError(f"no milestone matches -k {options.expression!r}{among}; {_there_is(targets, judging.known)}")
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
        console.print(output.getvalue(), markup=False, highlight=False)
        return CANNOT_RUN
    results = front.results
    print_report(console, results, front.shown)
    if any(result.status is Status.FAILED for result in results):
        console.print(f"What was drawn by chance: --seed {seed} draws the same again.", highlight=False)
    if options.milestones or not results:
        for line in waiting_lines(front.waiting):
            console.print(line, markup=False, soft_wrap=True)
    if not results:
        console.print("Nothing was graded.")
    complete = status != pytest.ExitCode.INTERRUPTED and not (options.milestones or options.expression)
    if _is_students(options, tests):
        after_grading(tests, results, [target.isa for target in targets.targets], console, complete=complete)
    if status == pytest.ExitCode.INTERRUPTED:
        console.print("Interrupted: this is what was graded until then.")
        return INTERRUPTED if front.by_ctrl_c else CANNOT_RUN
    if front.unwritten:
        raise LadderError("; ".join(front.unwritten))
    return _exit_status(results, front.waiting)


def _is_students(options: GradeOptions, tests: Tree) -> bool:
    """Returns whether a student grades the tree that was handed out."""
    return tests.course is not None and options.tree is None


def _there_is(targets: Plan, known: Sequence[str]) -> str:
    labs = ", ".join(str(lab) for lab in dict.fromkeys(target.lab for target in targets.targets))
    return f"for lab {labs} there are {', '.join(known)}"


@contextlib.contextmanager
def _only_our_plugins() -> Iterator[None]:
    """Keeps pytest from loading other installed or requested plugins: importing them takes time, and is useless here."""
    before = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PYTEST_")}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        os.environ.update(before)


def _exit_status(results: Sequence[Result], waiting: Sequence[Result]) -> int:
    """Returns the exit status: what could not be judged yet has not passed, nor has a run that judged nothing."""
    if any(result.status is Status.ERROR for result in results):
        return CANNOT_RUN
    passed = all(result.status is Status.PASSED for result in results)
    return PASSED if passed and results and not waiting else FAILED


def _seed(options: GradeOptions, submission: Path | None) -> int:
    if options.seed is not None:
        return options.seed
    if submission is None:
        return fresh_seed()
    from grade.submission.laid_out import description_of  # only main has it

    return int(description_of(submission)["seed"])


def _pytest_arguments(options: GradeOptions, tests: Tree, targets: Plan, submission: Path | None, seed: int) -> list[str]:
    """Returns what plain pytest would be given: the lab folders, and the options of grade/plugin.py."""
    labs = sorted({target.lab for target in targets.targets})
    folders = [lab.folder for lab in tests.labs if lab.number <= max(labs) and any(lab.folder.glob("test_*.py"))]
    arguments = ["-qq", "--no-header", "--no-summary", "--tb=no", "-p", "no:cacheprovider", f"--rootdir={tests.root}", "-s"]
    arguments.append(f"--seed={seed}")
    arguments += map(str, folders)
    arguments += [f"--lab={lab}" for lab in labs] + [f"--isa={isa}" for isa in options.isas]
    arguments += [f"--milestone={number}" for number in options.milestones]
    if submission is not None:  # the next submission would overwrite the failures of this one
        arguments += [f"--submission-folder={submission}", "--forget-failures"]
    for name, value in (("-k", options.expression), ("--tree", options.tree and options.tree.resolve())):
        arguments += [name, str(value)] if value else []
    for name, path in (("--results-json", options.json_file), ("--results-junit", options.junit_file)):
        arguments += [name, str(path.resolve())] if path else []
    return arguments
