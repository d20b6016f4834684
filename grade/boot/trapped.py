"""A CPU that has just taken a trap: where it goes, and what its registers and its stack say about what it interrupted.

The guest is stopped at the very entrance of the handler, before the kernel has done anything.
"""

from dataclasses import dataclass

from grade.boot.cpu_state import EXCEPTION_LEVEL, CpuState
from grade.boot.guest import Guest
from grade.diagnosis.failure import expect

# Vectors of x86_64: Intel SDM vol. 3, table 6-1, and arch/x86_64/traps.h.
_UNDEFINED, _TIMER, _SYSTEM_CALL = 6, 32, 0x80
# Entries of Arm's vector table: Arm ARM D1.3.1, table D1-7.
_LOWER_LEVEL_SYNCHRONOUS, _LOWER_LEVEL_INTERRUPT = 0x400, 0x480
_CLASS_UNKNOWN, _CLASS_SVC64 = 0x00, 0x15  # ESR_EL1.EC, D17.2.37

_ARGUMENTS = {
    "x86_64": ("rax", ("rdi", "rsi", "rdx")),  # kernel/proc/system_call_numbers.h
    "aarch64": ("x8", ("x0", "x1", "x2")),
}
RESULT_REGISTER = {"x86_64": "rax", "aarch64": "x0"}

_PC_AND_SP = {"x86_64": ("rip", "rsp"), "aarch64": ("elr", "sp_el0")}  # arch/<isa>/trap_frame.h
GENERAL_REGISTERS = {
    "x86_64": ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", *(f"r{i}" for i in range(8, 16))),
    "aarch64": tuple(f"x{i}" for i in range(31)),
}


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
    """Of the interrupted code: x86's RFLAGS, Arm's SPSR_EL1."""


@dataclass(frozen=True)
class SystemCall:
    """A system call that the kernel has not seen yet."""

    trap: Trap
    number: int
    arguments: tuple[int, ...]


def trap_frame_of(guest: Guest) -> TrapFrame:
    """How this kernel keeps it."""
    record = guest.image.defined.record("TrapFrame")
    return TrapFrame(record.size, *(record[name].offset for name in _PC_AND_SP[guest.isa]))


def read_trap(guest: Guest) -> Trap:
    """What was interrupted. x86: by a vector without an error code (Intel SDM vol. 3, figure 6-9)."""
    __tracebackhide__ = True
    cpu = guest.cpu()
    if guest.isa == "aarch64":
        registers = cpu.registers
        user = not registers["spsr_el1"] & EXCEPTION_LEVEL
        sp = registers["sp_el0"] if user else cpu.sp
        return Trap(cpu, user, registers["elr_el1"], sp, cpu.sp, registers["spsr_el1"])
    walk = guest.walk(cpu.sp)
    wanted = "the frame of a trap is on a stack that is mapped"
    expect(walk.pa is not None, "kernel-stack-not-in-root", wanted, f"{cpu.sp:#x} is not", walk)
    pc, cs, flags, sp, _ = (guest.read_word(walk.pa + 8 * i) for i in range(5))
    return Trap(cpu, cs & 3 == 3, pc, sp, cpu.sp + 5 * 8, flags)


def result_register(guest: Guest) -> int:
    """What is in the register where a system call leaves its result."""
    return guest.cpu().registers[RESULT_REGISTER[guest.isa]]


def run_to_user_tick(guest: Guest, what: str) -> Trap:
    """Runs until the timer interrupts user mode."""
    __tracebackhide__ = True
    while True:
        guest.run_to_address(_vector(guest, _TIMER, _LOWER_LEVEL_INTERRUPT), what)
        trap = read_trap(guest)
        if trap.user:
            return trap


def run_to_system_call(guest: Guest, name: str, what: str) -> SystemCall:
    """Runs until a process makes the system call of this name."""
    __tracebackhide__ = True
    number = guest.image.system_call(name)
    while True:
        guest.run_to_address(_vector(guest, _SYSTEM_CALL, _LOWER_LEVEL_SYNCHRONOUS), what)
        trap = read_trap(guest)
        if guest.isa == "aarch64" and _exception_class(trap) != _CLASS_SVC64:
            continue
        number_in, arguments = _ARGUMENTS[guest.isa]
        registers = trap.cpu.registers
        if registers[number_in] == number:
            return SystemCall(trap, number, tuple(registers[argument] for argument in arguments))


def run_to_undefined_instruction(guest: Guest, what: str) -> Trap:
    """Runs until the CPU refuses an instruction that it does not know."""
    __tracebackhide__ = True
    while True:
        guest.run_to_address(_vector(guest, _UNDEFINED, _LOWER_LEVEL_SYNCHRONOUS), what)
        trap = read_trap(guest)
        if guest.isa != "aarch64" or _exception_class(trap) == _CLASS_UNKNOWN:
            return trap


def _vector(guest: Guest, x86: int, arm: int) -> int:
    """The handler of an x86 vector, or of an entry of Arm's table."""
    vectors = guest.cpu().vectors
    return vectors["VBAR"] + arm if "VBAR" in vectors else guest.interrupt_handler(x86)


def _exception_class(trap: Trap) -> int:
    return trap.cpu.registers["esr_el1"] >> 26 & 0x3F
