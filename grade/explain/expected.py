"""Which exceptions a sound kernel takes as well: those that programs and the monitor's commands cause on purpose."""

from grade.boot.sight import Sight
from grade.diagnosis.process_ends import unmeant_kills
from grade.isa.exceptions import Kind, Taken
from grade.machine.exception_log import ExceptionLog
from grade.machine.facts import Fact
from grade.machine.stop import StopKind

ENDLESS = 16
"""How often in a row a sound kernel never takes the same fault of a process: one that it resolved does not come again."""

_REPORTS = ("fault", "exception")
_TAIL = 3  # where a guest that faults for ever has its last exceptions
_NEVER_ENDED = (StopKind.HANG, StopKind.FLOOD)


def kills_by_fault(guest: Sight) -> list[Fact]:
    """Returns the reports of page faults for which a process was killed. Other exceptions are the doing of programs."""
    return [report for _, report in unmeant_kills(guest) if report.name == "fault"]


def first_unexpected(guest: Sight, log: ExceptionLog, *, is_graded: bool) -> int | None:
    """Returns the index in log.taken of the first exception that should not have been; None if all are expected.

    In a graded milestone no process may be killed that is not meant to be.
    """
    facts = guest.machine.facts()
    reports = [report for _, report in unmeant_kills(guest)] if is_graded else kills_by_fault(guest)
    reports += [fact for fact in facts if fact.name in _REPORTS and fact.values.get("fatal") != "no"]
    fatal = {_place(report) for report in reports}
    probed = {_number(fact, "address") for fact in facts if fact.name == "fault" and fact.values.get("fatal") == "no"}
    asked_for_breakpoint = any(fact.name == "breakpoint" for fact in facts)
    ended = guest.last_stop is None or guest.last_stop.kind not in _NEVER_ENDED
    for index, repeated in enumerate(log.taken):
        taken = repeated.taken
        if taken.kind in (Kind.SYSTEM_CALL, Kind.INTERRUPT):
            continue
        was_fatal = any(place in fatal for pc in taken.resumes for place in ((taken.address, pc), (None, pc)))
        if taken.user:
            endless = not ended and index >= len(log.taken) - _TAIL and repeated.times >= ENDLESS
            if endless or was_fatal:
                return index
        elif taken.kind is Kind.PAGE_FAULT and taken.address in probed and not was_fatal:
            continue
        elif taken.kind is not Kind.BREAKPOINT or not asked_for_breakpoint:
            return index
    return None


def last_words(guest: Sight) -> str:
    """Returns the kernel's own report of the exception that it did not survive; empty if it made none."""
    reports = [fact for fact in guest.machine.facts() if fact.name in _REPORTS and fact.values.get("fatal") != "no"]
    return reports[-1].line if reports else ""


def passed_before(log: ExceptionLog, index: int) -> str:
    """Returns how many expected exceptions came before, by kind; empty if there were none."""
    counts: dict[tuple[str, str], int] = {}
    for repeated in log.taken[:index]:
        words = _words(repeated.taken)
        counts[words] = counts.get(words, 0) + repeated.times
    return ", ".join(f"{count:,} {many if count > 1 else one}" for (one, many), count in counts.items())


def _words(taken: Taken) -> tuple[str, str]:
    """Returns the words for one, and for more than one."""
    if taken.kind is Kind.PAGE_FAULT and taken.user:
        how = "of user code, which the kernel resolved"
        return f"page fault {how}", f"page faults {how}"
    if taken.kind is Kind.PAGE_FAULT:
        return "fault that the monitor asked for", "faults that the monitor asked for"
    return taken.kind.value, f"{taken.kind.value}s"


def _place(report: Fact) -> tuple[int | None, int | None]:
    """Returns the address, if it was about one, and the instruction."""
    return (_number(report, "address"), _number(report, "pc"))


def _number(fact: Fact, name: str) -> int | None:
    try:
        return fact.number(name)
    except LookupError:  # the guest prints what it likes
        return None
