"""The grader is no stickler: each right solution, however it is written, passes all milestones that it is to pass."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from grade.graded import Kind, Outcome
from grade.ladder.labs import ISAS
from grade.ladder.trees import Tree, find_root
from grade.ladder.variants import Variant, grade, load_variants
from grade.run_plan import graded_labs

ROOT = find_root(Path(__file__))
VARIANTS = load_variants(ROOT)
RUNS = [pytest.param(variant, isa, id=f"{variant.name}-{isa}") for variant in VARIANTS for isa in variant.isas]


@pytest.mark.parametrize(("variant", "isa"), RUNS)
def test_variant_passes(variant: Variant, isa: str, record: Callable[[Outcome], None]) -> None:
    outcome = Outcome(Kind.VARIANT, variant.lab, isa, variant.name, is_right=False)
    record(outcome)
    marks = grade(ROOT, variant, isa)
    record(replace(outcome, is_right=marks.ran == marks.asked and marks.failed == set(variant.loses)))
    assert marks.ran == marks.asked
    assert marks.failed == set(variant.loses), f"{', '.join(sorted(marks.failed)) or 'nothing'} failed\n\n{marks.messages}"


def test_there_are_variants_of_every_lab() -> None:
    assert {variant.lab for variant in VARIANTS} == set(graded_labs(Tree(ROOT)))
    assert all(variant.isas == ISAS for variant in VARIANTS)
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS)
