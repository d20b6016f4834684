"""Builds a laid-out submission, and records what the student's files made the tools read in each build.

A student's file can #include or .incbin any file of this machine: the reference code, say, or something that a message of
the compiler would then show. So the translation units that a student's file reaches are compiled under watch, within
limits, and never come from the compiler's cache. Nothing is run before the records have been examined.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from grade.diagnosis.failure import Failure
from grade.ladder.build import BuildError, Caution, Kernel, Manner, Step, build_host_tests, build_kernel
from grade.ladder.build_errors import Diagnostic
from grade.ladder.labs import LadderError, load_labs
from grade.ladder.trees import locked
from grade.submission.include_graph import files_that_reach
from grade.submission.opened_files import ToolRun, build_library, environment, tool_runs
from grade.submission.sandbox import around_compiler
from grade.submission.selection import owned_paths
from grade.visible import visible

_CPU_SECONDS = 120  # for one run of one tool; the slowest takes ten
_MEMORY = 4 << 30
_LARGEST_FILE = 256 << 20
_BACKSTOP_MINUTES = 30
_LIMITS = (
    # When interrupted, ninja ends the tools.
    *("timeout", "--signal=INT", "--kill-after=30", f"{_BACKSTOP_MINUTES}m"),
    *("prlimit", f"--cpu={_CPU_SECONDS}:{_CPU_SECONDS + 5}", f"--as={_MEMORY}", f"--fsize={_LARGEST_FILE}", "--core=0"),
)
_SIGNS = {
    r"CPU time limit exceeded|Killed signal": f"compiling it takes more than {_CPU_SECONDS} seconds of CPU time",
    r"File size limit exceeded|File too large": f"compiling it makes a file of more than {_LARGEST_FILE >> 20} MiB",
    r"out of memory|memory exhausted|allocate memory": f"compiling it takes more than {_MEMORY >> 30} GiB of memory",
}
# The tools that read what a student wrote; the LTO ones only to see that they do not run.
_READERS = ("cc1plus", "cc1", "as", "lto", "wrapper", "lto1")
_NO_LTO = "-DCMAKE_EXE_LINKER_FLAGS=-fno-lto"  # code hidden in an object, compiled when nobody watches
_MOST_NAMED = 5
_KEPT = re.compile(r"kernel\.elf|\w+_tests(_engine)?|\w+\.log")
_SHARED = ("host_machine",)  # what all programs of host tests are linked with (kernel/tests/host.cmake)


@dataclass(frozen=True)
class _Outcome:
    """How a build ended; kept in the tree, for other processes. `reads` are pairs: the file that reads, and what it reads."""

    reads: list[list[str]]
    error: Diagnostic | None
    log: str | None


def watched_kernel(tree: Path, isa: str, manner: Manner = Manner(), *, sealed: bool) -> Kernel:
    """Returns the tree's kernel, built in a sandbox if it is `sealed`.

    Raises BuildError if it does not build, and Failure if it was to read something outside the tree.
    """
    _once(tree, isa, partial(build_kernel, tree, isa, manner=manner), sealed)
    return Kernel(isa, tree / "build" / isa / "kernel.elf", tree)


def watched_host_tests(tree: Path, program: str, manner: Manner = Manner(), *, sealed: bool) -> Path:
    """Returns one program of the tree's host tests, built in the same way."""
    _once(tree, "host", partial(build_host_tests, tree, program, manner=manner), sealed, program)
    return tree / "build" / "host" / program


def all_watched_host_tests(tree: Path, programs: Sequence[str], manner: Manner, *, sealed: bool) -> dict[str, Path | Exception]:
    """Builds several programs, one after the other; returns each, or why there is none."""
    came: dict[str, Path | Exception] = {}
    for program in programs:
        try:
            came[program] = watched_host_tests(tree, program, manner, sealed=sealed)
        except (BuildError, Failure) as error:
            came[program] = error
    return came


def prune(tree: Path) -> None:
    """Removes what was built, except what may be run or read later: otherwise a class fills a disk."""
    for folder in (tree / "build").glob("*"):
        for path in folder.iterdir() if folder.is_dir() else ():
            if _KEPT.fullmatch(path.name):
                continue
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


