"""What must hold while the CPU goes from one process to another, or in and out of user mode: for the labs from 3 on."""

import re
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from grade.boot.cpu_state import CpuState
from grade.boot.guest import Guest
from grade.boot.layout import PAGE
from grade.boot.processes import Process, processes
from grade.boot.promises import is_awaited
from grade.boot.trapped import GENERAL_REGISTERS, Trap, trap_frame_of
from grade.checks.process_checks import check_loaded, live_root
from grade.diagnosis.failure import expect, fail
from grade.diagnosis.fault_cause import Access
from grade.walker import RadixWalker

_SECOND_ARGUMENT = {"x86_64": "rsi", "aarch64": "x1"}
_RSP0, _IST1 = 4, 36  # in the TSS, Intel SDM vol. 3, figure 7-11
_IDT_SIZE, _GDT_SIZE, _TSS_SIZE, _VECTOR_TABLE_SIZE = 256 * 16, 7 * 8, 104, 0x800
_HANDLERS = (8, 14, 32, 0x80)  # double fault, page fault, timer, system call
_BELOW_STACK_POINTER = re.compile(r"-0x[0-9a-f]+\(%rsp[,)]")


@dataclass(frozen=True)
class Entry:
    """The kernel is about to load the registers of `process` and go to user mode, at `pc` with `sp`."""

    process: Process
    pc: int
    sp: int


def run_into_user_mode(guest: Guest, what: str) -> Entry:
    """Runs until the kernel is about to enter user mode. The process's root must be loaded, and have what it needs."""
    __tracebackhide__ = True
    cpu, pc, sp = _run_to_trap_return(guest, what)
    while pc >= guest.offset:
        cpu, pc, sp = _run_to_trap_return(guest, what)
    size = trap_frame_of(guest).size
    process = next((p for p in processes(guest) if p.stack == cpu.sp + size), None)
    if process is None:
        fail("trap-stack-not-set", "the registers to load lie at the top of a process's stack", f"at {cpu.sp:#x}")
    check_loaded(guest, process)
    _check_user_can(guest, process, pc, Access.EXECUTE)
    _check_user_can(guest, process, sp, Access.READ)  # what the stack holds: at first the count of arguments
    _check_user_can(guest, process, sp - 8, Access.WRITE)
    _check_trap_stack(guest, cpu, process)
    return Entry(process, pc, sp)


def _run_to_trap_return(guest: Guest, what: str) -> tuple[CpuState, int, int]:
    """Runs until the kernel is about to return from a trap, and says to which pc and sp."""
    __tracebackhide__ = True
    frame = trap_frame_of(guest)
    cpu = guest.run_to_address(guest.image.va("trap_return"), what)
    walk = guest.walk(cpu.sp)
    wanted = "the registers to load are on a stack that is in the root"
    expect(walk.pa is not None, "kernel-stack-not-in-root", wanted, f"{cpu.sp:#x} is not mapped", walk)
    return cpu, guest.read_word(walk.pa + frame.pc_at), guest.read_word(walk.pa + frame.sp_at)


def _check_user_can(guest: Guest, process: Process, va: int, access: Access) -> None:
    __tracebackhide__ = True
    refused = guest.walker().would_fault(va, access.value, user=True)
    if refused == "not-present" and is_awaited(guest, process.root, va, access.value):
        return
    cause = "user-page-not-mapped" if access is Access.EXECUTE else "user-stack-not-mapped"
    if refused not in (None, "not-present"):
        cause = "wrong-user-permission"
    wanted = f"{process} can {access.value} {va:#x}, where it begins"
    expect(refused is None, cause, wanted, f"{refused}", guest.walk(va))


def _check_trap_stack(guest: Guest, cpu: CpuState, process: Process) -> None:
    """x86 finds the stack in the TSS. On Arm it is where sp is when the registers are loaded, which was checked."""
    __tracebackhide__ = True
    if "TSS" not in cpu.vectors:
        return
    at = cpu.vectors["TSS"] + _RSP0
    walk = guest.walk(at)
    cause = "vectors-not-in-root" if at >= guest.offset else "descriptor-tables-still-low"
    expect(walk.pa is not None, cause, f"the TSS at {at - _RSP0:#x} is mapped", "it is not", walk)
    seen = guest.read_word(walk.pa)
    wanted = f"the next trap of {process} lands on its own kernel stack, RSP0 = {process.stack:#x}"
    expect(seen == process.stack, "trap-stack-not-set", wanted, f"RSP0 = {seen:#x}")


def check_next_root(guest: Guest, what: str) -> int:
    """Runs until a root is about to be loaded, checks that it has what the CPU will need, and returns it."""
    __tracebackhide__ = True
    cpu = guest.run_to_address(guest.image.function("check_root"), what)
    root, stack = cpu.first_argument, cpu.registers[_SECOND_ARGUMENT[guest.isa]]
    now = guest.walker()
    then = now if "user" in cpu.roots else now.with_root(root)
    for name, va, access, cause in _needs(guest, cpu, stack):
        _check_need(now, then, (name, va, access, cause), root)
    return root


