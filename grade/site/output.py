"""The folder of a site: only an earlier site of ours is ever replaced there, and either completely or not at all."""

import os
import shutil
import tempfile
from pathlib import Path

from grade.ladder.labs import LadderError

MARKER = ".pagewalk-site"
_SAYS = "./pagewalk docs made this folder, and replaces it with all that is in it.\n"


def refuse_foreign(output: Path) -> None:
    """Raises LadderError unless a site can be made at `output`: nothing is there, an empty folder, or an earlier site."""
    if output.exists() and not output.is_dir():
        raise LadderError(f"{output} is a file; name a folder")
    if not output.resolve().parent.is_dir():
        raise LadderError(f"cannot write {output}: there is no folder {output.resolve().parent}")
    if output.is_dir() and any(output.iterdir()) and not (output / MARKER).is_file():
        raise LadderError(
            f"{output} is neither empty nor a site that ./pagewalk docs made: left as it is; remove it, or name another folder"
        )


def replace_site(output: Path, site: Path) -> None:
    """Puts the folder `site` in the place of `output`. LadderError if that fails; then what was there is still there."""
    refuse_foreign(output)  # again: the site took a while to make
    place = output.resolve()
    try:
        with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as beside:
            fresh, old = Path(beside) / "fresh", Path(beside) / "old"
            shutil.copytree(site, fresh)
            (fresh / MARKER).write_text(_SAYS, encoding="utf-8")
            if place.exists():
                place.rename(old)
            try:
                fresh.rename(place)
            except BaseException:
                if old.exists():
                    old.rename(place)
                raise
    except OSError as error:
        raise LadderError(f"cannot write the site to {output}: {_reason(error)}; what was there is there still") from error


def _reason(error: OSError) -> str:
    """Returns the reason in a few words; copying a folder fails with one reason for each file."""
    if isinstance(error, shutil.Error):
        return str(error.args[0][0][2]).partition("] ")[2].partition(": '")[0] or str(error.args[0][0][2])
    return error.strerror or os.strerror(error.errno or 0)