class _Build(Protocol):
    """Builds something of a tree, with the caution that it is given."""

    def __call__(self, *, caution: Caution) -> object:
        """Returns what was built; BuildError if it does not build."""


def _once(tree: Path, preset: str, build: _Build, sealed: bool, program: str = "") -> None:
    """Builds and examines the records, unless that was already done; raises the outcome."""
    file = tree / "build" / f"{program or preset}.watched.json"
    with locked(file.with_suffix(".lock")):
        if not file.exists():
            file.write_text(json.dumps(asdict(_built(tree, preset, build, sealed))), encoding="utf-8")
        document = json.loads(file.read_text(encoding="utf-8"))
    if document["reads"]:
        raise _reads_outside(document["reads"])
    if document["log"] is not None:
        first = document["error"]
        raise BuildError(tree, preset, Diagnostic(**first) if first else None, document["log"])


def _built(tree: Path, preset: str, build: _Build, sealed: bool) -> _Outcome:
    owned = [path for path in owned_paths(load_labs(tree)) if (tree / path).exists()]
    watch = _Watch(tree, tree / "build" / preset, owned, sealed)
    error: BuildError | None = None
    try:
        build(caution=Caution(_LIMITS, (_NO_LTO,), watch.steps))
    except BuildError as caught:
        error = caught
    reads = watch.reads_outside()
    if error is None:
        return _Outcome(reads, None, None)
    log = f"The whole log: {error.log}" if isinstance(error.log, Path) else error.log
    return _Outcome(reads, _explained(error), log)


def _explained(error: BuildError) -> Diagnostic | None:
    """Returns the first error, in our own words if a limit ended the build."""
    first = error.first_error
    if not isinstance(error.log, Path) or (first is not None and first.file is not None):
        return first
    silent = f"the build ended without a word, or took {_BACKSTOP_MINUTES} minutes"
    message = first.message if first is not None else silent
    limit = next((limit for sign, limit in _SIGNS.items() if re.search(sign, message)), None)
    text = error.log.read_text(encoding="utf-8", errors="replace")
    if (whole := re.search(r"^ended, because it uses (more than .*)$", text, re.MULTILINE)) is not None:  # keeper.py
        limit = f"compiling all files takes {whole[1]}"
    failed = re.search(r"^FAILED: \S*?\.dir/(\S+?)\.o(?:bj)?\b", text, re.MULTILINE)
    return Diagnostic(failed[1] if failed else None, None, None, limit or message)


def _reads_outside(reads: list[list[str]]) -> Failure:
    named = [f"{visible(who)} reads {visible(what)}" for who, what in reads[:_MOST_NAMED]]
    more = f" and {len(reads) - _MOST_NAMED} more" if len(reads) > _MOST_NAMED else ""
    expected = "what is handed in reads its own tree, and the compiler's headers"
    return Failure("reads-outside-the-tree", expected, "; ".join(named) + more, file=reads[0][0].partition(" ")[0])


@dataclass(frozen=True)
class _Unit:
    """One translation unit: its source from the root, its object as ninja calls it, and the compiler."""

    source: str
    object: str
    compiler: str