def _check_need(now: RadixWalker, then: RadixWalker, need: tuple[str, int, Access, str], root: int) -> None:
    __tracebackhide__ = True
    name, va, access, cause = need
    walk = then.walk(va)
    refused = then.would_fault(va, access.value, user=False)
    wanted = f"the root about to be loaded, {root:#x}, lets the kernel {access.value} {name} at {va:#x}"
    expect(refused is None, cause, wanted, f"it does not: {refused}", walk)
    alone = f"{name} at {va:#x} is the kernel's alone"
    expect(not walk.mapping.user, "user-access-to-kernel", alone, "it is not", walk)
    before = now.walk(va)
    wanted, seen = f"{name} at {va:#x} stays in the same frame", f"{before.pa or 0:#x} becomes {walk.pa:#x}"
    expect(before.pa in (None, walk.pa), "kernel-half-differs", wanted, seen, walk)


def _needs(guest: Guest, cpu: CpuState, stack: int) -> Iterator[tuple[str, int, Access, str]]:
    """What the CPU cannot do without, page by page: name, address, access, and the cause if it is missing."""
    yield from _vectors(guest, cpu)
    yield "the code that runs", cpu.pc, Access.EXECUTE, "code-not-in-root"
    yield "the way back to user mode", guest.image.va("trap_return"), Access.EXECUTE, "code-not-in-root"
    yield "the end of the text", guest.image.va("text_end") - 1, Access.EXECUTE, "code-not-in-root"
    size = trap_frame_of(guest).size
    for va in (cpu.sp, cpu.sp - size):
        yield "the stack in use", va, Access.WRITE, "kernel-stack-not-in-root"
    for va in range(stack - guest.layout.stack_size, stack, PAGE):
        yield "the next process's kernel stack", va, Access.WRITE, "kernel-stack-not-in-root"
    emergency = guest.image.va("emergency_stack_end") - 8
    yield "the emergency stack", emergency, Access.WRITE, "kernel-stack-not-in-root"
    for region in guest.layout.regions:
        if region.device:
            yield f"the registers of {region.name}", region.pa + guest.offset, Access.WRITE, "device-not-in-root"


def _vectors(guest: Guest, cpu: CpuState) -> Iterator[tuple[str, int, Access, str]]:
    cause = "vectors-not-in-root"
    if "VBAR" in cpu.vectors:
        for at in (0, _VECTOR_TABLE_SIZE - 4):
            yield "the vector table", cpu.vectors["VBAR"] + at, Access.EXECUTE, cause
        return
    for name, size in (("IDT", _IDT_SIZE), ("GDT", _GDT_SIZE), ("TSS", _TSS_SIZE)):
        for at in (0, size - 1):
            yield f"the {name}", cpu.vectors[name] + at, Access.READ, cause
    for vector in _HANDLERS:
        yield f"the handler of vector {vector}", guest.interrupt_handler(vector), Access.EXECUTE, cause
    entry = guest.walk(cpu.vectors["TSS"] + _IST1).pa
    if entry is not None:
        yield "the double fault's stack", guest.read_word(entry) - 8, Access.WRITE, "kernel-stack-not-in-root"


def check_registers_kept(guest: Guest, tick: Trap) -> None:
    """Runs on from an interrupt's entrance to the return from it: every register of the process is as it was.

    Meanwhile the registers hold numbers that nobody knows: what the kernel leaves in one is not there by chance.
    """
    __tracebackhide__ = True
    before = {name: tick.cpu.registers[name] for name in GENERAL_REGISTERS[guest.isa]}
    marks = {name: secrets.randbits(63) for name in before}
    for name, mark in marks.items():
        guest.machine.write_register(name, mark)
    after = guest.run_to_address(tick.pc, "the return from a tick")
    for name, mark in marks.items():
        seen = after.registers[name]
        expect(seen == mark, "registers-not-kept", f"a tick keeps what is in {name}, {mark:#x}", f"{seen:#x}")
    expect(after.sp == tick.sp, "registers-not-kept", f"a tick keeps sp, {tick.sp:#x}", f"{after.sp:#x}")
    for name, value in before.items():
        guest.machine.write_register(name, value)


def check_root_of_parent(guest: Guest, parent: Process, returns: int) -> None:
    """At so many returns to user mode: the root of `parent` is loaded if it is its turn, and not if it is its children's."""
    __tracebackhide__ = True
    size = trap_frame_of(guest).size
    for number in range(returns):
        what = f"return {number + 1} to user mode"
        cpu, pc, _ = _run_to_trap_return(guest, what)
        if pc >= guest.offset:
            continue
        is_parent, root = cpu.sp + size == parent.stack, live_root(guest)
        who = f"{parent} goes on, on its own root" if is_parent else "a child goes on, and not on the root of its parent"
        wanted = f"at {what} {who}, {parent.root:#x}"
        expect((root == parent.root) == is_parent, "wrong-root-loaded", wanted, f"the root register holds {root:#x}")


def check_no_red_zone(guest: Guest) -> None:
    """No code of the kernel keeps anything below its stack pointer: that is where the next trap's frame goes.

    On x86 alone. A user program may (System V ABI, 3.2.2): its traps land on another stack.
    """
    __tracebackhide__ = True
    if guest.isa != "x86_64":
        return
    command = ["x86_64-linux-gnu-objdump", "-d", "--no-show-raw-insn", guest.recipe.elf]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        if _BELOW_STACK_POINTER.search(line) and "\tlea" not in line:
            pc = int(line.partition(":")[0], 16)
            place = guest.place(pc)
            wanted = "the kernel keeps nothing below its stack pointer"
            instruction = " ".join(line.split()[1:])
            fail("red-zone-in-kernel", wanted, f"{instruction} in {place}", file=place.partition(" at ")[2])
