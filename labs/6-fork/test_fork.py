"""Lab 6: a process that makes another one like itself."""

import errno
import random
from collections.abc import Callable
from signal import SIGKILL

import wide_parent
from fork_checks import (
    Birth,
    check_copy,
    check_holdings,
    check_own_root,
    check_parent_kept,
    check_results,
    check_same_registers,
    holdings,
    run_to_birth,
    run_to_both,
    run_to_turn_on_own_root,
    running,
)

from grade.boot.frame_records import allocations_to_failure, fail_allocation, frame_records
from grade.boot.layout import PAGE
from grade.boot.process_slots import ProcessSlot, memory_map, process_slots, slot_of
from grade.boot.processes import Process
from grade.boot.user_image import UserImage, loaded_pages, user_image
from grade.checks.area_checks import check_areas
from grade.checks.discipline import BootWitnessed, check_discipline
from grade.checks.ledger import check_frames, check_ledger
from grade.checks.memory_state import check_same_memory, memory_of
from grade.checks.process_checks import check_kernel_half, check_kernel_stacks, user_mappings, walk_in
from grade.checks.user_memory import random_letters, read_user, write_user
from grade.checks.window_checks import check_all_slots_empty, window_table
from grade.diagnosis.process_ends import killed_process
from grade.guest.guest import Guest
from grade.guest.trapped import run_to_system_call
from grade.guest.user_return import go_to_user_mode, run_to_turn, thread_pointer
from grade.inspect.spaces import live_root
from grade.plugin import milestone
from grade.results.failure import expect, fail

Boot = Callable[..., Guest]

_USER_COPY = "kernel/space/user_copy.cc"
_PATIENCE = 10.0
"""Seconds asleep: a guest that waits for interrupts sleeps between them, and on a busy machine they come late."""

_BYSTANDER = "start tag 1 1000000"
"""Calls the kernel whenever it has the CPU: a fork that yields the CPU has company."""

_AGAIN, _NO_MEMORY = -errno.EAGAIN, -errno.ENOMEM


# --- what several milestones need ------------------------------------------------------------------------------------


def _program(guest: Guest, name: str) -> UserImage:
    return user_image(guest.image.elf, name)


def _run_to_stop(guest: Guest, program: UserImage, symbol: str, what: str) -> ProcessSlot:
    """Runs to a place in a program where it is to be examined; returns the process that is there, on its own root."""
    __tracebackhide__ = True
    guest.run_to_address(program.va(symbol), what)
    return running(guest)


def _expect_turn(guest: Guest, slot: ProcessSlot, pid: int, wanted: str) -> None:
    """Checks that process `pid` came. If it has ended before, no root is to blame: something gave it a wrong result."""
    __tracebackhide__ = True
    if slot.pid == pid:
        return
    if any(other.pid == pid and other.state != "zombie" for other in process_slots(guest)):
        fail("wrong-root-loaded", wanted, f"{slot} does")
    fail("wrong-result", wanted, f"{slot} does: process {pid} has ended by itself", file="kernel/process/fork.cc")


def _word(guest: Guest, root: int, va: int, size: int = 8) -> int:
    return int.from_bytes(read_user(guest, root, va, size), "little")


def _put(guest: Guest, root: int, va: int, value: int, size: int = 8) -> None:
    write_user(guest, root, va, value.to_bytes(size, "little"))


def _check_end(guest: Guest, pid: int, why: str) -> None:
    """Checks that the process that the monitor waited for ended with 0."""
    __tracebackhide__ = True
    ended = next((fact for fact in guest.facts("exit") if fact.values["pid"] == str(pid)), None)
    if (failure := killed_process(guest, f"process {pid} ends with 0: {why}", pid)) is not None:
        raise failure
    right = ended is not None and ended.values["status"] == "0" and ended.values["signal"] == "0"
    seen = ended.line if ended is not None else "it has not ended"
    expect(right, "wrong-result", f"process {pid} ends with 0: {why}", seen)


# --- fork and wait4 --------------------------------------------------------------------------------------------------


