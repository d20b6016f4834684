"""The planted bugs that a handed-out tree carries, to practise on: those in code that no student writes.

They give no solution away: none has a line of what students write. Their diffs are made anew, between the tree as it is
handed out and the same tree with the bug.
"""

import difflib
from collections.abc import Callable, Container, Sequence, Set
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from grade.ladder.labs import Lab, load_labs, owner_of
from grade.patches.bug import Bug
from grade.patches.bugs import load_bugs
from grade.patches.packed import NAME, pack
from grade.patches.patch import apply

_TELLS = 12  # characters
_Cut = Callable[[str, bytes], bytes]
"""Returns what a cut makes of a file of main, given its path and its content there."""


def bug_packs(
    tree: Path,
    handed_out: dict[str, tuple[bytes, int]],
    request: tuple[int, Sequence[str]],
    secret: Set[str],
    cut_file: _Cut,
) -> dict[str, bytes]:
    """Returns the packed bugs, by path, for a handed-out tree with these files.

    `request` is its lab and its ISAs; `secret` are the lines that students write.
    """
    (lab, isas), labs = request, load_labs(tree)
    for content, _ in handed_out.values():
        secret = secret - lines_of(content.decode(errors="replace"))
    found: dict[str, list[tuple[str, str]]] = {}
    for bug in load_bugs(tree):
        if bug.lab > lab or not set(bug.isas) & set(isas) or not is_in_given_code(bug, labs, handed_out):
            continue
        text = _as_handed_out(tree, bug, isas, cut_file)
        if text is not None and not secret & {line[1:].strip() for line in lines_of(text)}:
            found.setdefault(_prefix(labs, bug), []).append((bug.name, text))
    return {f"{prefix}{NAME}": pack(bugs) for prefix, bugs in found.items()}


def lines_of(text: str) -> set[str]:
    """Returns the lines that are long enough to give something away, however they are indented."""
    return {line for whole in text.split("\n") if len(line := " ".join(whole.split())) > _TELLS}


def is_in_given_code(bug: Bug, labs: list[Lab], handed_out: Container[str]) -> bool:
    """Returns whether all files that the bug changes are in that tree, and none is a student's."""
    return all(path in handed_out and owner_of(labs, path) is None for path in bug.changed_files())


def _prefix(labs: list[Lab], bug: Bug) -> str:
    return next(lab.prefix for lab in labs if lab.number == bug.lab)


def _as_handed_out(tree: Path, bug: Bug, isas: Sequence[str], cut_file: _Cut) -> str | None:
    """Returns the bug's text, with a diff for that tree, and only the ISAs that it has. None if nothing of it is left."""
    whole = {path: (tree / path).read_bytes() for path in sorted(bug.changed_files())}
    broken = _broken(bug.path, bug.diff, tuple(whole.items()))
    header = bug.text[: bug.text.index("diff --git ")]
    shown = " ".join(isa for isa in bug.isas if isa in isas)
    lines = [f"ISAs: {shown}" if line.startswith("ISAs:") else line for line in header.splitlines()]
    diffs = [_diff(path, cut_file(path, content), cut_file(path, broken[path])) for path, content in whole.items()]
    return "\n".join(lines) + "\n" + "".join(diffs) if any(diffs) else None


@lru_cache(maxsize=None)
def _broken(patch: Path, diff: str, whole: tuple[tuple[str, bytes], ...]) -> dict[str, bytes]:
    """Returns the files with the bug in them."""
    with TemporaryDirectory(prefix="pagewalk-patch-") as folder:
        for path, content in whole:
            (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / path).write_bytes(content)
        apply(patch, diff, Path(folder))
        return {path: (Path(folder) / path).read_bytes() for path, _ in whole}


def _diff(path: str, before: bytes, after: bytes) -> str:
    """Returns a diff as `git apply` takes it; empty if the tree has nothing of the change."""
    old, new = (text.decode().splitlines(keepends=True) for text in (before, after))
    lines = list(difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"))
    return "".join([f"diff --git a/{path} b/{path}\n", *lines]) if lines else ""
