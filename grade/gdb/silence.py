"""Silences GDB, which prints stops and warnings that Python cannot capture, and that nobody wants on the way to somewhere."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import gdb

_OUTPUT, _ERRORS = 1, 2


@contextmanager
def silence() -> Iterator[None]:
    """Discards GDB's output within this context."""
    kept = [os.dup(descriptor) for descriptor in (_OUTPUT, _ERRORS)]
    _flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for descriptor in (_OUTPUT, _ERRORS):
            os.dup2(nowhere, descriptor)
        yield
        _flush()
    finally:
        for descriptor, before in zip((_OUTPUT, _ERRORS), kept):
            os.dup2(before, descriptor)
            os.close(before)
        os.close(nowhere)


def _flush() -> None:
    for stream in (gdb.STDOUT, gdb.STDERR):
        gdb.flush(stream)
