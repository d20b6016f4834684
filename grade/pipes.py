"""The pipes to a child process: of each, subprocess says that it may be missing; here it is there, or that is an error."""

import subprocess
from typing import IO, AnyStr


def input_of(child: subprocess.Popen[AnyStr]) -> IO[AnyStr]:
    """Returns what the child's input is written to. ValueError if it was started without a pipe for it."""
    if child.stdin is None:
        raise ValueError("the child was started without a pipe for its input")
    return child.stdin


def output_of(child: subprocess.Popen[AnyStr]) -> IO[AnyStr]:
    """Returns what the child's output is read from. ValueError if it was started without a pipe for it."""
    if child.stdout is None:
        raise ValueError("the child was started without a pipe for its output")
    return child.stdout
