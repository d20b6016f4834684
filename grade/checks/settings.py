"""What must hold of the registers that control translation, at each stop and on each CPU: used by milestones of several labs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from grade.guest.guest import Guest
from grade.isa.control import Problem, Settings
from grade.results.failure import Failure, fail
from grade.walker import Walk


def check_settings(guest: Guest, *, has_users: bool = False, file: str = "") -> None:
    """Checks the registers as they are now. `file` is where to look, if they were right before."""
    __tracebackhide__ = True
    for problem in guest.isa.control.problems(settings_of(guest, has_users=has_users)):
        where = f", on the CPU {guest.recipe.cpu}" if guest.recipe.cpu is not None else ""
        fail(problem.cause, problem.wanted, problem.seen + where, file=file)


def check_tables_of_halves(guest: Guest) -> None:
    """Checks that no half of the addresses is walked whose root register leads to no table. Without translation none is."""
    __tracebackhide__ = True
    if guest.cpu().translation_off:
        return
    if (problem := guest.isa.control.without_table(Settings(guest.cpu().registers))) is not None:
        fail_for(problem)


def settings_of(guest: Guest, *, has_users: bool = False) -> Settings:
    """Returns the registers as they are now, and what they must fit."""
    cpu = guest.cpu()
    leaf = guest.walk(cpu.roots["kernel"] + guest.offset).mapping
    return Settings(cpu.registers, guest.features, leaf.entry if leaf is not None else None, has_users)


def fail_for(problem: Problem, walk: Walk | None = None, file: str = "") -> NoReturn:
    """Fails for that reason. `file` is where to look, if the cause does not say."""
    __tracebackhide__ = True
    fail(problem.cause, problem.wanted, problem.seen, walk, file)


@contextmanager
def on_another_cpu(cpu: str) -> Iterator[None]:
    """Gives an end inside the block its cause: the same kernel does not end like that on the CPU that it was run on before."""
    __tracebackhide__ = True
    try:
        yield
    except Failure as failure:
        expected = f"{failure.expected}, also on the CPU {cpu}"
        fail("feature-absent", expected, failure.seen, failure.walk)
