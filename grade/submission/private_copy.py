"""A copy of a build folder, which a sandbox may write to in the folder's place. Only plain files come back from it.

So nothing in the folder itself is a student's doing: not the rules that ninja and CMake obey outside the sandbox, nor the
log and the stamps, nor what another build left there.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from grade.ladder.plain_file import LARGEST_PROGRAM, open_plain

RECORDS, TEMPORARY = "opened", "tmp"
"""Folders in a build folder: what the tools have opened, and their temporary files."""
TAKEN = "taken"
"""The file, in a build folder, that names what was taken out of a copy of it."""


class PrivateCopy:
    """The copy of `folder`. It is made when it is first needed, and must be removed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder.with_name(f"{folder.name}.sealed")
        self.remove()

    def make(self) -> None:
        """Copies the folder. Times are kept, by which ninja goes."""
        shutil.copytree(self._folder, self.path, symlinks=True)

    def take_out(self, names: Iterable[str]) -> None:
        """Puts these files of the copy into the folder; LadderError if one of them is no plain file, or too large."""
        for name in names:
            with (self._folder / TAKEN).open("a", encoding="utf-8") as taken:
                taken.write(f"{name}\0")
            with open_plain(self.path / name, LARGEST_PROGRAM, within=self.path) as made:
                into = self._folder / name
                into.unlink(missing_ok=True)
                into.parent.mkdir(exist_ok=True)
                with into.open("xb") as file:
                    shutil.copyfileobj(made, file, 1 << 20)
            into.chmod(0o755)

    def remove(self) -> None:
        """Removes the copy, if there is one."""
        shutil.rmtree(self.path, ignore_errors=True)
