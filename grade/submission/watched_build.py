"""Builds a laid-out submission, and records what the student's files made the tools read in each build.

A student's file can #include or .incbin any file of this machine: the reference code, say, or something that a message of
the compiler would then show. So the translation units that a student's file reaches are compiled under watch, within
limits, and never come from the compiler's cache. Nothing is run before the records have been examined.
"""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from grade.ladder.build import BuildError, Caution, Kernel, Manner, Step, build_host_tests, build_kernel, engine_of
from grade.ladder.build_errors import Diagnostic, with_culprit
from grade.ladder.files import need_room
from grade.ladder.labs import LadderError, load_labs
from grade.ladder.plain_file import LARGEST_TEXT, read_plain
from grade.ladder.trees import locked
from grade.results.failure import Failure
from grade.submission.digests import check_digests, digests_of
from grade.submission.include_graph import files_that_reach
from grade.submission.opened_files import ToolRun, build_library, environment, tool_runs
from grade.submission.places import log_words
from grade.submission.private_copy import RECORDS, TEMPORARY, PrivateCopy
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
    r"CPU time limit exceeded": f"compiling it takes more than {_CPU_SECONDS} seconds of CPU time",
    r"File size limit exceeded|File too large": f"compiling it makes a file of more than {_LARGEST_FILE >> 20} MiB",
    r"out of memory|memory exhausted|allocate memory": f"compiling it takes more than {_MEMORY >> 30} GiB of memory",
}
_NINJA_IS_FULL, _END = "std::bad_alloc", 4096  # it keeps what a tool prints until that ends
# The tools that read what a student wrote; the LTO ones only to see that they do not run.
_READERS = ("cc1plus", "cc1", "as", "lto", "wrapper", "lto1")
_DEFINITIONS = (
    "-DCMAKE_EXE_LINKER_FLAGS=-fno-lto",  # code hidden in an object, compiled when nobody watches
    "-DJUDGES_ALONE=ON",  # kernel/tests/host.cmake
)
_MOST_NAMED = 5
_WITHOUT_END = f"files whose names alone take more than {LARGEST_TEXT >> 20} MiB"
_KERNEL = "kernel.elf"
_USER_PROGRAMS = "archive/programs.tar"  # the file of all of them that goes into the kernel (user/programs.cmake)
_SHARED = ("host_machine",)  # what all programs of host tests are linked with (kernel/tests/host.cmake)


@dataclass(frozen=True)
class _Outcome:
    """How a build ended; kept in the tree, for other processes. `reads` are pairs: the file that reads, and what it reads."""

    reads: list[list[str]]
    error: Diagnostic | None
    log: str | None
    digests: dict[str, str]
    """Of what was built, by its path: nothing in a sandbox can write where this is kept."""


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


def check_unchanged(tree: Path, name: str) -> None:
    """Raises NotAsBuilt if what was built under that name, an ISA or a program of host tests, is no longer the same."""
    check_digests(json.loads(_record(tree, name).read_text(encoding="utf-8"))["digests"], read_once="user")


class _Build(Protocol):
    """Builds something of a tree, with the caution that it is given."""

    def __call__(self, *, caution: Caution) -> object:
        """Returns what was built; BuildError if it does not build."""


def _once(tree: Path, preset: str, build: _Build, sealed: bool, program: str = "") -> None:
    """Builds and examines the records, unless that was already done; raises the outcome."""
    file = _record(tree, program or preset)
    with locked(file.with_suffix(".lock")):
        if not file.exists():
            file.write_text(json.dumps(asdict(_built(tree, preset, build, sealed, program))), encoding="utf-8")
        document = json.loads(file.read_text(encoding="utf-8"))
    if document["reads"]:
        raise _reads_outside(document["reads"])
    if document["log"] is not None:
        first = document["error"]
        raise BuildError(tree, preset, Diagnostic(**first) if first else None, document["log"])


def _record(tree: Path, name: str) -> Path:
    return tree / "build" / f"{name}.watched.json"


