"""What has to be built for a milestone, read in the text of its test: so building can begin before pytest does.

A test that needs more than stands there has it built when it runs.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from grade.checks.host_tests import program_of
from grade.ladder.trees import Tree

_TEST = re.compile(r'^@milestone\("(?P<number>\d+\.\d+)".*\ndef \w+\((?P<asks>[^)]*)\)(?P<body>(?:.*\n(?!@|def |class ))*)', re.MULTILINE)
_HOST_TESTS = re.compile(r'check_host_tests\(\w+, "([^"]+)"')
_OF_A_KERNEL = re.compile(r"\b(?:boot|kernel|image)\b")


@dataclass(frozen=True)
class Needs:
    """What a milestone is judged on."""

    kernel: bool
    programs: tuple[str, ...]
    """Of host tests."""


def needs_of(tests: Tree) -> dict[str, Needs]:
    """For each milestone in `tests`, by its number."""
    found = {}
    for lab in tests.labs:
        for path in sorted(lab.folder.glob("test_*.py")):
            for test in _TEST.finditer(path.read_text(encoding="utf-8")):
                programs = tuple(dict.fromkeys(map(program_of, _HOST_TESTS.findall(test["body"]))))
                found[test["number"]] = Needs(bool(_OF_A_KERNEL.search(test["asks"])), programs)
    return found


def all_needs(needs: Mapping[str, Needs], milestones: Iterable[str]) -> Needs:
    """What several milestones need together."""
    asked = [needs[number] for number in milestones if number in needs]
    programs = dict.fromkeys(program for each in asked for program in each.programs)
    return Needs(any(each.kernel for each in asked), tuple(programs))
