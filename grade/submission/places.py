"""Places in which submissions are built, one after the other: what is given is built once in each, and stays.

A sandboxed build writes to a copy of its build folder (private_copy.py), so nothing that stays is a student's doing. What was
taken out of the copy goes before the next submission comes, and so does everything that was remembered about it.
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from grade.submission.private_copy import RECORDS, TAKEN, TEMPORARY

_PREFIX, _UNSEALED = ".place-{}-{}", ".unsealed-{}-{}"
"""With the machine's name: on a shared disk, others have other tools, and may not see our locks."""
_KEPT_IN = "kept-in"
_KEPT = re.compile(r"kernel\.elf|\w+_tests(_engine)?|\w+\.log")
_COMPILER = re.compile(r"set\(CMAKE_CXX_COMPILER (\S+)\)")
_HEADERS = ("/usr/include/stdio.h", "/usr/include/gtest/gtest.h")


@contextmanager
def place_for_one(root: Path, *, is_sealed: bool) -> Iterator[Path]:
    """Yields a folder below build/submissions of `root` that no other process uses, with nothing of a student in it.

    What is not sealed could write anywhere: it gets a folder that is new, and goes.
    """
    folder = root / "build" / "submissions"
    folder.mkdir(parents=True, exist_ok=True)
    state = _tools(root)
    number = 0
    while True:
        number += 1
        place = folder / (_PREFIX if is_sealed else _UNSEALED).format(platform.node(), number)
        with place.with_suffix(".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if not is_sealed:
                shutil.rmtree(place, ignore_errors=True)
            _refresh(place, state)
            try:
                yield place
            finally:
                empty(place) if is_sealed else shutil.rmtree(place)
            return


def empty(place: Path) -> None:
    """Removes all that came of the submission before, except its sources, which the next one replaces."""
    (place / _KEPT_IN).unlink(missing_ok=True)
    shutil.rmtree(place / "ran", ignore_errors=True)
    for build in place.glob("lab-*/build"):
        for path in build.iterdir():
            if not path.is_dir():
                path.unlink()
            elif path.name.endswith(".sealed"):
                shutil.rmtree(path)
            else:
                _remove_outputs(path)


def _remove_outputs(folder: Path) -> None:
    taken = folder / TAKEN
    names = taken.read_text(encoding="utf-8").split("\0") if taken.exists() else []
    for name in filter(None, names):
        (folder / name).unlink(missing_ok=True)
    for path in (taken, *folder.glob("*.stamp"), *folder.glob("*.log")):
        path.unlink(missing_ok=True)
    for name in (RECORDS, TEMPORARY):
        shutil.rmtree(folder / name, ignore_errors=True)


def note_kept_in(place: Path, kept: Path | None) -> None:
    """Notes where the submission will be kept, so that messages can name files that will be there."""
    (place / _KEPT_IN).write_text(str(kept or ""), encoding="utf-8")


def log_words(place: Path, log: Path) -> str:
    """Returns what a message says about the log of a build in this place; nothing if it is not kept."""
    kept = (place / _KEPT_IN).read_text(encoding="utf-8") if (place / _KEPT_IN).exists() else str(place)
    return f"The whole log: {Path(kept) / log.resolve().relative_to(place.resolve())}" if kept else ""


def copy_kept(place: Path, trees: Iterable[Path], kept: Path) -> None:
    """Copies the trees' sources, programs and logs, in place of what was kept before."""
    shutil.rmtree(kept, ignore_errors=True)
    for tree in trees:
        shutil.copytree(tree, kept / tree.name, ignore=shutil.ignore_patterns("build"), symlinks=True)
        for folder in (tree / "build").glob("*/"):
            for path in folder.iterdir():
                if _KEPT.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                    (into := kept / tree.name / "build" / folder.name).mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, into)


def _refresh(place: Path, state: str) -> None:
    """Empties a place after a submission that was killed; makes it anew if it was built by other tools."""
    file = place / "tools"
    if not file.exists() or file.read_text(encoding="utf-8") != state:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        file.write_text(state, encoding="utf-8")
    empty(place)


def _tools(root: Path) -> str:
    """Returns what changes when a compiler or a library is replaced: ninja would not notice."""
    toolchains = (path.read_text(encoding="utf-8") for path in sorted(root.glob("arch/*/toolchain.cmake")))
    compilers = {"c++", "g++", *(name for text in toolchains for name in _COMPILER.findall(text))}
    files = [path for compiler in sorted(compilers) for path in _parts(compiler)]
    digest = hashlib.sha256()
    for name in [*files, *_HEADERS, shutil.which("cmake") or "", shutil.which("ninja") or ""]:
        try:
            found = os.stat(name)
        except OSError:
            continue
        digest.update(f"{os.path.realpath(name)} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}\n".encode())
    return digest.hexdigest()


@cache
def _parts(compiler: str) -> list[str]:
    """Returns the files that a compiler consists of, as far as it says so."""
    path = shutil.which(compiler)
    if path is None:
        return []
    kinds = ["--print-prog-name=cc1plus", "--print-prog-name=as", "--print-prog-name=ld", "--print-file-name=libstdc++.a"]
    said = [subprocess.run([path, kind], capture_output=True, text=True, check=False).stdout.strip() for kind in kinds]
    return [path, *(shutil.which(one) or one for one in said if one)]
