"""The archive of a submission: the same files make the same bytes, and it is written completely or not at all."""

import gzip
import io
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

from grade.ladder.files import need_folder_of
from grade.ladder.labs import LadderError

_FOLDER = re.compile(r"lab\d+-submission/.+")


def pack(folder: str, files: Mapping[str, bytes]) -> bytes:
    """Returns a tar.gz with these files below one folder, the same bytes at any time and for anybody."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(f"{folder}/{path}")
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def refuse_to_overwrite(path: Path) -> None:
    """Raises LadderError if something other than a submission is at `path`, or if no file can be made there."""
    need_folder_of(path)
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
