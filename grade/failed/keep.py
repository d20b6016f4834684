"""What is kept of a milestone that failed: the machine as it was, its picture, and the commands that show both."""

from dataclasses import replace
from pathlib import Path

from grade.boot.guest import Guest
from grade.diagnosis.failure import Failure
from grade.failed.failed_run import command_for, forget, load, save
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
    verdict = replace(verdict, commands={verb: command_for(verb, target, milestone) for verb in ("gdb", "explain")})
    return verdict if kept_in is not None else _drawn(verdict, target, milestone, failure, guest, folder)


def _drawn(verdict: Verdict, target: Target, milestone: str, failure: Failure, guest: Guest, folder: Path) -> Verdict:
    """Draws the machine as it is, or was when a process was killed; an error here does not change the verdict."""
    from grade.failed.kill_point import at_kill
    from grade.view.command import PAGE_FILE, shown, subject_of  # only now: most runs draw nothing, and this takes a while
    from grade.view.page import write_page

    path = folder / PAGE_FILE
    try:
        if (failed := load(target.lab, milestone, target.isa)) is None:
            raise LookupError(f"what was kept in {folder} cannot be read")
        with at_kill(failed) as killing:
            write_page(killing or guest, subject_of(milestone, target, failure), path)
        return replace(verdict, picture=shown(path))
    except Exception as problem:  # a picture is an extra: no state of a student's machine may prevent the result
        return replace(verdict, notes=(f"no picture {type(problem).__name__}: {problem}",))
