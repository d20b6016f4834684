"""The pytest plugin: labs/*/test_*.py with milestones become results.

    @milestone("2.4", points=15, witness="KWQ")
    def test_identity_is_gone(boot): ...

Each such test runs once for every ISA and every lab whose kernel it is to hold on. `boot` starts a guest, `kernel` is
the built kernel, `target` says which lab and ISA it is. A test without the mark is an ordinary test.
"""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from grade import run_plan
from grade.boot.kernel_image import KernelImage
from grade.building import Built
from grade.checks.discipline import BootWitnessed
from grade.checks.ran_before import HostTests
from grade.discipline.roots import watch_roots
from grade.discipline.witnessed import Witness, guest_beside
from grade.guest.guest import Guest, Recipe
from grade.isa import ISAS
from grade.judging import judge
from grade.kept_failure import keep_failure
from grade.ladder.build import Kernel
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, find_root
from grade.milestones import title_of
from grade.results.files import write_json, write_junit
from grade.results.report import table_text
from grade.results.result import Result, Status
from grade.results.verdict import Verdict
from grade.run_plan import Target
from grade.schedule import Due
from grade.seed import chance_of, fresh_seed

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter  # pytest 7.2 does not export it

RESULT = "pagewalk_result"


def milestone(number: str, *, points: float, witness: str) -> pytest.MarkDecorator:
    """Marks a test as the proof of a milestone. `witness`: letters of K, W, Q, H, D (docs/instructor.md)."""
    if set(witness) <= {"K"}:
        raise ValueError(f"milestone {number}: what the kernel says is no proof by itself; use another witness")
    return pytest.mark.milestone(number, points=points, witness=witness)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options that `./pagewalk grade` passes on."""
    group = parser.getgroup("pagewalk", "grading")
    group.addoption("--isa", action="append", choices=ISAS, help="grade on this ISA only (may be repeated)")
    group.addoption("--tree", type=Path, help="grade this tree, with these tests")
    group.addoption("--submission-folder", type=Path, help="grade the submission that is laid out here")
    group.addoption("--lab", action="append", type=int, help="grade the kernel of this lab (may be repeated)")
    group.addoption("--milestone", action="append", help="only this milestone, such as 1.3 (may be repeated)")
    group.addoption("--seed", type=int, help="draw by chance what this seed draws (default: something new)")
    group.addoption(
        "--seed-is-new", action="store_true", help="nobody has asked for that seed: a student's host tests do without"
    )
    group.addoption("--forget-failures", action="store_true", help="leave no failed run behind for ./pagewalk gdb")
    group.addoption("--failures", type=Path, help="keep failed runs in this folder (default: build/failed)")
    group.addoption("--results-json", type=Path, help="write the results as JSON")
    group.addoption("--results-junit", type=Path, help="write the results as JUnit XML")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the mark and, in the process that sees all results, the collector."""
    config.addinivalue_line("markers", "milestone(number, points, witness): the proof of a milestone")
    if not hasattr(config, "workerinput"):
        if config.option.seed is None:  # the other processes inherit it
            config.option.seed, config.option.seed_is_new = fresh_seed(), True
        config.pluginmanager.register(Collector(config), "pagewalk-collector")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuses, before anything is collected, what cannot be graded here."""
    if hasattr(session.config, "workerinput"):
        return
    try:
        _plan(session.config)
    except LadderError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Makes one test for each target on which the milestone must hold."""
    if "target" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("milestone")
    number = mark.args[0] if mark else None
    targets = [t for t in _plan(metafunc.config).targets if number is None or t.runs(number)]
    if (wanted := metafunc.config.getoption("--milestone")) and number not in wanted:
        targets = []
    metafunc.parametrize("target", targets, ids=lambda target: f"{number or 'all'}-{target}", scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Removes the tests that have no target; pytest would show each as skipped."""
    without = [item for item in items if _lacks_target(item)]
    if without:
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]


def _lacks_target(item: pytest.Item) -> bool:
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return "target" in parameters and not isinstance(parameters["target"], Target)


def _plan(config: pytest.Config) -> run_plan.Plan:
    """Returns the plan of this run, made once: pytest keeps a fixture for the next test only if that has the same target."""
    if _PLAN not in config.stash:
        config.stash[_PLAN] = _made_plan(config)
    return config.stash[_PLAN]


def _made_plan(config: pytest.Config) -> run_plan.Plan:
    tests = Tree(find_root(Path(__file__)))
    if submission := config.getoption("--submission-folder"):
        return run_plan.plan_submission(submission, tests, config.getoption("--lab"), config.getoption("--isa"))
    given = config.getoption("--tree")
    tree = Tree(given.resolve()) if given else tests
    folders = [Path(argument.partition("::")[0]) for argument in config.args]
    return run_plan.plan(tree, tests, config.getoption("--lab"), config.getoption("--isa"), folders)


@pytest.fixture(scope="session")
def built(pytestconfig: pytest.Config) -> Built:
    """Returns what was built before the first test, and is told what is built later."""
    return pytestconfig.stash.get(BUILT, Built())


@pytest.fixture(scope="session")
def kernel(target: Target, built: Built) -> Kernel:
    """Returns the kernel of the target, built if it was not built before."""
    return built.kernel(target)


@pytest.fixture(scope="session")
def image(kernel: Kernel, target: Target) -> KernelImage:
    """Returns the target's linked image: symbols and offset."""
    target.check_unchanged()
    return KernelImage(kernel.isa, kernel.elf)


@pytest.fixture
def host_tests(target: Target, built: Built, pytestconfig: pytest.Config) -> HostTests:
    """Returns the target's programs of host tests, by their names; each is built when it is asked for."""

    def build(program: str) -> Path:
        path = built.host_tests(target, program)
        target.check_unchanged(program)
        return path

    # A student's program that has not changed is not run again, so it draws the same each time unless a seed was asked for.
    is_asked = target.is_submission or not pytestconfig.getoption("--seed-is-new")
    seed = pytestconfig.getoption("--seed") if is_asked else None
    return HostTests(build, target.memory, target.around_engine, seed)


@pytest.fixture
def chance(request: pytest.FixtureRequest, target: Target) -> random.Random:
    """Returns what a milestone draws from: something else in each run, and the same for the same --seed."""
    mark = request.node.get_closest_marker("milestone")
    return chance_of(request.config.getoption("--seed"), mark.args[0], target.isa)


@dataclass
class Boots:
    """The guests that one test started, in order."""

    guests: list[Guest]
    watches: list[Witness] = field(default_factory=list)
    """Who watches the roots of some of them."""


@pytest.fixture
def boots(request: pytest.FixtureRequest) -> Iterator[Boots]:
    """Keeps what was booted, for the report of a failure; stops it at the end of the test."""
    started = Boots([])
    request.node.stash[_BOOTS] = started
    yield started
    for guest in started.guests:
        guest.machine.close()
    for watch in started.watches:
        watch.close()


@pytest.fixture
def boot(kernel: Kernel, boots: Boots, target: Target) -> Callable[..., Guest]:
    """Starts a guest: boot("lookup 0\\ncheckpoint ready"). Options as for Guest."""
    return partial(_boot, boots, kernel, target)


def _boot(boots: Boots, kernel: Kernel, target: Target, script: str = "", **options: Any) -> Guest:
    target.check_unchanged()
    guest = Guest(kernel, script, **options)
    libraries = []
    if (watch := watch_roots(guest)) is not None:
        boots.watches.append(watch)
        libraries.append(watch.plugin_file)
    guest.machine.sandbox = target.around_qemu(kernel.elf, *libraries)
    boots.guests.append(guest)
    guest.machine.start()
    return guest


@pytest.fixture
def boot_witnessed(kernel: Kernel, boots: Boots, target: Target) -> Iterator[BootWitnessed]:
    """Starts a guest with the witness of the discipline beside it (grade/checks/discipline.py)."""
    with ExitStack() as witnesses:

        def start(script: Callable[[KernelImage], str]) -> tuple[Guest, Witness]:
            target.check_unchanged()
            image = KernelImage(kernel.isa, kernel.elf)
            witness = Witness(image)
            witnesses.callback(witness.close)
            recipe = Recipe(kernel.isa, str(kernel.elf), script(image), secrets.randbits(63))
            guest = guest_beside(witness, recipe, kernel.tree)
            guest.machine.sandbox = target.around_qemu(kernel.elf, witness.plugin_file)
            boots.guests.append(guest)
            guest.machine.start()
            return guest, witness

        yield start


FRONT: pytest.StashKey[bool] = pytest.StashKey()
"""Whether `./pagewalk grade` shows the results; missing if pytest itself was started."""
BUILT: pytest.StashKey[Built] = pytest.StashKey()
"""What `./pagewalk grade` has built before it runs tests; missing if pytest itself was started."""
_PLAN: pytest.StashKey[run_plan.Plan] = pytest.StashKey()
_BOOTS: pytest.StashKey[Boots] = pytest.StashKey()


class _Reported(Protocol):
    """What pytest sends to a wrapper of the making of a report."""

    def get_result(self) -> pytest.TestReport:
        """Returns the report, or raises what its making raised."""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, _Reported, None]:
    """Turns how a milestone's test went into a Result, carried by the report so that xdist brings it along."""
    outcome = yield
    mark = item.get_closest_marker("milestone")
    if mark is None or call.when == "teardown" or (call.when == "setup" and call.excinfo is None):
        return
    test = _function(item)
    result = _result(test, mark, call)
    report = outcome.get_result()
    beside = {"booted": _last_guest(item) is not None, "unchanged": _is_unchanged(test)}
    report.user_properties.append((RESULT, json.dumps({**result.as_data(), **beside})))
    if result.waits:
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, result.message)


