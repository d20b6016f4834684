"""What `grade` shows while it works, and in which order: the build and its errors, then each milestone when it is judged."""

import os
from collections.abc import Mapping, Sequence

import elftools.elf.elffile  # noqa: F401  # otherwise each worker would have to import it
import pytest
from rich.text import Text

from grade.building import Building, Built, Ended, Event, Order, Said, Step
from grade.ending import Stopped, came
from grade.ladder.build import BuildError
from grade.ladder.build_errors import Diagnostic
from grade.ladder.labs import LadderError
from grade.needs import Needs, all_needs
from grade.plugin import BUILT, FRONT, Collector, crashed, due_of
from grade.progress import ProgressLine
from grade.results import report
from grade.results.result import Result, Status
from grade.schedule import Due, Durations, beginnings
from grade.unjudged import left_of, place_of
from grade.visible import visible
from grade.workers import run_in_copies

_PLAIN_EVERY = 25
"""After so many milestones, a file gets a line that says how many of how many are done."""


class Front:
    """A pytest plugin that runs the tests, and shows each result at once; pytest's own output goes elsewhere."""

    def __init__(self, line: ProgressLine, building: Building, needs: dict[str, Needs], jobs: int | None) -> None:
        self._line = line
        self._building = building
        self._needs = needs
        self._jobs = jobs or os.cpu_count() or 1
        self._steps: dict[Order, Step] = {}
        self._said: set[Diagnostic] = set()
        self._collector: Collector | None = None
        self._is_losing = False
        self._total = 0
        self._ran: list[Result] = []
        self._in_full: list[Result] = []
        self._lost: list[Result] = []
        self.planned: Sequence[Result] = ()
        """What is to be judged, as if nothing were (grade/unjudged.py)."""
        self.unjudged: list[Result] = []
        """What was not, because the run was ended before its time."""
        self.by_ctrl_c = False
        self.stopped: Stopped | None = None
        self.cannot_run: Exception | None = None

    @property
    def results(self) -> list[Result]:
        """The results of what has been judged."""
        return self._collector.results if self._collector else []

    @property
    def waiting(self) -> list[Result]:
        """The milestones that could not be judged yet."""
        return self._collector.waiting if self._collector else []

    @property
    def unwritten(self) -> list[str]:
        """Which files could not be written, and why."""
        return self._collector.unwritten if self._collector else []

    @property
    def shown(self) -> list[Result]:
        """Failures that have been shown in full."""
        return [*self._lost, *self._in_full]

    # --- pytest's hooks ---

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Notes whether Ctrl-C ended the run; pytest gives up itself with an exception of another type.

        If its time was over, what was not judged by then is in the results.
        """
        end = came() or excinfo.value
        self.by_ctrl_c = type(end) is KeyboardInterrupt
        if isinstance(end, Stopped):
            self.stopped = end
            self.unjudged = left_of(self.planned, (*self.results, *self.waiting), str(end))
            self.results.extend(self.unjudged)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Waits for the build, and runs all tests."""
        if session.testsfailed:  # some could not be collected
            raise session.Interrupted(f"{session.testsfailed} errors during collection")
        collector = session.config.pluginmanager.get_plugin("pagewalk-collector")
        session.config.stash[FRONT] = True
        asked_for = {(due.number, due.target.lab, due.target.isa) for item in session.items if (due := due_of(item))}
        self.planned = [result for result in self.planned if place_of(result) in asked_for]
        if not session.items:  # then no file is to be written
            session.config.pluginmanager.unregister(collector)
            return True
        self._collector, collector.show = collector, self._show
        if not self._building.orders:
            asked = [due.number for item in session.items if (due := due_of(item)) is not None]
            self._building.begin(all_needs(self._needs, asked))
        try:
            built = session.config.stash[BUILT] = self._building.follow(self._tell)
            self._line.clear()
            self._run(session, built)
        except (LadderError, OSError) as error:
            self.cannot_run = error
            raise session.Interrupted(str(error)) from error
        finally:
            self._line.clear()
        return True

    # --- building ---

    def _tell(self, event: Event | None) -> None:
        self._end_if_asked()
        total = len(self._building.orders)
        match event:
            case Said():
                self._show_error(event.error)
            case Step(order):
                if order not in self._steps:
                    self._line.announce(f"building {order.place} of {total}: {order.name}")
                self._steps[order] = event
            case Ended(order):
                self._steps.pop(order, None)
        if self._steps:
            places = " and ".join(str(order.place) for order in self._steps)
            what = ", ".join(f"{step.order.name} ({step.done} of {step.total})" for step in self._steps.values())
            self._line.show(f"building {places} of {total}: {what}")

    def _show_error(self, error: Diagnostic) -> None:
        """Shows an error once, even if several builds meet it."""
        if error in self._said:
            return
        self._said.add(error)
        first, *excerpt = visible(str(error)).splitlines()
        self._line.print(Text(first, style="bold red"), *map(Text, excerpt))

    def _show_loss(self, loss: Exception, results: Sequence[Result]) -> None:
        """Shows what did not build, if that was not shown yet, and in one line what this costs."""
        self._lost += results
        if not isinstance(loss, BuildError):
            self._line.print(*report.failure_lines(results[0], results[1:]))
            return
        if loss.first_error is not None:
            self._show_error(loss.first_error)
        what = "host tests do" if loss.isa == "host" else f"kernel for {loss.isa} does"
        log = f". The whole log: {loss.log}" if not isinstance(loss.log, str) else f". {loss.log}" if loss.log else ""
        self._line.print(Text(visible(f"Lab {results[0].lab}'s {what} not build: this costs {report.costs(results)}{log}")))

    # --- judging ---

    def _run(self, session: pytest.Session, built: Built) -> None:
        """Reports first what the build has cost, which takes no time; then runs everything else, in order."""
        durations = Durations(session.config.rootpath)
        dues = {item: due for item in session.items if (due := due_of(item)) is not None}
        begin = beginnings(dues.values(), durations.read(), self._jobs) if dues else {}
        losses = {
            item: built.loss(due.target, self._needs[due.number]) for item, due in dues.items() if due.number in self._needs
        }
        lost = {item: loss for item, loss in losses.items() if loss is not None}
        self._run_lost(session, dues, lost)
        rest = [item for item in session.items if item not in lost]
        rest.sort(key=lambda item: begin[dues[item]] if item in dues else float("inf"))
        self._total = len(self.results) + len(self.waiting) + len(rest)
        if rest:
            # Made now, it is one for all; xdist does the same. The only way to it in pytest is what its plugin keeps there.
            session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
            run_in_copies(rest, self._jobs, self._show_running, crashed)
        durations.note(self._ran)

    def _run_lost(
        self, session: pytest.Session, dues: Mapping[pytest.Item, Due], lost: Mapping[pytest.Item, Exception]
    ) -> None:
        """Makes each a result like any other, but does not show it as one."""
        of_each: dict[object, tuple[Exception, list[Result]]] = {}
        self._is_losing = True
        for item, loss in lost.items():
            before, lab = len(self.results), dues[item].target.lab
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            key = (lab, loss.isa, loss.first_error) if isinstance(loss, BuildError) else id(loss)
            of_each.setdefault(key, (loss, []))[1].extend(self.results[before:])
        self._is_losing = False
        for loss, results in of_each.values():
            self._show_loss(loss, sorted(results, key=lambda result: result.sort_key))

    def _end_if_asked(self) -> None:
        if (end := came()) is not None:
            raise end

    def _show_running(self, items: Sequence[pytest.Item]) -> None:
        self._end_if_asked()
        judged = len(self.results) + len(self.waiting)
        running = ", ".join(due.number for due in map(due_of, items) if due is not None)
        self._line.show(f"{judged} of {self._total} milestones judged, now {running}")

    def _show(self, result: Result, unchanged: bool) -> None:
        """Shows one milestone once it is known. The first failure of the current lab is shown in full at once."""
        if self._is_losing:
            return
        self._line.print(report.result_line(result, unchanged=unchanged))
        if result.status is Status.PASSED and not unchanged:
            self._ran.append(result)
        is_first = not any(shown.max or not result.max for shown in self._in_full)
        if result.status in (Status.FAILED, Status.ERROR) and is_first:
            self._line.print(*report.failure_lines(result))
            self._in_full.append(result)
        judged = len(self.results) + len(self.waiting)
        if judged % _PLAIN_EVERY == 0 and judged < self._total:
            self._line.announce(f"{judged} of {self._total} milestones judged")