@milestone("6.1", points=10, witness="KWQ")
def test_fork_returns_twice(boot: Boot) -> None:
    """fork returns the child's number to the parent and 0 to the child, whose exit status reaches the parent"""
    guest = boot("start offspring\ncheckpoint ready\nwait\ncheckpoint end", idle_backstop=_PATIENCE)
    guest.run_to("ready")
    program = _program(guest, "offspring")
    slot = _run_to_stop(guest, program, "call_comes", "the first fork of offspring")
    _put(guest, slot.own_root, program.va("g_pause"), 1)
    birth = run_to_birth(guest, "the first fork of offspring")
    parent, child = birth.parent, birth.child
    check_results(birth, *run_to_both(guest, birth))
    _put(guest, parent.own_root, program.va("g_pause"), 0)
    _run_to_stop(guest, program, "call_comes", "the call of wait4")
    call = run_to_system_call(guest, "wait4", "the call of wait4")
    turn = run_to_turn(guest, "the end of wait4", {parent.pid})
    back = go_to_user_mode(guest, turn)
    wanted = f"wait4({child.pid}) returns {child.pid}"
    expect(call.arguments[0] == child.pid, "fork-result-wrong", wanted, f"wait4 was asked for {call.arguments[0]}")
    expect(back.result == child.pid, "wrong-result", wanted, f"{back.result}")
    wanted = f"{child} lives until it exits with 42"
    if (failure := killed_process(guest, wanted)) is not None:
        raise failure
    status = _word(guest, parent.own_root, program.va("g_status"), 4)
    expect(status == 42 << 8, "status-not-delivered", f"the status {42 << 8:#x}: exit code 42", f"{status:#x}")
    left = [slot.pid for slot in process_slots(guest)]
    expect(child.pid not in left, "process-slot-lost", f"{child} is gone once it was waited for", f"there are {left}")
    guest.run_to("end")
    printed = guest.machine.serial()
    for line in (f"offspring: fork returned {child.pid}", f"wait4 returned {child.pid}, with exit code 42"):
        expect(line in printed, "wrong-result", f"the parent prints: {line}", "it does not")
    _check_end(guest, parent.pid, "it has waited for both children")


@milestone("6.2", points=10, witness="KW")
def test_copied_memory(boot: Boot) -> None:
    """The child has its parent's 8 areas and a copy of each of its 426 pages, and no other"""
    guest = boot(f"{_BYSTANDER}\nstart twin\nforks 1\ncheckpoint ready\nwait", idle_backstop=_PATIENCE)
    guest.run_to("ready")
    program = _program(guest, "twin")
    parent = _run_to_stop(guest, program, "call_comes", "the fork of twin")
    _check_size(guest, parent)
    birth = run_to_birth(guest, "the fork of twin")
    pages = check_copy(guest, birth.parent, birth.child)
    check_parent_kept(guest, birth)
    check_areas(guest, birth.child)
    check_all_slots_empty(guest, "after fork", [birth.parent.own_root, birth.child.own_root])
    check_frames(guest)
    told = guest.fact("fork").values
    wanted = {"parent": parent.pid, "child": birth.child.pid, "areas": 8, "pages": pages}
    seen = {name: int(told[name]) for name in wanted}
    expect(seen == wanted, "wrong-answer", f"@fork with {wanted}", f"{seen}", file="kernel/space/clone.cc")
    _check_promises_kept(guest, birth, program)
    _check_wide_copy(boot)


def _check_wide_copy(boot: Boot) -> None:
    """Checks the copy of memory in as many areas as there may be, far apart, up to the last page that a process may have."""
    __tracebackhide__ = True
    guest = boot(f"start {wide_parent.PROGRAM}\ncheckpoint ready\nwait", idle_backstop=_PATIENCE)
    guest.run_to("ready")
    parent = _run_to_stop(guest, _program(guest, wide_parent.PROGRAM), "call_comes", f"the start of {wide_parent.PROGRAM}")
    most = wide_parent.have_it_fork(guest, parent)
    birth = run_to_birth(guest, f"the fork of {wide_parent.PROGRAM}")
    areas = check_areas(guest, birth.parent).areas
    wanted = f"{birth.parent} has taken memory in {most} areas"
    expect(len(areas) == most, "wrong-answer", wanted, f"it has {len(areas)}", file="kernel/space/fault.cc")
    check_copy(guest, birth.parent, birth.child)
    check_parent_kept(guest, birth)
    check_areas(guest, birth.child)


def _check_size(guest: Guest, parent: ProcessSlot) -> None:
    """Checks that there is as much to copy as in the history behind this lab. Lab 5 sees to that."""
    __tracebackhide__ = True
    areas, pages = check_areas(guest, parent).areas, user_mappings(guest, parent.own_root)
    size = (len(areas), len(pages))
    wanted = f"{parent} has 8 areas and 426 pages"
    expect(size == (8, 426), "wrong-answer", wanted, f"{size}", file="kernel/space/fault.cc")


def _check_promises_kept(guest: Guest, birth: Birth, program: UserImage) -> None:
    """Checks that the child gets what was promised and not present yet, and what it asks for, as its parent would."""
    __tracebackhide__ = True
    parent, child = birth.parent, birth.child
    before = memory_map(guest, parent)
    for what in ("its own writes", "its use of what was promised"):
        while _run_to_stop(guest, program, "call_comes", f"the child, after {what}").pid != child.pid:
            pass
    for name in ("g_constants", "g_variables"):
        va = program.va(name)
        for page in range(va, va + 3 * PAGE, PAGE):
            right, seen = loaded_pages(program)[page], read_user(guest, child.own_root, page, PAGE)
            wanted = f"{page:#x}, which {child} was the first to touch, holds what is in the program's file"
            expect(seen == right, "fork-areas-differ", wanted, "it does not", walk_in(guest, child.own_root, page))
    heap_end, area = (_word(guest, child.own_root, program.va(name)) for name in ("g_heap_end", "g_new_area"))
    wanted = f"the heap of {child} ends where its parent's does, at {before.heap_end:#x}"
    expect(heap_end == before.heap_end, "fork-areas-differ", wanted, f"{heap_end:#x}")
    taken = before.area_of(area)
    wanted = f"mmap finds room for {child}, in none of its areas"
    expect(area < guest.layout.user.end and taken is None, "fork-areas-differ", wanted, f"it returned {area:#x}, in {taken}")
    check_areas(guest, child)
    now = memory_map(guest, parent)
    wanted = f"what {child} asks for changes nothing of what {parent} was promised"
    listed = "; ".join(map(str, now.areas))
    expect(now.areas == before.areas and now.heap_end == before.heap_end, "fork-areas-shared", wanted, listed)


