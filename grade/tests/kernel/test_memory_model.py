"""Random families of processes against a model: what they map, write, fork and wait for, and how they end.

Every step is followed by a look at all processes, from outside: their areas, which of their pages are there and what is
in these, and all frames. A failure is shrunk to the few steps that it takes.

The steps are the same in every run. `./pagewalk test --examples N` tries only this, with N others for each ISA.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from area_model import FIXED, FIXED_NOREPLACE, READ, WRITE
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from grade.boot.layout import PAGE
from grade.course.testing import EXAMPLES as EXAMPLES_VARIABLE
from grade.isa import ISAS
from grade.ladder.build import Kernel, build_kernel
from grade.ladder.trees import find_root
from grade.tests.kernel.family import NO_HANG, Family
from grade.tests.kernel.memory_steps import (
    MOST_PROCESSES,
    TEXT_PAGES,
    Break,
    Execute,
    Exit,
    Fork,
    Map,
    Place,
    Protect,
    Step,
    Tighten,
    Touch,
    Unmap,
    Use,
    Wait,
)
from grade.tests.kernel.puppets import Stage

ROOT = find_root(Path(__file__))
EXAMPLES = int(os.environ.get(EXAMPLES_VARIABLE, "0"))
USUAL_EXAMPLES = 40
STEPS = 25
FAMILIES_OF_ONE_GUEST = 100

# --- what is tried --------------------------------------------------------------------------------------------------

T = TypeVar("T")


def often(*choices: tuple[int, st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    """Draws one of them, each as often as its number says."""
    return st.sampled_from([choice for weight, choice in choices for _ in range(weight)]).flatmap(lambda chosen: chosen)


def places(offsets: st.SearchStrategy[int]) -> st.SearchStrategy[Place]:
    """Addresses in all regions, and mostly where something is."""
    stack = (0, 1, 2, 3, 248, 249, 250, 251, 252)  # at its limit, and where it ends at first
    regions = {
        "mapped": (4, range(16)),
        "touched": (6, range(16)),
        "arena": (2, range(6)),
        "heap": (1, range(6)),
        "stack": (3, stack),
        "text": (1, range(TEXT_PAGES)),
        "maps": (1, range(6)),
    }
    return often(
        *(
            (weight, st.builds(Place, st.just(name), st.sampled_from(pages), offsets))
            for name, (weight, pages) in regions.items()
        )
    )


who = st.integers(0, MOST_PROCESSES - 1)
starts, words = places(st.just(0)), places(st.sampled_from([0, 8, PAGE - 8]))
free = st.one_of(st.builds(Place, st.just("arena"), st.integers(0, 5)), st.builds(Place, st.just("maps"), st.just(0)))
sizes, few = st.integers(1, 6), often((2, st.just(1)), (1, st.integers(1, 5)))
protections = often((3, st.just(READ)), (2, st.just(READ | WRITE)), (2, st.just(0)), (1, st.integers(0, 7)))
values = st.integers(1, 2**64 - 1)
heap_ends = st.builds(Place, st.just("heap"), st.integers(-1, 1), st.sampled_from([0, 1, PAGE - 1]))

steps = often(
    (6, st.builds(Use, who, often((3, free), (1, starts)), sizes)),
    (1, st.builds(Map, who, starts, sizes, protections, st.sampled_from([FIXED, 0, FIXED_NOREPLACE]))),
    (1, st.builds(Map, who, free, sizes, st.just(READ | WRITE), st.just(0))),
    (2, st.builds(Unmap, who, starts, sizes)),
    (3, st.builds(Protect, who, starts, few, protections)),
    (1, st.builds(Tighten, who, starts, few, st.sampled_from([READ, 0, None]))),
    (2, st.builds(Break, who, heap_ends, st.integers(0, 5))),
    (3, st.builds(Touch, who, words, st.one_of(st.none(), values))),
    (2, st.builds(Touch, who, words, st.one_of(st.none(), values), st.just(True), st.integers(0, 2))),
    (2, st.builds(Fork, who)),
    (1, st.builds(Fork, who, st.integers(1, 40))),
    (1, st.builds(Execute, who, st.integers(0, 40))),
    (1, st.builds(Exit, who, st.integers(0, 255))),
    (2, st.builds(Wait, who, st.integers(0, 2), st.sampled_from([NO_HANG, 0]), st.one_of(st.none(), words))),
)


# --- what is plainer ---


def _plain(name: str, value: object) -> Callable[[Step], Step | None]:
    """Sets a field, in steps that have it and where it is another."""

    def change(step: Step) -> Step | None:
        return replace(step, **{name: value}) if getattr(step, name, value) not in (value, None) else None

    return change


def _plain_place(name: str, value: int) -> Callable[[Step], Step | None]:
    """Sets a field of a step's place."""

    def change(step: Step) -> Step | None:
        place = getattr(step, "place", None)
        if place is None or getattr(place, name) == value:
            return None
        return replace(step, place=replace(place, **{name: value}))

    return change


