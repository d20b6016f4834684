"""Builds a tree's kernel or its host tests: incrementally, by one process at a time, with errors a student can read.

CMake's presets say how to build, and ninja what is out of date; stamps (build_stamps.py) say whether to ask it at all.
"""

import hashlib
import os
import re
import select
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from grade.ladder.build_errors import Diagnostic, FirstError, find_first_error
from grade.ladder.build_stamps import BuildStamps
from grade.ladder.compiler_cache import failure_in, with_cache, without_cache
from grade.ladder.stopper import Stopper
from grade.ladder.trees import locked
from grade.tied import while_we_live

Progress = Callable[[int, int, str], None]
"""Called with the number of steps done, the number of all steps, and what the step was."""

_MOST_LOGGED, _LONGEST_LINE = 16 << 20, 1 << 16
_MOMENT = 0.1
"""Seconds: ninja prints the output of one job at once, and then maybe nothing until the next job ends."""
_PASSING_ON = ("timeout", "0")
"""Without a time limit: it passes a signal on to its process group, where ninja then ends its tools, whose groups are others."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*[mK]|\x1b\]8;[^\x1b\x07]*(?:\x1b\\|\x07)")
_STEP = re.compile(r"\[(\d+)/(\d+)\] (.*)")
_FAILED = re.compile(r"^FAILED: (.*)\n((?:(?!\[\d+/\d+\] |FAILED: |ninja: ).*\n?)*)", re.MULTILINE)
"""What ninja prints about a job that failed: its outputs, then its command and what that printed."""
_OBJECT_OF = re.compile(r"(?:^|/)(\w+)\.dir/")
"""In an object's name: the CMake target that it is part of."""


@dataclass(frozen=True)
class Kernel:
    """A built kernel."""

    isa: str
    elf: Path
    tree: Path


@dataclass(frozen=True)
class Manner:
    """How a build is carried out beside others, and what is called meanwhile."""

    on_progress: Progress | None = None
    on_error: Callable[[Diagnostic], None] | None = None
    """Called with the first error as soon as the tool has printed it; others may still be running then."""
    jobs: int | None = None
    """How many tools run at the same time; None leaves it to ninja."""
    stopper: Stopper | None = None


@dataclass(frozen=True)
class Step:
    """One run of ninja: the targets that it makes, and what it runs with."""

    targets: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    sandbox: Sequence[str] = ()
    """A command that runs the one after it in a sandbox."""


@dataclass(frozen=True)
class Caution:
    """How untrusted code is built, which nobody here has read."""

    limits: tuple[str, ...]
    """A command that runs the one after it within limits."""
    definitions: tuple[str, ...]
    """Further variables for CMake, as -DNAME=VALUE."""
    steps: Callable[[Path, str], Iterable[Step]]
    """What to build in which order, given the build folder and the target, once the folder is configured."""


def engine_of(program: Path) -> Path:
    """Returns what lies beside a program of host tests that judges: what the student wrote, as a program of its own."""
    return program.with_name(f"{program.name}_engine")


class BuildError(Exception):
    """The tree does not build; str() is what a student reads. `isa` is "host" for the host tests."""

    def __init__(self, tree: Path, isa: str, first_error: Diagnostic | None, log: Path | str) -> None:
        self.tree, self.isa, self.first_error, self.log = tree, isa, first_error, log
        what = "The host tests do" if isa == "host" else f"The kernel for {isa} does"
        where = f"The whole log: {log}" if isinstance(log, Path) else log
        error = f"{first_error}\n" if first_error is not None else ""
        super().__init__(f"{error}{what} not build. {where}".rstrip())


@dataclass(frozen=True)
class _Job:
    """Some targets of one preset of one tree, in one build folder."""

    tree: Path
    preset: str
    outputs: Mapping[str, Path]
    """The file that each target makes."""
    build_dir: Path
    manner: Manner
    caution: Caution | None = None

    @property
    def log(self) -> Path:
        if len(self.outputs) > 1:
            return self.build_dir / "programs.log"
        return self.log_of(next(iter(self.outputs)))

    def log_of(self, target: str) -> Path:
        """Returns the log of one target that was built by itself."""
        return self.build_dir / ("build.log" if target == "kernel" else f"{target}.log")

    @property
    def stamps(self) -> BuildStamps:
        """The stamps of the targets."""
        made = {target: (output, engine_of(output)) for target, output in self.outputs.items()}
        return BuildStamps(self.tree, self.build_dir, made)


