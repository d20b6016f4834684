"""Builds a tree's kernel or its host tests: incrementally, by one process at a time, with errors a student can read.

CMake's presets say how to build and ninja what is out of date. Added here: a stamp that makes "nothing
changed" cost a few milliseconds, and that catches two kinds of edits which ninja, going by times alone,
takes for no edit: a file replaced by an older one, and a file saved while it was being compiled.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from grade.boot.kernel_image import DEBUG_ROOT
from grade.ladder.trees import locked

Progress = Callable[[int, int, str], None]
"""Called with the number of steps done, the number of all steps, and what the step was."""

_SECONDS_TO_STOP = 10.0
_MOST_LOGGED, _LONGEST_LINE = 16 << 20, 1 << 16
_LONGEST_SHOWN = 400
_NOT_BUILT_FROM = {"build", "grade", "docs", "__pycache__"}
_COLOUR = re.compile(r"\x1b\[[0-9;]*[mK]|\x1b\]8;[^\x1b\x07]*(?:\x1b\\|\x07)")
_STEP = re.compile(r"\[(\d+)/(\d+)\] (.*)")
_EXCERPT = re.compile(r"\s*\d*\s*\|")

_LINKER = r"(?:\S*[/-])?ld(?:\.\w+)?:"
_ERRORS = [
    # The compiler, the assembler, the linker (an object or source file; its script; the rest), CMake, ninja, a driver.
    re.compile(r"(?P<file>[^\s:][^:]*):(?P<line>\d+):(?P<column>\d+): (?:fatal )?error: (?P<message>.*)"),
    re.compile(r"(?P<file>[^\s:][^:]*):(?P<line>\d+): (?:Error|Fatal error|fatal error|error): (?P<message>.*)"),
    re.compile(
        rf"(?:{_LINKER} )?(?P<file>[^\s:()]+):(?:(?P<line>\d+):)?(?:\([^)]*\):)? "
        r"(?P<message>(?:undefined reference to|multiple definition of|relocation truncated) .*)"
    ),
    re.compile(rf"{_LINKER} ?(?P<file>/[^\s:]+|\.\.[^\s:]+):(?P<line>\d+): (?P<message>(?!warning).*)"),
    re.compile(rf"{_LINKER} (?P<message>(?!.*(?:warning: |NOTE: |in function |in section )).*)"),
    re.compile(r"CMake Error at (?P<file>[^\s:]+):(?P<line>\d+).*"),
    re.compile(r"CMake Error: (?P<message>.*)"),
    re.compile(r"ninja: (?:error|fatal): (?P<message>.*)"),
    re.compile(r"\S*(?:g\+\+|gcc|c\+\+|cc1plus|collect2|as): (?:fatal |internal compiler )?error: (?P<message>.*)"),
    re.compile(r"(?:\S*(?:cc1plus|as): )?(?P<message>(?:out of memory allocating|virtual memory exhausted).*)"),
]


@dataclass(frozen=True)
class Kernel:
    """A built kernel."""

    isa: str
    elf: Path
    tree: Path


@dataclass(frozen=True)
class Diagnostic:
    """One error of the tool chain. `file` is relative to the tree; what the tool did not say is None."""

    file: str | None
    line: int | None
    column: int | None
    message: str
    excerpt: str = ""
    """The source line and the caret, as the compiler printed them."""

    def __str__(self) -> str:
        place = "".join(f"{part}:" for part in (self.file, self.line, self.column) if part is not None)
        return f"{place} error: {self.message}".strip() + (f"\n{self.excerpt}" if self.excerpt else "")


@dataclass(frozen=True)
class Step:
    """One run of ninja: the targets that it makes, and variables of the environment that it runs with."""

    targets: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Caution:
    """How code is built that nobody here has read."""

    limits: tuple[str, ...]
    """A command that runs the command behind it within limits."""
    definitions: tuple[str, ...]
    """Further variables for CMake, as -DNAME=VALUE."""
    steps: Callable[[Path, str], Iterable[Step]]
    """What to build in which order, from the build folder, once it is configured, and the target."""


class BuildError(Exception):
    """The tree does not build; str() is what a student reads. `isa` is "host" for the host tests."""

    def __init__(self, tree: Path, isa: str, first_error: Diagnostic | None, log: Path | str) -> None:
        self.tree, self.isa, self.first_error, self.log = tree, isa, first_error, log
        what = "The host tests do" if isa == "host" else f"The kernel for {isa} does"
        where = f"The whole log: {log}" if isinstance(log, Path) else log
        error = f"{first_error}\n" if first_error is not None else ""
        super().__init__(f"{error}{what} not build. {where}")


@dataclass(frozen=True)
class _Job:
    """One preset of one tree in one build folder."""

    tree: Path
    preset: str
    target: str
    build_dir: Path
    output: Path
    on_progress: Progress | None
    caution: Caution | None

    @property
    def log(self) -> Path:
        return self.build_dir / ("build.log" if self.target == "kernel" else f"{self.target}.log")

    @property
    def stamp(self) -> Path:
        return self.build_dir / f"{self.target}.stamp"


@dataclass(frozen=True)
class _Stamp:
    """What the last run of ninja saw: size and times of each source, and of the output if it succeeded."""

    sources: dict[str, list[int]]
    output: list[int] | None = None
    ended: int | None = None
    """When the run ended, in ns; None if it was killed."""


def build_kernel(
    tree: Path,
    isa: str,
    *,
    build_dir: Path | None = None,
    on_progress: Progress | None = None,
    caution: Caution | None = None,
) -> Kernel:
    """Builds what is out of date of the kernel for `isa`, in `build_dir` (build/ISA). BuildError if it fails."""
    tree = tree.resolve()
    folder = (build_dir or tree / "build" / isa).resolve()
    _build(_Job(tree, isa, "kernel", folder, folder / "kernel.elf", on_progress, caution))
    return Kernel(isa, folder / "kernel.elf", tree)


def build_host_tests(
    tree: Path, program: str, *, on_progress: Progress | None = None, caution: Caution | None = None
) -> Path:
    """Builds what is out of date of one program of host tests, and returns it. BuildError if it fails."""
    folder = tree.resolve() / "build" / "host"
    _build(_Job(tree.resolve(), "host", program, folder, folder / program, on_progress, caution))
    return folder / program


def _build(job: _Job) -> None:
    with locked(job.build_dir.with_name(job.build_dir.name + ".lock")) as lock:
        job.build_dir.mkdir(parents=True, exist_ok=True)
        sources = _refreshed_sources(job)
        if sources is None:
            return
        _write_stamp(job, _Stamp(sources))  # a build that is killed leaves this: unfinished
        output = None
        try:
            with job.log.open("w", encoding="utf-8") as log:
                _configure(job, lock, log)
                steps = job.caution.steps(job.build_dir, job.target) if job.caution else [Step([job.target])]
                for step in steps:
                    command = ["cmake", "--build", str(job.build_dir), "--target", *step.targets]
                    _run(job, command, lock, log, step.environment)
            output = _stat(job.output)
        finally:
            _write_stamp(job, _Stamp(sources, output, time.time_ns()))


# --- running the tools -------------------------------------------------------------------------------------


def _configure(job: _Job, lock: int, log: IO[str]) -> None:
    """Runs cmake --preset, unless it ran before with these presets; later changes ninja sees by itself."""
    done = job.build_dir / "pagewalk.configured"
    presets = job.tree / "CMakePresets.json"
    digest = hashlib.sha256(presets.read_bytes()).hexdigest() if presets.exists() else ""
    identity = f"{job.tree}\n{digest}\n"
    complete = (job.build_dir / "build.ninja").exists()
    before = done.read_text(encoding="utf-8") if done.exists() else ""
    if complete and before == identity:
        return
    done.unlink(missing_ok=True)
    if not before.startswith(f"{job.tree}\n"):
        # Interrupted half way, or made for a tree elsewhere: CMake would trust what it finds, or refuse it.
        (job.build_dir / "CMakeCache.txt").unlink(missing_ok=True)
        shutil.rmtree(job.build_dir / "CMakeFiles", ignore_errors=True)
    command = ["cmake", "--preset", job.preset, "-S", str(job.tree), "-B", str(job.build_dir)]
    _run(job, [*command, *(job.caution.definitions if job.caution else ())], lock, log, {})
    done.write_text(identity, encoding="utf-8")


def _run(job: _Job, command: list[str], lock: int, log: IO[str], variables: Mapping[str, str]) -> None:
    """Runs one step of the build, its output into the log. BuildError if it fails.

    The tool gets a process group of its own, so that Ctrl-C reaches it only by way of us, and inherits the
    lock, so that no other build starts beside what may be left of this one.
    """
    environment = os.environ | {
        "CCACHE_BASEDIR": str(job.tree),  # cuts of one file share their object files
        "CCACHE_NOHASHDIR": "1",
        "CCACHE_SLOPPINESS": "pch_defines,time_macros",  # without these ccache leaves alone what has a precompiled header
        "CCACHE_PCH_EXTSUM": "1",  # its checksum is kernel/base/precompiled.cmake's
        "NINJA_STATUS": "[%f/%t] ",
        "LC_ALL": "C.UTF-8",  # errors are recognised by their English wording
        **variables,
    }
    try:
        process = subprocess.Popen(
            [*(job.caution.limits if job.caution else ()), *command],
            cwd=job.tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            process_group=0,
            pass_fds=(lock,),
        )
    except FileNotFoundError as error:
        raise BuildError(job.tree, job.preset, None, f"{command[0]} is not installed: ./pagewalk setup") from error
    assert process.stdout is not None
    with process.stdout:  # open until ninja has ended, which may have a last word to say
        try:
            _follow(process.stdout, log, job.on_progress)
        except BaseException:
            _stop(process)
            raise
    if process.wait() != 0:
        log.flush()
        first_error = find_first_error(job.log.read_text(encoding="utf-8"), job.tree, job.build_dir)
        raise BuildError(job.tree, job.preset, first_error, job.log)


def _follow(output: IO[str], log: IO[str], on_progress: Progress | None) -> None:
    room = _MOST_LOGGED
    while line := output.readline(_LONGEST_LINE):
        line = _COLOUR.sub("", line)
        room -= len(line)
        if room > 0:
            log.write(line)
        if on_progress is not None and (step := _STEP.match(line)):
            on_progress(int(step[1]), int(step[2]), step[3])


def _stop(process: subprocess.Popen[str]) -> None:
    """Interrupts ninja, which then removes half-written files and ends; kills it if it does not."""
    try:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(_SECONDS_TO_STOP)
    except ProcessLookupError:
        process.wait()
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


# --- is anything out of date? ------------------------------------------------------------------------------


def _refreshed_sources(job: _Job) -> dict[str, list[int]] | None:
    """The stamps of the sources; None if the output is made from just these."""
    sources = _sources(job)
    last = _read_stamp(job.stamp)
    if last is not None and last.sources == sources and last.output is not None and last.output == _stat(job.output):
        return None
    runs = [run for run in map(_read_stamp, job.build_dir.glob("*.stamp")) if run is not None]  # objects may be shared
    hidden = [
        path
        for path, (_, changed, _) in sources.items()
        if any(run.sources.get(path) != sources[path] and (run.ended is None or changed <= run.ended) for run in runs)
    ]
    for path in hidden:  # changed, but too old for ninja to notice
        os.utime(job.tree / path)
    return _sources(job) if hidden else sources


def _sources(job: _Job) -> dict[str, list[int]]:
    """Size, time of change and time of the inode's change of every file that may go into a build."""

    def walk(folder: str) -> Iterator[os.DirEntry[str]]:
        for entry in os.scandir(folder):
            hidden = entry.name.startswith(".")  # caches and the swap files of editors
            if hidden or entry.name in _NOT_BUILT_FROM or entry.path == str(job.build_dir):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from walk(entry.path)
            elif entry.is_file():
                yield entry

    root = len(str(job.tree)) + 1
    return {entry.path[root:]: _numbers(entry.stat()) for entry in walk(str(job.tree))}