# --- isolation -------------------------------------------------------------------------------------------------------

_RANGES = ("data", "heap", "anonymous memory", "stack", "thread block")
"""The entries of g_ranges in user/tests/twin.cc."""

_MOST_ORDERS = 64


@milestone("6.3", points=10, witness="W")
def test_isolation(boot: Boot, chance: random.Random) -> None:
    """What parent or child writes, or has the kernel write, only the writer sees"""
    guest = boot("start twin\ncheckpoint ready\nwait\ncheckpoint end", idle_backstop=_PATIENCE)
    guest.run_to("ready")
    program = _program(guest, "twin")
    parent = _run_to_stop(guest, program, "call_comes", "the fork of twin")
    _put(guest, parent.own_root, program.va("g_go"), 0)
    ranges = _ranges(guest, program, parent)
    birth = run_to_birth(guest, "the fork of twin")
    both = birth.parent, birth.child
    for writer, other in (both, both[::-1]):
        _check_own_writes(guest, program, (writer, other), _orders(guest, writer, ranges, chance))
    _check_writes_of_the_kernel(guest, program, *both)
    guest.run_to("end")
    _check_end(guest, parent.pid, "its child has ended with 0")


def _ranges(guest: Guest, program: UserImage, parent: ProcessSlot) -> dict[str, tuple[int, int]]:
    """Returns start and size of each range, before there is a child."""
    __tracebackhide__ = True
    first = program.va("g_ranges")
    words = [_word(guest, parent.own_root, first + 8 * number) for number in range(2 * len(_RANGES))]
    return dict(zip(_RANGES, zip(words[::2], words[1::2], strict=True), strict=True))


def _check_own_writes(
    guest: Guest, program: UserImage, both: tuple[ProcessSlot, ProcessSlot], orders: dict[int, tuple[str, int]]
) -> None:
    """Makes one process write all over its memory, and checks that it does, and that the other keeps what it had."""
    __tracebackhide__ = True
    writer, other = both
    words = b"".join(va.to_bytes(8, "little") + value.to_bytes(8, "little") for va, (_, value) in orders.items())
    write_user(guest, writer.own_root, program.va("g_orders"), words)
    _put(guest, writer.own_root, program.va("g_order_count"), len(orders))
    before = {va: read_user(guest, other.own_root, va, 8) for va in orders}
    _put(guest, writer.own_root, program.va("g_go"), 1)
    seen = _run_to_stop(guest, program, "call_comes", f"the end of what {writer} writes")
    for va, (where, value) in orders.items():
        now, walk = read_user(guest, other.own_root, va, 8), walk_in(guest, other.own_root, va)
        wanted = f"{va:#x}, in the {where}, stays {before[va].hex()} in {other} when {writer} writes to it"
        expect(now == before[va], _cause_of_leak(guest, writer, other, va), wanted, now.hex(), walk)
    wanted = f"{writer} goes on, which was told to; {other} was not"
    expect(seen.pid == writer.pid, "fork-page-shared", wanted, f"{seen} did")
    for va, (where, value) in orders.items():
        word = _word(guest, writer.own_root, va)
        wanted = f"{va:#x}, in the {where}, is {value:#x} in {writer}, as it wrote it"
        expect(word == value, "wrong-user-bytes", wanted, f"{word:#x}", walk_in(guest, writer.own_root, va))


def _cause_of_leak(guest: Guest, one: ProcessSlot, other: ProcessSlot, va: int) -> str:
    same = walk_in(guest, one.own_root, va).pa == walk_in(guest, other.own_root, va).pa
    return "fork-page-shared" if same else "fork-not-isolated"


