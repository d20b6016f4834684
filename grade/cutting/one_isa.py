"""The pages of a course on one ISA: a command that names another ISA names this one, so that it can be typed.

What was recorded on the other ISA stays as it was, with the command to which it is the answer: a report of one CPU under a
command for another would be wrong, and what the page says about it holds wherever it is read.
"""

import re

from grade.isa import ISAS, isa_called

_SAMPLE = re.compile(r"(?:^(?:(?!```).+\n)*.*:\n\n)?^(```.*\n(?:.*\n)*?```)$", re.MULTILINE)
"""A block, with the paragraph that leads to it."""


def with_commands_for(isa: str, page: str) -> str:
    """Returns the page for the ISA; what follows a changed command keeps its column."""
    out, end = [], 0
    for sample in _SAMPLE.finditer(page):
        if any(isa_called(other).recorded_on.search(sample[1]) for other in ISAS if other != isa):
            out += [_renamed(isa, page[end : sample.start()]), sample[0]]
            end = sample.end()
    return "".join([*out, _renamed(isa, page[end:])])


def _renamed(isa: str, text: str) -> str:
    others = "|".join(other for other in ISAS if other != isa)

    def renamed(match: re.Match[str]) -> str:
        return "--isa " + (isa.ljust(len(match[0]) - len("--isa ")) if match[2] else isa)

    return re.sub(rf"--isa ({others})(?!\w)(?:( +)(?= \S))?", renamed, text)
