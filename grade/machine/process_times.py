"""How a process spends its time: how much it computes, and how long it sleeps.

A guest that halts for ever uses no CPU time, so a budget of CPU time never ends
it. A guest on a busy server, too, uses no CPU time while it waits for its turn,
but must not be called idle. Linux tells the two apart: a thread that
waits for its turn is runnable (state R), one that waits for an event sleeps.
"""

import time
from pathlib import Path

# The states in which a thread sleeps of its own accord (proc(5)). R is running or runnable, D waits for a disk.
_ASLEEP = "SI"

# Seconds between two samples: each takes half a dozen reads from /proc.
_INTERVAL = 0.05
# A longer pause counts as this, because then we were held up ourselves, and the process probably too.
_LONGEST_INTERVAL = 0.1


def cpu_time(pid: int) -> float:
    """Returns the CPU time, in seconds, that all threads of a process have used since it began.

    Raises OSError if the process has gone.
    """
    # The clock of another process, as clock_getcpuclockid(3) would name it (Linux, posix-timers.h:
    # the complement of the pid, shifted by 3, with 2 for the scheduler's own precise count).
    return time.clock_gettime(~pid << 3 | 2)


class SleepMeter:
    """Estimates how long a process has slept, by sampling its threads now and then.

    `seconds` counts the samples in which all threads slept, and `undisturbed` those of them in a row between which no
    thread but the first has run at all, not even for a moment.
    """

    def __init__(self, pid: int) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._first = str(pid)
        self._waits = 0
        self.reset()

    def reset(self) -> None:
        """Starts again from zero."""
        self.seconds = self.undisturbed = 0.0
        self._last_look = time.monotonic()

    def disturb(self) -> None:
        """Starts `undisturbed` again from zero."""
        self.undisturbed = 0.0

    def sample(self) -> None:
        """Samples the threads if the last sample is long enough ago; if all sleep, the time since then counts.

        To be called often. Raises OSError if the process has gone.
        """
        now = time.monotonic()
        pause = now - self._last_look
        if pause < _INTERVAL:
            return
        self._last_look = now
        threads = list(self._tasks.iterdir())
        if not all(_state(thread) in _ASLEEP for thread in threads):
            self.undisturbed = 0.0
            return
        slept = min(pause, _LONGEST_INTERVAL)
        self.seconds += slept
        waits = sum(_waits(thread) for thread in threads if thread.name != self._first)
        self.undisturbed = self.undisturbed + slept if waits == self._waits else 0.0
        self._waits = waits


def _waits(thread: Path) -> int:
    """Returns how often a thread has begun to wait for something: once more each time that it has run and sleeps again."""
    try:
        status = (thread / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split(maxsplit=1)[0])


def _state(thread: Path) -> str:
    """Returns the letter of a thread's state. A thread that has just ended counts as asleep."""
    try:
        # The field before it is the program's name in brackets, which may hold anything.
        return (thread / "stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return "S"
