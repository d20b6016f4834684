"""Grades in copies of one process, which has already imported what takes longer to import than many milestones to judge.

    python3 -m grade.practice.judge

Each request is one line of input, as JSON: pytest's options, the folder to run in, the environment, and the file for
what it prints. One line is printed for each that is done. The process ends at the end of its input.
"""

import gc
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

import elftools.elf.elffile  # noqa: F401
import pytest
import xdist.looponfail  # noqa: F401
import xdist.plugin  # noqa: F401

from grade import building, kept_failure, plugin  # noqa: F401
from grade.checks import discipline, free_frames, host_tests, ledger, map_checks, memory_state, window_checks  # noqa: F401
from grade.results import files, report  # noqa: F401


def serve() -> None:
    """Answers requests until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the copy, and for the caller
    gc.freeze()  # no copy looks through, and so copies, the memory that it has from here
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _grade(**json.loads(line))
        os.waitpid(pid, 0)
        print(flush=True)


def _grade(options: Sequence[str], folder: str, environment: Mapping[str, str], output: str) -> NoReturn:
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        nothing = os.open(os.devnull, os.O_RDONLY)
        said = os.open(output, os.O_WRONLY | os.O_CREAT, 0o600)
        for descriptor, source in ((0, nothing), (1, said), (2, said)):
            os.dup2(source, descriptor)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        status = int(pytest.main([*options]))
    finally:
        os._exit(status)


if __name__ == "__main__":
    serve()
