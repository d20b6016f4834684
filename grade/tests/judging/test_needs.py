"""What has to be built for a milestone: read in the text of its test, and as pytest will have it."""

from pathlib import Path

import pytest

from grade.checks.host_tests import program_of
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, find_root
from grade.needs import Needs, all_needs, needs_of
from grade.run_plan import all_milestones

ROOT = find_root(Path(__file__))


def test_every_milestone_is_known_with_what_it_needs() -> None:
    needs = needs_of(Tree(ROOT))
    assert list(needs) == all_milestones(Tree(ROOT))
    map_tests, unmap_tests, vma_tests = (program_of(tests) for tests in ("PageTableMap*", "PageTableUnmap*", "Vma*"))
    judged_by_programs = {number: each for number, each in needs.items() if each.programs}
    assert judged_by_programs == {
        "1.0": Needs(False, (map_tests,)), "1.1": Needs(False, (map_tests,)),
        "3.9": Needs(True, (unmap_tests,)), "5.1": Needs(False, (vma_tests,)),
    }  # fmt: skip
    assert all(each.kernel for number, each in needs.items() if number not in ("1.0", "1.1", "5.1"))


def test_several_need_what_each_needs() -> None:
    needs = {"1": Needs(False, ("a",)), "2": Needs(True, ()), "3": Needs(False, ("b", "a"))}
    assert all_needs(needs, ["1", "3", "unknown"]) == Needs(False, ("a", "b"))
    assert all_needs(needs, ["1", "2"]) == Needs(True, ("a",))
    assert all_needs(needs, []) == Needs(False, ())


def test_a_test_is_read_whatever_its_form(tmp_path: Path) -> None:
    lab = tmp_path / "labs" / "1-x"
    lab.mkdir(parents=True)
    (lab / "lab.toml").write_text('number = 1\ntitle = "x"\nowned = []\nretires = []\n')
    (lab / "test_x.py").write_text(
        '@milestone("1.1", points=1, witness="W")\ndef test_a(\n    boot: Boot,\n    target: Target,\n) -> None:\n    """A."""\n'
        '    if boot:\n\n        check_host_tests(build, "Vma*", path)\n    other("PageTableMap*")\n\n\n'
        'def helper(boot: Boot) -> None:\n    check_host_tests(build, "PageTableMap*", path)\n\n\n'
        '@milestone("1.10", points=1, witness="H")\ndef test_b() -> None:\n    """B."""\n'
    )
    assert needs_of(Tree(tmp_path)) == {"1.1": Needs(True, (program_of("Vma*"),)), "1.10": Needs(False, ())}


def test_a_test_that_is_no_python_is_named_with_its_line(tmp_path: Path) -> None:
    lab = tmp_path / "labs" / "1-x"
    lab.mkdir(parents=True)
    (lab / "lab.toml").write_text('number = 1\ntitle = "x"\nowned = []\nretires = []\n')
    (lab / "test_x.py").write_text("import re\n\n\ndef test_a(:\n")
    with pytest.raises(LadderError, match=r"labs/1-x/test_x\.py:4: .*: the milestones cannot be read"):
        needs_of(Tree(tmp_path))