def _orders(
    guest: Guest, writer: ProcessSlot, ranges: dict[str, tuple[int, int]], chance: random.Random
) -> dict[int, tuple[str, int]]:
    """Returns where in each range to write, and what: by address, the range's name and a value.

    The places are on the first page, the last, and some between, among those that are present.
    """
    __tracebackhide__ = True
    orders: dict[int, tuple[str, int]] = {}
    there = {mapping.va for mapping in user_mappings(guest, writer.own_root)}
    for name, (start, size) in ranges.items():
        pages = [page for page in range(start & -PAGE, start + size, PAGE) if page in there]
        wanted = f"{writer} has pages in its {name}, at {start:#x}"
        expect(bool(pages), "fork-page-missing", wanted, "it has none", walk_in(guest, writer.own_root, start))
        some = {pages[0], pages[-1], *chance.sample(pages, min(len(pages), 6))}
        for page in some:
            first, last = max(page, start + 7 & -8), min(page + PAGE, start + size) - 8
            orders[chance.randrange(first, last + 1, 8)] = (name, chance.getrandbits(64))
    return dict(list(orders.items())[:_MOST_ORDERS])


def _check_writes_of_the_kernel(guest: Guest, program: UserImage, parent: ProcessSlot, child: ProcessSlot) -> None:
    """Checks that wait4 and read write to the child's memory."""
    __tracebackhide__ = True
    _run_to_stop(guest, program, "call_comes", "the child, before its system calls")
    places = {name: program.va(name) for name in ("g_status", "g_typed")}
    before = {name: read_user(guest, parent.own_root, va, PAGE) for name, va in places.items()}
    text = random_letters(40)
    guest.machine.send(text.decode() + "\n")
    slot = _run_to_stop(guest, program, "call_returned", "the child's system calls")
    _expect_turn(guest, slot, child.pid, f"{child} comes back from read")
    for name, va in places.items():
        now, walk = read_user(guest, parent.own_root, va, PAGE), walk_in(guest, parent.own_root, va)
        wanted = f"{va:#x} stays as it is in {parent} when the kernel writes there for {child}"
        cause = _cause_of_leak(guest, parent, child, va)
        file = _USER_COPY if cause == "fork-not-isolated" else ""  # the frames are distinct: the kernel took the wrong one
        expect(now == before[name], cause, wanted, now[:8].hex(), walk, file)
    status = _word(guest, child.own_root, places["g_status"], 4)
    wanted = f"wait4 has put {0x5A << 8:#x} at {places['g_status']:#x} in {child}"
    walk = walk_in(guest, child.own_root, places["g_status"])
    expect(status == 0x5A << 8, "status-not-delivered", wanted, f"{status:#x}", walk)
    count = guest.cpu().first_argument
    seen = read_user(guest, child.own_root, places["g_typed"], min(count, PAGE))
    wanted = f"read has put what was typed, {text!r}, at {places['g_typed']:#x} in {child}"
    right = 0 < count <= len(text) + 1 and (text + b"\n").startswith(seen)
    walk = walk_in(guest, child.own_root, places["g_typed"])
    expect(right, "wrong-user-bytes", wanted, f"{count} bytes: {seen[:40]!r}", walk)


# --- the first registers ---------------------------------------------------------------------------------------------


@milestone("6.4", points=15, witness="Q")
def test_first_registers(boot: Boot, chance: random.Random) -> None:
    """The child returns to user mode with its parent's pc, sp and every register, but 0 for the result"""
    script = "start mirror\ncheckpoint ready\nwait\nstart heirloom\ncheckpoint again\nwait\ncheckpoint end"
    guest = boot(f"{script}\n{_BYSTANDER}\nstart twin\nwait", idle_backstop=_PATIENCE)
    guest.run_to("ready")
    program = _program(guest, "mirror")
    slot = _run_to_stop(guest, program, "call_comes", "the fork of mirror")
    _put(guest, slot.own_root, program.va("g_seed"), chance.getrandbits(63))
    birth = run_to_birth(guest, "the fork of mirror")
    check_same_registers(birth, *run_to_both(guest, birth))

    guest.run_to("again")
    birth = run_to_birth(guest, "the fork of heirloom")
    parent, child = run_to_both(guest, birth)
    expect(parent.thread_pointer != 0, "thread-variables-wrong", f"{parent.slot} has a thread pointer", "it is 0")
    check_same_registers(birth, parent, child)
    guest.run_to("end")
    _check_end(guest, birth.parent.pid, "its child has ended with 0")
    what = "the fork of twin, which has much to copy, while another process runs"
    _run_to_stop(guest, _program(guest, "twin"), "call_comes", what)
    birth = run_to_birth(guest, what)
    check_same_registers(birth, *run_to_both(guest, birth))


