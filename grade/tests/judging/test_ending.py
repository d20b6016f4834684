"""A run ends before its time: once, wherever it is, and without a trace in runs that are in time."""

import signal
import threading
import time

import pytest

from grade.ending import Stopped, ending
from grade.ladder.labs import LadderError


def test_the_time_is_over() -> None:
    with pytest.raises(LadderError, match="ended before its time: the 0.001 minutes of --within are over"), ending(0.001):
        time.sleep(10)
    time.sleep(0.1)  # nothing comes after


def test_sigterm_ends_a_run_once() -> None:
    before, cleaned_up = signal.getsignal(signal.SIGTERM), False
    with pytest.raises(LadderError, match="it was ended by SIGTERM"), ending():
        try:
            signal.raise_signal(signal.SIGTERM)
        except Stopped:
            signal.raise_signal(signal.SIGTERM)
            cleaned_up = True
            raise
    assert cleaned_up and signal.getsignal(signal.SIGTERM) == before


def test_a_run_that_is_in_time_leaves_nothing() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with ending(5):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 290
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0 and signal.getsignal(signal.SIGALRM) == before


def test_another_thread_gets_no_signals() -> None:
    ran = []

    def run() -> None:
        with ending(5):
            ran.append(signal.getitimer(signal.ITIMER_REAL)[0])

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ran == [0]
