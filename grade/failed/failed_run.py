"""Remembers how a milestone failed, so that a student can go back to that point and examine the machine as it was.

build/failed/ has a folder for each milestone that has failed with a machine running: how to boot the same guest again, what
the milestone said, and the machine's RAM and registers at the end (grade/guest/snapshot.py). For tests that run
concurrently, PAGEWALK_FAILED names another folder.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from grade.failed.way import Way
from grade.guest.guest import Guest, Recipe
from grade.guest.snapshot import SavedGuest, load_snapshot, save_snapshot
from grade.isa import ISAS
from grade.ladder.trees import find_root
from grade.machine.machine import MachineError
from grade.machine.stop import StopKind
from grade.results.failure import Failure
from grade.run_plan import Target

ELSEWHERE = "PAGEWALK_FAILED"
_FAILURE = "failure.json"
_BUILT_FROM = ("kernel", "arch", "user")
_SOURCES = (".cc", ".h", ".S", ".ld")


@dataclass(frozen=True)
class FailedRun:
    """A milestone that failed, the guest it failed on, and the way to where that guest stopped."""

    lab: int
    milestone: str
    isa: str
    recipe: Recipe
    way: Way
    stop_kind: StopKind | None
    stop_at: int | None
    """How the guest stopped last, and the code address; None if it never did."""
    failure: Failure
    tree: Path
    folder: Path
    is_current: bool
    """Whether the kernel's file is still the one that failed."""

    def guest(self) -> SavedGuest | None:
        """Returns the guest as it was; None if it could not be kept because QEMU had gone."""
        return load_snapshot(self.folder)


def _folder() -> Path:
    return Path(os.environ.get(ELSEWHERE) or find_root(Path(__file__)) / "build" / "failed")


def _run_folder(lab: int, milestone: str, isa: str, kept_in: Path | None) -> Path:
    return (kept_in or _folder()) / f"lab{lab}-{milestone}-{isa}"


def command_for(verb: str, target: Target | FailedRun, milestone: str) -> str:
    """Returns what a student types to examine the failure: `verb` is gdb, explain or view."""
    on = "" if milestone.startswith(f"{target.lab}.") else f" --lab {target.lab}"
    return f"./pagewalk {verb} {milestone} --isa {target.isa}{on}"


def save(target: Target, milestone: str, guest: Guest, failure: Failure, kept_in: Path | None = None) -> Path:
    """Keeps a failed guest, in another folder than build/failed if one is named; returns where.

    Raises OSError; then what was kept before is lost as well.
    """
    stop = guest.last_stop
    folder = _run_folder(target.lab, milestone, target.isa, kept_in)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        save_snapshot(guest, folder)
    except MachineError:
        (folder / "serial").write_text(guest.machine.serial(), encoding="utf-8")
    document = {
        "lab": target.lab,
        "milestone": milestone,
        "isa": target.isa,
        "recipe": guest.recipe.as_dict(),
        "way": Way.of(guest.machine).as_dict(),
        "stop_kind": stop.kind.value if stop is not None else None,
        "stop_at": stop.pc if stop is not None else None,
        "failure": failure.as_data(),
        "tree": str(guest.tree),
        "digest": _digest(guest.image.elf),
    }
    (folder / _FAILURE).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return folder


def forget(target: Target, milestone: str, kept_in: Path | None = None) -> None:
    """Deletes what was kept: the milestone failed before anything was booted, so there is no guest to go back to."""
    shutil.rmtree(_run_folder(target.lab, milestone, target.isa, kept_in), ignore_errors=True)


def load(lab: int, milestone: str, isa: str, kept_in: Path | None = None) -> FailedRun | None:
    """Returns what save() kept, or None."""
    return next(_all_in([_run_folder(lab, milestone, isa, kept_in) / _FAILURE]), None)


def latest() -> FailedRun | None:
    """Returns what save() kept last, of all milestones, or None."""
    paths = sorted(_folder().glob(f"*/{_FAILURE}"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return next(_all_in(paths), None)


def most_basic(failed: FailedRun) -> FailedRun:
    """Returns the first in the labs' order of the milestones that this same kernel has failed."""
    runs = _all_in(_folder().glob(f"lab{failed.lab}-*-{failed.isa}/{_FAILURE}"))
    alike = (run for run in runs if run.is_current and run.recipe.elf == failed.recipe.elf)
    return min([failed, *alike], key=lambda run: [int(part) for part in run.milestone.split(".")])


def changed_since_built(failed: FailedRun) -> list[str]:
    """Returns the kernel's source files that were changed after it was built, as paths in its tree."""
    others = {isa for isa in ISAS if isa != failed.isa} | {"tests"}
    built = Path(failed.recipe.elf).stat().st_mtime_ns
    files = (path for top in _BUILT_FROM for path in (failed.tree / top).rglob("*") if path.suffix in _SOURCES)
    relative = (path.relative_to(failed.tree) for path in files if path.stat().st_mtime_ns > built)
    return sorted(str(path) for path in relative if not others & {*path.parts})


def _all_in(paths: Iterable[Path]) -> Iterator[FailedRun]:
    """Yields those that can be read: another Pagewalk may have kept them, and a concurrent grading may renew them."""
    for path in paths:
        with suppress(OSError, LookupError, ValueError, TypeError):
            yield _read(path)


def _read(path: Path) -> FailedRun:
    document = json.loads(path.read_text(encoding="utf-8"))
    recipe = Recipe(**document["recipe"])
    kind = document["stop_kind"]
    return FailedRun(
        lab=document["lab"],
        milestone=document["milestone"],
        isa=document["isa"],
        recipe=recipe,
        way=Way.from_dict(document["way"]),
        stop_kind=StopKind(kind) if kind is not None else None,
        stop_at=document["stop_at"],
        failure=Failure.from_data(document["failure"]),
        tree=Path(document["tree"]),
        folder=path.parent,
        is_current=document["digest"] == _digest(Path(recipe.elf)),
    )


def _digest(elf: Path) -> str:
    """Returns what tells one build of a kernel from another; empty if the kernel no longer exists."""
    return hashlib.sha256(elf.read_bytes()).hexdigest() if elf.exists() else ""
