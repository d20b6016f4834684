"""Builds all that a run of `grade` needs, two builds at a time, while the caller does something else.

What happens meanwhile is reported as events, which the caller takes when it has time to show them. Each folder is prepared
once and built once: the grading uses the results, and ignores what may have been saved since.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Condition, Lock, Thread
from types import TracebackType
from typing import Self, TypeVar

from grade.ladder.build import BuildError, Kernel, Manner
from grade.ladder.build_errors import Diagnostic
from grade.ladder.stopper import Stopper
from grade.ladder.trees import Tree, waits_for_lock
from grade.needs import Needs
from grade.prepare import prepare
from grade.run_plan import Plan, Target

T = TypeVar("T")

_AT_ONCE = 2
"""Builds at a time: while one links or is configured, the other keeps the cores busy."""
_SECONDS_TO_STOP = 5.0


@dataclass(frozen=True)
class Order:
    """One build: the kernel of a target, or some programs of host tests of its lab."""

    place: int
    """The order's number, from 1."""
    target: Target
    programs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The order's name for people."""
        what = "host tests" if self.programs else f"kernel for {self.target.isa}"
        return f"lab {self.target.lab}'s {what}"

    @property
    def preset(self) -> str:
        """Two builds of one preset share what the compiler's cache keeps, so the second waits for the first."""
        return "host" if self.programs else self.target.isa


@dataclass(frozen=True)
class Step:
    """So many steps of a build have been done, of so many."""

    order: Order
    done: int
    total: int


@dataclass(frozen=True)
class Said:
    """A tool has reported what is wrong; the build may continue for a while."""

    order: Order
    error: Diagnostic


@dataclass(frozen=True)
class Ended:
    """A build has ended."""

    order: Order


Event = Step | Said | Ended


@dataclass(frozen=True)
class Built:
    """The results: what was built, or the exception that says why it was not."""

    kernels: dict[Target, Kernel | Exception] = field(default_factory=dict)
    programs: dict[tuple[Path, int, str], Path | Exception] = field(default_factory=dict)
    """By the tree, the lab and the program's name."""

    def kernel(self, target: Target) -> Kernel:
        """Returns the target's kernel; raises what prevented its build. Built now if it was not built before."""
        return _given(self.kernels[target]) if target in self.kernels else target.kernel()

    def host_tests(self, target: Target, program: str) -> Path:
        """Returns one of the target's programs of host tests, in the same way. It is the same for all ISAs: built once."""
        key = (target.root, target.lab, program)
        if key not in self.programs:
            try:
                self.programs[key] = target.host_tests(program)
            except BuildError as error:
                self.programs[key] = error
        return _given(self.programs[key])

    def loss(self, target: Target, needs: Needs) -> Exception | None:
        """Returns why a milestone with these needs cannot be judged on the target, or None."""
        programs = [self.programs.get((target.root, target.lab, program)) for program in needs.programs]
        came = [self.kernels.get(target) if needs.kernel else None, *programs]  # as a test asks for them
        return next((one for one in came if isinstance(one, Exception)), None)


def orders_for(plan: Plan, needs: Needs) -> list[Order]:
    """Returns the builds that a plan needs, lab by lab."""
    wanted: list[tuple[Target, tuple[str, ...]]] = []
    for lab in dict.fromkeys((target.root, target.lab) for target in plan.targets):
        targets = [target for target in plan.targets if (target.root, target.lab) == lab]
        wanted += [(target, ()) for target in targets if needs.kernel]
        programs = tuple(program for program in needs.programs if _is_asked(program, targets[0].lab))
        wanted += [(targets[0], programs)] if programs else []
    return [Order(place, *what) for place, what in enumerate(wanted, 1)]


def _is_asked(program: str, lab: int) -> bool:
    from grade.checks.host_tests import programs_for

    return program in programs_for(lab)


