"""No cause is only words: something in this tree has each of them named."""

import re
from pathlib import Path

from test_liars import ENDS

from grade.diagnosis.process_ends import CAUSES_OF_CHECKS, CHECKS_OF_FRAMES
from grade.ladder.trees import find_root
from grade.patches.bugs import load_bugs
from grade.results.causes import CAUSES

ROOT = find_root(Path(__file__))
PROVED_ELSEWHERE = {
    "does-not-compile": "test_cli.py",
    "reads-outside-the-tree": "submission/test_submission_build.py",
    "name-taken": "graded/test_rubbish.py",
    "code-changed": "graded/test_around.py",
    "root-strays": "graded/test_around.py",
    "debug-registers-used": "graded/test_around.py",
}
"""Causes that no kernel can have, and the tests that have them."""


def test_each_cause_is_proved() -> None:
    """By a planted bug, which has its first milestone name it, or another one; or by a kernel that lies."""
    proved = {cause for ends in ENDS.values() for cause in ends.values()} | PROVED_ELSEWHERE.keys()
    for bug in load_bugs(ROOT):
        proved |= {*bug.causes.values(), *bug.also.values()}
    assert sorted(CAUSES.keys() - proved) == []


def test_what_is_proved_elsewhere_is() -> None:
    for cause, file in PROVED_ELSEWHERE.items():
        assert f'"{cause}"' in (ROOT / "grade" / "tests" / file).read_text(encoding="utf-8")


def test_the_kernel_has_each_check_that_has_a_cause() -> None:
    """And has no name for one that nobody asks for."""
    files = [*ROOT.glob("kernel/**/*.cc"), *ROOT.glob("kernel/**/*.h"), *ROOT.glob("arch/**/*.cc")]
    names = {name for file in files for name in re.findall(r'CHECK_NAMED\("([a-z][a-z-]+)"', file.read_text(encoding="utf-8"))}
    assert names == {*CHECKS_OF_FRAMES, *CAUSES_OF_CHECKS}


def test_the_rights_of_user_pages_are_this_labs_business() -> None:
    """From lab 5 on whoever brings a page says what it permits; before, whoever maps it."""
    cause = CAUSES["wrong-user-permission"]
    files = [cause.file_in(lab, "x86_64") for lab in (3, 4, 5, 6)]
    space = "kernel/space/address_space.cc"
    assert files == [space, space, "kernel/space/fault.cc", "kernel/space/clone.cc"]
