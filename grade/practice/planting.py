"""Plants a bug in a copy beside the tree, in build/practice/CODE."""

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from grade.ladder.files import remove_others, update
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, locked
from grade.patches.bug import Bug
from grade.patches.patch import PatchError

_NOT_COPIED = ("build", "grade", "docs")


def planted_tree(tree: Tree, bug: Bug, into: Path) -> Tree:
    """Returns the tree with the bug in it: in main the solved tree of the bug's lab. LadderError if it does not fit."""
    if tree.course is not None:
        return Tree(_plant_in_copy(tree, bug, into))
    from grade.cutting.planted import plant  # only main has it

    return Tree(plant(tree.root, bug, into))


def _plant_in_copy(tree: Tree, bug: Bug, into: Path) -> Path:
    """Plants the bug in the given files of a copy, which has the student's own files as they are."""
    with locked(into.with_name(into.name + ".lock")), TemporaryDirectory(prefix="pagewalk-bug-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(tree.root, copy, ignore=_without(tree.root), symlinks=True)
        try:
            bug.apply(copy)
        except PatchError as error:
            changed = " and ".join(sorted(bug.changed_files()))
            where = f"your tree, where {changed} must be as handed out"
            raise LadderError(f"this bug does not fit {where}: ./pagewalk status") from error
        files = [path for path in sorted(copy.rglob("*")) if path.is_file()]
        remove_others(into, {path.relative_to(copy).as_posix() for path in files})
        for path in files:
            update(into / path.relative_to(copy), path.read_bytes(), path.stat().st_mode & 0o777)
    return into


def _without(root: Path) -> Callable[[str, list[str]], list[str]]:
    """Returns a filter for shutil.copytree: it leaves out hidden files and, at the top, what no kernel is built from."""
    return lambda folder, names: [n for n in names if n.startswith(".") or (Path(folder) == root and n in _NOT_COPIED)]
