"""Judges milestones in copies of this process, which have all that it has from the start: imported, collected, built, read.

A worker takes one test at a time, and sends back what pytest reports about it. One that ends unexpectedly costs the test
that it had, and another takes its place.
"""

import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from typing import NoReturn

import pytest

from grade.tied import end_with

_SECONDS_TO_STOP = 5.0
_TICK = 0.5
_INTERRUPT = {signal.SIGINT, signal.SIGTERM}

Tell = Callable[[Sequence[pytest.Item]], None]
Lost = Callable[[pytest.Item, str], pytest.TestReport]


@dataclass
class _Worker:
    """A copy of this process, and the test that it has."""

    pid: int
    connection: Connection
    item: pytest.Item


def run_in_copies(items: Sequence[pytest.Item], count: int, tell: Tell, lost: Lost) -> None:
    """Runs the tests in up to `count` copies, begun in their order; pytest sees each as if it had run here.

    Calls `tell` now and then with the tests that are running. `lost` makes the report of a test whose worker has ended,
    from the words that say how. An exception, such as Ctrl-C's, ends all workers.
    """
    waiting = deque(items)
    places = {item: place for place, item in enumerate(items)}
    workers: list[_Worker] = []
    try:
        while waiting or workers:
            while waiting and len(workers) < count:
                workers.append(_start(items, workers))
                _give(workers[-1], waiting.popleft(), places)
            tell([worker.item for worker in workers])
            ready = wait([worker.connection for worker in workers], _TICK)
            for worker in [worker for worker in workers if worker.connection in ready]:
                if _take(worker, lost) and waiting:
                    _give(worker, waiting.popleft(), places)
                else:
                    workers.remove(worker)
                    _end(worker)
    except BaseException:
        _stop(workers)
        raise


def _give(worker: _Worker, item: pytest.Item, places: dict[pytest.Item, int]) -> None:
    worker.item = item
    with suppress(ConnectionError):  # if it has ended, that shows when it should answer
        worker.connection.send(places[item])


def _take(worker: _Worker, lost: Lost) -> bool:
    """Passes on what a worker reports of its test. Returns whether it still lives; if not, its process id is gone."""
    config = worker.item.config
    try:
        reports = [config.hook.pytest_report_from_serializable(config=config, data=data) for data in worker.connection.recv()]
    except (EOFError, OSError):  # OSError: it has ended in the middle of a report
        _, status = os.waitpid(worker.pid, 0)
        worker.pid = 0
        code = os.waitstatus_to_exitcode(status)
        reports = [lost(worker.item, f"by signal {-code}" if code < 0 else f"with status {code}")]
    for report in reports:
        config.hook.pytest_runtest_logreport(report=report)
    return worker.pid != 0


# --- in the copy -----------------------------------------------------------------------------------------------------


def _start(items: Sequence[pytest.Item], others: Sequence[_Worker]) -> _Worker:
    ours, theirs = Pipe()
    # Whatever interrupts a copy must not lead it to where this process would go then.
    signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)
    us = os.getpid()
    if pid := os.fork():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)
        theirs.close()
        return _Worker(pid, ours, items[0])
    for connection in [ours, *(other.connection for other in others)]:
        connection.close()  # otherwise nobody would notice that one of us has ended
    end_with(us)
    _be_a_copy(items, theirs)


def _be_a_copy(items: Sequence[pytest.Item], connection: Connection) -> NoReturn:
    """Serves, then ends this process: the end of pytest is not for a copy to do."""
    status = 1
    try:
        for number in _INTERRUPT:
            signal.signal(number, _interrupted)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1):  # the terminal is the first process's
            os.dup2(nothing, descriptor)
        _serve(items, connection)
        status = 0
    except (EOFError, ConnectionError, KeyboardInterrupt):
        status = 0  # the first process has ended, or is about to
    except BaseException:  # an error of ours: nobody else would see it
        traceback.print_exc()
    finally:
        os._exit(status)


def _interrupted(*_: object) -> NoReturn:
    """Raises KeyboardInterrupt once: Ctrl-C may reach a copy twice, from the terminal and from the first process."""
    for number in _INTERRUPT:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _serve(items: Sequence[pytest.Item], connection: Connection) -> None:
    """Runs one test after the other, by its place, until there is none."""
    config = items[0].config
    reporter = _Reporter(config)
    for name in ("pagewalk-collector", "terminalreporter"):  # they get reports in the process that has all of them
        config.pluginmanager.unregister(name=name)
    config.pluginmanager.register(reporter)
    while (place := connection.recv()) is not None:
        # The next test, if there is one, may have another target: nothing is kept for it.
        config.hook.pytest_runtest_protocol(item=items[place], nextitem=None)
        connection.send(reporter.taken())


class _Reporter:
    """Gathers what pytest reports."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._reports: list[object] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the report of a test's phase."""
        self._reports.append(self._config.hook.pytest_report_to_serializable(config=self._config, report=report))

    def taken(self) -> list[object]:
        """Returns what was gathered since the last time."""
        reports, self._reports = self._reports, []
        return reports


# --- its end ---------------------------------------------------------------------------------------------------------


def _end(worker: _Worker) -> None:
    """Ends a worker that has nothing more to do."""
    if worker.pid:
        with suppress(ConnectionError):
            worker.connection.send(None)
        os.waitpid(worker.pid, 0)
    worker.connection.close()


def _stop(workers: Sequence[_Worker]) -> None:
    """Interrupts the workers, so that each ends what it has started; kills those that do not end soon."""
    left = {worker.connection: worker.pid for worker in workers if worker.pid}
    for pid in left.values():
        os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + _SECONDS_TO_STOP
    while left and (seconds := deadline - time.monotonic()) > 0:
        ready = wait(list(left), seconds)
        for connection in [connection for connection in left if connection in ready]:
            with suppress(EOFError, OSError):
                connection.recv()
                continue
            os.waitpid(left.pop(connection), 0)
    for pid in left.values():
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
