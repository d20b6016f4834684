"""Plants a patch of main into the solved tree of its lab."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from grade.cutting.cutter import cut
from grade.ladder.trees import locked
from grade.patches.patch import Patch


def plant(tree: Path, patch: Patch, into: Path) -> Path:
    """Makes `into` the solved tree of the patch's lab with the patch in it. PatchError if the diff does not fit."""
    with locked(into.with_name(into.name + ".lock")):
        cut(tree, patch.lab, patch.lab, into, changes=changed(tree, patch))
    return into


def changed(tree: Path, patch: Patch) -> Mapping[str, bytes | None]:
    """Returns the contents, with the patch, of the files that it changes; None for one that it removes."""
    with TemporaryDirectory(prefix="pagewalk-patch-") as folder:
        copy = Path(folder) / "main"
        copy.mkdir()
        for name in patch.changed_files():
            if (tree / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(tree / name, copy / name)
        patch.apply(copy)
        return {name: (copy / name).read_bytes() if (copy / name).exists() else None for name in patch.changed_files()}
