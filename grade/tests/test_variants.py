"""The grader is no stickler: each right solution, however it is written, passes all milestones that it is to pass."""

from pathlib import Path

import pytest

from grade.ladder.labs import ISAS
from grade.ladder.trees import find_root
from grade.ladder.variants import Variant, grade, load_variants

ROOT = find_root(Path(__file__))
VARIANTS = load_variants(ROOT)
RUNS = [pytest.param(variant, isa, id=f"{variant.name}-{isa}") for variant in VARIANTS for isa in variant.isas]


@pytest.mark.parametrize(("variant", "isa"), RUNS)
def test_variant_passes(variant: Variant, isa: str) -> None:
    marks = grade(ROOT, variant, isa)
    assert marks.ran == marks.asked
    assert marks.failed == set(variant.loses), f"{', '.join(sorted(marks.failed)) or 'nothing'} failed\n\n{marks.messages}"
