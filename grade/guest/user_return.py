"""Processes on their way back to user mode: whose turn it is, and which registers it will have there.

The guest is stopped at `trap_return` (arch/<isa>/trap_entry.S), through which all processes pass, including new ones,
and then stepped, instruction by instruction, until it is in user mode and nothing has been executed there.
"""

from dataclasses import dataclass

from grade.boot.process_slots import ProcessSlot, process_slots
from grade.guest.guest import Guest
from grade.guest.trapped import Trap, trap_frame_of
from grade.isa import Isa
from grade.isa.registers import CpuState
from grade.results.failure import expect, expect_found, fail

_MOST_STEPS = 64  # twice as many as trap_return has instructions


@dataclass(frozen=True)
class UserReturn:
    """A process that has just come back to user mode; `root` is the one that the CPU walks for user addresses."""

    slot: ProcessSlot
    cpu: CpuState
    root: int
    registers: dict[str, int]
    """All that the process has except pc and sp: general registers, flags, segments, thread pointer."""
    isa: Isa

    @property
    def result(self) -> int:
        """The result of the system call from which it returns, as a signed number."""
        return self.isa.registers.signed(self.registers[self.isa.registers.result])

    @property
    def thread_pointer(self) -> int:
        """The register by which the process finds its thread-local variables; 0 if it has none."""
        return self.registers[self.isa.registers.thread_pointer]

    @property
    def interrupts_on(self) -> bool:
        """Whether the timer can interrupt the process."""
        bits = self.isa.registers.interrupts
        return bits.of(self.cpu.registers) == bits.wanted


def user_registers(guest: Guest) -> dict[str, int]:
    """Returns what a process has in registers, except pc and sp."""
    registers, names = guest.cpu().registers, guest.isa.registers
    flags = {names.flags.register: names.flags.of(registers)}
    return {name: registers[name] for name in (*names.general, *names.segments)} | flags | thread_pointer(guest)


def trapped_registers(guest: Guest, trap: Trap) -> dict[str, int]:
    """Returns what a process had in registers when it was interrupted. The guest is at the entrance of the handler."""
    flags = guest.isa.registers.flags
    return user_registers(guest) | {flags.register: trap.flags & flags.mask}


def thread_pointer(guest: Guest) -> dict[str, int]:
    """Returns the register by which user code finds its thread-local variables, with its name."""
    name = guest.isa.registers.thread_pointer
    return {name: guest.machine.read_register(name)}


def run_to_turn(guest: Guest, what: str, pids: set[int] | None = None) -> ProcessSlot:
    """Runs until one of these processes, or any process if none is named, is about to return to user mode."""
    __tracebackhide__ = True
    idle, size = guest.layout.region("boot-stack"), guest.layout.stack_size  # of process 0; of the others
    while True:
        sp = guest.run_to_address(guest.image.va("trap_return"), what).sp
        if idle.pa <= sp - guest.offset < idle.end:
            continue
        found = next((s for s in process_slots(guest) if s.pid and s.stack_top - size < sp < s.stack_top), None)
        wanted = "the registers to load lie on the kernel stack of a process"
        slot = expect_found(found, "child-frame-misplaced", wanted, f"sp is {sp:#x}", guest.walk(sp))
        if pids is None or slot.pid in pids:
            return slot


def go_to_user_mode(guest: Guest, slot: ProcessSlot) -> UserReturn:
    """Steps a process whose turn it is until it is in user mode."""
    __tracebackhide__ = True
    frame, sp = slot.stack_top - trap_frame_of(guest).size, guest.cpu().sp
    wanted = f"the registers to load of {slot} lie at the top of its kernel stack, at {frame:#x}"
    expect(sp == frame, "child-frame-misplaced", wanted, f"the kernel takes them from {sp:#x}")
    for _ in range(_MOST_STEPS):
        guest.machine.step()
        cpu = guest.cpu()
        if cpu.is_user:
            root = cpu.roots.get("user", cpu.roots["kernel"])
            return UserReturn(slot, cpu, root, user_registers(guest), guest.isa)
        if cpu.pc < guest.offset:
            break
    seen = f"the CPU is at {cpu.pc:#x}, with the rights of the kernel"
    fail("child-not-in-user-mode", f"{slot} goes on in user mode", seen, guest.walk(cpu.pc))
