"""Says whether a build is out of date, by stamps of what the last one saw.

A stamp makes "nothing changed" cost a few milliseconds, and catches two kinds of edits which ninja, going by times
alone, does not notice: a file replaced by an older one, and a file saved while it was being compiled.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_NOT_BUILT_FROM = {"build", "grade", "docs", "__pycache__"}

Sources = dict[str, list[int]]
"""Size, time of change and time of the inode's change of every file that may go into a build, by path in the tree."""


@dataclass(frozen=True)
class _Stamp:
    """What the last run of ninja saw: size and times of each source, and of the output if it succeeded."""

    sources: Sources
    output: list[int] | None = None
    ended: int | None = None
    """When the run ended, in ns; None if it was killed."""


@dataclass(frozen=True)
class BuildStamps:
    """The stamps of some targets of a tree in one build folder."""

    tree: Path
    build_dir: Path
    outputs: Mapping[str, Sequence[Path]]
    """The files that each target makes, or may make."""

    def refreshed_sources(self) -> Sources | None:
        """Returns the sources; None if all outputs are made from exactly these. Sees to it that ninja notices each change."""
        sources = self._sources()
        if all(self._is_current(target, sources) for target in self.outputs):
            return None
        runs = [run for run in map(_read_stamp, self.build_dir.glob("*.stamp")) if run is not None]  # objects may be shared
        hidden = [
            path
            for path, (_, changed, _) in sources.items()
            if any(run.sources.get(path) != sources[path] and (run.ended is None or changed <= run.ended) for run in runs)
        ]
        for path in hidden:  # changed, but too old for ninja to notice
            os.utime(self.tree / path)
        return self._sources() if hidden else sources

    def begin(self, sources: Sources) -> None:
        """Notes that a build of these sources has begun: one that is killed leaves this stamp, unfinished."""
        for target in self.outputs:
            self._write(target, _Stamp(sources))

    def end(self, sources: Sources, *, succeeded: bool) -> None:
        """Notes that a build of these sources has ended, and what it has made if it succeeded."""
        for target in self.outputs:
            self._write(target, _Stamp(sources, self._made(target) if succeeded else None, time.time_ns()))

    def _is_current(self, target: str, sources: Sources) -> bool:
        last = _read_stamp(self._file(target))
        return last is not None and last.sources == sources and last.output is not None and last.output == self._made(target)

    def _sources(self) -> Sources:
        def walk(folder: str) -> Iterator[os.DirEntry[str]]:
            for entry in os.scandir(folder):
                hidden = entry.name.startswith(".")  # caches and the swap files of editors
                if hidden or entry.name in _NOT_BUILT_FROM or entry.path == str(self.build_dir):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from walk(entry.path)
                elif entry.is_file():
                    yield entry

        root = len(str(self.tree)) + 1
        return {entry.path[root:]: _numbers(entry.stat()) for entry in walk(str(self.tree))}

    def _made(self, target: str) -> list[int]:
        """Returns the same as _sources for what a target makes; empty if there is nothing."""
        return [number for path in self.outputs[target] if path.exists() for number in _numbers(path.stat())]

    def _file(self, target: str) -> Path:
        return self.build_dir / f"{target}.stamp"

    def _write(self, target: str, stamp: _Stamp) -> None:
        fresh = self._file(target).with_suffix(".new")
        fresh.write_text(json.dumps(asdict(stamp)), encoding="utf-8")
        fresh.replace(self._file(target))


def _numbers(stat: os.stat_result) -> list[int]:
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _read_stamp(stamp: Path) -> _Stamp | None:
    try:
        return _Stamp(**json.loads(stamp.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
