"""Lab 5: what a process is promised, and what of it is there."""

from pathlib import Path

from grade.checks.host_tests import check_host_tests
from grade.plugin import milestone


@milestone("5.1", points=15, witness="H")
def test_areas(host_tests: Path, tmp_path: Path) -> None:
    """The list of areas is sorted and disjoint; it splits and merges, as a model does"""
    check_host_tests(host_tests, "Vma*", tmp_path)
