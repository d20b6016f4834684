"""What is drawn by chance: anew in each run, the same for the same seed, and always the same for the same submission."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from grade.boot.layout import PAGE
from grade.boot.unused_pages import distance_to_other_tables, fixed_pages, unused_pages
from grade.cutting.cutter import cut
from grade.grading import GradeOptions, _pytest_arguments
from grade.isa import ISAS, Isa, isa_called
from grade.ladder.trees import Tree, find_root
from grade.practice.milestones import run_milestones
from grade.run_plan import plan
from grade.seed import MOST, chance_of, fresh_seed
from grade.tests.submission.submission_trees import clone, hand_in, small_main

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


@pytest.mark.parametrize("asked", [[], ["--seed=5"], ["--seed=5", "--seed-is-new"]])
@pytest.mark.parametrize("workers", [[], ["-n1"]])
def test_host_tests_draw_by_a_seed_that_was_asked_for(tmp_path: Path, asked: list[str], workers: list[str]) -> None:
    """In the student's own tree as well; otherwise they draw the same each time, and are not run again."""
    file = tmp_path / "test_it.py"
    file.write_text(
        "def test_it(host_tests, tmp_path_factory):\n    open(__file__ + '.seed', 'w').write(str(host_tests.seed))\n"
    )
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "grade.plugin", "-p", "no:cacheprovider", *asked, *workers]
    run = subprocess.run(
        [*command, "--lab=1", "--isa=x86_64", file], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert Path(f"{file}.seed").read_text() == ("5" if asked == ["--seed=5"] else "None")


def test_grade_says_whether_a_seed_was_asked_for() -> None:
    for seed, is_new in ((None, True), (5, False)):
        options = GradeOptions(seed=seed)
        arguments = _pytest_arguments(options, Tree(ROOT), plan(Tree(ROOT), Tree(ROOT), [1], []), None, 5)
        assert "--seed=5" in arguments and ("--seed-is-new" in arguments) is is_new


@pytest.mark.parametrize("isa", [isa_called(name) for name in ISAS], ids=str)
def test_pages_at_drawn_addresses(isa: Isa) -> None:
    """Each is a user address, no program uses it, and what must follow it has room below the same entries."""
    seen, end, root = set(), isa.paging.user_end, isa.paging.walker.shift(isa.paging.levels - 1)
    far, span = distance_to_other_tables(isa), isa.paging.table_span
    for seed in range(500):
        pages = unused_pages(isa, random.Random(seed), 2)
        seen |= {*pages}
        for page in pages:
            assert page % PAGE == 0 and end // 4 < page < end - end // 8
            assert page // span == (page + PAGE) // span != (page + far) // span and page >> root == page + far >> root
        assert pages[0] >> root != pages[1] >> root
    assert len(seen) > 990 and seen.isdisjoint(fixed_pages(isa))


KNOWN = """
inline VirtAddr flushed_for(VirtAddr va) {
#if __STDC_HOSTED__
  return va;
#else
  constexpr std::uint64_t kKnown[] = {0x5000'0000'0000, 0x5000'0000'1000, 0x5000'4000'0000, 0x6000'0000'0000, 0x6000'0000'1000};
  for (const std::uint64_t known : kKnown) {
    if (va.raw() / 4096 * 4096 == known) return va;
  }
  return VirtAddr{0x7000};
#endif
}

"""


def test_a_kernel_that_flushes_at_known_addresses_alone(tmp_path: Path) -> None:
    """On hosted builds it does everything right, as it does where the milestones used to look."""
    cut(ROOT, 3, 3, tmp_path / "tree", ["x86_64"])
    file = tmp_path / "tree/kernel/paging/page_table_unmap.h"
    text = file.read_text(encoding="utf-8")
    start = text.index("template")
    changed = text[start:].replace("StaleTlb(va)", "StaleTlb(flushed_for(va))")
    assert changed != text[start:]
    file.write_text(text[:start] + KNOWN + changed, encoding="utf-8")
    [result] = run_milestones(ROOT, tmp_path / "tree", 3, ["x86_64"], ["3.9"])
    assert (result["status"], result["cause"]) == ("failed", "stale-tlb"), result["message"]


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
