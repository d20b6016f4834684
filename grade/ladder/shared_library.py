"""A C file of the grader as a shared library: compiled once, even if many threads and processes ask at the same time."""

import hashlib
import subprocess
from pathlib import Path

from grade.ladder.labs import LadderError
from grade.ladder.trees import locked


def shared_library(compiler: list[str], source: Path, folder: Path) -> Path:
    """Returns `source` as a shared library in `folder`, compiled if need be. LadderError, with the log, if that fails."""
    command = [*compiler, "-fPIC", "-shared"]
    digest = hashlib.sha256(source.read_bytes() + " ".join(command).encode()).hexdigest()[:16]
    library = folder / f"{source.stem}-{digest}.so"
    with locked(folder / f"{source.stem}.lock"):
        if not library.exists():
            fresh = library.with_suffix(".fresh")  # a compiler that is killed leaves no library
            run = subprocess.run([*command, "-o", fresh, source], capture_output=True, text=True, check=False)
            if run.returncode != 0:
                raise LadderError(f"{source.name} does not compile with {compiler[0]}:\n{run.stderr.strip()}")
            fresh.replace(library)
    return library
