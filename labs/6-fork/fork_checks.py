"""What must hold when a process has forked: memory, first registers, and what remains afterwards."""

import errno
import secrets
from dataclasses import dataclass

from grade.boot.frame_records import frame_records
from grade.boot.layout import PAGE
from grade.boot.process_slots import ProcessSlot, memory_map, process_slots
from grade.checks.area_checks import permissions
from grade.checks.memory_state import Memory, check_same_memory, memory_of, promises_of
from grade.checks.process_checks import user_mappings, user_tables, walk_in
from grade.guest.guest import Guest
from grade.guest.trapped import SystemCall, run_to_system_call
from grade.guest.user_return import UserReturn, go_to_user_mode, run_to_turn, trapped_registers
from grade.inspect.spaces import live_root
from grade.isa.registers import Registers
from grade.results.failure import expect, expect_found, fail
from grade.walker import Mapping

_FORK_FILE = "kernel/process/fork.cc"
_CLONE_FILE = "kernel/space/clone.cc"
_OF_SCARCITY = (errno.EAGAIN, errno.ENOMEM)
"""What fork may be refused for. Any other error comes from the copy."""

_MOST_STEPS = 256  # enough for a return to user mode, one round of its loop with a system call, and the kernel's entrance
_SHOWN = 8  # bytes of a page that a report shows


@dataclass(frozen=True)
class Birth:
    """A child has been made, and neither it nor its parent has come back to user mode: their memory is what fork made.

    `turn` is the process that is about to come back.
    """

    call: SystemCall
    registers: dict[str, int]
    """The parent's registers when it called fork."""
    memory: Memory
    """The parent's memory when it called fork."""
    parent: ProcessSlot
    child: ProcessSlot
    turn: ProcessSlot


def running(guest: Guest) -> ProcessSlot:
    """Returns the process whose root is loaded; for stops in user code, and at the entrance of a trap out of it."""
    __tracebackhide__ = True
    root = live_root(guest)
    found = next((slot for slot in process_slots(guest) if slot.root == root), None)
    return expect_found(found, "wrong-root-loaded", "the root of a process is loaded", f"{root:#x} is nobody's")


def run_to_birth(guest: Guest, what: str) -> Birth:
    """Runs to the next fork and through it, until a process is about to come back to user mode."""
    __tracebackhide__ = True
    call = run_to_system_call(guest, "fork", what)
    names = guest.isa.registers
    if names.result != names.call_number:  # then it holds no argument of fork: a 0 would be no witness
        guest.machine.write_register(names.result, secrets.randbits(63) | 1)
    parent = running(guest)
    registers, memory = trapped_registers(guest, call.trap), memory_of(guest, parent)
    before = {slot.pid for slot in process_slots(guest)}
    while True:
        turn = run_to_turn(guest, f"the end of {what}")
        born = [slot for slot in process_slots(guest) if slot.pid not in before]
        if born or turn.pid == parent.pid:
            break
        _run_into_kernel(guest)
    if not born:
        back = go_to_user_mode(guest, turn)
        seen = f"fork returned {back.result}, and there is no new process"
        cause = "child-never-runs" if back.result > 0 else "fork-refused"
        file = "" if back.result > 0 or -back.result in _OF_SCARCITY else _CLONE_FILE
        fail(cause, f"{parent} gets a child, which is ready to run", seen, file=file)
    _check_complete(parent, born[0], guest.layout.stack_size)
    return Birth(call, registers, memory, parent, born[0], turn)


def _run_into_kernel(guest: Guest) -> None:
    """Steps the process whose turn it is while a fork goes on through user mode, and out of it by its next system call.

    A fork that gives the CPU away may take so long that a tick ends every such turn before it has begun. In single
    steps the guest has no interrupts.
    """
    was_user = False
    for _ in range(_MOST_STEPS):
        guest.machine.step()
        is_user = guest.cpu().is_user
        if was_user and not is_user:
            return
        was_user = is_user


