"""Random families of processes against a model: what they map, write, fork and wait for, and how they end.

Every step is followed by a look at all processes, from outside: their areas, which of their pages are there and what is
in these, and all frames. A failure is shrunk to the few steps that it takes.

The steps are the same in every run. `./pagewalk test --examples N` tries only this, with N others for each ISA.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pytest
from area_model import (
    ANONYMOUS,
    FIXED,
    FIXED_NOREPLACE,
    PRIVATE,
    READ,
    WRITE,
    Operation,
    brk,
    load,
    mmap,
    mprotect,
    munmap,
    store,
)
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from grade.boot.layout import PAGE
from grade.course.testing import EXAMPLES as EXAMPLES_VARIABLE
from grade.isa import ISAS
from grade.ladder.build import Kernel, build_kernel
from grade.ladder.trees import find_root
from grade.tests.kernel.family import ANY, NO_HANG, Family, Member
from grade.tests.kernel.puppets import Stage

ROOT = find_root(Path(__file__))
EXAMPLES = int(os.environ.get(EXAMPLES_VARIABLE, "0"))
USUAL_EXAMPLES = 40
STEPS = 25
MOST_PROCESSES = 4
FAMILIES_OF_ONE_GUEST = 100

TEXT_PAGES = 3
"""Of the program's file, which it never touches itself: g_text in user/tests/vmascript.cc."""
OWN_STACK = 4 * PAGE
"""Of the stack, which it needs itself."""
ARENA = (3 << 40) - 3 * PAGE
"""Few pages, so that operations meet, on both sides of a border between tables of every level but the highest."""


@dataclass(frozen=True)
class Place:
    """An address as it is meant, whatever the program's size, and wherever its memory is when its turn comes.

    `mapped` and `touched` count the pages that can be touched, and those that have been, without those of the program's
    own; elsewhere `page` counts from where something is.
    """

    region: str
    page: int
    offset: int = 0

    def in_(self, family: Family, member: Member) -> int:
        """Returns the address for this member."""
        memory = member.memory
        if self.region in ("mapped", "touched"):
            areas = [area for area in memory.areas if area.kind in ("anonymous", "heap")]
            mapped = [va for area in areas for va in range(area.start, area.end, PAGE)]
            pages = mapped if self.region == "mapped" else sorted(memory.touched)
            return (pages[self.page % len(pages)] if pages else ARENA) + self.offset
        start = {
            "arena": ARENA,
            "maps": memory.user.map_start,
            "heap": memory.heap_start,
            "stack": memory.user.stack_limit - PAGE,
            "text": family.stage.program.va("g_text"),
        }[self.region]
        return start + self.page * PAGE + self.offset

    def __repr__(self) -> str:
        return f"{self.region}[{self.page}]" + (f"+{self.offset}" if self.offset else "")


def spared(family: Family, at: int, pages: int) -> int:
    """Returns as many bytes of so many pages as may be taken away from the program without doing it harm."""
    text_end = family.stage.program.va("g_text") + TEXT_PAGES * PAGE
    ends = [end for end in (text_end, family.guest.layout.user.stack_top - OWN_STACK) if at < end]
    return min(pages * PAGE, ends[0] - at) if ends else pages * PAGE


@dataclass(frozen=True)
class Step:
    """Something that one process does. `who` counts those that can, by age, from the oldest on."""

    who: int

    def play(self, family: Family) -> None:
        """Does it, if it can be done now."""
        actors = family.actors()
        member = actors[self.who % len(actors)]
        self.do(family, member)

    def do(self, family: Family, member: Member) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class MemoryStep(Step):
    """A step that area_model.py knows."""

    place: Place
    pages: int

    def do(self, family: Family, member: Member) -> None:
        at = self.place.in_(family, member)
        operation = self.operation(at, spared(family, at, self.pages))
        family.log.append(f"process {member.pid}: {operation}")
        family.use_memory(member, operation)

    def operation(self, at: int, size: int) -> Operation:
        raise NotImplementedError


@dataclass(frozen=True)
class Map(MemoryStep):
    protection: int
    flags: int

    def operation(self, at: int, size: int) -> Operation:
        return mmap(at, size, self.protection, PRIVATE | ANONYMOUS | self.flags)


