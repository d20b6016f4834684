"""Storms of processes and memory, also when there is not enough of it: then all is as before (grade/bench/soak.py).

`./pagewalk bench --soak SECONDS` does the same for as long as one likes.
"""

from pathlib import Path

import pytest

from grade.bench.soak import Soak, SoakGuest
from grade.isa import ISAS
from grade.ladder.build import build_kernel
from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))


@pytest.mark.parametrize("isa", ISAS)
def test_storms_leave_nothing_behind(isa: str) -> None:
    """A round of stress takes some seven million instructions, so this is five times what a short soak should be."""
    done = Soak(isa)
    with SoakGuest(build_kernel(ROOT, isa), 1, done, rounds=2) as soak:
        for _ in range(4):
            soak.leg()
    assert done.rounds == 8
    assert done.processes > 200
    assert done.ticks > 20
    assert done.looks > 8
