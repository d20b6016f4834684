"""Patches of main with a header: planted bugs (bugs.py) and right solutions written differently (variants.py).

A patch belongs to one lab. It is planted into that lab's solved cut, which is then graded with the tests of main.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from grade.course.cutter import cut
from grade.ladder.trees import locked
from grade.practice.milestones import run_milestones
from grade.practice.patch import Patch


def plant(tree: Path, patch: Patch, into: Path) -> Path:
    """Makes `into` the solved tree of the patch's lab with the patch in it. PatchError if the diff does not fit."""
    with locked(into.with_name(into.name + ".lock")):
        cut(tree, patch.lab, patch.lab, into, changes=changed(tree, patch))
    return into


def changed(tree: Path, patch: Patch) -> Mapping[str, bytes | None]:
    """Returns the contents, with the patch, of the files that it changes; None for one that it removes."""
    with TemporaryDirectory(prefix="pagewalk-patch-") as folder:
        copy = Path(folder) / "main"
        copy.mkdir()
        for name in patch.changed_files():
            if (tree / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(tree / name, copy / name)
        patch.apply(copy)
        return {name: (copy / name).read_bytes() if (copy / name).exists() else None for name in patch.changed_files()}


def grade_planted(tree: Path, patch: Patch, milestones: Sequence[str] = ()) -> dict[str, dict[str, dict[str, Any]]]:
    """Plants the patch below <tree>/build/planted and runs milestones with the tests of `tree`; all if none is named.

    Returns the results by ISA and milestone, as they are in the JSON file. The patches of a lab share one folder for each
    worker of pytest: what a patch does not touch is not built again.
    """
    place = tree / "build" / "planted" / f"lab-{patch.lab}-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    with locked(place.with_name(place.name + ".turn")):
        planted = plant(tree, patch, place)
        results = run_milestones(tree, planted, patch.lab, patch.isas, milestones)
    return {isa: {result["milestone"]: result for result in results if result["isa"] == isa} for isa in patch.isas}
