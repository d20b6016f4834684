"""What the outcome of a submission depends on. As long as none of it changes, nothing is graded again."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grade.isa import ISAS, isa_called
from grade.submission.laid_out import Work
from grade.version import PAGEWALK

_FOLDERS = ("arch", "grade", "kernel", "labs", "user")
_FILES = ("CMakeLists.txt", "CMakePresets.json")
_NOT_GRADING = ("grade/tests/", "grade/classroom/", "grade/formats/", "grade/packages/", "grade/site/", "grade/bench/")
"""Below these folders nothing can change a grade."""
_PATCHES = re.compile(r"labs/[^/]+/(bugs|variants)/")


def key_of(work: Work, isas: Sequence[str], grader: dict[str, str], *, is_sealed: bool) -> dict[str, Any]:
    """Returns the key of a submission's work, for the grader that grader_key() describes."""
    said = [work.claim.lab, list(work.claim.isas), work.claim.solved] if work.claim is not None else None
    return {
        "files": work.digest, "says": said, "labs": list(work.labs), "isas": list(isas), "seed": work.seed, "sealed": is_sealed, **grader
    }  # fmt: skip


def grader_key(root: Path) -> dict[str, str]:
    """Returns what the grader is: main's own text, whether it is committed or not, and the tools' versions."""
    main = hashlib.sha256()
    for path in _sources(root):
        content = (root / path).read_bytes()
        main.update(f"{path} {len(content)}\0".encode() + content)
    return {"pagewalk": PAGEWALK, "main": main.hexdigest()[:16], "tools": _tools(root)}


def _sources(root: Path) -> list[str]:
    found = [name for name in _FILES if (root / name).exists()]
    for top in _FOLDERS:
        for folder, folders, names in os.walk(root / top):
            folders[:] = [name for name in folders if name != "__pycache__"]
            found += [(Path(folder) / name).relative_to(root).as_posix() for name in names if not name.endswith(".md")]
    return sorted(path for path in found if not path.startswith(_NOT_GRADING) and not _PATCHES.match(path))


def _tools(root: Path) -> str:
    toolchains = (path.read_text(encoding="utf-8") for path in sorted(root.glob("arch/*/toolchain.cmake")))
    compilers = [name for text in toolchains for name in re.findall(r"set\(CMAKE_CXX_COMPILER (\S+)\)", text)]
    linkers = [f"{name.removesuffix('g++')}ld" for name in compilers]
    machines = [isa_called(isa).board.qemu for isa in ISAS]
    digest = hashlib.sha256()
    for program in ("g++", "ld", "cmake", "ninja", *compilers, *linkers, *machines):
        if shutil.which(program) is not None:
            said = subprocess.run([program, "--version"], capture_output=True, timeout=60, check=False).stdout
            digest.update(f"{program}\0".encode() + said.partition(b"\n")[0] + b"\n")
    return digest.hexdigest()[:16]