@milestone("6.5", points=5, witness="WQ")
def test_first_root(boot: Boot) -> None:
    """From its first return to user mode on, the child runs on its own root, which has what the kernel needs"""
    guest = boot("start offspring\ncheckpoint ready\nwait\ncheckpoint end", idle_backstop=_PATIENCE)
    master = guest.run_to("ready").roots["kernel"]
    program = _program(guest, "offspring")
    slot = _run_to_stop(guest, program, "call_comes", "the first fork of offspring")
    _put(guest, slot.own_root, program.va("g_go"), 0)
    _put(guest, slot.own_root, program.va("g_pause"), 1)
    births = [run_to_birth(guest, "the first fork of offspring")]
    for back in run_to_both(guest, births[0]):
        check_own_root(back)
    _put(guest, slot.own_root, program.va("g_pause"), 0)
    births.append(run_to_birth(guest, "the second fork of offspring"))
    family = [_as_process(guest, birth.child) for birth in births] + [_as_process(guest, slot)]
    for process in family:
        check_kernel_half(guest, master, process)
    roots = [process.root for process in family]
    window_table(guest, roots)
    check_kernel_stacks(guest, master, [] if "user" in guest.cpu().roots else roots, family)
    for back in run_to_both(guest, births[1]):
        check_own_root(back)
    for number in range(12):
        check_own_root(go_to_user_mode(guest, run_to_turn(guest, f"return {number + 1} to user mode")))
    for birth in births:
        _put(guest, birth.child.own_root, program.va("g_go"), 1)
    guest.run_to("end")
    _check_end(guest, slot.pid, "it has waited for both children")


def _as_process(guest: Guest, slot: ProcessSlot) -> Process:
    return Process(slot.pid, slot.own_root, slot.stack_top, guest.layout.stack_size, slot.program)


# --- many processes --------------------------------------------------------------------------------------------------


@milestone("6.6", points=10, witness="KWQ")
def test_family_tree(boot: Boot) -> None:
    """Several children, numbered in turn, and children of theirs: all run, print and are waited for"""
    script = "start dynasty 5 1\ncheckpoint ready\nwait\ncheckpoint first\nstart dynasty 2 3\nwait\ncheckpoint end"
    guest = boot(script, cpu_budget=6.0, idle_backstop=_PATIENCE)
    guest.run_to("ready")
    first = _check_family(guest, children=5, generations=1, end="first")
    expect(first == 2, "process-number-wrong", "the first process has the number 2", f"{first}")
    _check_family(guest, children=2, generations=3, end="end")
    left = [slot.pid for slot in process_slots(guest) if slot.pid]
    expect(not left, "process-slot-lost", "no process is left", f"there are {left}")
    check_frames(guest)


def _check_family(guest: Guest, children: int, generations: int, end: str) -> int:
    """Runs one `dynasty`, whose descendants have the next numbers, up to a checkpoint; returns the number of the first."""
    __tracebackhide__ = True
    program = _program(guest, "dynasty")
    first = _run_to_stop(guest, program, "call_comes", "the first fork of dynasty")
    word = random_letters(12)
    write_user(guest, first.own_root, program.va("g_word"), word + b"\0")
    total = sum(children**generation for generation in range(1, generations + 1))
    parents: dict[int, int] = {}
    for number in range(total):
        slot = _run_to_stop(guest, program, "call_returned", f"descendant {number + 1} of {total}")
        told = guest.cpu().first_argument
        expect(told == slot.pid, "wrong-root-loaded", f"{slot} runs on its own root", f"process {told} does")
        every = [other.pid for other in process_slots(guest)]
        expect(len(set(every)) == len(every), "process-number-wrong", "each process has its own number", f"{every}")
        again = f"each of {total} descendants begins once"
        expect(slot.pid not in parents, "child-registers-wrong", again, f"{slot} begins twice")
        parents[slot.pid] = slot.parent
    numbers = list(range(first.pid + 1, first.pid + 1 + total))
    wanted = f"descendants with the numbers {numbers}"
    expect(sorted(parents) == numbers, "process-number-wrong", wanted, f"{sorted(parents)}")
    having = {pid: list(parents.values()).count(pid) for pid in {first.pid, *parents}}
    right = sorted(having.values()).count(children) == total // children and having[first.pid] == children
    seen = ", ".join(f"process {pid} has {count}" for pid, count in having.items())
    expect(right, "fork-incomplete", f"everybody but the last generation has {children} children", seen)
    guest.run_to(end)
    lines = [line.strip() for line in guest.machine.serial().splitlines() if word.decode() in line]
    for pid, parent in parents.items():
        mine = [line for line in lines if f": process {pid}, " in line and line.endswith(f" of {parent}")]
        wanted = f"one line with {word.decode()}, by process {pid}, child of {parent}"
        expect(len(mine) == 1, "child-never-runs", wanted, "; ".join(mine) or f"none, and {len(lines)} others")
    ended = next(fact for fact in guest.facts("exit") if fact.values["pid"] == str(first.pid)).values
    wanted = f"process {first.pid} counts {total} descendants that ended well"
    seen = f"status {ended['status']}, signal {ended['signal']}"
    expect((ended["status"], ended["signal"]) == (str(total), "0"), "wrong-result", wanted, seen)
    return first.pid