def _built(tree: Path, preset: str, build: _Build, sealed: bool, program: str) -> _Outcome:
    owned = [path for path in owned_paths(load_labs(tree)) if (tree / path).exists()]
    folder = tree / "build" / preset
    watch = _Watch(tree, folder, owned, PrivateCopy(folder.resolve()) if sealed else None)
    killed_before = _killed_for_memory()
    try:
        build(caution=Caution(_LIMITS, _DEFINITIONS, watch.steps))
        reads = watch.reads_outside()
        return _Outcome(reads, None, None, {} if reads else digests_of(_made(folder, program)))
    except BuildError as error:
        _refuse_what_is_ours(error, watch, killed_before)
        log = log_words(tree.parent, error.log) if isinstance(error.log, Path) else error.log
        return _Outcome(watch.reads_outside(), _explained(error, watch.written, watch.unfinished()), log, {})
    finally:
        watch.end()


def _refuse_what_is_ours(error: BuildError, watch: "_Watch", killed_before: int) -> None:
    """Raises LadderError if it is not the student's fault that a build has failed.

    What the tools said has no part in it: a student's file can have them say anything.
    """
    if not watch.is_ours_built:
        raise LadderError(f"what is given does not build here, which is not the student's fault: {error}") from error
    if _killed_for_memory() != killed_before:
        raise LadderError("this machine ran out of memory during a build, and killed a process: grade it again") from error
    need_room(error.tree)


def _killed_for_memory() -> int:
    """Returns how many processes this machine has killed for want of memory (proc(5), vmstat)."""
    text = Path("/proc/vmstat").read_text(encoding="ascii")
    found = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
    return int(found[1]) if found is not None else 0


def _made(folder: Path, program: str) -> list[Path]:
    """Returns what is run, and what is read about it: the kernel and its programs, or a program of host tests."""
    if not program:
        return [folder / _KERNEL, *folder.glob("user/*")]
    engine = engine_of(folder / program)
    return [folder / program, *([engine] if os.path.lexists(engine) else [])]