def _check_complete(parent: ProcessSlot, child: ProcessSlot, stack_size: int) -> None:
    """Checks that the child has all that every process has."""
    __tracebackhide__ = True
    expect(child.parent == parent.pid, "fork-incomplete", f"{child} is the child of {parent}", f"of {child.parent}")
    for name, value in (("root", child.root), ("list of areas", child.map)):
        expect(value is not None, "fork-incomplete", f"{child} has a {name} when it can run", "it has none")
    wanted = f"{child} has the name of {parent}"
    expect(child.program == parent.program, "fork-incomplete", wanted, f"it is called {child.program}")
    slots = child.number - parent.number
    stack_top = parent.stack_top + slots * 2 * stack_size
    wanted = f"the kernel stack of {child} ends at {stack_top:#x}, {slots} slots from that of {parent}"
    expect(child.stack_top == stack_top, "child-frame-misplaced", wanted, f"at {child.stack_top:#x}")


def run_to_both(guest: Guest, birth: Birth) -> tuple[UserReturn, UserReturn]:
    """Runs until parent and child have both come back to user mode for the first time; returns both, in that order."""
    __tracebackhide__ = True
    back: dict[int, UserReturn] = {}
    turn = birth.turn
    while True:
        if turn.pid not in back:
            back[turn.pid] = go_to_user_mode(guest, turn)
        missing = {birth.parent.pid, birth.child.pid} - back.keys()
        if not missing:
            return back[birth.parent.pid], back[birth.child.pid]
        turn = run_to_turn(guest, f"the first return of process {min(missing)} from fork to user mode", missing)


def run_to_turn_on_own_root(guest: Guest, what: str, pid: int) -> ProcessSlot:
    """Runs to the next turn of process `pid`; checks that each process whose turn comes goes on with its own root."""
    __tracebackhide__ = True
    while True:
        turn, root = run_to_turn(guest, what), live_root(guest)
        wanted = f"{turn} goes on with its own root, {turn.root:#x}"
        seen = f"the root register holds {root:#x}"
        expect(root == turn.root, "wrong-root-loaded", wanted, seen, file="kernel/process/scheduler.cc")
        if turn.pid == pid:
            return turn


# --- the copy --------------------------------------------------------------------------------------------------------


def check_copy(guest: Guest, parent: ProcessSlot, child: ProcessSlot) -> int:
    """Checks that the child has its parent's promises, a copy of each page, and nothing else; returns how many pages."""
    __tracebackhide__ = True
    check_same_promises(guest, parent, child)
    wanted = f"the child {child} has a root of its own"
    expect(child.root != parent.root, "fork-page-shared", wanted, f"it has that of {parent}, {parent.root:#x}")
    theirs = {mapping.va: mapping for mapping in user_mappings(guest, parent.own_root)}
    ours = {mapping.va: mapping for mapping in user_mappings(guest, child.own_root)}
    areas = memory_map(guest, parent)
    for va, page in theirs.items():
        area = f"the page {va:#x} of the area {areas.area_of(va)}"
        walk = walk_in(guest, child.own_root, va)
        wanted = f"the child {child} has {area}, which {parent} has"
        expect(va in ours, "fork-page-missing", wanted, "nothing is mapped there", walk)
        shared = ours[va].pa == page.pa
        wanted = f"the child {child} has {area} in a frame of its own"
        expect(not shared, "fork-page-shared", wanted, f"it has that of {parent}, {page.pa:#x}", walk)
        wanted, seen = f"the child {child} has {area} as {_rights(page)}", _rights(ours[va])
        expect(seen == _rights(page), "fork-page-permission", wanted, seen, walk)
    for va, page in ours.items():
        walk = walk_in(guest, child.own_root, va)
        seen = f"it maps {page.pa:#x}"
        wanted = f"the child {child} has no page at {va:#x}, as {parent} has none"
        expect(va in theirs, "fork-page-unexpected", wanted, seen, walk)
    _check_bytes(guest, (parent, child), theirs, ours)
    _check_frames(guest, parent, child, ours)
    return len(ours)


def _rights(page: Mapping) -> str:
    letters = permissions(page) if page.user else "the kernel's alone"
    kinds = [f"{page.memory} memory"] if page.memory != "normal" else []
    return ", ".join([letters, *kinds, *(["global"] if page.global_ else [])])


