"""What a kernel did not survive is never called expected, though a command was to cause the like."""

from types import SimpleNamespace

import pytest

from grade.explain.expected import first_unexpected, last_words
from grade.explain.histories import HISTORIES
from grade.isa.exceptions import Kind, Taken
from grade.machine.exception_log import Repeated
from grade.machine.facts import parse_facts

PROBED = "@fault address=0x1000 access=read cause=not-present pc=0x20 mode=kernel fatal=no\n"
FATAL = "@fault address=0x1000 access=read cause=not-present pc=0x30 mode=kernel fatal=yes\n"


def guest_that_printed(text: str) -> SimpleNamespace:
    facts = parse_facts(text)
    machine = SimpleNamespace(facts=lambda name="": [fact for fact in facts if name in ("", fact.name)])
    return SimpleNamespace(machine=machine, last_stop=None, meant_deaths=set())


def faults_at(*places: int) -> SimpleNamespace:
    return SimpleNamespace(taken=[Repeated(Taken(Kind.PAGE_FAULT, "", pc, False, 0x1000), 1) for pc in places])


@pytest.mark.parametrize("text, first", [(PROBED, None), (PROBED + FATAL, 1)])
def test_a_fault_that_a_command_asked_for_and_one_like_it(text: str, first: int | None) -> None:
    pcs = (0x20, 0x30)[: text.count("@fault")]
    guest, log = guest_that_printed(text), faults_at(*pcs)
    assert first_unexpected(guest, log, is_graded=False) == first  # type: ignore[arg-type]


def test_the_kernels_last_words() -> None:
    assert last_words(guest_that_printed(PROBED)) == ""  # type: ignore[arg-type]
    assert last_words(guest_that_printed(PROBED + FATAL)) == FATAL.strip()  # type: ignore[arg-type]


def test_each_of_the_two_bugs_of_one_history_is_told_as_itself() -> None:
    """The child's registers were the first; pages outside the list of areas the second."""
    [history] = [history for history in HISTORIES if "child-frame-misplaced" in history.causes]
    assert "registers" in history.alike("child-frame-misplaced") and "areas" not in history.alike("child-frame-misplaced")
    assert "list of areas" in history.alike("page-without-vma")
