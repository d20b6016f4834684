"""Runs one command, so that nothing of it is left when it ends or is no longer wanted:

    warden.py SECONDS OUTPUT COMMAND...

Ends it if it takes more than SECONDS, and as soon as this program's standard input is closed: so it is also when whoever
started it is killed. Everything that the command has started ends with it, whatever its process group, and its folder of
temporary files is removed. Prints {"status", "ended_by", "seconds", "cpu"} as JSON: the exit status (that of a signal is
negative), null or "time" or "request", seconds by the clock, and CPU seconds of all that it has started. What the command
prints goes to the file OUTPUT.

Needs nothing but Python's library, so that it starts fast.
"""

import ctypes
import fcntl
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress

PREFIX = "pagewalk-class-"
"""How the folders of temporary files begin. Each is locked by its warden."""
_SECONDS_TO_STOP = 10.0
_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Runs the command that the command line names."""
    seconds, output, *command = sys.argv[1:]
    # What loses its parent becomes ours, wherever it stands (prctl(2)).
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # closing our input is the way to end this
    begin = time.monotonic()
    temporary = _temporary_folder()
    try:
        status, ended_by = _run(command, output, temporary, float(seconds))
    finally:
        _kill_the_rest()
        shutil.rmtree(temporary, ignore_errors=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = {"seconds": time.monotonic() - begin, "cpu": used.ru_utime + used.ru_stime}
    with suppress(BrokenPipeError):  # who has started this was killed
        os.write(1, json.dumps({"status": status, "ended_by": ended_by, **spent}).encode())


def _temporary_folder() -> str:
    """Makes a folder that is locked for as long as this process lives."""
    while True:
        folder = tempfile.mkdtemp(prefix=PREFIX)
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)
        if os.path.isdir(folder):  # otherwise remove_leftovers() of another run came between
            return folder


def _run(command: list[str], output: str, temporary: str, seconds: float) -> tuple[int, str | None]:
    def restore() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    with open(output, "wb") as file:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, preexec_fn=restore,
            env={**os.environ, "TMPDIR": temporary},
        )  # fmt: skip
    ended = os.pidfd_open(child.pid)
    ready, _, _ = select.select([ended, sys.stdin], [], [], seconds)
    if ended in ready:
        return child.wait(), None
    child.send_signal(signal.SIGINT)  # it ends what it has started, and tidies up
    select.select([ended], [], [], _SECONDS_TO_STOP)
    child.kill()
    return child.wait(), "request" if ready else "time"


def _kill_the_rest() -> None:
    """Kills our children, and then theirs, who become ours, until there are none."""
    while True:
        with open(f"/proc/self/task/{os.getpid()}/children") as children:
            for pid in children.read().split():
                os.kill(int(pid), signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def remove_leftovers() -> None:
    """Removes the temporary files of wardens that were killed themselves."""
    folder = tempfile.gettempdir()
    for path in (os.path.join(folder, name) for name in os.listdir(folder) if name.startswith(PREFIX)):
        with suppress(OSError):  # BlockingIOError: its warden lives
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(lock)


if __name__ == "__main__":
    main()
