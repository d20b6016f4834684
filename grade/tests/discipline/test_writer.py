"""Who wrote what is wrong: failures of planted bugs lead to the file, and not to the one that is written there usually."""

from pathlib import Path

import pytest

from grade.course.bugs import check
from grade.ladder.trees import find_root
from grade.patches.bugs import load_bugs

ROOT = find_root(Path(__file__))
BUGS = {bug.name: bug for bug in load_bugs(ROOT)}
SHOWN_BY = {
    "tables-uncached": "an entry that leads to a table, written by who called nobody",
    "low-memory-mapped": "a leaf, written for a function that has ended in a jump",
    "virtual-address-in-entry": "an entry that leads to a table, written by the engine",
    "kernel-root-written-again": "the last load of the root",
    "devices-not-in-high-half": "regions that are there, but for one kind",
    "memory-types-changed": "leaves with the right number, of which a register makes the wrong type",
    "root-freed-while-loaded": "given code, of which nobody knows more",
}


@pytest.mark.parametrize("name", SHOWN_BY)
def test_the_file_is_shown(name: str) -> None:
    for finding in check(ROOT, BUGS[name]):
        assert finding.caught and finding.file_is_right == finding.is_students, finding.files_seen
