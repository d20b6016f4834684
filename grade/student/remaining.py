"""What is still to be written: the calls of lab_todo that are left in the student's files."""

import re
import sys
from dataclasses import dataclass

from grade.ladder.labs import Lab
from grade.ladder.trees import Tree
from grade.student.owned import owned_files

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_CALL = re.compile(
    r'\blab_todo\s*\(\s*(\d+)\s*,\s*"([^"\n]+)"\s*\)' r"|^[ \t]*lab_todo[ \t]+(\d+)[ \t]*,[ \t]*(\w+)",  # in C++  # in assembly
    re.MULTILINE,
)


@dataclass(frozen=True)
class Remaining:
    """A function of lab `lab` that is not written yet; `line` is that of its placeholder."""

    lab: int
    function: str
    file: str
    line: int

    @property
    def place(self) -> str:
        """The place as editors and compilers write it."""
        return f"{self.file}:{self.line}"


def find_remaining(tree: Tree) -> list[Remaining]:
    """Returns all functions that are not written yet, in the order in which the labs' handouts name them.

    A file that cannot be read has none.
    """
    found: list[Remaining] = []
    for file, lab in owned_files(tree).items():
        try:
            text = (tree.root / file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        code = _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)
        for call in _CALL.finditer(code):
            line = code.count("\n", 0, call.start()) + 1
            found.append(Remaining(int(call[1] or call[3] or lab), call[2] or call[4], file, line))
    labs = {lab.number: lab for lab in tree.labs}
    places = {(one.lab, one.function): place_in_handout(labs.get(one.lab), one.function) for one in found}
    return sorted(found, key=lambda one: (one.lab, places[one.lab, one.function] or sys.maxsize))


def place_in_handout(lab: Lab | None, function: str) -> int | None:
    """Returns where the README's part about what to write first names the function; None if it does not."""
    try:
        text = (lab.folder / "README.md").read_text(encoding="utf-8", errors="replace") if lab is not None else ""
    except OSError:
        return None
    before, heading, to_write = text.partition("\n## What to write\n")
    match = re.search(rf"`{re.escape(function)}\b", to_write)
    return None if match is None else len(before + heading) + match.start()
