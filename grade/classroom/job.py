"""Grades one submission in processes of its own, and keeps the outcome: what a worker does, wherever it stands."""

import errno
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from grade.classroom.store import Standing, Store
from grade.ladder.trees import find_root
from grade.results.result import Status
from grade.visible import visible

_WARDEN = Path(__file__).with_name("warden.py")
_UNFINISHED = f".grading-{platform.node()}-"
_LAST_WORDS = 4000
"""Bytes of the grader's own output that are read if it ended without results."""
_NEEDED = 128 << 20
"""Bytes of room on a disk. One submission takes 20 to 40 MB while it is graded."""


@dataclass(frozen=True)
class Job:
    """One submission, with all that a worker needs to know: it may be a process on another machine."""

    name: str
    source: str
    labs: tuple[int, ...]
    isas: tuple[str, ...]
    key: dict[str, Any]
    """What the outcome depends on (grade/classroom/key.py)."""
    results: Path
    seconds: float
    """When it takes longer by the clock, it is given up."""
    is_sealed: bool
    is_kept: bool
    """Whether its tree stays in build/submissions."""
    attempt: int = 1


@dataclass(frozen=True)
class Done:
    """What came of a job; the outcome itself is in a file by then."""

    name: str
    standing: Standing
    why: str | None
    seconds: float
    cpu: float


def grade_one(job: Job) -> Done:
    """Grades the submission, and puts the outcome in its place when it is complete. OSError if there is no room for it.

    Nothing is done if it is there already: a cluster begins again what was lost with a worker, results included.
    """
    store = Store(job.results)
    if (before := _graded(store, job)) is not None:
        return before
    root = find_root(Path(__file__))
    written_to = (store.folder, root, Path(tempfile.gettempdir()))
    _need_room(*written_to)
    with tempfile.TemporaryDirectory(prefix=f"{_UNFINISHED}{os.getpid()}-", dir=store.folder) as folder:
        output, results, picture = (Path(folder) / name for name in ("output", "results.json", "picture.html"))
        ended = _run(_command(job, results, picture), job.seconds, output)
        document = _results(results)
        standing, why = _judge(ended, document, output)
        if standing is Standing.STOPPED:
            return Done(job.name, standing, why, ended.seconds, ended.cpu)
        _need_room(*written_to)  # a build without room fails like one with a mistake in it
        about = {
            "name": job.name, "source": job.source, "key": job.key, "standing": standing, "why": why, "attempt": job.attempt,
            "seconds": round(ended.seconds, 2), "cpu": round(ended.cpu, 2), "at": int(time.time()),
        }  # fmt: skip
        if standing is Standing.ERROR and (other := _graded(store, job)) is not None:
            return other  # by another worker, to whom a cluster gave the same job
        store.keep(job.name, {**document, "class": about}, picture)
    return Done(job.name, standing, why, ended.seconds, ended.cpu)


def _graded(store: Store, job: Job) -> Done | None:
    """Returns the outcome that is there, if it is one of this job with points."""
    outcome = store.read(job.name)
    if outcome is None or outcome.key != job.key or outcome.standing != Standing.GRADED:
        return None
    return Done(job.name, Standing.GRADED, None, outcome.seconds, outcome.cpu)


def _need_room(*folders: Path) -> None:
    """Raises OSError if one of the folders is on a disk that is nearly full."""
    for folder in folders:
        if shutil.disk_usage(folder).free < _NEEDED:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def _command(job: Job, results: Path, picture: Path) -> list[str]:
    command = [sys.executable, "-m", "grade", "grade", *map(str, job.labs), "--submission", job.source, "-j", "1"]
    command += [part for isa in job.isas for part in ("--isa", isa)]
    command += ["--json", str(results), "--picture", str(picture)]
    return [*command, *([] if job.is_kept else ["--no-keep"]), *([] if job.is_sealed else ["--unsealed"])]


@dataclass(frozen=True)
class _Ended:
    status: int
    ended_by: str | None
    seconds: float
    cpu: float


def _run(command: list[str], seconds: float, output: Path) -> _Ended:
    """Runs a command under its warden. It ends if this process does."""
    warden = [sys.executable, "-I", "-S", str(_WARDEN), str(seconds), str(output), *command]
    root = find_root(Path(__file__))
    begin = time.monotonic()
    with subprocess.Popen(
        warden, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, cwd=root
    ) as process, _stoppable(process):
        assert process.stdout is not None
        report = process.stdout.read()
        status = process.wait()
    with suppress(ValueError, TypeError):
        return _Ended(**json.loads(report))
    return _Ended(status, "request" if _is_stopping else None, time.monotonic() - begin, 0.0)


def _results(path: Path) -> dict[str, Any]:
    """Returns what `grade` has written; nothing if that is not there, or not whole."""
    with suppress(OSError, ValueError):
        document = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document, dict) and document.get("results"):
            return document
    return {"results": []}


def _judge(ended: _Ended, document: dict[str, Any], output: Path) -> tuple[Standing, str | None]:
    if ended.ended_by == "request":
        return Standing.STOPPED, None
    if ended.ended_by == "time":
        return Standing.ERROR, f"grading it took more than {ended.seconds / 60:.2g} minutes, and was given up"
    errors = [result for result in document["results"] if result["status"] == Status.ERROR]
    if errors:
        first = str(errors[0]["error"] or "").partition("\n")[0]
        return (
            Standing.ERROR,
            f"milestones that could not be judged: {len(errors)}; the first is {errors[0]['milestone']}: {first}",
        )
    if document["results"] and ended.status in (0, 1):
        return Standing.GRADED, None
    how = f"by signal {-ended.status}" if ended.status < 0 else f"with status {ended.status}"
    return Standing.ERROR, f"the grader ended {how}: {_last_words(output)}"


def _last_words(output: Path) -> str:
    """Returns the last line that the grader has printed."""
    with suppress(OSError):
        text = output.read_bytes()[-_LAST_WORDS:].decode(errors="replace")
        return visible(next((line for line in reversed(text.splitlines()) if line.strip()), "it said nothing"))
    return "it said nothing"


# --- stopping --------------------------------------------------------------------------------------------------------

_running: set[subprocess.Popen[bytes]] = set()
_lock = Lock()
_is_stopping = False


@contextmanager
def _stoppable(process: subprocess.Popen[bytes]) -> Iterator[None]:
    with _lock:
        _running.add(process)
        if _is_stopping:
            _close(process)
    try:
        yield
    finally:
        with _lock:
            _running.discard(process)


def stop_all() -> None:
    """Gives up what this process is grading, and all that it would begin: each job ends soon, as stopped."""
    global _is_stopping
    with _lock:
        _is_stopping = True
        for process in _running:
            _close(process)


def _close(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()


def remove_unfinished(results: Path) -> None:
    """Removes what jobs of this machine that were killed have left beside the results."""
    for path in results.glob(f"{_UNFINISHED}*"):
        pid = path.name.removeprefix(_UNFINISHED).partition("-")[0]
        if not Path("/proc", pid).exists():
            shutil.rmtree(path)
    for path in results.glob(".*.json.*"):  # write_whole() was killed
        path.unlink()
