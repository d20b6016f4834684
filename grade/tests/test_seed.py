"""What is drawn by chance: anew in each run, the same for the same seed, and always the same for the same submission."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grade.ladder.trees import find_root
from grade.seed import MOST, chance_of, fresh_seed
from grade.tests.submission_trees import clone, hand_in, small_main

ROOT = find_root(Path(__file__))


def test_what_is_drawn_depends_on_seed_milestone_and_isa_alone() -> None:
    asked = [(1, "1.7", "x86_64"), (2, "1.7", "x86_64"), (1, "1.6", "x86_64"), (1, "1.7", "aarch64")]
    drawn = [chance_of(*each).getrandbits(64) for each in asked]
    assert drawn == [chance_of(*each).getrandbits(64) for each in asked] and len(set(drawn)) == 4
    assert len({fresh_seed() for _ in range(20)}) > 1


def test_a_submission_always_draws_the_same_and_nobody_knows_what(tmp_path: Path) -> None:
    main = small_main(tmp_path / "main")
    student = clone(main, 2, tmp_path / "alice")

    def seed() -> int:
        return hand_in(main, student).seed

    first = seed()
    assert 0 <= first <= MOST and seed() == first
    (student / "kernel/other.h").write_text("not the student's\n")
    assert seed() == first
    (student / "kernel/map.h").write_text("other();\n")
    second = seed()
    assert second != first
    secret = main.root / "build/secret"
    assert secret.stat().st_mode & 0o777 == 0o600 and secret.stat().st_size == 32
    secret.unlink()
    assert seed() != second


@pytest.mark.parametrize("given", [None, 5])
def test_a_run_says_its_seed(tmp_path: Path, given: int | None) -> None:
    file = tmp_path / "r.json"
    asked = ["grade", "1", "--isa", "x86_64", "--milestone", "1.7", "--json", str(file), *(["--seed", "5"] if given else [])]
    seeds = set()
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-P", "-m", "grade", *asked], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True,
            capture_output=True,
        )  # fmt: skip
        seeds.add(json.loads(file.read_text())["seed"])
    assert seeds == {5} if given else len(seeds) == 2
