"""Gathers what the tests find out about the grader, and how long they take: `./pagewalk test` ends with both."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from grade.course.graded import Outcome, outcome_from, write_outcomes
from grade.course.testing import MINUTES, OUTCOMES
from grade.failed.failed_run import ELSEWHERE
from grade.guest.guest import Guest
from grade.isa import ISAS
from grade.ladder.build import Kernel, build_kernel
from grade.ladder.trees import find_root

_ROOT = find_root(Path(__file__))
sys.path[:0] = [str(folder) for folder in _ROOT.glob("labs/*-*")]  # what a lab checks by modules of its own is tested as well
_PROPERTY = "pagewalk_outcome"
_LIMITS = {"cpu_budget": 30.0, "idle_backstop": 10.0}  # seconds; none of these tests is about a budget
Record = Callable[[Outcome], None]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # who starts us in the background of a shell; many tests are about Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_failures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps the last failures of each worker apart; those of whoever runs the tests stay."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ELSEWHERE, str(tmp_path_factory.mktemp("failed")))
        yield


@pytest.fixture
def record(record_property: Callable[[str, object], None]) -> Record:
    """Records an outcome; it may be recorded again when more is known, and the last one counts."""
    return lambda outcome: record_property(_PROPERTY, json.dumps(asdict(outcome)))


@pytest.fixture(scope="module", params=ISAS)
def kernel(request: pytest.FixtureRequest) -> Kernel:
    """Returns the kernel of the whole tree, on each ISA."""
    return build_kernel(_ROOT, request.param)


@pytest.fixture
def boot(kernel: Kernel) -> Iterator[Callable[..., Guest]]:
    """Starts guests of that kernel: boot("run hello", "checkpoint end"). Options as for Guest."""
    guests: list[Guest] = []

    def start(*lines: str, **options: object) -> Guest:
        guest = Guest(kernel, "\n".join(lines), **(_LIMITS | options))
        guests.append(guest)
        guest.machine.start()
        return guest

    yield start
    for guest in guests:
        guest.machine.close()


_MANY_AND_SHORT = ("test_variants.py", "test_bugs.py")
"""What comes last, so that no core is idle while another runs a long test."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the many short tests after the few long ones; else all stay in their order."""
    items.sort(key=lambda item: _MANY_AND_SHORT.index(item.path.name) + 1 if item.path.name in _MANY_AND_SHORT else 0)


def pytest_configure(config: pytest.Config) -> None:
    """Gathers in the process that sees the reports of all workers."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Gatherer(), "pagewalk-gatherer")


class _Gatherer:
    """Writes the last outcome that each test recorded of each kernel. The report of a test brings it along, through xdist as well.

    And how many seconds each file of tests took, over all its workers.
    """

    def __init__(self) -> None:
        self.outcomes: dict[tuple[str, str, str], Outcome] = {}
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = report.nodeid.partition("::")[0]
        self.seconds[file] = self.seconds.get(file, 0.0) + report.duration
        for name, value in report.user_properties:
            if name == _PROPERTY:
                outcome = outcome_from(json.loads(value))
                self.outcomes[report.nodeid, outcome.name, outcome.isa] = outcome

    def pytest_sessionfinish(self) -> None:
        if self.outcomes:
            write_outcomes(self.outcomes.values(), find_root(Path(__file__)) / OUTCOMES)
        minutes = find_root(Path(__file__)) / MINUTES
        minutes.parent.mkdir(exist_ok=True)
        minutes.write_text(json.dumps(self.seconds), encoding="utf-8")
