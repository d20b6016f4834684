"""Ends a run before its time: at Ctrl-C, when its minutes are over, or when it gets a SIGTERM."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from grade.ladder.labs import LadderError

_came: KeyboardInterrupt | None = None


class Stopped(KeyboardInterrupt):
    """Raised in the main thread: the run is to end, and the message says why. What heeds Ctrl-C heeds it."""


def came() -> KeyboardInterrupt | None:
    """Returns what was raised last to end this run; None if nothing was.

    Python and pytest lose such an exception in some places: in a finalizer, or in an import that pytest reports as failed.
    """
    return _came


@contextmanager
def ending(minutes: float | None = None) -> Iterator[None]:
    """Raises Stopped within the context once the minutes are over, or at SIGTERM; only once, so that nothing ends clean-up.

    A Stopped that leaves the context becomes a LadderError. Only the main thread gets signals; in others nothing happens.
    """
    global _came
    _came = None
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    words = {signal.SIGALRM: f"the {minutes or 0:g} minutes of --within are over", signal.SIGTERM: "it was ended by SIGTERM"}

    def end(number: int, _: FrameType | None) -> NoReturn:
        global _came
        if number in words:
            for each in words:
                signal.signal(each, signal.SIG_IGN)
            _came = Stopped(words[signal.Signals(number)])
        else:
            _came = KeyboardInterrupt()
        raise _came

    handled = [*words]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # otherwise Ctrl-C is not for us
        handled.append(signal.SIGINT)
    before = {number: signal.signal(number, end) for number in handled}
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
