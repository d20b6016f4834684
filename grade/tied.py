"""Ties processes to the one that starts them: the kernel ends them when that one ends, even by kill -9.

It goes by threads (prctl(2), PR_SET_PDEATHSIG): a thread that starts a process must live as long as the process is needed.
"""

import ctypes
import os
import signal
from contextlib import suppress

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
# If the thread has ended even before the request, the shell sees another parent.
_IF_PARENT_LIVES = '[ "$PPID" = "$0" ] && exec "$@"'
# Who is to tidy up must not end before that, because it prints to a pipe of ours: ninja would leave its tools behind.
_WITHOUT_SIGPIPE = "trap '' PIPE; "


def while_we_live(command: list[str], how: str = "KILL") -> list[str]:
    """Returns the command, made so that it gets the signal `how` when the thread that starts it ends."""
    script = _IF_PARENT_LIVES if how == "KILL" else _WITHOUT_SIGPIPE + _IF_PARENT_LIVES
    return ["setpriv", "--pdeathsig", how, "sh", "-c", script, str(os.getpid()), *command]


def end_with(parent: int) -> None:
    """Has the kernel kill this process, a copy of the process `parent`, when the thread ends in which it was made."""
    _request(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def adopt() -> None:
    """Makes processes that lose their parent, below this one, its children: their CPU time counts when they are waited for."""
    _request(_PR_SET_CHILD_SUBREAPER, 1)


def wait_for_adopted() -> None:
    """Waits until this process has no children left."""
    with suppress(ChildProcessError):
        while True:
            os.wait()


def _request(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")
