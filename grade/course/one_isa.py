"""The pages of a course on one ISA: a command that names another ISA names this one, so that it can be typed.

What was recorded on the other ISA stays as it was, with the command that it is the answer to: a report of one CPU under a
command for another would be wrong, and the story that the page tells of it holds wherever one reads it.
"""

import re

from grade.isa import ISAS, isa_called

_SAMPLE = re.compile(r"(?:^(?:(?!```).+\n)*.*:\n\n)?^(```.*\n(?:.*\n)*?```)$", re.MULTILINE)
"""A block, with the paragraph that leads to it."""


def with_commands_for(isa: str, page: str) -> str:
    """The page; what follows a command that is changed keeps its column."""
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
