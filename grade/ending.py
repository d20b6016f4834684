"""Ends a run before its time, as Ctrl-C does: when its minutes are over, or when it gets a SIGTERM."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from grade.ladder.labs import LadderError

_ASKED = (signal.SIGTERM, signal.SIGALRM)


class Stopped(KeyboardInterrupt):
    """Raised in the main thread: the run is to end, and the message says why. What heeds Ctrl-C heeds it."""


@contextmanager
def ending(minutes: float | None = None) -> Iterator[None]:
    """Raises Stopped within the context once the minutes are over, or at SIGTERM; only once, so that nothing ends clean-up.

    A Stopped that leaves the context becomes a LadderError. Only the main thread gets signals; in others nothing happens.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: FrameType | None) -> NoReturn:
        for each in _ASKED:
            signal.signal(each, signal.SIG_IGN)
        is_late = number == signal.SIGALRM
        raise Stopped(f"the {minutes:g} minutes of --within are over" if is_late else "it was ended by SIGTERM")

    before = {number: signal.signal(number, stop) for number in _ASKED}
    try:
        if minutes is not None:
            signal.setitimer(signal.ITIMER_REAL, minutes * 60)
        yield
    except Stopped as stopped:
        raise LadderError(f"ended before its time: {stopped}") from stopped
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