class _Watch:
    """The build of one preset in `folder`, with a student's files among its sources."""

    def __init__(self, tree: Path, folder: Path, owned: list[str], sealed: bool) -> None:
        self._tree, self._folder, self._owned, self._sealed = tree.resolve(), folder.resolve(), owned, sealed
        self._records = self._folder / "opened"
        self._watched: list[_Unit] = []

    def steps(self, folder: Path, target: str) -> Iterator[Step]:
        """Yields what is ours alone; then what the student's files reach, under watch; and if that read nothing outside, the rest."""
        units = [unit for unit in _units(self._tree, folder) if _is_part(unit, target)]
        reached = files_that_reach(self._tree, self._owned)
        self._watched = [unit for unit in units if unit.source in reached]
        ours = [unit.object for unit in units if unit.source not in reached]
        temporary = folder / "tmp"
        for path in (self._records, temporary):
            path.mkdir(exist_ok=True)
        library = build_library(self._tree.parents[2] / "watch")
        watch = {"CCACHE_DISABLE": "1", "TMPDIR": str(temporary), **environment(library, self._records)}
        if precompiled := [name for name in ours if name.endswith(".gch")]:
            yield Step(precompiled)  # from the cache, which knows by it what else was compiled with it
        yield Step(ours)
        sandbox = around_compiler(self._tree, library, watch) if self._sealed else []
        for targets in ([unit.object for unit in self._watched], [target]):
            yield Step(targets, {} if sandbox else watch, sandbox)
            if self.reads_outside():
                return

    def reads_outside(self) -> list[list[str]]:
        """Returns which file read what it must not, each pair once. LadderError if the watch itself has failed."""
        if not self._records.exists():
            return []
        runs = [run for run in tool_runs(self._records) if run.tool in _READERS]
        system = _system_folders({unit.compiler for unit in self._watched})
        allowed = tuple(f"{folder}/" for folder in (str(self._tree), *system))
        opened = ((run, os.path.normpath(path)) for run in runs for path in run.opened)
        outside = ((run, path) for run, path in opened if not path.startswith(allowed) and os.path.lexists(path))
        found = {(self._subject(run), path): None for run, path in outside}
        self._check_complete(runs)
        return [list(pair) for pair in found]

    def _subject(self, run: ToolRun) -> str:
        """Returns the student's file that made the tool read something; the source if it is a header that it includes."""
        opened = {str(Path(path)).removeprefix(f"{self._tree}/") for path in run.opened}
        mine = [path for path in self._owned if path in opened]
        unit = next((unit for unit in self._watched if unit.object in run.arguments or _is_source(unit, run)), None)
        source = unit.source if unit is not None else " ".join(run.arguments[:1])
        if source in self._owned:
            return source
        if not mine:
            mine = self._owned[:1] if unit is None else [p for p in self._owned if p.endswith(".h")] or self._owned[:1]
        return f"{mine[0]} (in {source})"

    def _check_complete(self, runs: list[ToolRun]) -> None:
        """Checks that the compilation of each unit with an object was recorded: otherwise the tools cannot be watched."""
        seen = {path for run in runs for path in run.opened}
        for unit in self._watched:
            if (self._folder / unit.object).exists() and str(self._folder / unit.object) not in seen:
                raise LadderError(f"{unit.compiler}: what it reads cannot be watched here, so this is not graded")


def _is_part(unit: _Unit, target: str) -> bool:
    """Returns whether the target contains the unit; the kernel holds all user programs."""
    if target == "kernel":
        return "headers.dir/" not in unit.object
    return any(f"/{folder}.dir/" in f"/{unit.object}" for folder in (target, f"{target}_engine", *_SHARED))


def _is_source(unit: _Unit, run: ToolRun) -> bool:
    return any(argument.endswith(f"/{unit.source}") for argument in run.arguments)


def _units(tree: Path, folder: Path) -> Iterator[_Unit]:
    for command in json.loads((folder / "compile_commands.json").read_text(encoding="utf-8")):
        words = shlex.split(command["command"])
        compiler = next(word for word in words if not word.endswith("ccache"))
        source = Path(command["file"]).resolve()
        name = source.relative_to(tree).as_posix() if source.is_relative_to(tree) else str(source)
        yield _Unit(name, words[words.index("-o") + 1], compiler)


def _system_folders(compilers: Iterable[str]) -> list[str]:
    """Returns the folders in which these compilers look for headers."""
    found: dict[str, None] = {}
    english = os.environ | {"LC_ALL": "C.UTF-8"}
    for compiler in sorted(compilers):
        command = [compiler, "-E", "-v", "-x", "c++", "/dev/null"]
        output = subprocess.run(command, capture_output=True, text=True, check=True, env=english).stderr
        listed = output.partition("search starts here:")[2].partition("End of search list")[0]
        found |= {str(Path(line).resolve()): None for line in re.findall(r"^ (/\S.*)$", listed, re.MULTILINE)}
    return list(found)
