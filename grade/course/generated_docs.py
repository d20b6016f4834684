"""Documents that are made from the tree: `./pagewalk test --renew-docs` writes them, and a test says if one is stale."""

from collections.abc import Callable
from pathlib import Path

from grade.course import hole_table
from grade.course.figures import figures
from grade.course.graded_page import graded_page
from grade.gdb import transcripts

_GDB = "docs/gdb.md"

DOCUMENTS: dict[str, Callable[[Path], str]] = {
    "docs/graded.md": graded_page,
    **figures(),
}
"""Each document, named from the root of the tree, and the function that makes its text from the tree."""

MEASURED: dict[str, Callable[[Path], str]] = {
    hole_table.DOCUMENT: hole_table.renew,
    _GDB: lambda root: transcripts.renewed((root / _GDB).read_text(encoding="utf-8"), root),
}
"""The same for documents that take minutes, because kernels are booted for them. They have tests of their own."""


def stale(root: Path) -> list[str]:
    """Returns the documents that differ from how they would be made now, among those that are not measured."""
    return [name for name, make in DOCUMENTS.items() if _text(root / name) != make(root)]


def renew(root: Path) -> list[str]:
    """Writes the stale documents, and measures the others anew; returns the names of those that changed."""
    texts = {name: make(root) for name, make in (DOCUMENTS | MEASURED).items()}
    renewed = [name for name, text in texts.items() if _text(root / name) != text]
    for name in renewed:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(texts[name], encoding="utf-8")
    return renewed


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