@dataclass(frozen=True)
class Use(MemoryStep):
    """Maps pages and writes to all of them."""

    def do(self, family: Family, member: Member) -> None:
        at = self.place.in_(family, member)
        size = spared(family, at, self.pages)
        operations = [mmap(at, size, READ | WRITE, PRIVATE | ANONYMOUS | FIXED)]
        operations += [store(va, va + member.pid) for va in range(at, at + size, PAGE)]
        for operation in operations:
            if member.memory.refusal(operation) is None:
                family.log.append(f"process {member.pid}: {operation}")
                family.use_memory(member, operation)
            if operation is operations[0]:
                family.check("before any of it is written to")


@dataclass(frozen=True)
class Unmap(MemoryStep):
    def operation(self, at: int, size: int) -> Operation:
        return munmap(at, size)


@dataclass(frozen=True)
class Protect(MemoryStep):
    protection: int

    def operation(self, at: int, size: int) -> Operation:
        return mprotect(at, size, self.protection)


@dataclass(frozen=True)
class Tighten(MemoryStep):
    """Reads a page, takes rights or the page away, and writes to it: all at one go, so that no switch forgets the page.

    `protection` None: takes the page away.
    """

    protection: int | None

    def do(self, family: Family, member: Member) -> None:
        at = self.place.in_(family, member)
        size = spared(family, at, self.pages)
        change = munmap(at, size) if self.protection is None else mprotect(at, size, self.protection)
        if member.memory.refusal(load(at)) is None:
            family.log.append(f"process {member.pid}: {load(at)}, {change}, {store(at, 1)}")
            family.use_memory(member, load(at), change, store(at, 1))


@dataclass(frozen=True)
class Break(MemoryStep):
    """To `pages` after a place; then it writes to the last word there is, if there is one."""

    def do(self, family: Family, member: Member) -> None:
        super().do(family, member)
        touch = store((member.memory.heap_end - 8) & -8, self.pages)
        if member.memory.heap_end > member.memory.heap_start and member.memory.refusal(touch) is None:
            family.log.append(f"process {member.pid}: {touch}")
            family.use_memory(member, touch)

    def operation(self, at: int, size: int) -> Operation:
        return brk(at + size)


@dataclass(frozen=True)
class Touch(Step):
    """Reads, or writes if there is a value. Unless it dares, it leaves alone what would kill it, or what might."""

    place: Place
    value: int | None = None
    dares: bool = False
    fail: int = 0

    def do(self, family: Family, member: Member) -> None:
        at = self.place.in_(family, member)
        operation = load(at) if self.value is None else store(at, self.value)
        fail = self.fail if self.dares else 0
        if self.dares or member.memory.refusal(operation) is None:
            family.log.append(f"process {member.pid}: {operation} with failure {fail}")
            family.use_memory(member, operation, fail=fail)


@dataclass(frozen=True)
class Fork(Step):
    """If `fail` is not 0, that allocation fails."""

    fail: int = 0

    def do(self, family: Family, member: Member) -> None:
        if len(family.members) < MOST_PROCESSES:
            family.log.append(f"process {member.pid}: fork() with failure {self.fail}")
            family.fork(member, self.fail)


@dataclass(frozen=True)
class Execute(Step):
    """If `fail` is not 0, that allocation fails."""

    fail: int = 0

    def do(self, family: Family, member: Member) -> None:
        family.log.append(f"process {member.pid}: execve() with failure {self.fail}")
        family.execute(member, self.fail)


@dataclass(frozen=True)
class Exit(Step):
    code: int

    def do(self, family: Family, member: Member) -> None:
        family.log.append(f"process {member.pid}: exit({self.code})")
        family.exit(member, self.code)


@dataclass(frozen=True)
class Wait(Step):
    """For the child number `child` of those it has, or for any if it has not so many."""

    child: int
    options: int
    status: Place | None

    def do(self, family: Family, member: Member) -> None:
        children = [other.pid for other in family.members.values() if other.parent == member.pid]
        target = children[self.child] if self.child < len(children) else ANY
        status = self.status.in_(family, member) if self.status else 0
        family.log.append(f"process {member.pid}: wait4({target}, {status:#x}, {self.options})")
        family.wait(member, target, self.options, status)


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
