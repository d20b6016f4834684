"""What is mapped beyond what may be: found to the byte (grade/checks/leaf_checks.py), whatever the size of the leaves."""

import pytest

from grade.checks.leaf_checks import Span, first_outside

_SPANS = [(0x1000, 0x3000), (0x3000, 0x4000), (0x8000, 0x9000)]


@pytest.mark.parametrize(
    ("mapped", "outside"),
    [
        ((0x1000, 0x4000), None),  # across two that touch
        ((0x2000, 0x3000), None),
        ((0x8000, 0x9000), None),
        ((0x0, 0x1000), (0x0, 0x1000)),
        ((0x0, 0x2000), (0x0, 0x1000)),
        ((0x3000, 0x5000), (0x4000, 0x5000)),
        ((0x0, 0x200000), (0x0, 0x1000)),  # a block around them all: what comes first
        ((0x1000, 0x200000), (0x4000, 0x8000)),
        ((0x8000, 0x200000), (0x9000, 0x200000)),
        ((0xA000, 0xB000), (0xA000, 0xB000)),
    ],
)
def test_the_first_part_outside(mapped: Span, outside: Span | None) -> None:
    assert first_outside(_SPANS, mapped) == outside


def test_nothing_may_be_mapped() -> None:
    assert first_outside([], (0x1000, 0x2000)) == (0x1000, 0x2000)
