"""Which source files of a tree may reach a given file by #include: found in the text, so one too many rather than too few."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*["<]([^">\n]+)[">]', re.MULTILINE)
_FOLDERS = ("kernel", "arch", "user")


def files_that_reach(tree: Path, targets: Collection[str]) -> set[str]:
    """Returns the targets and the other files that include one of them, directly or not; as paths from the root.

    Only the course's own files are searched: what a target includes makes no other file reach it.
    """
    files = [path for folder in _FOLDERS for path in sorted((tree / folder).rglob("*")) if path.is_file()]
    names = {path.relative_to(tree).as_posix(): path for path in files}
    includes = {name: set(_included(name, path, names)) for name, path in names.items() if name not in targets}
    reached = set(targets)
    before: set[str] = set()
    while reached != before:
        before = set(reached)
        reached |= {name for name, included in includes.items() if included & reached}
    return reached


def _included(name: str, path: Path, names: Collection[str]) -> Iterator[str]:
    for text in _INCLUDE.findall(path.read_text(encoding="utf-8", errors="replace")):
        beside = str(PurePosixPath(name).parent / text)
        # From the root, beside the file, or in a folder that only the build files know.
        yield from (known for known in names if known in (text, beside) or known.endswith(f"/{text}"))
