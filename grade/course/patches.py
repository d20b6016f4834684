"""Patches of main with a header: planted bugs (bugs.py) and right solutions written differently (variants.py).

A patch belongs to one lab. It is planted into that lab's solved cut, which is then graded with the tests of main.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grade.cutting.planted import plant
from grade.ladder.trees import locked
from grade.patches.patch import Patch
from grade.practice.milestones import run_milestones


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
