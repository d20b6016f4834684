"""The command line of `class`, as data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RESULTS = "results"
"""The folder, in that of the class, which holds the outcomes."""


@dataclass(frozen=True)
class ClassOptions:
    """What `./pagewalk class --help` describes."""

    submissions: Path
    output: Path
    lab: int | None = None
    isas: Sequence[str] = ()
    roster: Path | None = None
    canvas: Path | None = None
    canvas_column: str | None = None
    moodle: Path | None = None
    changed: bool = False
    unsealed: bool = False
    keep: bool = False
    minutes: float = 30
    jobs: int | None = None
    dask: str | None = None
    scheduler_file: str | None = None
    slurm: int | None = None
