"""Detects a guest that runs in a circle from which nothing can free it, long before its CPU time is used up."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from grade.isa.registers import Bits, Registers

_LONGEST = 400
"""The most instructions of a circle: a loop, or exceptions that cause each other."""
_ROUNDS = 3

_FEWEST = 16
"""The fewest states to compare, however short the circle: now and then QEMU ends a step before the instruction."""

Circle = frozenset[tuple[int, ...]]
"""The contents of the general registers at each of its instructions."""


@dataclass(frozen=True)
class CircleSearch:
    """How to look for a circle. At a breakpoint something else is going to stop the guest."""

    registers: Registers
    breakpoints: Collection[int]


def circle_of(first: Mapping[str, int], step: Callable[[], Mapping[str, int] | None], interrupts: Bits) -> Circle | None:
    """Returns the states through which a stopped guest runs again and again; None if some hundred steps show no circle.

    `step` executes one instruction and returns the registers then, or None if something else has stopped the guest.

    There is one CPU, interrupts are off in each state, and in every round every register holds at every instruction
    what it held before. So the guest counts nothing and reads from memory what it read before: only a device could
    change that.
    """
    states: list[tuple[int, ...]] = []
    period = None
    registers: Mapping[str, int] | None = first
    while registers is not None and interrupts.of(registers) != interrupts.wanted:
        state = tuple(registers.values())
        if period is None and states and state == states[0]:
            period = len(states)
        if period is not None and state != states[len(states) % period]:
            return None
        states.append(state)
        if len(states) == (_LONGEST if period is None else max(_FEWEST, _ROUNDS * period)):
            return None if period is None else frozenset(states)
        registers = step()
    return None
