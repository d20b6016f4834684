"""What must hold while the CPU switches between processes, or enters or leaves user mode: for the labs from 3 on."""

import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from half_checks import check_loaded

from grade.boot.layout import PAGE
from grade.boot.processes import Process, processes
from grade.boot.promises import is_awaited
from grade.diagnosis.defects import cause_in_bits
from grade.diagnosis.process_ends import ROOTS
from grade.guest.guest import Guest
from grade.guest.trapped import Trap, trap_frame_of
from grade.inspect.spaces import live_root
from grade.isa.registers import CpuState
from grade.isa.traps import Need
from grade.results.failure import expect, expect_found, fail
from grade.walker import Access, RadixWalker


@dataclass(frozen=True)
class Entry:
    """The kernel is about to load the registers of `process` and enter user mode, at `pc` with `sp`."""

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
    """Runs until the kernel is about to return from a trap; returns the CPU's state and the user's pc and sp."""
    __tracebackhide__ = True
    frame = trap_frame_of(guest)
    cpu = guest.run_to_address(guest.image.va("trap_return"), what)
    walk = guest.walk(cpu.sp)
    wanted = "the registers to load are on a stack that is in the root"
    pa = expect_found(walk.pa, "kernel-stack-not-in-root", wanted, f"{cpu.sp:#x} is not mapped", walk)
    return cpu, guest.read_word(pa + frame.pc_at), guest.read_word(pa + frame.sp_at)


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
    """Checks the stack for traps where it is not simply where sp is when the registers are loaded, which was checked."""
    __tracebackhide__ = True
    if (at := guest.isa.traps.place_of_stack(cpu)) is None:
        return
    walk, name = guest.walk(at), guest.isa.traps.name_of_stack
    cause = "vectors-not-in-root" if at >= guest.offset else "descriptor-tables-still-low"
    pa = expect_found(walk.pa, cause, f"{name} at {at:#x} is mapped", "it is not", walk)
    seen = guest.read_word(pa)
    wanted = f"the next trap of {process} lands on its own kernel stack, {name} = {process.stack:#x}"
    expect(seen == process.stack, "trap-stack-not-set", wanted, f"{name} = {seen:#x}")


def check_next_root(guest: Guest, what: str) -> int:
    """Runs until a root is about to be loaded, checks that it has what the CPU will need, and returns it."""
    __tracebackhide__ = True
    cpu = guest.run_to_address(guest.image.function("check_root"), what)
    root, stack = cpu.first_argument, cpu.registers[guest.isa.registers.arguments[1]]
    now = guest.walker()
    then = now if "user" in cpu.roots else now.with_root(root)
    with guest.reading_traps():
        for need in guest.isa.traps.needed(guest, cpu):
            _check_need(now, then, need, root)
    for need in _needs(guest, cpu, stack):
        _check_need(now, then, need, root)
    return root


def _check_need(now: RadixWalker, then: RadixWalker, need: Need, root: int) -> None:
    __tracebackhide__ = True
    name, va = need.what, need.va
    walk = then.walk(va)
    refused = then.would_fault(va, need.access.value, user=False)
    wanted = f"the root about to be loaded, {root:#x}, lets the kernel {need.access.value} {name} at {va:#x}"
    defect = cause_in_bits(then, walk)
    cause, file = (defect, ROOTS) if defect is not None else (need.cause, "")
    expect(refused is None, cause, wanted, f"it does not: {refused}", walk, file)
    alone = f"{name} at {va:#x} is the kernel's alone"
    expect(not walk.page.user, "user-access-to-kernel", alone, "it is not", walk)
    before = now.walk(va)
    wanted, seen = f"{name} at {va:#x} stays in the same frame", f"{before.pa or 0:#x} becomes {walk.pa:#x}"
    expect(before.pa in (None, walk.pa), "kernel-half-differs", wanted, seen, walk)


def _needs(guest: Guest, cpu: CpuState, stack: int) -> Iterator[Need]:
    """Yields what the kernel cannot do without, page by page."""
    yield Need("the code that runs", cpu.pc, Access.EXECUTE, "vectors-not-in-root")
    yield Need("the way back to user mode", guest.image.va("trap_return"), Access.EXECUTE, "vectors-not-in-root")
    yield Need("the end of the text", guest.image.va("text_end") - 1, Access.EXECUTE, "vectors-not-in-root")
    size = trap_frame_of(guest).size
    for va in (cpu.sp, cpu.sp - size):
        yield Need("the stack in use", va, Access.WRITE, "kernel-stack-not-in-root")
    for va in range(stack - guest.layout.stack_size, stack, PAGE):
        yield Need("the next process's kernel stack", va, Access.WRITE, "kernel-stack-not-in-root")
    emergency = guest.image.va("emergency_stack_end") - 8
    yield Need("the emergency stack", emergency, Access.WRITE, "kernel-stack-not-in-root")
    for region in guest.layout.regions:
        if region.device:
            yield Need(
                f"the registers of {region.name}",
                region.pa + guest.layout.offset_of(region),
                Access.WRITE,
                "device-not-in-root",
            )


def check_registers_kept(guest: Guest, tick: Trap, chance: random.Random) -> None:
    """Runs from an interrupt's entrance to the return from it, and checks that every register of the process is kept.

    Meanwhile the registers hold numbers that nobody knows, so the kernel cannot leave the right one by chance.
    """
    __tracebackhide__ = True
    before = {name: tick.cpu.registers[name] for name in guest.isa.registers.general}
    marks = {name: chance.getrandbits(63) for name in before}
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
    """Checks at so many returns to user mode that the root of `parent` is loaded in its own turns, not in its children's."""
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
    """Checks that no code of the kernel keeps anything below its stack pointer, where the frame of the next trap goes.

    Only where a trap pushes its frame. User programs may (System V ABI for AMD64, 3.2.2): their traps use another stack.
    """
    __tracebackhide__ = True
    if (operand := guest.isa.code.below_stack_pointer) is None:
        return
    command = [f"{guest.isa}-linux-gnu-objdump", "-d", "--no-show-raw-insn", str(guest.image.elf)]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        if operand.search(line) and "\tlea" not in line:
            pc = int(line.partition(":")[0], 16)
            wanted = "the kernel keeps nothing below its stack pointer"
            instruction = " ".join(line.split()[1:])
            fail("red-zone-in-kernel", wanted, f"{instruction} in {guest.place(pc)}", file=guest.image.source_line(pc))
