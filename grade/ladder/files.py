"""Files written into a folder: those that are right stay untouched, those that are not wanted go."""

import os
from collections.abc import Container
from pathlib import Path

KEPT = ("build", ".git")
"""What a folder has at its top that is nobody's to remove."""


def remove_others(into: Path, wanted: Container[str]) -> None:
    """Removes the files that are not wanted, and the folders this leaves empty."""
    seen: list[Path] = []
    for folder, folders, names in os.walk(into):
        here = Path(folder)
        if here == into:
            folders[:] = [name for name in folders if name not in KEPT]
            names = [name for name in names if name not in KEPT]
        for name in names:
            if (here / name).relative_to(into).as_posix() not in wanted:
                (here / name).unlink()
        seen += [here / name for name in folders]
    for path in reversed(seen):
        if path.is_symlink():
            path.unlink()
        elif not any(path.iterdir()):
            path.rmdir()


def update(file: Path, content: bytes, mode: int) -> None:
    """Writes the file unless it is right already, so that its time of change says when it changed."""
    if not file.exists() or file.read_bytes() != content:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    if file.stat().st_mode & 0o777 != mode:
        file.chmod(mode)
