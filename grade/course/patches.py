"""Patches of main that come with a header: planted bugs (bugs.py) and right solutions written otherwise (variants.py).

A patch belongs to one lab. It is planted into that lab's solved cut, which is then graded with the tests of main.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from grade.course.cutter import cut
from grade.ladder.trees import locked
from grade.practice.milestones import run_milestones
from grade.practice.patch import Patch

_NOT_PLANTED = shutil.ignore_patterns(
    "build", "grade", "bugs", "variants", "__pycache__", ".git", ".?*_cache", ".hypothesis"
)


def plant(tree: Path, patch: Patch, into: Path) -> Path:
    """Makes `into` the solved tree of the patch's lab with the patch in it. PatchError if the diff does not fit."""
    with locked(into.with_name(into.name + ".lock")), TemporaryDirectory(prefix="pagewalk-patch-") as folder:
        copy = Path(folder) / "main"
        shutil.copytree(tree, copy, ignore=_NOT_PLANTED)
        patch.apply(copy)
        cut(copy, patch.lab, patch.lab, into)
    return into


def grade_planted(tree: Path, patch: Patch, isa: str, milestones: Sequence[str] = ()) -> dict[str, dict]:
    """Plants the patch below <tree>/build/planted and runs milestones with the tests of `tree`; all if none is named.

    Returns the results by milestone, as they are in the JSON file. The patches of a lab take turns in one folder for
    each worker of pytest: what a patch does not touch is not built again.
    """
    place = tree / "build" / "planted" / f"lab-{patch.lab}-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    with locked(place.with_name(place.name + ".turn")):
        planted = plant(tree, patch, place)
        results = run_milestones(tree, planted, patch.lab, isa, milestones)
    return {result["milestone"]: result for result in results}