def due_of(item: pytest.Item) -> Due | None:
    """Returns which milestone a test judges, and where; None for an ordinary test."""
    mark = item.get_closest_marker("milestone")
    return Due(mark.args[0], _target_of(_function(item))) if mark is not None else None


def crashed(item: pytest.Item, how: str) -> pytest.TestReport:
    """Returns the report of a test whose process has ended, in place of the one that it would have sent."""
    message = f"the grader could not judge: its process ended {how}"
    report = pytest.TestReport(item.nodeid, item.location, {}, "failed", message, "call")
    if (mark := item.get_closest_marker("milestone")) is not None:
        target, most, title = _asked(_function(item), mark)
        result = Result(target.lab, target.isa, mark.args[0], title, 0, most, Status.ERROR, Verdict(error=message), 0.0)
        report.user_properties.append((RESULT, json.dumps({**result.as_data(), "booted": False, "unchanged": False})))
    return report


def _function(item: pytest.Item) -> pytest.Function:
    """Returns a milestone's test as a function. TypeError if the mark is on something else."""
    if not isinstance(item, pytest.Function):
        raise TypeError(f"{item.nodeid} is marked as a milestone, and is no function")
    return item


def _target_of(test: pytest.Function) -> Target:
    target = test.callspec.params["target"]
    if not isinstance(target, Target):
        raise TypeError(f"{test.nodeid} has no target")
    return target


