"""Remembers how a milestone failed, so that `./pagewalk gdb 2.4 --isa aarch64` can go back to that point."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from grade.boot.guest import Guest, Recipe
from grade.ladder.trees import find_root
from grade.run_plan import Target


@dataclass(frozen=True)
class FailedRun:
    """A guest and where it stopped; `stop_at` is a code address, None if none was reached."""

    recipe: Recipe
    stop_at: int | None
    tree: Path
    is_current: bool
    """Whether the kernel's file is still the one that failed."""


def _folder() -> Path:
    return find_root(Path(__file__)) / "build" / "failed"


def _path(lab: int, milestone: str, isa: str) -> Path:
    return _folder() / f"lab{lab}-{milestone}-{isa}.json"


def gdb_command(target: Target, milestone: str) -> str:
    """What a student types to look at the failure."""
    on = "" if milestone.startswith(f"{target.lab}.") else f" --lab {target.lab}"
    return f"./pagewalk gdb {milestone} --isa {target.isa}{on}"


def save(target: Target, milestone: str, guest: Guest) -> None:
    """Keeps the recipe and the serial transcript of a failed guest."""
    stop = guest.last_stop
    path = _path(target.lab, milestone, target.isa)
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "recipe": guest.recipe.as_dict(),
        "stop_at": stop.pc if stop is not None else None,
        "tree": str(guest.tree),
        "digest": _digest(Path(guest.recipe.elf)),
    }
    path.with_suffix(".serial").write_text(guest.machine.serial(), encoding="utf-8")
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def forget(target: Target, milestone: str) -> None:
    """There is no failed guest to go back to: the milestone failed before anything was booted."""
    _path(target.lab, milestone, target.isa).unlink(missing_ok=True)


def load(lab: int, milestone: str, isa: str) -> FailedRun | None:
    """What save() kept, or None."""
    path = _path(lab, milestone, isa)
    return _read(path) if path.exists() else None


def latest() -> FailedRun | None:
    """What save() kept last, of all milestones, or None."""
    paths = sorted(_folder().glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    return _read(paths[-1]) if paths else None


def _read(path: Path) -> FailedRun:
    document = json.loads(path.read_text(encoding="utf-8"))
    recipe = Recipe(**document["recipe"])
    is_current = document["digest"] == _digest(Path(recipe.elf))
    return FailedRun(recipe, document["stop_at"], Path(document["tree"]), is_current)


def _digest(elf: Path) -> str:
    """What tells one build of a kernel from another; empty if it is gone."""
    return hashlib.sha256(elf.read_bytes()).hexdigest() if elf.exists() else ""
