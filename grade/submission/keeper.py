"""Runs a command in bubblewrap, and keeps all of its processes together within limits:

    keeper.py LIMITS bwrap OPTION...

LIMITS is a JSON object: how many seconds of CPU time, seconds, bytes of memory and processes all of them may use, which
descriptors they inherit, the names of the variables that they are given, and a file with a filter of system calls.

Exit status: that of the command, 128 and the signal's number for one that a signal has killed, 125 if a limit was reached;
what ended it is on stderr. Needs nothing but Python's library, so that it starts fast.
"""

import json
import os
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import NamedTuple

LIMIT_REACHED = 125
_INTERVAL = 0.05
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """What processes use, or may use."""

    cpu: float
    """Seconds."""
    memory: int
    """Bytes."""
    processes: int


def usage_below(pid: int, most: float) -> Usage:
    """Returns what a process and its descendants use; of those that have ended only the CPU time.

    Stops at more than `most` processes: they may multiply faster than they are counted.
    """
    cpu, memory, processes = 0.0, 0, 0
    waiting = [pid]
    while waiting and processes <= most:
        pid = waiting.pop()
        try:
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rpartition(") ")[2].split()  # proc(5): the first one here is the state, field 3
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/children") as children:
                    waiting += map(int, children.read().split())
        except (OSError, ValueError):  # it has just ended
            continue
        cpu += sum(map(int, fields[11:15])) / _TICK
        memory += int(fields[21]) * _PAGE
        processes += 1
    return Usage(cpu, memory, processes)


def excess(used: Usage, seconds: float, limits: dict[str, float]) -> str | None:
    """Returns which limit is exceeded, as people say it; None if none is."""
    if used.memory > limits["memory"]:
        return f"{_rounded(limits['memory'])} of memory"
    if used.cpu > limits["cpu"]:
        return f"{limits['cpu']:g} seconds of CPU time"
    if used.processes > limits["processes"]:
        return f"{limits['processes']:g} processes"
    if seconds > limits["seconds"]:
        return f"{limits['seconds']:g} seconds"
    return None


def _rounded(size: float) -> str:
    return f"{size / (1 << 30):g} GiB" if size >= 1 << 30 else f"{size / (1 << 20):g} MiB"


def main() -> int:
    """Runs the command that the command line names."""
    limits, command = json.loads(sys.argv[1]), sys.argv[2:]
    begun = time.monotonic()
    environment = {name: os.environ[name] for name in limits["variables"] if name in os.environ}
    inherited = limits["inherited"]
    if limits["filter"]:
        inherited.append(os.open(limits["filter"], os.O_RDONLY))
        command[1:1] = ["--seccomp", str(inherited[-1])]
    sandbox = subprocess.Popen(command, pass_fds=inherited, env=environment)
    for descriptor in inherited:  # whoever waits at the other end is to see the end of the command
        os.close(descriptor)

    def end(number: int, _: FrameType | None) -> None:
        sandbox.kill()
        sys.exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    while True:
        try:
            status = sandbox.wait(_INTERVAL)
            return status if status >= 0 else 128 - status
        except subprocess.TimeoutExpired:
            pass
        if (limit := excess(usage_below(sandbox.pid, limits["processes"]), time.monotonic() - begun, limits)) is not None:
            sandbox.kill()  # and with it all that is in it: bwrap --die-with-parent
            sandbox.wait()
            print(f"ended, because it uses more than {limit}", file=sys.stderr)
            return LIMIT_REACHED


if __name__ == "__main__":
    sys.exit(main())