def _asked(item: pytest.Function, mark: pytest.Mark) -> tuple[Target, float, str]:
    """Returns the target, what the milestone is worth there, and its title."""
    target = _target_of(item)
    is_own = mark.args[0].split(".")[0] == str(target.lab)
    return target, mark.kwargs["points"] if is_own else 0, title_of(item.function.__doc__, mark.args[0])


def _result(item: pytest.Function, mark: pytest.Mark, call: pytest.CallInfo[None]) -> Result:
    number = mark.args[0]
    target, most, title = _asked(item, mark)
    guest = _last_guest(item)
    status, verdict, failure = judge(call.excinfo.value if call.excinfo else None, guest, target)
    if not item.config.getoption("--forget-failures"):
        verdict = keep_failure(verdict, target, number, failure, guest, item.config.getoption("--failures"))
    points = most if status is Status.PASSED else 0
    if target.is_submission and status is not Status.PASSED:
        verdict = replace(verdict, notes=(*verdict.notes, *_notes(target)))
    return Result(target.lab, target.isa, number, title, points, most, status, verdict, call.duration)


def _is_unchanged(item: pytest.Function) -> bool:
    """Returns whether its host tests were not run because the same program had been."""
    programs = item.funcargs.get("host_tests")
    return isinstance(programs, HostTests) and programs.reused


def _notes(target: Target) -> list[str]:
    from grade.submission.laid_out import notes_on  # only main has it

    return notes_on(target.root, target.isa)


def _last_guest(item: pytest.Item) -> Guest | None:
    boots = item.stash.get(_BOOTS, None)
    return boots.guests[-1] if boots and boots.guests else None


class Collector:
    """Gathers the results of all workers; shows each as it comes, and writes them all at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.results: list[Result] = []
        self.waiting: list[Result] = []
        """Milestones that are not in the report because code on the way is not written."""
        self.boots: set[tuple[int, str]] = set()
        """Lab and ISA of the kernels that have passed a milestone of their own by booting."""
        self.unwritten: list[str] = []
        """Which of the files that were asked for could not be written, and why."""
        self.show: Callable[[Result, bool], None] = lambda result, unchanged: None
        """Called with each result, and with whether its host tests were not run because the same programs had been."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes the result from the report of a test's phase on any worker."""
        for name, value in report.user_properties:
            if name == RESULT:
                fields = json.loads(str(value))
                self._take(Result.from_data(fields), fields["booted"], fields["unchanged"])

    def _take(self, result: Result, booted: bool, unchanged: bool) -> None:
        if result.waits:
            self.waiting.append(result)
            return
        if booted and result.max and result.status is Status.PASSED:
            self.boots.add((result.lab, result.isa))
        self.results.append(result)
        self.show(result, unchanged)

    def pytest_sessionfinish(self) -> None:
        """Writes the files that were asked for.

        An earlier lab's milestone waits as long as this lab's kernel cannot boot; if it can, the milestone is missing.
        """
        for result in [result for result in self.waiting if (result.lab, result.isa) in self.boots]:
            self.waiting.remove(result)
            self.results.append(result)
            self.show(result, False)
        if path := self.config.getoption("--results-json"):
            self._write(path, lambda: write_json(self.results, path, self.config.getoption("--seed"), self._submission()))
        if path := self.config.getoption("--results-junit"):
            self._write(path, lambda: write_junit(self.results, path))

    def _write(self, path: Path, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:  # the results are shown all the same
            self.unwritten.append(f"cannot write {path}: {error.strerror}")

    def _submission(self) -> dict[str, Any] | None:
        folder = self.config.getoption("--submission-folder")
        if folder is None:
            return None
        from grade.submission.laid_out import description_of  # only main has it

        return description_of(folder)

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Writes the table last if pytest itself was started."""
        if self.results and not self.config.stash.get(FRONT, False):
            terminalreporter.write(table_text(self.results))
        for line in self.unwritten:
            terminalreporter.write_line(line)
