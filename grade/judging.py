"""How a milestone's test ended: what its outcome says about the student's code."""

from dataclasses import replace
from functools import partial

from grade.boot.kernel_image import NameTaken
from grade.boot.user_image import UnknownProgram
from grade.diagnosis.left_out import file_of_region
from grade.diagnosis.nonsense import tried
from grade.diagnosis.process_ends import kill_behind
from grade.discipline.writer import with_writer
from grade.guest.guest import Guest
from grade.ladder.build import BuildError
from grade.machine.facts import MalformedFact
from grade.results.failure import Failure, NotWritten
from grade.results.result import Status
from grade.results.verdict import Verdict, verdict_of
from grade.run_plan import Target
from grade.visible import visible
from grade.walker import TooManyTables
from grade.walker.memory import OutsideMemory

_LAST_LINES = 6


def judge(error: BaseException | None, guest: Guest | None, target: Target) -> tuple[Status, Verdict, Failure | None]:
    """Returns status, verdict and failure of a test that ended with `error`, having booted `guest` last."""
    failure = _failure_in(error, guest)
    if failure is not None:
        failure = _with_file(failure, guest, target)
        last_words = guest.machine.serial().splitlines()[-_LAST_LINES:] if guest is not None else ()
        verdict = verdict_of(failure, target.lab, target.isa)
        return Status.FAILED, replace(verdict, last_words=tuple(last_words)), failure
    match error:
        case None:
            return Status.PASSED, Verdict(), None
        case NotWritten():
            return Status.TODO, Verdict(function=error.function), None
        case BuildError():
            return Status.FAILED, _of_build(error), None
        case _:
            return Status.ERROR, Verdict(error=f"the grader could not judge: {type(error).__name__}: {error}"), None


def _failure_in(error: BaseException | None, guest: Guest | None) -> Failure | None:
    """Returns the failure that an error stands for; None if it is not a student's."""
    match error:
        case Failure():
            return (kill_behind(guest, error) if guest is not None else None) or error
        case TooManyTables():
            return Failure("tables-without-end", "tables that lead to pages", str(error))
        case NameTaken():
            return Failure("name-taken", "one of each name that the grader looks up in the given files", str(error))
        case MalformedFact():
            return Failure("wrong-answer", "facts as the given files print them", visible(str(error)))
        case UnknownProgram():
            return Failure("wrong-answer", "processes run the programs that were built with the kernel", visible(str(error)))
        case OutsideMemory():
            wanted = "what the kernel says and keeps leads to its memory"
            return Failure("wrong-answer", wanted, str(error)) if guest is not None else None
        case _:
            return None


def _with_file(failure: Failure, guest: Guest | None, target: Target) -> Failure:
    """Returns the failure, with the file that the guest's tables, or the same run once more, show to be wrong."""
    if guest is None or failure.file:
        return failure
    if file := tried(partial(file_of_region, failure, guest)):
        return replace(failure, file=file)
    return with_writer(failure, guest, target)


def _of_build(error: BuildError) -> Verdict:
    first = error.first_error
    place = [str(part) for part in (first.file, first.line) if part is not None] if first is not None else []
    return Verdict(cause="does-not-compile", file=":".join(place) or None, error=str(error))