def check_same_promises(guest: Guest, parent: ProcessSlot, child: ProcessSlot) -> None:
    """Checks that the child was promised what its parent was, and that this is recorded in a frame of its own."""
    __tracebackhide__ = True
    theirs, ours = memory_map(guest, parent), memory_map(guest, child)
    wanted = f"what the child {child} was promised is in a frame of its own"
    seen = f"it is in that of {parent}, {theirs.frame:#x}"
    expect(ours.frame != theirs.frame, "fork-areas-shared", wanted, seen)
    same = (ours.areas, ours.heap_start, ours.heap_end) == (theirs.areas, theirs.heap_start, theirs.heap_end)
    wanted = f"the child {child} has what {parent} was promised: {promises_of(theirs)}"
    expect(same, "fork-areas-differ", wanted, promises_of(ours))
    wanted = f"the child {child} knows {len(theirs.file_parts)} parts of its program's file, as {parent} does"
    seen = f"{len(ours.file_parts)}, or others: pages of the program that it touches first would be wrong"
    expect(ours.file_parts == theirs.file_parts, "fork-areas-differ", wanted, seen)


def _check_bytes(
    guest: Guest, both: tuple[ProcessSlot, ProcessSlot], theirs: dict[int, Mapping], ours: dict[int, Mapping]
) -> None:
    __tracebackhide__ = True
    parent, child = both
    for va, page in theirs.items():
        right, seen = guest.read_physical(page.pa, PAGE), guest.read_physical(ours[va].pa, PAGE)
        if right == seen:
            continue
        at = next(at for at in range(PAGE) if right[at] != seen[at])
        wanted = f"at {va + at:#x}, the child {child} finds what {parent} has: {right[at : at + _SHOWN].hex()}"
        fail("fork-bytes-differ", wanted, seen[at : at + _SHOWN].hex(), walk_in(guest, child.own_root, va))


def _check_frames(guest: Guest, parent: ProcessSlot, child: ProcessSlot, ours: dict[int, Mapping]) -> None:
    """Checks that the child's frames, including its tables, are its own and from beyond the window."""
    __tracebackhide__ = True
    tables = user_tables(guest, parent.own_root) & user_tables(guest, child.own_root)
    wanted = f"{parent} and {child} have no table of the lower half in common"
    expect(not tables, "fork-page-shared", wanted, f"the table at {min(tables, default=0):#x} is in both roots")
    shares, beyond = frame_records(guest).shares, guest.layout.region("frames").end
    users: dict[int, int] = {}
    for va, page in ours.items():
        walk = walk_in(guest, child.own_root, va)
        held = shares.get(page.pa, 0)
        wanted = f"one share of the frame of {va:#x} of {child} is held: its own"
        cause = "frames-leaked" if held > 1 else "frame-freed-in-use"
        expect(held == 1, cause, wanted, f"{held} are", walk, _CLONE_FILE)
        other = users.setdefault(page.pa, va)
        wanted = f"{va:#x} of {child} is in a frame that has no other page"
        expect(other == va, "frame-freed-in-use", wanted, f"it is in that of {other:#x}", walk, _CLONE_FILE)
        wanted = f"{va:#x} of {child} is in RAM at or beyond {beyond:#x}"
        expect(page.pa >= beyond, "user-frames-in-window", wanted, f"at {page.pa:#x}", walk, _CLONE_FILE)


def check_parent_kept(guest: Guest, birth: Birth) -> None:
    """Checks that fork has left its parent's memory alone."""
    __tracebackhide__ = True
    now = memory_of(guest, birth.parent)
    check_same_memory(guest, birth.parent, birth.memory, now, "parent-changed", "after fork")


# --- the first return ------------------------------------------------------------------------------------------------


def check_results(birth: Birth, parent: UserReturn, child: UserReturn) -> None:
    """Checks that fork returned the child's number to the parent, and 0 to the child."""
    __tracebackhide__ = True
    for back, wanted in ((parent, birth.child.pid), (child, 0)):
        who = f"fork returns {wanted} to {back.slot}"
        expect(back.result == wanted, "fork-result-wrong", who, f"{back.result}")


