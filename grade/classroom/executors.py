"""Where submissions are graded: on this machine, or wherever an executor of the standard library's kind brings them.

An executor takes grade_one() and a Job. Everything else about a class is the same for all of them.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from grade.classroom.job import stop_all
from grade.ladder.labs import LadderError


@contextmanager
def local(jobs: int | None) -> Iterator[Executor]:
    """Yields an executor that grades on this machine, by default one submission for each core.

    Each thread only waits for a process of its own, which may die.
    """
    executor = ThreadPoolExecutor(jobs or os.cpu_count() or 1)
    try:
        yield executor
    except BaseException:
        stop_all()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def dask(address: str | None, scheduler_file: str | None) -> Iterator[Executor]:
    """Yields an executor of the Dask cluster whose scheduler is there. LadderError if it cannot be reached.

    Dask gives the work of a worker that has vanished to another one.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise LadderError("--dask needs Dask on this machine and on the workers: apt install python3-distributed") from error
    try:
        client = Client(address=address, scheduler_file=scheduler_file, timeout=20)
    except (OSError, ValueError) as error:
        where = address or scheduler_file
        raise LadderError(f"there is no Dask scheduler at {where}: {error or 'no answer'}. docs/class.md, Dask") from error
    with client:
        if not client.scheduler_info()["workers"]:
            raise LadderError(f"the Dask scheduler at {address or scheduler_file} has no workers. docs/class.md, Dask")
        executor = client.get_executor(pure=False)
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)
