"""How a student's own script may end through no fault of the kernel."""

from grade.boot.process_slots import process_slots
from grade.boot.sight import Sight
from grade.isa.exceptions import Kind
from grade.ladder.labs import LadderError
from grade.machine.exception_log import ExceptionLog
from grade.results.failure import Failure
from grade.visible import visible

_TICKS = 3  # a timer that is never set again interrupts once...
_STORM = 10_000  # ...or again and again: at one place, more often than it ticks in a minute
WAY_IN = "arch/{isa}/traps.cc"
"""The file by which user code and devices enter the kernel."""


def refuse_misuse(guest: Sight) -> None:
    """Raises LadderError if the script has a line that the monitor would not take."""
    for fact in guest.facts("misuse"):
        command, reason = (visible(fact.values.get(name, "?")) for name in ("command", "reason"))
        is_unknown = reason == "unknown-command"
        refused = f"the monitor does not know {command}" if is_unknown else f"the monitor refused {command}: {reason}"
        raise LadderError(f"{refused}: it lists its commands, and what they take: ./pagewalk run --script 'help; poweroff'")
    for fact in guest.facts("run"):
        program, result = (visible(fact.values.get(name, "?")) for name in ("program", "result"))
        if result == "no-such-program":
            raise LadderError(f"there is no program {program}: the monitor did not start it")


def goes_on_and_on(guest: Sight, log: ExceptionLog, failure: Failure) -> bool:
    """Returns whether only a program without an end used up the time: ticks interrupt it, and no process waits for a turn."""
    ticks = [repeated.times for repeated in log.taken if repeated.taken.kind is Kind.INTERRUPT and repeated.taken.user]
    waiting = any(slot.state == "ready" for slot in process_slots(guest))
    return failure.cause == "user-makes-no-progress" and sum(ticks) >= _TICKS and max(ticks) < _STORM and not waiting


def in_a_storm(guest: Sight, log: ExceptionLog, failure: Failure) -> Failure:
    """Returns the failure; if interrupts keep the kernel busy, one that says so, not where the last of them found it."""
    most = max((repeated.times for repeated in log.taken if repeated.taken.kind is Kind.INTERRUPT), default=0)
    if failure.cause not in ("hang", "user-makes-no-progress") or most < _STORM:
        return failure
    seen = f"interrupts are taken again and again, {most:,} of them at one place: what they ask for is not done"
    return Failure(failure.cause, failure.expected, seen, file=WAY_IN.format(isa=guest.isa.name))
