"""Documents that are made from the tree: `./pagewalk test --renew-docs` writes them, a test says if one is stale."""

from collections.abc import Callable
from pathlib import Path

from grade.graded_page import graded_page

DOCUMENTS: dict[str, Callable[[Path], str]] = {
    "docs/graded.md": graded_page,
}
"""Each document, from the root of the tree, and what makes its text out of the tree."""


def stale(root: Path) -> list[str]:
    """The documents that are not as they would be made now."""
    return [name for name, make in DOCUMENTS.items() if _text(root / name) != make(root)]


def renew(root: Path) -> list[str]:
    """Writes those that are stale; their names."""
    renewed = stale(root)
    for name in renewed:
        (root / name).write_text(DOCUMENTS[name](root), encoding="utf-8")
    return renewed


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
