"""C files of the grader as a shared library: compiled once, even if many threads and processes ask at the same time."""

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from grade.ladder.labs import LadderError
from grade.ladder.trees import locked


def shared_library(compiler: list[str], source: Path, folder: Path, *others: Path, headers: Sequence[Path] = ()) -> Path:
    """Returns `source`, with `others`, as a shared library in `folder`, compiled if they, or `headers`, have changed.

    LadderError, with the log, if that fails.
    """
    command, sources = [*compiler, "-fPIC", "-shared"], [source, *others]
    contents = b"".join(file.read_bytes() for file in (*sources, *headers))
    digest = hashlib.sha256(contents + " ".join(command).encode()).hexdigest()[:16]
    library = folder / f"{source.stem}-{digest}.so"
    with locked(folder / f"{source.stem}.lock"):
        if not library.exists():
            fresh = library.with_suffix(".fresh")  # a compiler that is killed leaves no library
            run = subprocess.run([*command, "-o", fresh, *sources], capture_output=True, text=True, check=False)
            if run.returncode != 0:
                raise LadderError(f"{source.name} does not compile with {compiler[0]}:\n{run.stderr.strip()}")
            fresh.replace(library)
    return library
