"""./pagewalk grade: builds, then judges the labs' milestones, with progress, and shows the results."""

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from grade.building import Building
from grade.cli_common import CANNOT_RUN, INTERRUPTED
from grade.ending import ending
from grade.formats.written import Reports
from grade.isa import ISAS
from grade.ladder.files import need_folder_of
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, find_root
from grade.machine.qemu_version import require
from grade.needs import Needs, all_needs, needs_of
from grade.results.result import Result, Status
from grade.run_plan import Plan, foreseen, milestones_for, plan, plan_submission
from grade.seed import fresh_seed
from grade.student.around_grading import after_grading, refuse_conflicts
from grade.unjudged import planned_results

if TYPE_CHECKING:
    from grade.front import Front

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
    picture: Path | None = None
    """Where to draw the machine of a submission's first failure."""
    keep: bool = True
    """Whether a submission's tree stays in build/submissions."""
    unsealed: bool = False
    jobs: int | None = None
    seed: int | None = None
    formats: Sequence[tuple[str, Path]] = ()
    """Pairs of a format's name and a file."""
    within: float | None = None
    """Minutes."""


def run(options: GradeOptions, console: Console) -> int:
    """Grades and returns the exit status. Raises ToolMissing, ToolTooOld and LadderError if it cannot begin."""
    for path in (options.json_file, options.junit_file, options.picture):
        if path is not None:
            need_folder_of(path.resolve())
    with Reports(options.formats) as reports, ending(options.within):
        return _run(options, console, Tree(find_root(Path(__file__))), reports)


def _run(options: GradeOptions, console: Console, tests: Tree, reports: Reports) -> int:
    if options.submission is None:
        if options.unsealed or options.picture is not None:
            name = "--unsealed" if options.unsealed else "--picture"
            raise LadderError(f"{name} is about what students handed in: it goes with --submission")
        tree = Tree(options.tree.resolve()) if options.tree else tests
        return _grade(options, console, plan(tree, tests, list(options.labs), options.isas), reports)
    if options.tree is not None:
        raise LadderError("--submission goes without --tree: its files are laid over a tree of this one's")
    if tests.course is not None:
        raise LadderError("--submission is for instructors: it needs main, and this is a handed-out tree")
    if options.labs:  # known even if the submission cannot be read
        reports.planned = planned_results(tests, foreseen(tests, options.labs, options.isas), options.milestones)
    return _grade_submission(options, options.submission, console, tests, reports)


def _grade_submission(options: GradeOptions, submitted: str, console: Console, tests: Tree, reports: Reports) -> int:
    from grade.submission.laid_out import laid_out  # only main has it
    from grade.submission.sandbox import need_sandbox
    from grade.submission.show import show

    if not options.unsealed:
        need_sandbox()
    with laid_out(
        tests, submitted, options.labs, options.isas or ISAS, sealed=not options.unsealed, keep=options.keep
    ) as submission:
        targets = plan_submission(submission.folder, tests, submission.labs, options.isas)
        reports.submission = submission.as_dict()
        show(console, submission, sorted({target.isa for target in targets.targets}))
        return _grade(options, console, targets, reports, submission.folder)


def _grade(options: GradeOptions, console: Console, targets: Plan, reports: Reports, submission: Path | None = None) -> int:
    tests = Tree(find_root(Path(__file__)))
    reports.planned = planned_results(tests, targets.targets, options.milestones)
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
        status = _judge(options, console, submission, Judging(targets, known, building, needs, reports))
    return status


@dataclass(frozen=True)
class Judging:
    """What is known before pytest is imported."""

    targets: Plan
    known: Sequence[str]
    """The milestones that the targets are graded on."""
    building: Building
    needs: dict[str, Needs]
    reports: Reports


def _judge(options: GradeOptions, console: Console, submission: Path | None, judging: Judging) -> int:
    import pytest  # only now, with all that needs it: see above

    from grade.front import Front
    from grade.kept_failure import draw_first
    from grade.progress import ProgressLine

    tests, targets = Tree(find_root(Path(__file__))), judging.targets
    front = Front(ProgressLine(console), judging.building, judging.needs, options.jobs)
    front.planned, reports = judging.reports.planned, judging.reports
    seed = reports.seed = _seed(options, submission)
    output = io.StringIO()
    with tempfile.TemporaryDirectory(prefix="pagewalk-failed-") as kept_in:
        arguments = _pytest_arguments(options, tests, targets, submission, seed)
        arguments += _keeping(options, submission, kept_in)
        with contextlib.redirect_stdout(output), _only_our_plugins():
            status = pytest.main(arguments, plugins=[front])
        if options.picture is not None:
            draw_first(front.results, Path(kept_in), options.picture)
    reports.planned, reports.results, reports.waiting = front.planned, front.results, front.waiting
    if front.cannot_run is not None:
        raise front.cannot_run
    if status == pytest.ExitCode.NO_TESTS_COLLECTED and options.expression is not None:
        among = f" among {', '.join(options.milestones)}" if options.milestones else ""
        raise LadderError(f"no milestone matches -k {options.expression!r}{among}; {_there_is(targets, judging.known)}")
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
        reports.problem = "the grader itself has failed; its output says how"
        console.print(output.getvalue(), markup=False, highlight=False)
        return CANNOT_RUN
    _show(options, console, front, seed)
    is_whole = status != pytest.ExitCode.INTERRUPTED
    if _is_students(options, tests):
        judged = [result for result in front.results if result not in front.unjudged]
        complete = is_whole and not (options.milestones or options.expression)
        after_grading(tests, judged, [target.isa for target in targets.targets], console, complete=complete)
    if not is_whole:
        reports.problem = str(front.stopped or "the run was interrupted")
        why = f": {front.stopped}" if front.stopped else ""
        console.print(f"Interrupted{why}: this is what was graded until then.", markup=False, soft_wrap=True)
        return INTERRUPTED if front.by_ctrl_c else CANNOT_RUN
    if front.unwritten:
        raise LadderError("; ".join(front.unwritten))
    return _exit_status(front.results, front.waiting)


def _show(options: GradeOptions, console: Console, front: "Front", seed: int) -> None:
    """Shows the results, and why there are none or fewer than were asked for."""
    from grade.results.report import print_report, waiting_lines

    print_report(console, front.results, front.shown)
    if any(result.status is Status.FAILED for result in front.results):
        console.print(f"What was drawn by chance: --seed {seed} draws the same again.", highlight=False)
    if options.milestones or not front.results:
        for line in waiting_lines(front.waiting):
            console.print(line, markup=False, soft_wrap=True)
    if not front.results:
        console.print("Nothing was graded.")


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
    if options.seed is None:
        arguments.append("--seed-is-new")
    arguments += map(str, folders)
    arguments += [f"--lab={lab}" for lab in labs] + [f"--isa={isa}" for isa in options.isas]
    arguments += [f"--milestone={number}" for number in options.milestones]
    if submission is not None:
        arguments += [f"--submission-folder={submission}"]
    for name, value in (("-k", options.expression), ("--tree", options.tree and options.tree.resolve())):
        arguments += [name, str(value)] if value else []
    for name, path in (("--results-json", options.json_file), ("--results-junit", options.junit_file)):
        arguments += [name, str(path.resolve())] if path else []
    return arguments


def _keeping(options: GradeOptions, submission: Path | None, folder: str) -> list[str]:
    """Returns what says where failed machines are kept: the next submission would overwrite those of this one."""
    if submission is None:
        return []
    return ["--forget-failures"] if options.picture is None else [f"--failures={folder}"]
