"""Runs sim_c++ of Debian's package similarity-tester, which finds what two programs have in common except for names.

It reads text that students wrote, so it gets little time and memory, and names of files that mean nothing.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from grade.ladder.labs import LadderError

_OPTIONS = ("-i", "-n", "-e", "-s", "-T", "-r", "24", "-o", "runs")
"""Names come on standard input; places and no text, of each pair of files; runs of 24 tokens or more, sim's own choice."""
_CPU_SECONDS, _WALL_SECONDS = 120, 300
_LIMITS = ("prlimit", f"--cpu={_CPU_SECONDS}", f"--as={2 << 30}", f"--fsize={1 << 30}", "--core=0")
_RUN = re.compile(r"(\d+): line (\d+)-(\d+)\s*\|(\d+): line (\d+)-(\d+)\s*\[(\d+)\]")


@dataclass(frozen=True)
class Run:
    """What two texts have in common: lines from 0, the last one included, of texts by their number."""

    first: int
    first_lines: range
    second: int
    second_lines: range
    tokens: int


def runs_among(texts: Sequence[str]) -> Iterator[Run]:
    """Yields what any two of `texts` have in common, which are numbered from 0.

    Raises LadderError if sim_c++ is not there, or cannot do it within its limits.
    """
    program = shutil.which("sim_c++")
    if program is None:
        raise LadderError("similarity needs sim_c++: apt-get install similarity-tester")
    with tempfile.TemporaryDirectory(prefix="pagewalk-sim-") as folder:
        names = [f"{number:05}" for number in range(len(texts))]
        for name, text in zip(names, texts, strict=True):
            (Path(folder) / name).write_text(f"{text}\n", encoding="ascii")
        _run([program, *_OPTIONS], Path(folder), names)
        with (Path(folder) / "runs").open(encoding="ascii", errors="replace") as output:
            for line in output:
                if (match := _RUN.match(line)) is not None:
                    yield _parsed(match)


def _run(command: Sequence[str], folder: Path, names: Sequence[str]) -> None:
    try:
        result = subprocess.run(
            [*_LIMITS, *command],
            input="\n".join(names) + "\n",
            capture_output=True,
            check=False,
            cwd=folder,
            encoding="utf-8",
            errors="replace",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            timeout=_WALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise LadderError(f"similarity: sim_c++ did not end within {_WALL_SECONDS} seconds") from None
    if result.returncode != 0:
        said = (result.stderr.strip().splitlines() or [f"status {result.returncode}"])[-1]
        raise LadderError(f"similarity: sim_c++ failed, or needed more than {_CPU_SECONDS} seconds or 2 GiB: {said[:200]}")


def _parsed(match: re.Match[str]) -> Run:
    first, first_from, first_to, second, second_from, second_to, tokens = map(int, match.groups())
    return Run(first, range(first_from - 1, first_to), second, range(second_from - 1, second_to), tokens)
