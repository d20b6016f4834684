"""What is kept of a milestone that failed: the machine as it was, its picture, and the commands that show both."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from grade.boot.sight import Sight
from grade.failed.failed_run import FailedRun, command_for, forget, load, save
from grade.guest.guest import Guest
from grade.results.failure import Failure
from grade.results.result import Result, Status
from grade.results.verdict import Verdict
from grade.run_plan import Target


def keep_failure(
    verdict: Verdict, target: Target, milestone: str, failure: Failure | None, guest: Guest | None, kept_in: Path | None
) -> Verdict:
    """Keeps the guest of a failure, in build/failed or in another folder, and forgets the previous one.

    Returns the verdict with the commands; unchanged if the milestone has not failed, or failed with no machine running.
    """
    if failure is None or guest is None:
        forget(target, milestone, kept_in)
        return verdict
    try:
        folder = save(target, milestone, guest, failure, kept_in)
    except OSError as problem:
        forget(target, milestone, kept_in)
        return replace(verdict, notes=(f"not kept   the machine, to look at it later: {problem.strerror}",))
    if target.is_submission:
        return verdict  # whoever reads it has another tree: no command leads back there
    verdict = replace(verdict, commands={verb: command_for(verb, target, milestone) for verb in ("gdb", "explain")})
    return verdict if kept_in is not None else _drawn(verdict, target, milestone, failure, guest, folder)


def _drawn(verdict: Verdict, target: Target, milestone: str, failure: Failure, guest: Guest, folder: Path) -> Verdict:
    """Draws the machine as it is, or was when a process was killed; an error here does not change the verdict."""
    from grade.view.command import PAGE_FILE, shown  # only now: most runs draw nothing, and this takes a while

    path = folder / PAGE_FILE
    try:
        if (failed := load(target.lab, milestone, target.isa)) is None:
            raise LookupError(f"what was kept in {folder} cannot be read")
        _draw(failed, guest, path)
        return replace(verdict, picture=shown(path))
    except Exception as problem:  # a picture is an extra: no state of a student's machine may prevent the result
        return replace(verdict, notes=(f"no picture {type(problem).__name__}: {problem}",))


def draw_first(results: Sequence[Result], kept_in: Path, path: Path) -> bool:
    """Draws the first milestone that failed with a machine running, of those kept in a folder. Returns whether there is one."""
    failures = (result for result in results if result.status is Status.FAILED)
    for result in sorted(failures, key=lambda result: (not result.max, result.sort_key)):
        failed = load(result.lab, result.milestone, result.isa, kept_in)
        with suppress(Exception):  # as above
            if failed is not None and (guest := failed.guest()) is not None:
                _draw(failed, guest, path)
                return True
    return False


def _draw(failed: FailedRun, guest: Sight, path: Path) -> None:
    from grade.failed.kill_point import at_kill
    from grade.view.command import subject_of
    from grade.view.page import write_page

    with at_kill(failed) as killing:
        write_page(killing or guest, subject_of(failed.milestone, failed, failed.failure), path)
