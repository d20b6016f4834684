"""What is left of a milestone that failed: the machine as it was, its picture, and what to type to look at both."""

from pathlib import Path

from grade.boot.failed_run import command_for, forget, load, save
from grade.boot.guest import Guest
from grade.diagnosis.failure import Failure
from grade.run_plan import Target


def keep(target: Target, milestone: str, failure: Failure | None, guest: Guest | None, kept_in: Path | None) -> str:
    """Keeps the guest of a failure, in build/failed or where one says, and forgets the one of before.

    Returns lines to add to the milestone's message; none if it has not failed, or failed with no machine running.
    """
    if failure is None or guest is None:
        forget(target, milestone, kept_in)
        return ""
    try:
        folder = save(target, milestone, guest, failure, kept_in)
    except OSError as problem:
        forget(target, milestone, kept_in)
        return f"\nnot kept   the machine, to look at it later: {problem.strerror}"
    gdb, explain = (command_for(verb, target, milestone) for verb in ("gdb", "explain"))
    lines = ["", f"try        {gdb}", f"explain    {explain}"]
    if kept_in is None:
        lines.append(_drawn(target, milestone, failure, guest, folder))
    return "\n".join(lines)


def _drawn(target: Target, milestone: str, failure: Failure, guest: Guest, folder: Path) -> str:
    """Draws the machine as it stands, or stood when a process was killed; whatever comes of that, the milestone has been judged."""
    from grade.kill_point import at_kill
    from grade.view.command import PAGE_FILE, shown, subject_of  # only now: most runs draw nothing, and this takes a while
    from grade.view.page import write_page

    path = folder / PAGE_FILE
    try:
        with at_kill(load(target.lab, milestone, target.isa)) as killing:
            write_page(killing or guest, subject_of(milestone, target, failure), path)
        return f"picture    {shown(path)}"
    except Exception as problem:  # a picture is an extra: no state of a student's machine may keep the result away
        return f"no picture {type(problem).__name__}: {problem}"
