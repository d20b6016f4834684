"""The archive of a submission: the same files make the same bytes, and it is there completely or not at all."""

import gzip
import io
import os
import re
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from grade.ladder.labs import LadderError

_FOLDER = re.compile(r"lab\d+-submission/.+")


def pack(folder: str, files: Mapping[str, bytes]) -> bytes:
    """A tar.gz with these files below one folder, whoever packs them and whenever."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(f"{folder}/{path}")
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def refuse_to_overwrite(path: Path) -> None:
    """LadderError if something is at `path` that is no submission, or if no file can be made there."""
    if not path.parent.is_dir():
        raise LadderError(f"cannot write {path}: there is no folder {path.parent}")
    if path.is_symlink() or (path.exists() and not _is_submission(path)):
        raise LadderError(f"{path} is there and is not a submission: left as it is. Name another file with -o")


def _is_submission(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with tarfile.open(path, "r:gz") as tar:
            names = tar.getnames()
    except (tarfile.TarError, OSError, EOFError, ValueError):
        return False
    return bool(names) and all(_FOLDER.fullmatch(name) for name in names)


def write_whole(path: Path, content: bytes) -> None:
    """Makes or replaces the file at once: whoever looks finds the old or the new one. LadderError if that fails."""
    fresh = None
    try:
        handle, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(fresh, 0o666 & ~_umask())
        os.replace(fresh, path)
        fresh = None
    except OSError as error:
        raise LadderError(f"cannot write {path}: {error.strerror}") from error
    finally:
        if fresh is not None:
            os.unlink(fresh)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
