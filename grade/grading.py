"""./pagewalk grade: builds, then runs pytest over the labs' milestones, with progress, and shows what came out."""

import contextlib
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from grade import report
from grade.checks.host_tests import programs_for
from grade.cli_common import CANNOT_RUN, INTERRUPTED
from grade.diagnosis.failure import Failure
from grade.ladder.build import BuildError, Manner
from grade.ladder.labs import ISAS, LadderError
from grade.ladder.trees import Tree, find_root
from grade.machine.qemu_version import require
from grade.plugin import Collector
from grade.results import Result, Status
from grade.run_plan import Plan, milestones_for, plan, plan_submission
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
    jobs: int | None = None


def run(options: GradeOptions, console: Console) -> int:
    """Grades and returns the exit status. Raises ToolMissing, ToolTooOld and LadderError if it cannot begin."""
    tests = Tree(find_root(Path(__file__)))
    for path in (options.json_file, options.junit_file):
        if path is not None and not path.resolve().parent.is_dir():
            raise LadderError(f"cannot write {path}: there is no folder {path.parent}")
    if options.submission is None:
        tree = Tree(options.tree.resolve()) if options.tree else tests
        return _grade(options, console, plan(tree, tests, list(options.labs), options.isas))
    if options.tree is not None:
        raise LadderError("--submission goes without --tree: its files are laid over a tree of this one's")
    if tests.course is not None:
        raise LadderError("--submission is for instructors: it needs main, and this is a handed-out tree")
    return _grade_submission(options, console, tests)


def _grade_submission(options: GradeOptions, console: Console, tests: Tree) -> int:
    from grade.submission.laid_out import laid_out  # main alone has it
    from grade.submission.show import show

    with laid_out(tests, options.submission, options.labs, options.isas or ISAS) as submission:
        targets = plan_submission(submission.folder, tests, submission.labs, options.isas)
        show(console, submission, sorted({target.isa for target in targets.targets}))
        return _grade(options, console, targets, submission.folder)


def _grade(options: GradeOptions, console: Console, targets: Plan, submission: Path | None = None) -> int:
    tests = find_root(Path(__file__))
    for isa in dict.fromkeys(target.isa for target in targets.targets):
        require(isa)
    own = Tree(tests)
    is_students = own.course is not None and options.tree is None
    if is_students:
        refuse_conflicts(own)
    _refuse_what_matches_nothing(options, tests, targets, submission)
    _build_all(targets, console, with_host_tests=submission is not None or not (options.milestones or options.expression))
    front = _Front(console)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        status = pytest.main(_pytest_arguments(options, tests, targets, submission), plugins=[front])
    results = front.results
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
        console.print(output.getvalue(), markup=False, highlight=False)
        return CANNOT_RUN
    report.print_report(console, results)
    if options.milestones or not results:
        for line in report.waiting_lines(front.waiting):
            console.print(line, markup=False, soft_wrap=True)
    if not results:
        console.print("Nothing was graded.")
    complete = status != pytest.ExitCode.INTERRUPTED and not (options.milestones or options.expression)
    if is_students:
        after_grading(own, results, [target.isa for target in targets.targets], console, complete=complete)
    if status == pytest.ExitCode.INTERRUPTED:
        console.print("Interrupted: this is what was graded until then.")
        return INTERRUPTED if front.by_ctrl_c else CANNOT_RUN
    if front.unwritten:
        raise LadderError("; ".join(front.unwritten))
    return _exit_status(results, front.waiting)


def _exit_status(results: Sequence[Result], waiting: Sequence[Result]) -> int:
    """What could not be judged yet has not passed, and neither has a run that judged nothing."""
    if any(result.status is Status.ERROR for result in results):
        return CANNOT_RUN
    passed = all(result.status is Status.PASSED for result in results)
    return PASSED if passed and results and not waiting else FAILED


