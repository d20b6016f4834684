"""./pagewalk class: grades every submission in a folder, each once, and makes the pages and tables of all of them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from rich.console import Console

from grade.classroom import executors, slurm
from grade.classroom.gathering import Found, Gathered, gather
from grade.classroom.job import Done, Job, grade_one, remove_unfinished
from grade.classroom.key import grader_key, key_of
from grade.classroom.options import RESULTS, ClassOptions
from grade.classroom.outputs import Written, check_sheets, match, write_outputs
from grade.classroom.store import LOCK, Outcome, Standing, Store, only_run
from grade.classroom.table import ClassTable
from grade.classroom.warden import remove_leftovers
from grade.isa import ISAS
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree
from grade.machine.qemu_version import require
from grade.progress import ProgressLine
from grade.run_plan import graded_labs
from grade.submission.laid_out import Work, work_in
from grade.submission.sandbox import need_sandbox
from grade.visible import visible

ALL_GRADED, NEEDS_A_PERSON, ERRORS_OF_OURS = 0, 1, 2
_ATTEMPTS = 2


@dataclass
class _Planned:
    """What there is to do: jobs, and how many submissions stay as they were graded before."""

    jobs: list[Job]
    current: int = 0
    stale: int = 0
    """Graded before, by another main or with other tools."""
    works: dict[str, Work] = field(default_factory=dict)
    """What each submission is graded by, if it can be read."""


def run(tree: Tree, options: ClassOptions, console: Console) -> int:
    """Grades the class and returns the exit status. Raises what keeps it from beginning, or from going on."""
    _check(tree, options)
    gathered = gather(options.submissions.absolute())
    matched = match(options, gathered)
    options.output.mkdir(exist_ok=True)
    with only_run(options.output):
        store = Store(options.output.resolve() / RESULTS)
        store.folder.mkdir(exist_ok=True)
        slurm.refuse_if_running(options.output)
        remove_unfinished(store.folder)
        remove_leftovers()
        planned = _plan(tree, options, gathered, store, console)
        _announce(planned, len(gathered.found), options, console)
        if options.slurm is not None and planned.jobs:
            slurm.submit(planned.jobs, options.output.resolve(), options.slurm, console)
            return ALL_GRADED
        try:
            if planned.jobs:
                with _executor(options) as executor, ClassTable(console, len(planned.jobs), planned.current) as table:
                    _grade(executor, planned.jobs, store, table)
        except KeyboardInterrupt:
            console.print("What was graded stays: the same command goes on.")
            raise
        written = write_outputs(tree, options, gathered, matched, planned.works, store)
        graded = {job.name for job in planned.jobs}
        return _report(written, graded, options, console)


def _check(tree: Tree, options: ClassOptions) -> None:
    if options.lab is not None and options.lab not in graded_labs(tree):
        raise LadderError(f"there is no lab {options.lab}; there are labs 1 to {tree.lab}")
    if not options.output.resolve().parent.is_dir():
        raise LadderError(f"cannot make {options.output}: there is no folder {options.output.parent}")
    output, submissions = options.output.resolve(), options.submissions.resolve()
    if output.is_relative_to(submissions):
        raise LadderError(f"{options.output} is inside {options.submissions}: it would be taken for a submission")
    if submissions.is_relative_to(output):
        raise LadderError(f"{options.submissions} is inside {options.output}, where the results are to be: name another folder")
    if options.output.exists() and not options.output.is_dir():
        raise LadderError(f"{options.output} is no folder: name one for the class")
    if options.output.is_dir() and any(options.output.iterdir()) and not (options.output / LOCK).exists():
        raise LadderError(f"{options.output} holds other files, and is not of a class: name a new or an empty folder")
    check_sheets(options)
    if options.dask is None and options.scheduler_file is None and options.slurm is None:
        for isa in options.isas or ISAS:
            require(isa)
        if not options.unsealed:
            need_sandbox()


# --- what is to be graded --------------------------------------------------------------------------------------------


def _plan(tree: Tree, options: ClassOptions, gathered: Gathered, store: Store, console: Console) -> _Planned:
    """Reads every submission, and returns what is to be graded. One that cannot be read gets its outcome here."""
    planned, grader = _Planned([]), grader_key(tree.root)
    labs, isas = ([options.lab] if options.lab is not None else []), tuple(options.isas or ISAS)
    line = ProgressLine(console)
    for place, found in enumerate(gathered.found, 1):
        line.show(f"reading {place} of {len(gathered.found)}: {found.name}")
        try:
            work = work_in(tree, found.source, labs)
        except LadderError as error:
            _refuse(found, str(error), store)
            continue
        planned.works[found.name] = work
        key = key_of(work, isas, grader, is_sealed=not options.unsealed)
        before = store.read(found.name)
        if before is not None and before.standing == Standing.GRADED and not _is_to_be_graded(before, key, grader, options):
            planned.current += before.key == key
            planned.stale += before.key != key
            continue
        job = Job(
            found.name, found.source, work.labs, isas, key, store.folder, options.minutes * 60,
            is_sealed=not options.unsealed, is_kept=options.keep,
        )  # fmt: skip
        planned.jobs.append(job)
    line.clear()
    return planned


def _is_to_be_graded(before: Outcome, key: dict[str, object], grader: dict[str, str], options: ClassOptions) -> bool:
    """Returns whether it is other work than before; what only the grader's changes touch waits for --changed."""
    if options.changed:
        return before.key != key
    return any(before.key.get(name) != value for name, value in key.items() if name not in grader)