def build_kernel(
    tree: Path,
    isa: str,
    *,
    build_dir: Path | None = None,
    manner: Manner = Manner(),
    caution: Caution | None = None,
) -> Kernel:
    """Builds what is out of date of the kernel for `isa`, in `build_dir` (build/ISA). BuildError if it fails."""
    tree = tree.resolve()
    folder = (build_dir or tree / "build" / isa).resolve()
    _build(_Job(tree, isa, {"kernel": folder / "kernel.elf"}, folder, manner, caution))
    return Kernel(isa, folder / "kernel.elf", tree)


def build_host_tests(tree: Path, program: str, *, manner: Manner = Manner(), caution: Caution | None = None) -> Path:
    """Builds what is out of date of one program of host tests, and returns it. BuildError if it fails."""
    job = _host_job(tree, [program], manner, caution)
    _build(job)
    return job.outputs[program]


def build_all_host_tests(tree: Path, programs: Sequence[str], *, manner: Manner = Manner()) -> dict[str, Path | BuildError]:
    """Builds several programs in one run, so that no core waits for the end of each; returns the outcome of each.

    If one does not build, ninja is started again for the others, and the log of each that failed is its own.
    """
    came: dict[str, Path | BuildError] = {}
    while left := [program for program in programs if program not in came]:
        job = _host_job(tree, left, manner)
        try:
            _build(job)
        except BuildError as error:
            if len(left) == 1 or not isinstance(error.log, Path):
                came |= dict.fromkeys(left, error)
            else:
                came |= _errors_of_each(job, error)
        else:
            came |= job.outputs
    return {program: came[program] for program in programs}


def _host_job(tree: Path, programs: Sequence[str], manner: Manner, caution: Caution | None = None) -> _Job:
    folder = tree.resolve() / "build" / "host"
    return _Job(tree.resolve(), "host", {program: folder / program for program in programs}, folder, manner, caution)


def _errors_of_each(job: _Job, error: BuildError) -> dict[str, BuildError]:
    """Returns which of the job's programs the failed run has cost, each with what was said about it: at least one.

    A failure outside all programs, such as in what all are linked with, costs all.
    """
    failed: dict[str, str] = {}
    for outputs, text in _FAILED.findall(job.log.read_text(encoding="utf-8")):
        parts = {*_OBJECT_OF.findall(outputs), *outputs.split()}
        owners = {part.removesuffix("_engine") for part in parts} & job.outputs.keys()
        for program in owners or job.outputs:
            failed[program] = f"{failed.get(program, '')}FAILED: {outputs}\n{text}"
    if not failed:
        return dict.fromkeys(job.outputs, error)
    came = {}
    for program, text in failed.items():
        log = job.log_of(program)
        log.write_text(text, encoding="utf-8")
        came[program] = BuildError(job.tree, job.preset, find_first_error(text, job.tree, job.build_dir), log)
    return came


def _build(job: _Job) -> None:
    with locked(job.build_dir.with_name(job.build_dir.name + ".lock")) as lock:
        job.build_dir.mkdir(parents=True, exist_ok=True)
        stamps, succeeded = job.stamps, False
        sources = stamps.refreshed_sources()
        if sources is None:
            return
        stamps.begin(sources)
        try:
            with job.log.open("w", encoding="utf-8") as log:
                _configure(job, lock, log)
                for step in filter(lambda step: step.targets, _steps(job)):  # ninja takes none for all
                    # Not by way of cmake --build: its ninja would die of a pipe that nobody reads, and leave its tools behind.
                    command = ["ninja", "-C", str(job.build_dir), *_at_once(job), *step.targets]
                    _run(job, command, lock, log, step)
            succeeded = True
        finally:
            stamps.end(sources, succeeded=succeeded)


def _steps(job: _Job) -> Iterable[Step]:
    if job.caution is None:
        return [Step(list(job.outputs))]
    (target,) = job.outputs
    return job.caution.steps(job.build_dir, target)


def _at_once(job: _Job) -> list[str]:
    """Returns ninja's option for how many tools run at the same time; the user can tell CMake."""
    jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL") or job.manner.jobs
    return ["-j", str(jobs)] if jobs is not None else []