def _refuse_what_matches_nothing(options: GradeOptions, tests: Path, targets: Plan, submission: Path | None) -> None:
    """LadderError before anything is built if a milestone that was named is asked of no kernel, or -k matches none."""
    known = milestones_for(Tree(tests), targets)
    labs = ", ".join(str(lab) for lab in dict.fromkeys(target.lab for target in targets.targets))
    there_is = f"for lab {labs} there are {', '.join(known)}"
    for number in options.milestones:
        if number not in known:
            raise LadderError(f"no milestone matches {number}; {there_is}")
    if options.expression is None:
        return
    arguments = _pytest_arguments(replace(options, json_file=None, junit_file=None), tests, targets, submission)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        status = pytest.main([*arguments, "--collect-only"])
    if status == pytest.ExitCode.NO_TESTS_COLLECTED:
        among = f" among {', '.join(options.milestones)}" if options.milestones else ""
        raise LadderError(f"no milestone matches -k {options.expression!r}{among}; {there_is}")


def _pytest_arguments(options: GradeOptions, tests: Path, targets: Plan, submission: Path | None) -> list[str]:
    """What plain pytest would be given: the lab folders, and the options of grade/plugin.py."""
    labs = sorted({target.lab for target in targets.targets})
    folders = [lab.folder for lab in Tree(tests).labs if lab.number <= max(labs) and any(lab.folder.glob("test_*.py"))]
    arguments = ["-qq", "--no-header", "--no-summary", "--tb=no", "-p", "no:cacheprovider", f"--rootdir={tests}"]
    arguments += ["-n", str(options.jobs or os.cpu_count() or 1), *map(str, folders)]
    arguments += [f"--lab={lab}" for lab in labs] + [f"--isa={isa}" for isa in options.isas]
    arguments += [f"--milestone={number}" for number in options.milestones]
    if submission is not None:  # the next submission would overwrite the failures of this one
        arguments += [f"--submission-folder={submission}", "--forget-failures"]
    for name, value in (("-k", options.expression), ("--tree", options.tree and options.tree.resolve())):
        arguments += [name, str(value)] if value else []
    for name, path in (("--results-json", options.json_file), ("--results-junit", options.junit_file)):
        arguments += [name, str(path.resolve())] if path else []
    return arguments


class _Front:
    """Shows each result as it comes; pytest's own output goes elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.results: list[Result] = []
        self.waiting: list[Result] = []
        self.unwritten: list[str] = []
        self.by_ctrl_c = False

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Ctrl-C, or pytest itself gives up: with an exception of another type."""
        self.by_ctrl_c = excinfo.type is KeyboardInterrupt

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Before the first test: takes over what the collector shows."""
        self._attach(session.config)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Under xdist this process collects nothing."""
        self._attach(session.config)

    def _attach(self, config: pytest.Config) -> None:
        collector: Collector | None = config.pluginmanager.get_plugin("pagewalk-collector")
        if collector is not None:
            config.pagewalk_front = True
            self.results, self.waiting, self.unwritten = collector.results, collector.waiting, collector.unwritten
            collector.show = lambda result, unchanged: self._console.print(
                report.result_line(result, unchanged=unchanged), soft_wrap=True
            )


def _build_all(targets: Plan, console: Console, *, with_host_tests: bool) -> None:
    """Builds everything first, with progress. What does not build is reported by the milestones that it costs."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        for target in targets.targets:
            _build(progress, console, f"building lab {target.lab} for {target.isa}", target.kernel)
        for target in {target.lab: target for target in targets.targets}.values() if with_host_tests else ():
            for program in programs_for(target.lab):
                what = f"building lab {target.lab}'s {program}"
                _build(progress, console, what, partial(target.all_host_tests, [program]))


def _build(progress: Progress, console: Console, what: str, build: Callable[..., object]) -> None:
    task = progress.add_task(what, total=None)
    if not console.is_terminal:
        console.print(what)

    def on_progress(done: int, total: int, _: str) -> None:
        progress.update(task, completed=done, total=total)

    with contextlib.suppress(BuildError, Failure):
        build(manner=Manner(on_progress))
    progress.remove_task(task)
