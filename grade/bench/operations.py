"""What an operation of the kernel costs: programs and commands that repeat it between two markers."""

import statistics
from dataclasses import dataclass

from grade.bench.boot import END, Boot, boot_between, boot_until
from grade.bench.counting import BEGIN_MARK, END_MARK, PROGRAM_MARK, Counter
from grade.bench.figure import Figure, NotMeasured
from grade.ladder.build import Kernel
from grade.program_run import ProgramWatch

QUIET = "timer 4000000"
"""The monitor's command that keeps the timer from interrupting, which would count as well."""

_FIRST_WORDS = "bench is running"


@dataclass(frozen=True)
class Operation:
    """A figure, and the monitor's command that does the operation {times} times between two markers.

    The count of the command `without`, which does everything except the operation, is subtracted. Trees of labs before
    `lab` do not have the operation.
    """

    figure: str
    command: str
    times: int
    lab: int = 3
    without: str | None = None
    last: int = END_MARK


FAULT_LAB = 5
"""The first lab whose kernel brings a page when it is touched."""

OPERATIONS = (
    Operation("null_syscall_insns", "run bench null {times}", 1000),
    Operation("yield_round_trip_insns", "run bench yield {times}", 1000),
    Operation("spawn_exit_wait_insns", "run bench spawn {times}", 20),
    # Programs cannot ask for these: the kernel executes the markers itself.
    Operation("copy_page_insns", "measure copy_page {times}", 100, 4),
    Operation("zero_page_insns", "measure zero_page {times}", 100, 4),
    Operation("copy_from_user_4k_insns", "measure copy_from_user {times}", 100, 4),
    Operation("temp_map_insns", "measure temp_map {times}", 1000, 4),
    # The program touches as many pages in both cases; only in one of them must they still be brought.
    Operation("demand_zero_fault_insns", "run faultbench fault {times}", 511, FAULT_LAB, "run faultbench touch {times}"),
    Operation("mmap_touch_munmap_64_insns", "run faultbench map64 {times}", 20, 5),
    Operation("execve_insns", "run forkbench become {times}", 1, 6, last=PROGRAM_MARK),
    Operation("fork_exit_wait_insns", "run forkbench fork {times}", 20, 6),
    Operation("fork_exec_exit_wait_insns", "run forkbench exec {times}", 20, 6),
    Operation("fork_400_pages_insns", "run forkbench pages 400", 1, 6),
    # For 400 pages more: what does not depend on their number cancels out.
    Operation("fork_per_page_insns", "run forkbench pages 500", 400, 6, "run forkbench pages 100"),
)


@dataclass(frozen=True)
class TimedOperation:
    """A figure, and a program that does the operation {times} times: a few times, and often."""

    figure: str
    command: str
    few: int
    many: int
    lab: int = 3


TIMED_OPERATIONS = (
    TimedOperation("null_syscall_wall_us", "run bench null {times}", 1_000, 501_000),
    TimedOperation("fork_exit_wait_wall_us", "run forkbench fork {times}", 100, 4100, 6),
)


def instructions(counter: Counter, operation: Operation) -> Figure:
    """Returns the average instructions of the operation. NotMeasured if this kernel does not do it."""
    total = _counted(counter, operation.command, operation)
    if operation.without is not None:
        total -= _counted(counter, operation.without, operation)
    return Figure(operation.figure, counter.kernel.isa, total / operation.times, "instructions")


def boot_instructions(counter: Counter) -> Figure:
    """Counts from the first instruction of the firmware to the first of a program."""
    counts = counter.run(f"{QUIET}\nrun bench")
    if counts.first_user is None:
        raise NotMeasured(f"no program ran: {counts.boot.last_fact}")
    return Figure("boot_insns", counter.kernel.isa, counts.first_user.count, "instructions")


def boot_wall(kernel: Kernel, runs: int) -> Figure:
    """Times from the start of QEMU to the first words of a program, which are the first thing that it does."""
    seconds = statistics.median(boot_until(kernel, "run bench", _FIRST_WORDS).seconds for _ in range(runs))
    return Figure("boot_wall_ms", kernel.isa, seconds * 1e3, "ms")


def wall(operation: TimedOperation, kernel: Kernel, runs: int) -> Figure:
    """Returns how much longer a boot takes that does the operation more often. Without the plugin, which slows all down."""

    def seconds(times: int) -> float:
        line = operation.command.format(times=times)
        return statistics.median(_timed(kernel, line) for _ in range(min(runs, 5)))

    each = (seconds(operation.many) - seconds(operation.few)) / (operation.many - operation.few)
    return Figure(operation.figure, kernel.isa, each * 1e6, "us")


def fault_wall(kernel: Kernel, runs: int) -> Figure:
    """Times how long a program touches absent pages, by the words that it prints before and after."""
    pages = 32 * 511  # 64 MiB
    line = f"run faultbench fault {pages}"

    def seconds() -> float:
        boot = boot_between(kernel, line, "begin", "end")
        _check_worked(line, boot)
        return boot.seconds

    each = statistics.median(seconds() for _ in range(min(runs, 5))) / pages
    return Figure("demand_zero_fault_wall_us", kernel.isa, each * 1e6, "us")


def _counted(counter: Counter, command: str, operation: Operation) -> int:
    line = command.format(times=operation.times)
    counts = counter.run(f"{QUIET}\n{line}")
    _check_worked(line, counts.boot)
    return counts.between(BEGIN_MARK, operation.last)


def _timed(kernel: Kernel, line: str) -> float:
    boot = boot_until(kernel, line, END)
    _check_worked(line, boot)
    return boot.seconds


def _check_worked(line: str, boot: Boot) -> None:
    """Checks that the program did what is measured, by its exit status: an error would take little time."""
    watch = ProgramWatch(line)
    watch.take(boot.text.encode())
    if line.startswith("run ") and not watch.succeeded:
        raise NotMeasured(f"{line}: {boot.last_fact}")
