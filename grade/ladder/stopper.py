"""Ends builds before their time: the one whose own thread was interrupted, or from one thread those of all others."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

_SECONDS_TO_STOP = 10.0


class Stopper:
    """Knows the tools that run, each the first of a process group of its own."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: set[int] = set()
        self._has_stopped = False

    @contextmanager
    def watching(self, process: subprocess.Popen) -> Iterator[None]:
        """Within this context stop() interrupts the process; it is ended, too, if an exception leaves the context."""
        with self._lock:
            self._running.add(process.pid)
            if self._has_stopped:
                _interrupt(process.pid)
        try:
            yield
        except BaseException:
            _end(process)
            raise
        finally:
            with self._lock:
                self._running.remove(process.pid)

    def stop(self) -> None:
        """Interrupts all that run, and all that are still to begin: to their threads they fail."""
        with self._lock:
            self._has_stopped = True
            for group in self._running:
                _interrupt(group)


def _interrupt(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGINT)


def _end(process: subprocess.Popen) -> None:
    """Interrupts ninja, which then removes half-written files and ends; kills it if it does not."""
    _interrupt(process.pid)
    try:
        process.wait(_SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
