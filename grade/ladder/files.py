"""Brings folders up to date: leaves files that are right untouched, removes unwanted ones, and never leaves half a file."""

import os
import shutil
import tempfile
from collections.abc import Container
from pathlib import Path

from grade.ladder.labs import LadderError

KEPT = ("build", ".git")
"""Names at the top of a folder that may never be removed."""


def remove_others(into: Path, wanted: Container[str]) -> None:
    """Removes the unwanted files, and the folders that this leaves empty."""
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
    """Writes the file unless it is already right, so that its time of change says when it changed."""
    if not file.exists() or file.read_bytes() != content:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    if file.stat().st_mode & 0o777 != mode:
        file.chmod(mode)


def need_folder_of(path: Path) -> None:
    """Raises LadderError if the folder for the file does not exist: a mistyped name must not make one."""
    if not path.parent.is_dir():
        raise LadderError(f"cannot write {path}: there is no folder {path.parent}")


_LEAST_ROOM = 64 << 20
"""Bytes: with less on its disk, a program may have failed for that."""


def need_room(folder: Path) -> None:
    """Raises LadderError if the disk of the folder is nearly full: what has just failed there is nobody's fault."""
    if shutil.disk_usage(folder).free < _LEAST_ROOM:
        raise LadderError(f"no space is left on the disk of {folder}: make room, and grade it again")


def write_whole(path: Path, content: bytes) -> None:
    """Makes or replaces the file atomically: a reader finds the old or the new one. LadderError if that fails.

    A device or a pipe is written to, and not replaced.
    """
    need_folder_of(path)
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        path = path.resolve()
        _replace(path, content)
    except OSError as error:
        raise LadderError(f"cannot write {path}: {error.strerror}") from error


def _replace(path: Path, content: bytes) -> None:
    """Writes a file beside `path` that then takes its place; if that fails, nothing is left of it."""
    handle, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(fresh, 0o666 & ~_umask())
        os.replace(fresh, path)
    except BaseException:
        os.unlink(fresh)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
