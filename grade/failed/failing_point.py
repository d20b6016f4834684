"""The way back to where a milestone's machine was when it failed: by the same stops, in the same order."""

from dataclasses import dataclass, replace

from grade.boot.kernel_image import KernelImage
from grade.boot.sight import cpu_of
from grade.failed.failed_run import FailedRun
from grade.failed.kill_point import go_to_kill
from grade.failed.way import Way
from grade.machine.debugged import DebuggedMachine
from grade.machine.machine import MachineError
from grade.machine.stop import Stop, StopKind
from grade.visible import visible
from grade.walker import walker_for

_MOST_PASSES = 20_000
_NOT_RECORDED = "The test wrote into the guest's memory, which cannot be recorded; without --record it is written again."
_REPORTERS = ("check_failed", "lab_todo", "fatal_fault", "fatal_exception", "fatal_stack_overflow")
"""The kernel's functions that report its end, and do not return: kernel/base/."""


@dataclass(frozen=True)
class Death:
    """The instruction at which the CPU faults for ever, or resets the machine, and how often the guest passes it before."""

    pc: int
    passes: int


def go_to_failure(
    machine: DebuggedMachine, failed: FailedRun, image: KernelImage, death: Death | None = None, *, at_kill: bool = False
) -> list[str]:
    """Lets the guest run to where the milestone failed; returns where that is, in words, and what was wrong.

    With `death` it stops right before that; with `at_kill`, when a process is killed, which the test noticed only later.
    """
    if at_kill and (kill := failed.failure.kill) is not None:
        stop = go_to_kill(machine, image, kill.pid)
        if stop.kind is not StopKind.BREAKPOINT:
            return [f"The machine did not come there as last time: {stop.detail}."]
        where = f"process {kill.pid} ({kill.program}) is killed, and has all that it had; `bt` says why"
        return [f"Where milestone {failed.milestone} failed on {failed.isa}: {where}.", *_failure_lines(failed)]
    # Writes to memory while a recording is made are not replayed.
    way = failed.way if machine.recording is None else replace(failed.way, deeds=())
    more = ([_NOT_RECORDED] if way != failed.way else []) + _failure_lines(failed)
    passed, last = way.go(machine)
    if last is not None and last.kind is not StopKind.BREAKPOINT:
        how_far = f"The machine did not come as far as last time: after {passed} of {way.length} stops {last.detail}."
        return [how_far, *more]
    if death is not None:
        go_before(machine, death)
        where = f"right before the CPU dies, at {death.pc:#x} ({image.place(death.pc) or 'no code of the kernel'})"
    elif failed.stop_kind is StopKind.BREAKPOINT:
        where = _place_of(failed, image)
    else:
        where = _run_on(machine, failed, image)
    return [f"Where milestone {failed.milestone} failed on {failed.isa}: {where}.", *more]


def go_before(machine: DebuggedMachine, death: Death) -> None:
    """Lets the guest run until it is about to die. Raises MachineError if it goes another way."""
    machine.insert_breakpoint(death.pc)
    for _ in range(death.passes):
        if (stop := machine.run()).kind is not StopKind.BREAKPOINT:
            raise MachineError(f"the machine did not come there as last time: {stop.detail}")
    machine.remove_breakpoint(death.pc)


def death_at(machine: DebuggedMachine, pc: int, way: Way) -> Death | None:
    """Lets the guest go that way until it dies at `pc`, where it was seen to die; None if it does not."""
    _, stop = way.go(machine)
    if stop is not None and stop.kind is not StopKind.BREAKPOINT:
        return None
    machine.insert_breakpoint(pc)
    for passes in range(_MOST_PASSES):
        stop = machine.run()
        if stop.kind is StopKind.RESET:
            return Death(pc, passes)
        if stop.kind is not StopKind.BREAKPOINT:
            return None
        if is_unreachable(machine):
            return Death(pc, passes + 1)
    return None


def is_unreachable(machine: DebuggedMachine) -> bool:
    """Returns whether the CPU is about to fetch kernel code that is not mapped: in a handler, it faults for ever."""
    cpu = cpu_of(machine)
    # A program's page may still come: the kernel brings it.
    if cpu.is_user:
        return False
    walker = walker_for(machine.isa.name, machine.memory, cpu.registers)
    return walker.translation_on() and walker.would_fault(cpu.pc, "execute", user=False) is not None


def _run_to(machine: DebuggedMachine, *addresses: int) -> Stop:
    for address in addresses:
        machine.insert_breakpoint(address)
    stop = machine.run()
    if not stop.kind.is_final:
        for address in addresses:
            machine.remove_breakpoint(address)
    return stop


def _place_of(failed: FailedRun, image: KernelImage) -> str:
    """Returns the last of the breakpoints at which the test stopped, in words."""
    address = failed.way.stops[-1][0]
    times = sum(times for each, times in failed.way.stops if each == address)
    call = image.source(address)
    name = call.function if call is not None else image.place(address) or f"{address:#x}"
    return f"stop {times} at {name}" if times > 1 else f"at {name}"


def _run_on(machine: DebuggedMachine, failed: FailedRun, image: KernelImage) -> str:
    """Resumes after a last stop that was no breakpoint, until the machine ends, hangs, or the kernel reports its own end."""
    if failed.stop_kind is None:
        return "before its first instruction"
    if failed.stop_kind in (StopKind.WATCHPOINT, StopKind.STEP, StopKind.PAUSED) and failed.stop_at is not None:
        _run_to(machine, failed.stop_at)
        return f"at {image.place(failed.stop_at) or hex(failed.stop_at)}"
    reporters = _reporters(image)
    stop = _run_to(machine, *reporters)
    if stop.kind is StopKind.BREAKPOINT:
        return f"{reporters.get(stop.address, hex(stop.address))} is about to report the kernel's end, and `bt` says why"
    return stop.detail


def _reporters(image: KernelImage) -> dict[int, str]:
    """Returns the names of the reporting functions that this kernel has, by their addresses, high and low."""
    found = {}
    for symbol, va in image.symbols.items():
        for name in _REPORTERS:
            if symbol == name or symbol.startswith(f"_Z{len(name)}{name}") and "." not in symbol:
                found[va] = found[va - image.offset] = name
    return found


def _failure_lines(failed: FailedRun) -> list[str]:
    failure = failed.failure
    lines = [f"cause: {failure.cause}", f"expected: {failure.expected}", f"seen: {failure.seen}"]
    if failed.stop_kind is StopKind.BREAKPOINT:
        lines += failure.walk_lines  # the grader stopped it: no fault is being handled, and `why` has none to walk
    return [visible(line) for line in lines]
