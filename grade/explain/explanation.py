"""Composes what is to be said about a run, section by section. A section without lines is left out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from grade.boot.process_slots import process_slots
from grade.boot.sight import Sight
from grade.diagnosis.diagnose import unexpected_end
from grade.diagnosis.hindsight import Unexpected, cause_in_hindsight, is_own_doing
from grade.diagnosis.nonsense import NONSENSE, tried
from grade.diagnosis.process_ends import killed_process
from grade.explain.case import Case
from grade.explain.expected import first_unexpected, kills_by_fault, last_words
from grade.explain.first import describe_first, walk_of
from grade.explain.freed import freed_lines
from grade.explain.histories import history_of, link_to
from grade.explain.promised import promise_lines
from grade.explain.script_ends import WAY_IN, goes_on_and_on, in_a_storm, refuse_misuse
from grade.failed.reboot import at_exception, follow, rebooted
from grade.guest.guest import Guest
from grade.inspect.frames import frame_findings
from grade.inspect.lint import lint
from grade.machine.exception_log import ExceptionLog
from grade.machine.stop import Stop, StopKind
from grade.results.causes import CAUSES
from grade.results.failure import Failure, NotWritten
from grade.visible import visible
from grade.walker import TooManyTables

_MOST_FINDINGS = 4
_WORDS_OF_STOP = {
    StopKind.POWERED_OFF: "the guest turned the machine off",
    StopKind.RESET: "the machine reset",
    StopKind.FLOOD: "it printed without end",
    StopKind.BREAKPOINT: "the grader stopped it there, and looked",
}
_KILLS = ("process-killed", "killed-after-fork")  # those of a scripted run as well, if it failed by a kill
_ENDLESS = (
    "The program goes on and on: it has no end of its own, and it used up the time that it was given.",
    "That is not the kernel's fault: the kernel interrupts it, tick by tick, and it goes on where it was.",
)
_ANOTHER_WAY = ("The same script went another way this time than when the milestone failed. On that way:",)
_OWN_DOING = (
    "The program did what none of its areas allows, and is killed for that: so it should be.",
    "Only if an area is missing here, or has the wrong rights, is it the kernel's fault.",
)


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """Everything there is to say. `cause` is a stable name; None if nothing is wrong, or the code is not written."""

    sections: tuple[Section, ...]
    cause: str | None
    is_well: bool


def explain(case: Case) -> Explanation:
    """Boots the guest again and says what happened. Takes some seconds."""
    with rebooted(case.recipe, case.tree) as (guest, log):
        stop = follow(guest, log, case.way, to_the_end=case.to_the_end)
        failure = case.failure or _failure(guest, stop)
        if failure is None:
            refuse_misuse(guest)
            return _well(case, guest, log)
        if isinstance(failure, NotWritten):
            section = Section(case.title, (f"{failure.function} is not written yet.",))
            return Explanation((section,), None, is_well=False)
        if case.failure is None and goes_on_and_on(guest, log, failure):
            sections = (Section(case.title, _ENDLESS), Section("What to type next", case.next_steps))
            return Explanation(sections, None, is_well=True)
        if case.failure is None:
            failure = in_a_storm(guest, log, failure)
        is_graded = case.failure is not None or failure.cause in _KILLS
        index = first_unexpected(guest, log, is_graded=is_graded)
        if index is None:
            return _assembled(case, failure, guest, None)
        taken = log.taken[index].taken
        with at_exception(case.recipe, case.tree, taken, tried(lambda: guest.isa.traps.handler_of(guest, taken))) as there:
            first = Unexpected(taken, there or guest, is_then=there is not None)
            return _assembled(case, failure, guest, first, partial(describe_first, first, log, index))


def _failure(guest: Guest, stop: Stop) -> Failure | NotWritten | None:
    """Returns why a run with lines for the monitor did not come to its end; None if it did."""
    ended = stop.kind is StopKind.POWERED_OFF and guest.facts("poweroff")
    try:
        if ended:
            return killed_process(guest, "no process is killed for a page fault") if kills_by_fault(guest) else None
        unexpected_end(guest, stop, "the end of the script")
    except (Failure, NotWritten) as failure:
        return failure
    except TooManyTables as error:
        return Failure("tables-without-end", "tables that lead to pages", str(error))


def _well(case: Case, guest: Guest, log: ExceptionLog) -> Explanation:
    times = sum(repeated.times for repeated in log.taken)
    index = first_unexpected(guest, log, is_graded=False)
    if index is None:
        said = [f"It came to its end, and nothing is wrong. {times:,} exceptions were taken, all of them expected ones."]
    else:
        said = ["It came to its end. Not every exception was to be expected, though:"]
        first = Unexpected(log.taken[index].taken, guest, is_then=False)
        said += _lines(partial(describe_first, first, log, index))
    return Explanation((Section(case.title, tuple(said)),), None, is_well=True)


def _assembled(
    case: Case, failure: Failure, ended: Sight, first: Unexpected | None, described: Callable[[], list[str]] = list
) -> Explanation:
    at_end = case.kept or ended
    looked_at = first.guest if first is not None and first.is_then else at_end
    freed = (tried(partial(freed_lines, first)) or []) if first is not None else []
    cause = cause_in_hindsight(failure, first, looked_at, met_freed=bool(freed))
    sections = [Section(case.title, _what(failure, at_end))]
    strayed = not case.to_the_end and ended.last_stop is not None and ended.last_stop.kind is not StopKind.BREAKPOINT
    how = _ANOTHER_WAY if strayed else ()
    if first is not None:
        sections.append(Section("What happened first", (*how, *_lines(described), *freed)))
        sections.append(Section(f"The walk{_when(first)}", _lines(partial(walk_of, first))))
        sections.append(Section("What the process was promised there", _lines(partial(promise_lines, first))))
    else:
        sections.append(Section("What happened first", (*how, _none_unexpected(at_end))))
        sections.append(Section("The walk", tuple(failure.walk_lines)))
    sections.append(Section("Frames", _lines(lambda: _odd_frames(looked_at, is_end=looked_at is at_end))))
    sections.append(Section("Also wrong, at one look", _lines(lambda: _findings(looked_at))))
    if case.failure is None and cause == "process-killed" and first is not None and tried(partial(is_own_doing, first)):
        sections.append(Section(f"The cause: {cause}", _OWN_DOING))  # of a milestone's program it is known to be wrong
        sections.append(Section("What to type next", case.next_steps))
        return Explanation(tuple(s for s in sections if s.lines), cause, is_well=False)
    sections.append(Section(f"The cause: {cause}", _cause_lines(case, failure, cause, _place_of(first, at_end))))
    if (history := history_of(cause, case.lab)) is not None:
        told = f'It has happened before: "{history.heading}" ({link_to(history)}).'
        alike = history.alike(cause)
        sections.append(Section("A history like it", (told, f"{alike[0].upper()}{alike[1:]}.")))
    sections.append(Section("What to type next", case.next_steps))
    return Explanation(tuple(s for s in sections if s.lines), cause, is_well=False)


def _none_unexpected(at_end: Sight) -> str:
    if reported := last_words(at_end):
        return f"Nothing unexpected on this way. The kernel that failed reported: {visible(reported)}"
    return "Only expected exceptions."


def _what(failure: Failure, guest: Sight) -> tuple[str, ...]:
    lines = [f"expected   {failure.expected}", f"seen       {failure.seen}"]
    stop = guest.last_stop
    if stop is not None and stop.pc is not None:
        place = guest.place(stop.pc)
        words = _WORDS_OF_STOP.get(stop.kind, stop.detail)
        lines.append(f"stopped    at {stop.pc:#x}" + (f" ({place})" if place else "") + f": {words}")
    return tuple(lines)


def _when(first: Unexpected) -> str:
    return "" if first.is_then else ", as the tables were at the end"


def _place_of(first: Unexpected | None, guest: Sight) -> str:
    """Returns the kernel's source line of the first exception, or where the run stopped; empty if user code ran."""
    if first is not None and not first.taken.user and (place := first.guest.image.source_line(first.taken.pc)):
        return place
    stop = guest.last_stop
    return guest.image.source_line(stop.pc) if stop is not None and stop.pc is not None else ""


