"""What counts as a circle, by the registers at each step."""

from collections.abc import Callable, Iterator
from itertools import count, cycle

from grade.isa.registers import Bits
from grade.machine.circle import Circle, circle_of

MASKED = Bits("flags", mask=2, wanted=2)


def seen(states: Iterator[dict[str, int] | None]) -> Circle | None:
    return circle_of(next(states), lambda: next(states), MASKED)


def looping(length: int, change: Callable[[int, int], dict[str, int]] = lambda _round, _at: {}) -> Iterator[dict[str, int]]:
    """Yields a loop of so many instructions; `change` says what is otherwise, by the round and the instruction."""
    for step in count():
        yield {"pc": step % length, "flags": 0, "a": 7} | change(*divmod(step, length))


def test_the_same_again_and_again() -> None:
    for length in (1, 2, 130):
        circle = seen(looping(length))
        assert circle == {(pc, 0, 7) for pc in range(length)}


def test_the_same_wherever_it_was_met() -> None:
    states = looping(3)
    first = seen(states)
    next(states)
    assert seen(states) == first


def test_a_register_that_counts() -> None:
    assert seen(looping(3, lambda round, at: {"a": round} if at == 1 else {})) is None


def test_a_register_that_changes_once_in_a_while() -> None:
    assert seen(looping(8, lambda round, at: {"a": 8} if (round, at) == (2, 6) else {})) is None


def test_interrupts_that_are_on_for_a_moment() -> None:
    assert seen(looping(3, lambda _, at: {"flags": 2} if at == 2 else {})) is None


def test_a_long_way() -> None:
    assert seen(looping(100_000)) is None


def test_another_stop_on_the_way() -> None:
    assert seen(iter([*[{"pc": 1, "flags": 0}] * 5, None])) is None


def test_a_step_that_ended_before_its_instruction() -> None:
    """Twice the same state is not yet a circle."""
    states = looping(5)
    first = next(states)
    circle = seen(iter([first, first, first, *[next(states) for _ in range(40)]]))
    assert circle is None
    assert seen(cycle([first])) == {tuple(first.values())}