def _stat(path: Path) -> list[int]:
    """Like _sources for one file; empty if there is none."""
    return _numbers(path.stat()) if path.exists() else []


def _numbers(stat: os.stat_result) -> list[int]:
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _read_stamp(stamp: Path) -> _Stamp | None:
    try:
        return _Stamp(**json.loads(stamp.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _write_stamp(job: _Job, stamp: _Stamp) -> None:
    fresh = job.stamp.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(stamp)), encoding="utf-8")
    fresh.replace(job.stamp)


# --- reading errors ----------------------------------------------------------------------------------------


def find_first_error(log: str, tree: Path, build_dir: Path) -> Diagnostic | None:
    """The first error in the output of cmake, ninja and the compilers; None if there is none to be found."""
    lines = log.splitlines()
    for number, line in enumerate(lines):
        match = next((found for pattern in _ERRORS if (found := pattern.fullmatch(line))), None)
        if match is None:
            continue
        parts = match.groupdict()
        file, message = parts.get("file"), parts.get("message")
        return Diagnostic(
            file=None if file is None else _from_root(file, tree, build_dir),
            line=int(parts["line"]) if parts.get("line") else None,
            column=int(parts["column"]) if parts.get("column") else None,
            message=(message or _indented_text(lines[number + 1 :]))[:_LONGEST_SHOWN],
            excerpt="\n".join(line[:_LONGEST_SHOWN] for line in _leading(lines[number + 1 :], _EXCERPT)),
        )
    return None


def _leading(lines: list[str], pattern: re.Pattern[str]) -> Iterator[str]:
    for line in lines:
        if not pattern.match(line):
            return
        yield line


def _indented_text(lines: list[str]) -> str:
    """CMake's message: the indented lines, and the empty ones between, as one line."""
    return " ".join(" ".join(_leading(lines, re.compile(r"  |$"))).split())


def _from_root(name: str, tree: Path, build_dir: Path) -> str:
    """The file as seen from the tree.

    Compilers name it from the build folder, CMake from the tree, and the linker as the debug information does.
    """
    plain = os.path.normpath(name)
    if plain.startswith(f"{DEBUG_ROOT}/") and not Path(plain).exists():
        return plain.removeprefix(f"{DEBUG_ROOT}/")
    path = (build_dir / name).resolve()
    if not path.exists():
        return name
    return path.relative_to(tree).as_posix() if path.is_relative_to(tree) else str(path)