def _explained(error: BuildError, written: Path, unfinished: str | None) -> Diagnostic | None:
    """Returns the first error of what was built in the folder `written`, in our own words if a limit ended the build.

    `unfinished` is the only source that was not compiled, if there is one.
    """
    first = with_culprit(error.first_error, written) if error.first_error is not None else None
    if not isinstance(error.log, Path) or (first is not None and first.file is not None):
        return first
    silent = f"the build ended without a word, or took {_BACKSTOP_MINUTES} minutes"
    message = first.message if first is not None else silent
    limit = next((limit for sign, limit in _SIGNS.items() if re.search(sign, message)), None)
    text = read_plain(error.log).decode(errors="replace")
    if _NINJA_IS_FULL in text[-_END:]:
        limit = f"what the tools print takes more than {_MEMORY >> 30} GiB of memory"
    if (whole := re.search(r"^ended, because it uses (more than .*)$", text, re.MULTILINE)) is not None:  # keeper.py
        limit = f"compiling all files takes {whole[1]}"
    failed = re.search(r"^FAILED: \S*?\.dir/(\S+?)\.o(?:bj)?\b", text, re.MULTILINE)
    return Diagnostic(failed[1] if failed else unfinished, None, None, limit or message)


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
    """The build of one preset in `folder`, with a student's files among its sources; in a sandbox if there is a `copy` for it."""

    def __init__(self, tree: Path, folder: Path, owned: list[str], copy: PrivateCopy | None) -> None:
        self._tree, self._folder, self._owned, self._copy = tree.resolve(), folder.resolve(), owned, copy
        self.written = copy.path if copy is not None else self._folder
        self._watched: list[_Unit] = []
        self.is_ours_built = False
        """Whether the step is over in which nothing of a student takes part."""

    def steps(self, folder: Path, target: str) -> Iterator[Step]:
        """Yields what is ours alone; then what the student's files reach, under watch; and if that read nothing outside, the rest."""
        yield Step(["build.ninja"])  # CMake runs again if a file has come or gone since the place was used last
        units = [unit for unit in _units(self._tree, folder) if _is_part(unit, target)]
        reached = files_that_reach(self._tree, self._owned)
        self._watched = [unit for unit in units if unit.source in reached]
        ours = [unit.object for unit in units if unit.source not in reached]
        if any(map(_is_users, units)) and not any(map(_is_users, self._watched)):
            ours.append(_USER_PROGRAMS)
        made = [name for name in (target, f"{target}_engine") if any(f"/{name}.dir/" in f"/{unit.object}" for unit in units)]
        ours += [name for name in made if _is_given(name, self._watched)]
        if precompiled := [name for name in ours if name.endswith(".gch")]:
            yield Step(precompiled)  # from the cache, which knows by it what else was compiled with it
        yield Step(ours)
        self.is_ours_built = True
        library = build_library(self._tree.parents[2] / "watch")
        if self._copy is not None:
            self._copy.make()
        for name in (RECORDS, TEMPORARY):
            (self.written / name).mkdir(exist_ok=True)
        watch = {"CCACHE_DISABLE": "1", "TMPDIR": str(folder / TEMPORARY), **environment(library, folder / RECORDS)}
        sandbox = around_compiler(self._tree, folder, self._copy.path, library, watch) if self._copy is not None else []
        left = [name for name in made if name not in ours]
        for targets in ([unit.object for unit in self._watched], left):
            yield Step(targets, {} if sandbox else watch, sandbox)
            if self.reads_outside():
                return
        if self._copy is not None:
            built = _made(self.written, "" if target == "kernel" else target)
            names = [path.relative_to(self.written).as_posix() for path in built]
            self._copy.take_out(name for name in names if name in (*left, _KERNEL) or not (folder / name).exists())

    def unfinished(self) -> str | None:
        """Returns the source that has no object, or an empty one, if it is the only one."""
        objects = ((unit.source, self.written / unit.object) for unit in self._watched)
        left = [source for source, path in objects if not os.path.lexists(path) or not path.lstat().st_size]
        return left[0] if len(left) == 1 else None

    def end(self) -> None:
        """Removes what only the build needed."""
        if self._copy is not None:
            self._copy.remove()

    def reads_outside(self) -> list[list[str]]:
        """Returns which file read what it must not, each pair once. LadderError if the watch itself has failed."""
        if not os.path.lexists(self.written / RECORDS):
            return []
        every = list(tool_runs(self.written / RECORDS))
        runs = [run for run in every if run.tool in _READERS]
        system = _system_folders({unit.compiler for unit in self._watched})
        allowed = tuple(f"{folder}/" for folder in (str(self._tree), *system))
        opened = ((run, os.path.normpath(path)) for run in runs for path in run.opened)
        outside = ((run, path) for run, path in opened if not path.startswith(allowed) and os.path.lexists(path))
        found = {(self._subject(run), path): None for run, path in outside}
        found |= {(self._subject(run), _WITHOUT_END): None for run in every if not run.is_whole}
        if all(run.is_whole for run in every):
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
            if os.path.lexists(self.written / unit.object) and str(self._folder / unit.object) not in seen:
                raise LadderError(f"{unit.compiler}: what it reads cannot be watched here, so this is not graded")


def _is_part(unit: _Unit, target: str) -> bool:
    """Returns whether the target contains the unit; the kernel holds all user programs."""
    if target == "kernel":  # and not the probes, by which each header, also a student's, compiles alone
        return re.search(r"(?:^|/)(?:kernel|user_\w+)\.dir/", unit.object) is not None
    return any(f"/{folder}.dir/" in f"/{unit.object}" for folder in (target, f"{target}_engine", *_SHARED))


def _is_given(target: str, watched: Iterable[_Unit]) -> bool:
    """Returns whether nothing of what a target is linked from is watched."""
    return not any(f"/{folder}.dir/" in f"/{unit.object}" for unit in watched for folder in (target, *_SHARED))


def _is_users(unit: _Unit) -> bool:
    return "user_" in unit.object


def _is_source(unit: _Unit, run: ToolRun) -> bool:
    return any(argument.endswith(f"/{unit.source}") for argument in run.arguments)


def _units(tree: Path, folder: Path) -> Iterator[_Unit]:
    for command in json.loads(read_plain(folder / "compile_commands.json")):
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