def _refuse(found: Found, why: str, store: Store) -> None:
    about = {
        "name": found.name, "source": found.source, "key": {}, "standing": Standing.REFUSED,
        "why": why.removeprefix(f"{found.source}: "), "seconds": 0, "cpu": 0, "at": 0, "attempt": 1,
    }  # fmt: skip
    store.keep(found.name, {"results": [], "class": about}, None)


def _announce(planned: _Planned, total: int, options: ClassOptions, console: Console) -> None:
    refused = total - len(planned.jobs) - planned.current - planned.stale
    parts = [f"{total} submission{'s' if total != 1 else ''}", f"{len(planned.jobs)} to grade"]
    parts += [f"{planned.current} graded before"] if planned.current else []
    parts += [f"{refused} that cannot be read"] if refused else []
    console.print(", ".join(parts), markup=False, highlight=False)
    if planned.stale:
        console.print(
            f"Graded by another main, or with other tools, and left so: {planned.stale}. --changed grades them again",
            markup=False, highlight=False,
        )  # fmt: skip
    if options.unsealed and planned.jobs:
        console.print("[bold yellow]Not sealed:[/] what students wrote runs without a sandbox, with your rights.")


# --- grading ---------------------------------------------------------------------------------------------------------


def _executor(options: ClassOptions) -> AbstractContextManager[Executor]:
    if options.dask is not None or options.scheduler_file is not None:
        return executors.dask(options.dask, options.scheduler_file)
    return executors.local(options.jobs)


def _grade(executor: Executor, jobs: Sequence[Job], store: Store, table: ClassTable) -> None:
    """Grades all; what the grader could not judge is tried once more, after everything else."""
    again: list[Job] = []
    for job, done in _finished(executor, jobs):
        if done.standing is Standing.ERROR and job.attempt < _ATTEMPTS:
            again.append(replace(job, attempt=job.attempt + 1))
        else:
            table.add(done, store.read(done.name))
    for _, done in _finished(executor, again):
        table.add(done, store.read(done.name))


def _finished(executor: Executor, jobs: Sequence[Job]) -> Iterator[tuple[Job, Done]]:
    """Yields each job when it is done. Raises OSError or LadderError if an outcome cannot be written."""
    futures: dict[Future[Done], Job] = {executor.submit(grade_one, job): job for job in jobs}
    for future in as_completed(futures):
        yield futures[future], future.result()


def _report(written: Written, graded: set[str], options: ClassOptions, console: Console) -> int:
    """Says what came out and where it is; returns the exit status."""

    def say(text: str) -> None:
        console.print(visible(text), markup=False, highlight=False, soft_wrap=True)

    changed = [change for change in written.changed if change["name"] in graded]
    for change in changed:
        say(f"changed    {change['who']}: {change['before']:g} points before, {change['now']:g} now: {change['why']}")
    if options.changed and not changed:
        say("changed    nobody's points or causes")
    for note in written.notes:
        say(f"note       {note}")
    for who, why, _ in written.people:
        say(f"person     {who}: {why}")
    for who, why in written.errors:
        say(f"error      {who}: {why}")
    if written.errors:
        say(f"{len(written.errors)} could not be judged, which is not their fault: the same command tries them again")
    for path in written.files:
        say(f"written    {path}")
    return ERRORS_OF_OURS if written.errors else NEEDS_A_PERSON if written.people else ALL_GRADED