# --- running the tools -------------------------------------------------------------------------------------


def _configure(job: _Job, lock: int, log: IO[str]) -> None:
    """Runs cmake --preset, unless it ran before with these presets; ninja sees later changes by itself."""
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
        # Interrupted half-way, or made for a tree elsewhere: CMake would trust what it finds, or refuse it.
        (job.build_dir / "CMakeCache.txt").unlink(missing_ok=True)
        shutil.rmtree(job.build_dir / "CMakeFiles", ignore_errors=True)
    command = ["cmake", "--preset", job.preset, "-S", str(job.tree), "-B", str(job.build_dir)]
    _run(job, [*command, *(job.caution.definitions if job.caution else ())], lock, log, Step(()))
    done.write_text(identity, encoding="utf-8")


def _run(job: _Job, command: list[str], lock: int, log: IO[str], step: Step) -> None:
    """Runs one step of the build, with its output into the log. BuildError if it fails.

    The tool gets a process group of its own, so that Ctrl-C reaches it only through us, and inherits the
    lock, so that no other build starts beside what may be left of this one.
    """
    environment = (
        os.environ
        | with_cache(job.tree)
        | {
            "NINJA_STATUS": "[%f/%t] ",
            "LC_ALL": "C.UTF-8",  # errors are recognised by their English wording
            **step.environment,
        }
    )
    begins = job.log.stat().st_size
    if shutil.which(command[0]) is None:
        raise BuildError(job.tree, job.preset, None, f"{command[0]} is not installed: ./pagewalk setup")
    command = [*step.sandbox, *(job.caution.limits if job.caution else _PASSING_ON), *command]
    if _exit_status(job, command, lock, log, environment) == 0:
        return
    if (problem := failure_in(_text_from(job.log, begins))) is not None:
        log.write(f"ccache cannot be used ({problem}): going on without it\n")
        begins = job.log.stat().st_size
        if _exit_status(job, command, lock, log, without_cache(environment)) == 0:
            return
    raise BuildError(job.tree, job.preset, find_first_error(_text_from(job.log, begins), job.tree, job.build_dir), job.log)


def _text_from(file: Path, offset: int) -> str:
    return file.read_bytes()[offset:].decode("utf-8", "replace")


def _exit_status(job: _Job, command: list[str], lock: int, log: IO[str], environment: Mapping[str, str]) -> int:
    """Runs a tool until it ends, with its output into the log; returns its exit status."""
    process = subprocess.Popen(
        while_we_live(command, "TERM"),
        cwd=job.tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        process_group=0,
        pass_fds=(lock,),
    )
    assert process.stdout is not None
    with process.stdout, (job.manner.stopper or Stopper()).watching(process):
        _follow(job, process.stdout, log)  # open until ninja has ended, which may have a last word to say
    log.flush()
    return process.wait()


def _follow(job: _Job, output: IO[bytes], log: IO[str]) -> None:
    room, manner, first = _MOST_LOGGED, job.manner, FirstError(job.tree, job.build_dir)
    for line in _lines(output, manner.stopper):
        error = first.rest() if line is None else first.take(line)
        if error is not None and manner.on_error is not None:
            manner.on_error(error)
        if line is None:
            continue
        room -= len(line)
        if room > 0:
            log.write(line)
        if manner.on_progress is not None and (step := _STEP.match(line)):
            manner.on_progress(int(step[1]), int(step[2]), step[3])


def _lines(output: IO[bytes], stopper: Stopper | None) -> Iterator[str | None]:
    """Yields the lines that a tool prints, without colours, and None when nothing comes for a moment, or at the end.

    Once the tool has been killed nothing is waited for: its children may live on and hold the other end.
    """
    rest = b""
    while True:
        if not select.select([output], [], [], _MOMENT)[0]:
            yield None
            if stopper is not None and stopper.has_killed:
                return
            continue
        data = os.read(output.fileno(), _LONGEST_LINE)
        *whole, rest = (rest + data).split(b"\n")
        if rest and (not data or len(rest) > _LONGEST_LINE):
            whole, rest = [*whole, rest], b""
        for line in whole:
            yield _COLOUR.sub("", line.decode("utf-8", "replace")) + "\n"
        if not data:
            yield None
            return