@milestone("6.7", points=10, witness="WQ")
def test_blocked_parent(boot: Boot, chance: random.Random) -> None:
    """A parent that was blocked in wait4 goes on under its own root, and finds the status in its own memory"""
    guest = boot("start offspring\ncheckpoint ready\nwait\ncheckpoint end", idle_backstop=_PATIENCE)
    guest.run_to("ready")
    program = _program(guest, "offspring")
    parent = _run_to_stop(guest, program, "call_comes", "the first fork of offspring")
    code, go, status = chance.randint(1, 254), program.va("g_go"), program.va("g_status")
    _put(guest, parent.own_root, go, 0)
    _put(guest, parent.own_root, program.va("g_code"), code)
    _run_to_stop(guest, program, "call_comes", "the call of wait4")
    children = [slot for slot in process_slots(guest) if slot.parent == parent.pid and slot.root is not None]
    expect(len(children) == 2, "child-never-runs", f"{parent} has two children, who wait", f"{len(children)} live")
    first, second = children
    family = {slot.pid: slot for slot in (parent, first, second)}
    marks = {pid: chance.getrandbits(31) | 0x80 for pid in family}  # none of them is a status
    for pid, slot in family.items():
        _put(guest, slot.own_root, status, marks[pid], 4)
    frames = {pid: walk_in(guest, slot.own_root, status).page.pa_of(status) for pid, slot in family.items()}
    seen = ", ".join(f"{frames[pid]:#x} in {slot}" for pid, slot in family.items())
    expect(len(set(frames.values())) == 3, "fork-page-shared", f"{status:#x} is another frame in each process", seen)

    run_to_system_call(guest, "wait4", "the call of wait4")
    run_to_turn(guest, "the turn of a child, while its parent waits", {first.pid, second.pid})
    state = slot_of(guest, parent.pid).state
    expect(state == "waiting", "wrong-result", f"wait4 blocks {parent}, whose child lives", f"it is {state}")
    _put(guest, first.own_root, go, 1)
    run_to_system_call(guest, "exit", f"the end of {first}")
    expect(live_root(guest) == first.root, "wrong-root-loaded", f"{first} ends on its own root", f"{running(guest)}")
    turn = run_to_turn_on_own_root(guest, "the end of wait4", parent.pid)
    back = go_to_user_mode(guest, turn)
    check_own_root(back)
    expect(back.result == first.pid, "wrong-result", f"wait4 returns {first.pid}", f"{back.result}")
    _check_status(guest, parent, (status, code << 8))
    for pid in (first.pid, second.pid):
        word = guest.read_word(frames[pid], 4)
        wanted = f"the frame {frames[pid]:#x}, where {family[pid]} has {status:#x}, stays as it is: {marks[pid]:#x}"
        expect(word == marks[pid], "status-not-delivered", wanted, f"{word:#x}")
    _put(guest, second.own_root, go, 1)
    run_to_system_call(guest, "exit", f"the end of {second}")
    run_to_turn_on_own_root(guest, "the end of the second wait4", parent.pid)
    guest.run_to("end")
    _check_end(guest, parent.pid, "it has waited for both children")


def _check_status(guest: Guest, parent: ProcessSlot, wanted: tuple[int, int]) -> None:
    """Checks that the status is where the parent wants it, by the parent's own root."""
    __tracebackhide__ = True
    va, status = wanted
    seen, walk = _word(guest, parent.own_root, va, 4), walk_in(guest, parent.own_root, va)
    words = f"{va:#x} of {parent} holds the status {status:#x}"
    expect(seen == status, "status-not-delivered", words, f"{seen:#x}", walk)


# --- fork and execve -------------------------------------------------------------------------------------------------


@milestone("6.8", points=5, witness="WQ")
def test_thread_variables(boot: Boot, chance: random.Random) -> None:
    """A forked child inherits its thread-local variables, in memory of its own; after execve they are fresh"""
    script = "frames\ncheckpoint ready\nstart heirloom\nwait\nframes\ncheckpoint end"
    guest = boot(script, idle_backstop=_PATIENCE)
    guest.run_to("ready")
    before = holdings(guest)
    program = _program(guest, "heirloom")
    assert program.thread is not None, "user/tests/heirloom.cc has thread-local variables"
    fresh = int.from_bytes(program.thread.content, "little"), 0  # t_initial and t_zero in user/tests/heirloom.cc
    parent = _check_variables(guest, program, "a program that begins", fresh)
    inherited = chance.getrandbits(62), chance.getrandbits(62) + 1
    places = [_word(guest, parent.own_root, program.va(name)) for name in ("g_initial", "g_zero")]
    pointer = thread_pointer(guest)
    for va, value in zip(places, inherited, strict=True):
        _put(guest, parent.own_root, va, value)

    child = _check_variables(guest, program, "a child that was forked", inherited)
    expect(child.parent == parent.pid, "wrong-answer", f"{child} is the child of {parent}", f"of {child.parent}")
    seen = thread_pointer(guest)
    expect(seen == pointer, "child-spare-registers-wrong", f"its parent's thread pointer, {pointer}", f"{seen}")
    _check_variables(guest, program, "a child that has changed them", (inherited[0] + 1, inherited[1] - 1), child.pid)
    for va, value in zip(places, inherited, strict=True):
        word, walk = _word(guest, parent.own_root, va), walk_in(guest, parent.own_root, va)
        wanted = f"{va:#x} stays {value:#x} in {parent} when {child} writes to it"
        expect(word == value, _cause_of_leak(guest, parent, child, va), wanted, f"{word:#x}", walk)
    new = _check_variables(guest, program, "a program that execve has begun", fresh, child.pid)
    expect(new.root != child.root, "wrong-root-loaded", "execve begins in a new root", "it is the old one")
    _check_variables(guest, program, "the parent, at last", inherited, parent.pid)
    guest.run_to("end")
    _check_end(guest, parent.pid, "its child became another program, which ended with 0")
    check_holdings(guest, before, "after fork, execve and their ends")
    check_ledger(guest)


