"""What one operation of the kernel costs: programs and commands that repeat it between two markers."""

import statistics
from dataclasses import dataclass

from grade.bench.boot import END, Boot, boot_until
from grade.bench.counting import BEGIN_MARK, END_MARK, Counter
from grade.bench.figure import Figure, NotMeasured
from grade.ladder.build import Kernel
from grade.program_run import ProgramWatch

QUIET = "timer 4000000"
"""The monitor's command that keeps the timer from interrupting, which would count as well."""

_FIRST_WORDS = "bench is running"


@dataclass(frozen=True)
class Operation:
    """A figure, and the monitor's command that does the operation {times} times between the two markers."""

    figure: str
    command: str
    times: int


OPERATIONS = (
    Operation("null_syscall_insns", "run bench null {times}", 1000),
    Operation("yield_round_trip_insns", "run bench yield {times}", 1000),
    Operation("spawn_exit_wait_insns", "run bench spawn {times}", 20),
    # Programs cannot ask for these: the kernel executes the markers itself.
    Operation("copy_page_insns", "measure copy_page {times}", 100),
    Operation("copy_from_user_4k_insns", "measure copy_from_user {times}", 100),
    Operation("temp_map_insns", "measure temp_map {times}", 1000),
)


def instructions(counter: Counter, operation: Operation) -> Figure:
    """What the operation takes, on average. NotMeasured if this kernel does not do it."""
    total = _counted(counter, operation.command, operation.times)
    return Figure(operation.figure, counter.kernel.isa, total / operation.times, "instructions")


def boot_instructions(counter: Counter) -> Figure:
    """From the first instruction of the firmware to the first of a program."""
    counts = counter.run(f"{QUIET}\nrun bench")
    if counts.first_user is None:
        raise NotMeasured(f"no program ran: {counts.boot.last_fact}")
    return Figure("boot_insns", counter.kernel.isa, counts.first_user.count, "instructions")


def boot_wall(kernel: Kernel, runs: int) -> Figure:
    """From the start of QEMU to the first words of a program, which are the first thing that it does."""
    seconds = statistics.median(boot_until(kernel, "run bench", _FIRST_WORDS).seconds for _ in range(runs))
    return Figure("boot_wall_ms", kernel.isa, seconds * 1e3, "ms")


def null_system_call_wall(kernel: Kernel, runs: int) -> Figure:
    """How much longer a boot takes that makes more system calls. Without the plugin, which makes all slower."""
    few, many = 1_000, 501_000

    def seconds(times: int) -> float:
        return statistics.median(_timed(kernel, f"run bench null {times}") for _ in range(min(runs, 5)))

    each = (seconds(many) - seconds(few)) / (many - few)
    return Figure("null_syscall_wall_us", kernel.isa, each * 1e6, "us")


def _counted(counter: Counter, command: str, times: int) -> int:
    line = command.format(times=times)
    counts = counter.run(f"{QUIET}\n{line}")
    _check_worked(line, counts.boot)
    return counts.between(BEGIN_MARK, END_MARK)


def _timed(kernel: Kernel, line: str) -> float:
    boot = boot_until(kernel, line, END)
    _check_worked(line, boot)
    return boot.seconds


def _check_worked(line: str, boot: Boot) -> None:
    """A program that could not do what is measured says so by its exit status: an error costs little."""
    watch = ProgramWatch(line)
    watch.take(boot.text.encode())
    if line.startswith("run ") and not watch.succeeded:
        raise NotMeasured(f"{line}: {boot.last_fact}")
