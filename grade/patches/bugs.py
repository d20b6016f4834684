"""All planted bugs of a tree: patches in main, packed in a handed-out tree."""

from pathlib import Path

from grade.ladder.labs import load_labs
from grade.patches.bug import Bug, read_bug
from grade.patches.packed import packed_bugs
from grade.patches.patch import patches_in


def load_bugs(tree: Path) -> list[Bug]:
    """Returns the bugs by lab and name. PatchError if a header is wrong, LadderError if a packed file is damaged."""
    patches = [read_bug(path, lab) for path, lab in patches_in(tree, "bugs")]
    return patches or [bug for lab in load_labs(tree) for bug in packed_bugs(lab)]
