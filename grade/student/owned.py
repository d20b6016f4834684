"""The student's files in a handed-out tree, and what prevents their submission."""

import re
from pathlib import Path

from grade.ladder.labs import ISA_FIELD
from grade.ladder.trees import Tree

MOST_BYTES = 1 << 20
"""The most bytes of a file that is taken from a submission."""

_CONFLICT = re.compile(rb"^<{7} .*?^>{7} ", re.MULTILINE | re.DOTALL)


def owned_files(tree: Tree) -> dict[str, int]:
    """Returns the path of each file that a student of this course writes, with its lab, lab by lab. They may be missing."""
    files: dict[str, int] = {}
    for lab in tree.labs:
        for pattern in lab.owned:
            for isa in tree.isas if ISA_FIELD in pattern else ("",):
                files[pattern.replace(ISA_FIELD, isa)] = lab.number
    return files


def missing_files(tree: Tree) -> list[str]:
    """Returns the owned files that do not exist."""
    return [path for path in owned_files(tree) if not (tree.root / path).exists()]


def why_not_taken(path: Path) -> str | None:
    """Returns what keeps an owned file out of a submission; None if nothing does."""
    if path.is_symlink() or any(folder.is_symlink() for folder in path.parents):
        return "is a symbolic link, or in a folder that is one: only ordinary files are graded"
    if not path.exists():
        return "is missing"
    if not path.is_file():
        return "is no ordinary file"
    if path.stat().st_size > MOST_BYTES:
        return f"is larger than {MOST_BYTES >> 20} MiB: the grader takes no file of that size"
    return "holds NUL bytes: it is no text" if b"\0" in path.read_bytes() else None


def conflict_line(path: Path) -> int | None:
    """Returns the line of the first conflict that a merge left in the file, or None."""
    content = path.read_bytes()
    match = _CONFLICT.search(content)
    return None if match is None else content.count(b"\n", 0, match.start()) + 1