def _check_variables(
    guest: Guest, program: UserImage, who: str, values: tuple[int, int], pid: int | None = None
) -> ProcessSlot:
    """Runs to the next place where a process shows its variables; checks their values, and returns the process."""
    __tracebackhide__ = True
    slot = _run_to_stop(guest, program, "call_comes", who)
    if pid is not None:
        _expect_turn(guest, slot, pid, f"process {pid} comes next: {who}")
    areas = memory_map(guest, slot)
    for name, value in zip(("g_initial", "g_zero"), values, strict=True):
        va = _word(guest, slot.own_root, program.va(name))
        area = areas.area_of(va)
        is_own = area is not None and area.kind == "thread"
        wanted = f"{who}, {slot}, has its variables in its thread block"
        expect(is_own, "thread-variables-wrong", wanted, f"{va:#x} is in {area or 'no area'}")
        for how, seen in (
            ("in memory", _word(guest, slot.own_root, va)),
            ("by its thread pointer", _word(guest, slot.own_root, program.va(f"{name}_seen"))),
        ):
            wanted = f"{who}, {slot}, finds {value:#x} {how}, at {va:#x}"
            expect(seen == value, "thread-variables-wrong", wanted, f"{seen:#x}", walk_in(guest, slot.own_root, va))
    return slot


# --- when something is short -----------------------------------------------------------------------------------------

_PAGES = 24  # of the heap of `multiply`, in 6.9
_MOST_ALLOCATIONS = 120  # more than a fork of it takes


@milestone("6.9", points=10, witness="WQ")
def test_failed_allocations(boot: Boot) -> None:
    """If allocation k of a fork fails, for every k, it returns -ENOMEM and nothing is lost; the next fork works"""
    script = f"start multiply 1000 {_PAGES}\ncheckpoint ready\nwait"
    guest = boot(script, cpu_budget=8.0, idle_backstop=_PATIENCE)
    guest.run_to("ready")
    program = _program(guest, "multiply")
    parent = _run_to_stop(guest, program, "call_comes", "the first fork of multiply")
    result = _result_of_round(guest, program, parent)
    expect(result > 0, "fork-refused", "the first fork works", f"it returned {result}")
    pages, needed = len(user_mappings(guest, parent.own_root)), 0
    for k in range(1, _MOST_ALLOCATIONS):
        _run_to_stop(guest, program, "call_comes", f"fork {k + 1} of multiply")
        before = holdings(guest)
        fail_allocation(guest, k)
        run_to_system_call(guest, "fork", f"fork {k + 1} of multiply")
        memory = memory_of(guest, parent)
        run_to_turn(guest, f"the end of fork {k + 1} of multiply")
        left = allocations_to_failure(guest)
        fail_allocation(guest, 0)
        if not left:
            when = f"after a fork whose allocation {k} failed"
            check_holdings(guest, before, when)
            undone_by = "kernel/process/fork.cc"  # the copy has its parent const
            check_same_memory(guest, parent, memory, memory_of(guest, parent), "parent-changed", when, of_promises=undone_by)
            check_all_slots_empty(guest, when, [parent.own_root])
        result = _result_of_round(guest, program, parent)
        check_holdings(guest, before, f"when fork {k + 1} and the end of its child are over")
        if left:
            expect(result > 0, "fork-refused", "a fork in which no allocation fails works", f"it returned {result}")
            needed = k - 1
            break
        wanted = f"fork returns {_NO_MEMORY}, no memory, if its allocation {k} fails"
        expect(result == _NO_MEMORY, "wrong-result", wanted, f"{result}", file="kernel/process/fork.cc")
    least = pages + 2  # plus a root, and a frame for the areas
    wanted = f"a fork takes {least} frames at least: its parent has {pages} pages"
    expect(needed >= least, "wrong-answer", wanted, f"it made {needed} allocations", file="kernel/space/clone.cc")
    check_frames(guest)


def _result_of_round(guest: Guest, program: UserImage, parent: ProcessSlot) -> int:
    """Runs over one fork of `multiply`, and over the end of the child if there is one; returns what fork returned."""
    __tracebackhide__ = True
    slot = _run_to_stop(guest, program, "call_returned", "the end of a fork")
    _expect_turn(guest, slot, parent.pid, f"{parent} comes back from fork")
    return guest.isa.registers.signed(guest.cpu().first_argument)


