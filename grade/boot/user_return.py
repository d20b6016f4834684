"""Processes on their way back to user mode: whose turn it is, and what registers it finds there.

The guest is stopped at `trap_return` (arch/<isa>/trap_entry.S), through which all processes go, a new one too, and then
led on, instruction by instruction, until it is in user mode and nothing has been executed there.
"""

from dataclasses import dataclass

from grade.boot.cpu_state import CpuState, is_user_mode
from grade.boot.guest import Guest
from grade.boot.process_slots import ProcessSlot, process_slots
from grade.boot.trapped import GENERAL_REGISTERS, RESULT_REGISTER, Trap, trap_frame_of
from grade.diagnosis.failure import expect, fail

_MOST_STEPS = 64  # twice as many as trap_return has instructions
_THREAD_POINTER = {"x86_64": "fs_base", "aarch64": "tpidr_el0"}
_SEGMENTS = {"x86_64": ("ds", "es", "fs", "gs"), "aarch64": ()}
_FLAGS = {"x86_64": ("eflags", 0x24_4CD5), "aarch64": ("cpsr", 0xF << 28)}  # those that are the user's
# RFLAGS.IF, on; PSTATE.DAIF, all off (Intel SDM vol. 1, 3.4.3; Arm ARM C5.2.2).
_INTERRUPTS = {"x86_64": ("eflags", 1 << 9, 1 << 9), "aarch64": ("cpsr", 0xF << 6, 0)}


@dataclass(frozen=True)
class UserReturn:
    """A process that has just come back to user mode; `root` is the one that the CPU walks for user addresses."""

    slot: ProcessSlot
    cpu: CpuState
    root: int
    registers: dict[str, int]
    """All that the process has, but pc and sp: general registers, flags, segments, thread pointer."""
    isa: str

    @property
    def result(self) -> int:
        """Of the system call that it comes back from, as a signed number."""
        value = self.registers[RESULT_REGISTER[self.isa]]
        return value - (1 << 64) if value >> 63 else value

    @property
    def thread_pointer(self) -> int:
        """By which it finds its thread-local variables; 0 if it has none."""
        return self.registers[_THREAD_POINTER[self.isa]]

    @property
    def interrupts_on(self) -> bool:
        """Whether the timer can interrupt it."""
        name, mask, wanted = _INTERRUPTS[self.isa]
        return self.cpu.registers[name] & mask == wanted


def user_registers(guest: Guest) -> dict[str, int]:
    """What a process has in registers, but pc and sp."""
    registers = guest.cpu().registers
    flags, users = _FLAGS[guest.isa]
    names = (*GENERAL_REGISTERS[guest.isa], *_SEGMENTS[guest.isa])
    return {name: registers[name] for name in names} | {flags: registers[flags] & users} | thread_pointer(guest)


def trapped_registers(guest: Guest, trap: Trap) -> dict[str, int]:
    """What a process had in them when it was interrupted. The guest is at the entrance of the handler."""
    flags, users = _FLAGS[guest.isa]
    return user_registers(guest) | {flags: trap.flags & users}


def thread_pointer(guest: Guest) -> dict[str, int]:
    """The register by which user code finds its thread-local variables, with its name."""
    name = _THREAD_POINTER[guest.isa]
    return {name: guest.machine.read_register(name)}


def run_to_turn(guest: Guest, what: str, pids: set[int] | None = None) -> ProcessSlot:
    """Runs until one of these processes, or any at all, is about to go back to user mode."""
    __tracebackhide__ = True
    idle, size = guest.layout.region("boot-stack"), guest.layout.stack_size  # of process 0; of the others
    while True:
        sp = guest.run_to_address(guest.image.va("trap_return"), what).sp
        if idle.pa <= sp - guest.offset < idle.end:
            continue
        slot = next((s for s in process_slots(guest) if s.pid and s.stack_top - size < sp < s.stack_top), None)
        wanted = "the registers to load lie on the kernel stack of a process"
        expect(slot is not None, "child-frame-misplaced", wanted, f"sp is {sp:#x}", guest.walk(sp))
        if pids is None or slot.pid in pids:
            return slot


def go_to_user_mode(guest: Guest, slot: ProcessSlot) -> UserReturn:
    """Leads a process whose turn it is on to user mode."""
    __tracebackhide__ = True
    frame, sp = slot.stack_top - trap_frame_of(guest).size, guest.cpu().sp
    wanted = f"the registers to load of {slot} lie at the top of its kernel stack, at {frame:#x}"
    expect(sp == frame, "child-frame-misplaced", wanted, f"the kernel takes them from {sp:#x}")
    for _ in range(_MOST_STEPS):
        guest.machine.step()
        cpu = guest.cpu()
        if is_user_mode(cpu):
            root = cpu.roots.get("user", cpu.roots["kernel"])
            return UserReturn(slot, cpu, root, user_registers(guest), guest.isa)
        if cpu.pc < guest.offset:
            break
    seen = f"the CPU is at {cpu.pc:#x}, with the rights of the kernel"
    fail("child-not-in-user-mode", f"{slot} goes on in user mode", seen, guest.walk(cpu.pc))
