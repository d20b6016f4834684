"""Which files `submit` packed last, so that nobody is told to pack the same ones again."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from grade.ladder.files import update
from grade.ladder.trees import Tree
from grade.student.owned import owned_files


def remember_packed(tree: Tree, files: Mapping[str, bytes], archive: Path) -> None:
    """Keeps which files were packed, with their contents, and where. OSError if that cannot be written."""
    update(_path(tree), f"{archive.resolve()}\n{_digests(files)}".encode(errors="surrogateescape"), 0o644)


def packed_in(tree: Tree) -> Path | None:
    """Returns the archive with the student's files as they are now, if the last one is that and still exists."""
    paths = {name: tree.root / name for name in owned_files(tree)}
    try:
        archive, _, digests = _path(tree).read_bytes().decode(errors="surrogateescape").partition("\n")
        now = _digests({name: path.read_bytes() for name, path in paths.items()})
    except OSError:
        return None
    return Path(archive) if digests == now and Path(archive).is_file() else None


def _path(tree: Tree) -> Path:
    return tree.root / "build" / "graded" / f"lab{tree.lab}-packed"


def _digests(files: Mapping[str, bytes]) -> str:
    return "".join(f"{hashlib.sha256(content).hexdigest()} {name}\n" for name, content in sorted(files.items()))
