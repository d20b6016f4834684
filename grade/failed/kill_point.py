"""The point where the kernel kills a process: all that the process has is still there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from grade.boot.kernel_image import KernelImage
from grade.failed.failed_run import FailedRun
from grade.failed.reboot import booted_again
from grade.guest.guest import Guest
from grade.machine.machine import Machine, MachineError
from grade.machine.stop import Stop, StopKind

_END_OF_A_PROCESS = "end_current"  # kernel/process/process.h


def end_of_a_process(image: KernelImage) -> int | None:
    """Returns where every process ends, by itself or killed; None before lab 3."""
    name = f"_Z{len(_END_OF_A_PROCESS)}{_END_OF_A_PROCESS}"
    return image.function(_END_OF_A_PROCESS) if any(one.startswith(name) for one in image.symbols) else None


def go_to_kill(machine: Machine, image: KernelImage, pid: int) -> Stop:
    """Lets a guest run until it kills the process `pid`; returns a stop at a breakpoint, or how the guest ended before."""
    at = end_of_a_process(image)
    if at is not None:
        machine.insert_breakpoint(at)
    while (stop := machine.run()).kind is StopKind.BREAKPOINT:
        killed = os.WIFSIGNALED(machine.read_register(machine.isa.registers.arguments[0]) & 0xFFFF)
        if killed and last_killed(machine).get("pid") == str(pid):
            machine.remove_breakpoint(stop.address)
            break
    return stop


def last_killed(machine: Machine) -> dict[str, str]:
    """Returns what the kernel has said of the process that it killed last."""
    return next((fact.values for fact in reversed(machine.facts()) if fact.name == "killed"), {})


@contextmanager
def at_kill(failed: FailedRun) -> Iterator[Guest | None]:
    """Yields the guest of that failure, booted again, as it wrongly kills the process; None if it does not this time."""
    if failed.failure.kill is None:
        yield None
        return
    guest = booted_again(failed.recipe, failed.tree)
    try:
        with suppress(MachineError):
            guest.machine.start()
            guest.last_stop = go_to_kill(guest.machine, guest.image, failed.failure.kill.pid)
        is_there = guest.last_stop is not None and guest.last_stop.kind is StopKind.BREAKPOINT
        yield guest if is_there else None
    finally:
        guest.machine.close()
