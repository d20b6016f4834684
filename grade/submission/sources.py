"""What a submission may come as: a folder, an archive, or a revision of a git repository."""

from pathlib import Path

from grade.ladder.labs import LadderError
from grade.submission.entries import Entry, Wanted
from grade.submission.folder import read_folder


def read_source(source: str, wanted: Wanted) -> list[Entry]:
    """Everything in the submission `source`. LadderError if it cannot be read, or is too much."""
    path = Path(source)
    if path.is_dir():
        return read_folder(path, wanted)
    raise LadderError(f"{source}: is neither a folder, nor an archive, nor a git revision (REV, or DIR:REV)")
