"""Ends builds early: the one whose own thread was interrupted, or, from one thread, those of all others."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import AnyStr

_SECONDS_TO_STOP = 10.0


class Stopper:
    """The tools that run, each the first of a process group of its own."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: set[int] = set()
        self._has_stopped = False
        self.has_killed = False
        """Whether kill() was called: the output of the tools no longer matters."""

    @contextmanager
    def watching(self, process: subprocess.Popen[AnyStr]) -> Iterator[None]:
        """Lets stop() interrupt the process within this context, and ends it if an exception leaves the context."""
        with self._lock:
            self._running.add(process.pid)
            if self._has_stopped:
                _signal(process.pid, signal.SIGKILL if self.has_killed else signal.SIGINT)
        try:
            yield
        except BaseException:
            _end(process)
            raise
        finally:
            with self._lock:
                self._running.remove(process.pid)

    def stop(self) -> None:
        """Interrupts all tools that run, and all that are still to begin: in their threads they fail."""
        self._end_all(signal.SIGINT)

    def kill(self) -> None:
        """Kills the tools that ignore an interruption: ninja waits for its tools, and one may have missed it."""
        self.has_killed = True
        self._end_all(signal.SIGKILL)

    def _end_all(self, how: signal.Signals) -> None:
        with self._lock:
            self._has_stopped = True
            for group in self._running:
                _signal(group, how)


def _signal(group: int, which: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, which)


def _end(process: subprocess.Popen[AnyStr]) -> None:
    """Interrupts ninja, which then removes half-written files and ends; kills it if it does not."""
    _signal(process.pid, signal.SIGINT)
    try:
        process.wait(_SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