def _cause_lines(case: Case, failure: Failure, cause: str, place: str) -> tuple[str, ...]:
    lines = [f"{CAUSES[cause].meaning} (docs/causes.md)"]
    if cause != failure.cause:
        lines.append(f"It ended in {failure.cause}: {CAUSES[failure.cause].meaning}")
    of_failure = failure.file if cause == failure.cause else ""
    of_cause = CAUSES[cause].file_in(case.lab, case.recipe.isa)
    lines.append(f"Look at {of_failure or of_cause or place or WAY_IN.format(isa=case.recipe.isa)}")
    return tuple(lines)


def _odd_frames(guest: Sight, *, is_end: bool) -> list[str]:
    """Returns what is inconsistent; lost frames count only at an end at which no process can be inside the kernel."""
    idle, last = is_end and not any(slot.pid for slot in process_slots(guest)), guest.last_stop
    quiet = idle and last is not None and (last.kind is StopKind.BREAKPOINT or guest.facts("poweroff"))
    found = frame_findings(guest)
    return ([str(odd) for odd in (*found.freed, *found.short)] + (found.lost_words if quiet else []))[:_MOST_FINDINGS]


def _findings(guest: Sight) -> list[str]:
    shown = _odd_frames(guest, is_end=False)
    found = [line for line in lint(guest) if line not in shown]
    more = [f"... and {len(found) - _MOST_FINDINGS} more: `pt -lint` in GDB"] if len(found) > _MOST_FINDINGS else []
    return found[:_MOST_FINDINGS] + more


def _lines(say: Callable[[], list[str]]) -> tuple[str, ...]:
    try:
        return tuple(say())
    except NONSENSE as error:
        return (f"cannot be told: the guest's memory does not fit: {error}",)