_FORKS = 1000


@milestone("6.10", points=10, witness="KW")
def test_many_forks(boot: Boot) -> None:
    """1000 forks lose nothing; where slots or memory run out, fork fails, and the system lives"""
    script = f"run hello\nframes\ncheckpoint before\nrun multiply {_FORKS} 3\nframes\ncheckpoint after\nrun hello"
    guest = boot(f"{script}\ncheckpoint end", cpu_budget=10.0, idle_backstop=_PATIENCE)
    guest.run_to("before")
    before = holdings(guest)
    guest.run_to("after")
    _check_end(guest, 3, f"it has waited for {_FORKS} children, each of which ended with 7")
    check_holdings(guest, before, f"after {_FORKS} forks")
    check_ledger(guest)
    guest.run_to("end")
    _check_exhaustion(boot, pages=1, result=_AGAIN)
    _check_exhaustion(boot, pages=1200, result=_NO_MEMORY)


def _check_exhaustion(boot: Boot, pages: int, result: int) -> None:
    """Checks that fork fails when children take all slots or all memory, that all live on, and that all is then freed."""
    __tracebackhide__ = True
    ends = [f"kill {pid}" for pid in range(3, 3 + 130)]
    lines = ["frames", "checkpoint before", f"run multitude {pages}", "ps", "checkpoint full", "run hello"]
    lines += ["frames", "checkpoint alive", *ends, "run hello", "frames", "checkpoint end"]
    guest = boot("\n".join(lines), ram_mib=64, cpu_budget=10.0, idle_backstop=_PATIENCE)
    guest.run_to("before")
    before = holdings(guest)
    children = _run_to_refusal(guest, result)
    guest.run_to("full")
    slots = [slot.pid for slot in process_slots(guest) if slot.pid]
    wanted = f"the {len(children)} children live on when their parent has ended"
    expect(slots == sorted(children), "killed-after-fork", wanted, f"there are {slots}")
    guest.run_to("alive")
    _check_hello(guest, 1, f"another program runs, with {len(children)} children of fork alive")
    check_ledger(guest)
    guest.run_to("end")
    _check_hello(guest, 2, "another program runs when all children are gone")
    killed = [fact for fact in guest.facts("exit") if fact.values["signal"] == str(int(SIGKILL))]
    wanted = f"{len(children)} children end by signal {int(SIGKILL)}"
    expect(len(killed) == len(children), "wrong-result", wanted, f"{len(killed)} did")
    check_holdings(guest, before, "when all children are gone")
    check_ledger(guest)


def _run_to_refusal(guest: Guest, result: int) -> list[int]:
    """Runs until fork refuses for the intended reason, with nothing lost; returns the children that exist."""
    __tracebackhide__ = True
    program = _program(guest, "multitude")
    returned, most = 1, guest.layout.most_processes
    children: list[int] = []
    while returned > 0:
        expect(len(children) < most, "process-number-wrong", f"{most} processes at most", f"{children}")
        parent = _run_to_stop(guest, program, "call_comes", f"fork {len(children) + 1} of multitude")
        guest.run_to_address(program.va("call_returned"), f"the end of fork {len(children) + 1}")
        returned = guest.isa.registers.signed(guest.cpu().first_argument)
        if returned > 0:
            children.append(returned)
    wanted = f"with {len(children)} children, one more fork returns {result}"
    expect(returned == result, "wrong-result", wanted, f"{returned}", file="kernel/process/fork.cc")
    check_frames(guest)  # and not compared with before: a tick may have let a child run, and touch a page
    check_all_slots_empty(guest, "after a fork that was refused", [parent.own_root])
    slots = {slot.pid for slot in process_slots(guest)}
    wanted = f"all {len(children)} children are there"
    expect(slots == {0, parent.pid, *children}, "process-slot-lost", wanted, f"{sorted(slots)}")
    free = frame_records(guest).free[1] if result == _NO_MEMORY else most - len(slots)
    needed = len(user_mappings(guest, parent.own_root)) if result == _NO_MEMORY else 1
    what = "frames beyond the window" if result == _NO_MEMORY else "slots"
    wanted = f"fork refuses only when fewer {what} are free than the {needed} that it needs"
    expect(free < needed, "fork-refused", wanted, f"{free} are")
    return children


def _check_hello(guest: Guest, times: int, why: str) -> None:
    __tracebackhide__ = True
    seen = guest.machine.serial().count("write returned 5")
    expect(seen == times, "wrong-result", why, f"hello has run {seen} times, and not {times}")


@milestone("6.11", points=5, witness="D")
def test_discipline(boot_witnessed: BootWitnessed, chance: random.Random) -> None:
    """Stores to tables, flushes and releases of frames come in the right order"""
    check_discipline(boot_witnessed, lab=6, chance=chance)
