"""A CPU that has just taken a trap: where it goes, and what its registers and its stack say about what it interrupted.

The guest is stopped at the first instruction of the handler, before the kernel has done anything.
"""

from dataclasses import dataclass

from grade.boot.sight import Sight
from grade.guest.guest import Guest
from grade.isa.registers import CpuState
from grade.isa.traps import Event


@dataclass(frozen=True)
class TrapFrame:
    """What the kernel keeps of interrupted code, in bytes: how much, and where pc and sp are in it."""

    size: int
    pc_at: int
    sp_at: int


@dataclass(frozen=True)
class Trap:
    """`pc` and `sp` are those of the interrupted code; `stack` is where the kernel's sp was before the CPU pushed."""

    cpu: CpuState
    user: bool
    pc: int
    sp: int
    stack: int
    flags: int
    """The flags of the interrupted code."""


@dataclass(frozen=True)
class SystemCall:
    """A system call that the kernel has not seen yet."""

    trap: Trap
    number: int
    arguments: tuple[int, ...]


def trap_frame_of(guest: Sight) -> TrapFrame:
    """Returns the layout of this kernel's trap frame."""
    record, registers = guest.image.defined.record("TrapFrame"), guest.isa.registers
    return TrapFrame(record.size, record[registers.frame_pc].offset, record[registers.frame_sp].offset)


def read_trap(guest: Guest) -> Trap:
    """Reads what an event interrupted."""
    __tracebackhide__ = True
    with guest.reading_traps():
        seen = guest.isa.traps.interrupted(guest)
    return Trap(guest.cpu(), seen.user, seen.pc, seen.sp, seen.stack, seen.flags)


def result_register(guest: Guest) -> int:
    """Returns the content of the register in which a system call leaves its result."""
    return guest.cpu().registers[guest.isa.registers.result]


def run_to_user_tick(guest: Guest, what: str) -> Trap:
    """Runs until the timer interrupts user mode."""
    __tracebackhide__ = True
    while not (trap := _run_to(guest, Event.TICK, what)).user:
        pass
    return trap


def run_to_system_call(guest: Guest, name: str, what: str) -> SystemCall:
    """Runs until a process makes the system call of this name."""
    __tracebackhide__ = True
    number, names = guest.image.system_call(name), guest.isa.registers
    while True:
        trap = _run_to(guest, Event.SYSTEM_CALL, what)
        registers = trap.cpu.registers
        if registers[names.call_number] == number:
            return SystemCall(trap, number, tuple(registers[argument] for argument in names.call_arguments))


def run_to_undefined_instruction(guest: Guest, what: str) -> Trap:
    """Runs until the CPU refuses an instruction that it does not know."""
    __tracebackhide__ = True
    return _run_to(guest, Event.UNKNOWN_INSTRUCTION, what)


def _run_to(guest: Guest, event: Event, what: str) -> Trap:
    """Runs until the CPU has taken a trap for that event in user code."""
    __tracebackhide__ = True
    while True:
        cpu = guest.run_to_address(guest.handler(event, of_user=True), what)
        if guest.isa.traps.has_taken(event, cpu):
            return read_trap(guest)
