"""A kernel that does not come back from a system call: the failure names the call."""

from dataclasses import replace
from pathlib import Path

from grade.course.bugs import check
from grade.ladder.trees import find_root
from grade.patches.bugs import load_bugs

ROOT = find_root(Path(__file__))


def test_the_call_is_named() -> None:
    """One that takes for ever, since it takes pages of a hundred terabytes one by one."""
    bug = next(bug for bug in load_bugs(ROOT) if bug.name == "pages-taken-one-by-one")
    [finding] = check(ROOT, replace(bug, isas=("aarch64",)))
    assert "the kernel is in the system call munmap, at 0x" in finding.messages
