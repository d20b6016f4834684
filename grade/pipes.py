"""The pipes to a child process, which may be missing according to subprocess: here a missing one is an error."""

import subprocess
from typing import IO, AnyStr


def input_of(child: subprocess.Popen[AnyStr]) -> IO[AnyStr]:
    """Returns the stream to the child's input. ValueError if it was started without a pipe for it."""
    if child.stdin is None:
        raise ValueError("the child was started without a pipe for its input")
    return child.stdin


def output_of(child: subprocess.Popen[AnyStr]) -> IO[AnyStr]:
    """Returns the stream of the child's output. ValueError if it was started without a pipe for it."""
    if child.stdout is None:
        raise ValueError("the child was started without a pipe for its output")
    return child.stdout