class Building:
    """A context manager: what is still being built when it is left is stopped."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.orders: list[Order] = []
        """All builds, once they have begun."""
        self._waiting: list[Order] = []
        self._busy: set[str] = set()
        self._turn = Condition()
        self._events: SimpleQueue[Event | BaseException] = SimpleQueue()
        self._stopper = Stopper()
        self._prepared: dict[tuple[Path, int], Path] = {}
        self._preparing = Lock()
        self._kernels: dict[Target, Kernel | Exception] = {}
        self._programs: dict[tuple[Path, int, str], Path | Exception] = {}
        self._threads: list[Thread] = []

    def begin(self, needs: Needs) -> None:
        """Begins to build what these needs are, on all targets."""
        self.orders = orders_for(self._plan, needs)
        self._waiting = list(self.orders)
        # No thread keeps this process from ending.
        self._threads = [Thread(target=self._work, daemon=True) for _ in range(min(_AT_ONCE, len(self.orders)))]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._turn:
            self._waiting.clear()
            self._turn.notify_all()
        for end in (self._stopper.stop, self._stopper.kill):
            end()
            self._wait_for_threads()

    def _wait_for_threads(self) -> None:
        """Waits for a while, but not for threads that themselves wait for the lock of another Pagewalk.

        The caller may remove the folder in which they built: none may still be making or removing files there.
        """
        deadline = time.monotonic() + _SECONDS_TO_STOP
        for thread in self._threads:
            while thread.is_alive() and not waits_for_lock(thread) and time.monotonic() < deadline:
                thread.join(0.1)

    def follow(self, tell: Callable[[Event | None], None]) -> Built:
        """Waits until everything has ended; returns the results. Calls `tell` with each event, and with None now and then
        while there is none. Raises what kept a build from being tried at all.
        """
        left = len(self.orders)
        while left:
            try:
                event = self._events.get(timeout=1.0)
            except Empty:
                tell(None)
                continue
            if isinstance(event, BaseException):
                raise event
            left -= isinstance(event, Ended)
            tell(event)
        for thread in self._threads:
            thread.join()  # a fork from now on has only this thread
        return Built(self._kernels, self._programs)

    def _work(self) -> None:
        try:
            while (order := self._next()) is not None:
                try:
                    self._build(order)
                finally:
                    with self._turn:
                        self._busy.remove(order.preset)
                        self._turn.notify_all()
                self._events.put(Ended(order))
        except BaseException as error:  # for follow(), in the thread that can report it
            self._events.put(error)

    def _next(self) -> Order | None:
        """Returns the first waiting order whose preset is not being built; None if all have been taken."""
        with self._turn:
            while self._waiting:
                free = next((order for order in self._waiting if order.preset not in self._busy), None)
                if free is not None:
                    self._waiting.remove(free)
                    self._busy.add(free.preset)
                    return free
                self._turn.wait()
        return None

    def _build(self, order: Order) -> None:
        target = order.target
        manner = Manner(
            lambda done, total, _: self._events.put(Step(order, done, total)),
            # What the compiler says about files that a submission should not read must not be shown.
            None if target.is_submission else lambda error: self._events.put(Said(order, error)),
            os.cpu_count(),
            self._stopper,
        )
        if order.programs:
            came = target.all_host_tests(order.programs, manner, self._prepare)
            self._programs |= {(target.root, target.lab, program): one for program, one in came.items()}
            return
        try:
            self._kernels[target] = target.kernel(manner, self._prepare)
        except (BuildError, AssertionError) as error:
            self._kernels[target] = error

    def _prepare(self, tree: Tree, lab: int) -> Path:
        """Returns the folder of a lab, brought up to date by the first thread that asks."""
        with self._preparing:
            key = (tree.root, lab)
            if key not in self._prepared:
                self._prepared[key] = prepare(tree, lab)
            return self._prepared[key]


def _given(came: T | Exception) -> T:
    if isinstance(came, Exception):
        raise came.with_traceback(None)  # raised once for each milestone that it costs
    return came