def check_same_registers(birth: Birth, parent: UserReturn, child: UserReturn) -> None:
    """Checks that the child comes back where its parent does, with the same registers except the result."""
    __tracebackhide__ = True
    check_results(birth, parent, child)
    pc, sp = birth.call.trap.pc, birth.call.trap.sp
    for back in (parent, child):
        cause = "child-registers-wrong" if back is child else "registers-not-kept"
        seen = f"it goes on at {back.cpu.pc:#x}"
        expect(back.cpu.pc == pc, cause, f"{back.slot} goes on after its call of fork, at {pc:#x}", seen)
        seen = f"sp is {back.cpu.sp:#x}"
        expect(back.cpu.sp == sp, cause, f"{back.slot} goes on with the stack pointer {sp:#x}", seen)
        wanted = f"{back.slot} goes on with interrupts on: or no tick would ever end its turn"
        expect(back.interrupts_on, "child-not-in-user-mode", wanted, "they are off")
    kept = {name: value for name, value in birth.registers.items() if name != parent.isa.registers.result}
    for back in (child, parent):
        for name, value in kept.items():
            now = back.registers[name]
            cause = _cause_of_register(back.isa.registers, name) if back is child else "registers-not-kept"
            expect(now == value, cause, f"{back.slot} has in {name} what fork was called with, {value:#x}", f"{now:#x}")


def _cause_of_register(registers: Registers, name: str) -> str:
    """Returns the part of fork that forgot the register: the copy of the trap frame, or save_registers()."""
    outside_frame = name in (*registers.segments, registers.thread_pointer)
    return "child-spare-registers-wrong" if outside_frame else "child-registers-wrong"


def check_own_root(back: UserReturn) -> None:
    """Checks that a process comes back to user mode on its own root."""
    __tracebackhide__ = True
    wanted = f"{back.slot} comes back to user mode on its own root, {back.slot.root:#x}"
    seen = f"the root register holds {back.root:#x}"
    expect(back.root == back.slot.root, "wrong-root-loaded", wanted, seen, file="kernel/process/scheduler.cc")


# --- what remains of a fork that failed, or whose child has ended --------------------------------------------------------


@dataclass(frozen=True)
class Holdings:
    """Everything that processes hold of the machine: frames with their shares, and slots of the process table."""

    shares: dict[int, int]
    slots: tuple[tuple[int, int], ...]


def holdings(guest: Guest) -> Holdings:
    """Reads what is held now."""
    slots = tuple((slot.number, slot.pid) for slot in process_slots(guest))
    return Holdings(frame_records(guest).shares, slots)


def _frames_of_stacks(guest: Guest) -> set[int]:
    """Returns what the kernel's half maps beside its linear map: the kernel stacks. They are fork's own, all else is the copy's."""
    return {page.pa for page in guest.walker().mappings(low=guest.offset) if page.va - page.pa != guest.offset}


def check_holdings(guest: Guest, before: Holdings, when: str) -> None:
    """Checks that nothing more is held than before, and nothing less."""
    __tracebackhide__ = True
    now = holdings(guest)
    leaked, freed = sorted(now.shares.keys() - before.shares.keys()), sorted(before.shares.keys() - now.shares.keys())
    file = _FORK_FILE if set(leaked) & _frames_of_stacks(guest) else _CLONE_FILE
    wanted = f"{when}, the {len(before.shares)} frames in use are those of before"
    seen = f"{len(freed)} of them are free: {', '.join(map(hex, freed[:4]))}"
    expect(not freed, "frame-freed-in-use", wanted, seen, file=file)
    seen = f"{len(leaked)} more are: {', '.join(map(hex, leaked[:4]))}"
    expect(not leaked, "frames-leaked", wanted, seen, file=file)
    for frame, held in before.shares.items():
        cause = "frames-leaked" if now.shares[frame] > held else "frame-freed-in-use"
        wanted = f"{when}, {held} shares of the frame {frame:#x} are held, as before"
        expect(now.shares[frame] == held, cause, wanted, f"{now.shares[frame]}", file=file)
    wanted = f"{when}, the slots of the process table are in use that were before, {dict(before.slots)}"
    expect(now.slots == before.slots, "process-slot-lost", wanted, f"{dict(now.slots)}")