CHANGES = (
    *(_plain(name, 0) for name in ("who", "fail", "code", "child")),
    *(_plain(name, 1) for name in ("pages", "value")),
    _plain("dares", False),
    _plain_place("offset", 0),
    _plain_place("page", 0),
)


# --- playing it -----------------------------------------------------------------------------------------------------


class Stages:
    """One guest for many families; a new one now and then, and after a failure."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._free: Stage | None = None
        self._uses = 0

    @contextmanager
    def stage(self) -> Iterator[Stage]:
        """Yields one in which nothing has failed."""
        stage, self._free = self._free or Stage(self._kernel).__enter__(), None
        try:
            yield stage
        except BaseException:
            stage.__exit__()
            raise
        self._free = stage

    def renew(self) -> None:
        """Forgets the text between two families: each leaves some, and all of it is read again and again."""
        self._uses += 1
        if self._uses % FAMILIES_OF_ONE_GUEST == 0:
            self.close()

    def close(self) -> None:
        """Ends, with no more families."""
        if self._free is not None:
            self._free.__exit__()
        self._free = None


class Life:
    """The life of one family, step by step; of another one if all members have ended."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._family: Family | None = None
        self.steps: list[Step] = []
        self.log: list[str] = []
        self.failure: Exception | None = None

    def do(self, step: Step) -> None:
        """Takes one step more. AssertionError if anything is wrong."""
        self.steps.append(step)
        with self._watched() as stage:
            self._family = self._family or Family(stage, self.log)
            step.play(self._family)
            self._family.check(f"after {step}")
            if not self._family.actors():
                self._end_family()

    def finish(self) -> None:
        """Ends the last family."""
        if self.failure is None:
            with self._watched():
                self._end_family()
            self._stages.renew()

    @contextmanager
    def _watched(self) -> Iterator[Stage]:
        try:
            with self._stages.stage() as stage:
                yield stage
        except Exception as failure:
            self.failure = failure
            raise

    def _end_family(self) -> None:
        if self._family is not None:
            self._family.finish()
        self._family = None


def lived(stages: Stages, todo: list[Step]) -> Life:
    """Returns a life with these steps, to its end or to its first failure."""
    life = Life(stages)
    try:
        for step in todo:
            life.do(step)
        life.finish()
    except AssertionError:
        return life  # which knows
    return life


def shortened(stages: Stages, life: Life) -> Life:
    """Returns a life that fails, with no step in it that could be left out or that could be any plainer.

    Hypothesis would do this, too, but without knowing what a step is it takes hundreds of lives, and each costs a boot.
    """
    for width in (1, 2):  # a fork and an exit, say, of which the one without the other is another life
        for number in reversed(range(len(life.steps))):
            if number + width <= len(life.steps):
                life = _shorter(life, lived(stages, life.steps[:number] + life.steps[number + width :]))
    for number in range(len(life.steps)):
        for change in CHANGES:
            if (plainer := change(life.steps[number])) is not None:
                life = _shorter(life, lived(stages, [*life.steps[:number], plainer, *life.steps[number + 1 :]]))
    return life


def _shorter(life: Life, other: Life) -> Life:
    """Returns the other life, if it fails as well."""
    return life if other.failure is None else other


def report(life: Life) -> str:
    """Returns the steps, what came of them, and what is wrong."""
    lines = ["The shortest way to a failure:", *map(str, life.steps), "In other words:", *life.log, str(life.failure)]
    return "\n".join(lines)


@pytest.fixture(scope="module", params=ISAS)
def stages(request: pytest.FixtureRequest) -> Iterator[Stages]:
    made = Stages(build_kernel(ROOT, request.param))
    yield made
    made.close()


def test_families_are_as_the_model_says(stages: Stages) -> None:
    """After a failure the shortest list of steps is at the end of the report."""
    if (plainest := lived(stages, [Exit(0, 0)])).failure is not None:
        raise plainest.failure  # nothing to be made shorter
    failed: list[Life] = []

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.life = Life(stages)

        @rule(step=steps)
        def do(self, step: Step) -> None:
            self.life.do(step)

        def teardown(self) -> None:
            try:
                self.life.finish()
            finally:
                failed[:] = [self.life] if self.life.failure else failed

    chosen = settings(
        max_examples=EXAMPLES or USUAL_EXAMPLES,
        stateful_step_count=STEPS,
        derandomize=not EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(Machine, settings=chosen)
    except (AssertionError, Flaky):  # what a stale translation does depends on when the timer interrupts
        if not failed:
            raise
        life = shortened(stages, failed[-1])
        raise AssertionError(report(life)) from life.failure
