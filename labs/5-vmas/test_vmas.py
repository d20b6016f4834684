"""Lab 5: what a process was promised, and how its pages follow."""

import errno
import random
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from signal import SIGSEGV

from area_model import CALL, STORE, AreaModel, Operation, brk, load, mmap, store, sweep
from area_script import AreaScript
from area_steps import (
    ANSWER,
    TIGHTENED,
    Places,
    brk_steps,
    code_at,
    far_steps,
    many_steps,
    mmap_steps,
    mprotect_steps,
    own_steps,
    refused_accesses,
)
from demand_checks import check_promised, frames_of, heap_start, promised_areas, running_slot
from execve_checks import POINTERS, State, check_unchanged, execute, file_in_archive, put_strings, state_of
from random_areas import RandomAreas

from grade.boot.frame_records import allocations_to_failure, fail_allocation, frame_records
from grade.boot.kernel_image import KernelImage
from grade.boot.layout import PAGE, layout_of
from grade.boot.memory_options import READ
from grade.boot.process_slots import ProcessSlot, memory_map, process_slots
from grade.boot.user_image import UserImage, loaded_pages, user_image
from grade.checks.area_checks import check_areas, present_pages
from grade.checks.discipline import BootWitnessed, check_discipline
from grade.checks.host_tests import check_host_tests
from grade.checks.ledger import check_frames, check_ledger
from grade.checks.process_checks import user_mappings, walk_in
from grade.checks.user_memory import random_letters, read_user, write_user
from grade.diagnosis.process_ends import killed_process
from grade.guest.guest import Guest
from grade.inspect.spaces import live_root
from grade.isa import isa_called
from grade.plugin import milestone
from grade.results.failure import Failure, expect, expect_found, fail

Boot = Callable[..., Guest]

_FAULT, _EXECUTE = "kernel/space/fault.cc", "kernel/calls/execute.cc"
_NAMES = ("ENOENT", "E2BIG", "ENOEXEC", "ENOMEM", "EFAULT")
_NO_ENTRY, _TOO_BIG, _NOT_EXECUTABLE, _NO_MEMORY, _BAD_ADDRESS = (-getattr(errno, name) for name in _NAMES)


# --- what several milestones need ------------------------------------------------------------------------------------


def _program(guest: Guest, name: str) -> UserImage:
    return user_image(guest.image.elf, name)


def _started(guest: Guest, name: str) -> ProcessSlot:
    """Returns the process that runs `name`, started last."""
    __tracebackhide__ = True
    refused = guest.facts("run")
    # The loader brings what it writes to: a bad address means that the page is missing in the new space all the same.
    is_missing = any(fact.values.get("result") == "bad-address" for fact in refused)
    cause = "page-not-brought" if is_missing else "wrong-result"
    slots = [slot for slot in process_slots(guest) if slot.program == name and slot.state == "ready"]
    expect(bool(slots), cause, f"the program {name} can be loaded", f"{[fact.line for fact in refused]}", file=_FAULT)
    return slots[-1]


def _run_to_end(guest: Guest, name: str) -> ProcessSlot:
    """Runs until a process that has been started ends; returns it, still complete. It must end by itself."""
    __tracebackhide__ = True
    guest.run_to_address(guest.image.function("end_current"), f"the end of {name}")
    slot = running_slot(guest)
    check_areas(guest, slot)
    killed = guest.facts("killed")
    mine = [fact for fact in killed if fact.values["pid"] == f"{slot.pid}"]
    if not mine:
        return slot
    wanted, faults = f"{slot} ends by itself", guest.facts("fault")
    _check_bytes_of_the_file(guest, slot, name)  # what is not the program's code does anything
    if not faults:
        raise killed_process(guest, wanted, slot.pid) or Failure("process-killed", wanted, mine[-1].line)
    walk = walk_in(guest, slot.root or 0, faults[-1].number("address"))
    fail("page-not-brought", wanted, f"{faults[-1].line}, then {mine[-1].line}", walk)


def _check_bytes_of_the_file(guest: Guest, slot: ProcessSlot, name: str) -> None:
    """Checks that the present pages that the program cannot write to hold what its file says."""
    __tracebackhide__ = True
    image = _program(guest, name)
    writable = [segment for segment in image.segments if segment.write]
    for va, content in loaded_pages(image).items():
        if not any(va < segment.end and segment.va < va + PAGE for segment in writable):
            _check_content(guest, slot, name, va, content)


def _check_content(guest: Guest, slot: ProcessSlot, name: str, va: int, content: bytes) -> None:
    """Checks what a page of a program holds, if it is there."""
    __tracebackhide__ = True
    walk = walk_in(guest, slot.root or 0, va)
    if walk.mapping is None:
        return
    seen = guest.read_physical(walk.mapping.pa_of(va), PAGE)
    at = next((at for at in range(PAGE) if seen[at] != content[at]), None)
    if at is not None:
        cause = "wrong-user-bytes" if any(content[at:]) else "user-page-not-cleared"
        fail(cause, f"{va + at:#x} of {name} is {content[at]:#04x}", f"{seen[at]:#04x}", walk, _FAULT)


def _lives(count: int, *before: str) -> str:
    """Returns a script that runs the program of AreaScript `count` times, while another process sleeps; then hello."""
    lines = [line for number in range(count) for line in ("run vmascript", f"checkpoint end{number}")]
    last = ["run hello", "frames", "checkpoint over"]
    return "\n".join(["start sleep 100000", *before, "checkpoint ready", *lines, *last])


_MOST_YIELDS = 1000


def _life(guest: Guest) -> AreaScript:
    """Starts the next of these runs, when the other process already sleeps: it takes no more frames."""
    __tracebackhide__ = True
    script = AreaScript(guest)
    for _ in range(_MOST_YIELDS):
        if not any(slot.state == "ready" for slot in process_slots(guest)):
            return script
        script.system_call(Operation("sched_yield", ()), [], "a yield, for another process to fall asleep")
        script.go_on()
    fail("user-makes-no-progress", "the program sleep falls asleep", f"it had the CPU {_MOST_YIELDS} times, and did not")


# --- what is promised ------------------------------------------------------------------------------------------------


@milestone("5.1", points=10, witness="H")
def test_areas(host_tests: Callable[[str], Path], tmp_path: Path) -> None:
    """The list of areas is sorted and disjoint; it splits and merges, as a model does"""
    check_host_tests(host_tests, "Vma*", tmp_path)


@milestone("5.2", points=10, witness="KW")
def test_loader_registers_everything(boot: Boot) -> None:
    """The list of areas is exactly what the program's file, its stack and its thread-local variables imply"""
    names = ("hello", "segments", "sharedpage", "parts")
    lines = [
        line
        for pid, name in enumerate(names, start=2)
        for line in (f"start {name}", f"vmas {pid}", f"checkpoint {name}", "wait", f"checkpoint end-{name}")
    ]
    guest = boot("\n".join(lines))
    for name in names:
        guest.run_to(name)
        image = _program(guest, name)
        slot = _started(guest, name)
        wanted = promised_areas(image, guest.isa, guest.layout.user)
        check_promised(guest, slot, wanted, f"before {name} has run")
        memory = check_areas(guest, slot)
        right = (heap_start(image),) * 2
        seen = (memory.heap_start, memory.heap_end)
        words = f"the heap of {slot} begins and ends at {right[0]:#x}"
        expect(seen == right, "wrong-answer", words, f"at {seen[0]:#x} and {seen[1]:#x}", file=_FAULT)
        _check_told(guest, slot)
        _run_to_end(guest, name)
        model = AreaModel.of(replace(memory, areas=tuple(wanted)), guest.image)
        for operation in _LATER.get(name, []):
            model.apply(operation(model))
        check_promised(guest, slot, model.areas, f"when {name} has run")
        _check_file_pages(guest, slot, image)
        guest.run_to(f"end-{name}")
    statuses = [fact.values["status"] for fact in guest.facts("exit")]
    words = "each program finds itself as it was built, and exits with 0"
    expect(statuses == ["0"] * len(names), "wrong-user-bytes", words, f"{statuses}", file=_FAULT)


_LATER: dict[str, list[Callable[[AreaModel], Operation]]] = {
    "parts": [lambda model: brk(model.heap_start + 5 * PAGE), lambda _: mmap(0, 3 * PAGE, READ)]
}
"""What a program asks for while it runs. `parts` then has eight areas: four of its file, and one of each other kind."""


def _check_told(guest: Guest, slot: ProcessSlot) -> None:
    """Checks that the command `vmas` reports what is in the kernel's list and in the tables."""
    __tracebackhide__ = True
    memory, told = memory_map(guest, slot), guest.facts("area")[-len(memory_map(guest, slot).areas) :]
    seen = [tuple(fact.values[key] for key in ("start", "end", "protection", "kind", "present")) for fact in told]
    wanted = [
        (f"{area.start:#x}", f"{area.end:#x}", area.protection, area.kind, f"{len(present_pages(guest, slot, area))}")
        for area in memory.areas
    ]
    expect(seen == wanted, "wrong-answer", f"@area says start, end, protection, kind, present: {wanted}", f"{seen}")


def _check_file_pages(guest: Guest, slot: ProcessSlot, image: UserImage) -> None:
    """Checks that what cannot be written, and what a program says that it has written, is as the file has it."""
    __tracebackhide__ = True
    memory = memory_map(guest, slot)
    for va, content in loaded_pages(image).items():
        area = memory.area_of(va)
        walk = walk_in(guest, slot.root or 0, va)
        counted = image.symbols.get("g_counted", 0)
        if walk.pa is None or area is None or ("w" in area.protection and not counted):
            continue
        wanted = bytearray(content)
        for at in range(max(va, counted), min(va + PAGE, counted + image.size("g_counted")), 8) if counted else ():
            word = int.from_bytes(wanted[at - va : at - va + 8], "little") + 1 & (1 << 64) - 1
            wanted[at - va : at - va + 8] = word.to_bytes(8, "little")
        seen = guest.read_physical(walk.pa, PAGE)
        wrong = next((at for at in range(0, PAGE, 8) if seen[at : at + 8] != wanted[at : at + 8]), None)
        if wrong is not None:
            words = f"{va + wrong:#x} of {slot} holds {wanted[wrong : wrong + 8].hex()}, as in the file"
            fail("wrong-user-bytes", words, seen[wrong : wrong + 8].hex(), walk, _FAULT)


# --- pages on demand -------------------------------------------------------------------------------------------------


@milestone("5.3", points=10, witness="KW")
def test_demand(boot: Boot, image: KernelImage) -> None:
    """No page before the first touch; then one page, with zeros or the file's bytes, even in used RAM"""
    lines = ["checkpoint ready"]
    for name in ("first", "second"):
        lines += ["start segments", f"checkpoint {name}", "wait", f"checkpoint end-{name}"]
    lines += ["start vmascript", "checkpoint script", "wait", "checkpoint end"]
    guest = boot("\n".join(lines), ram_mib=64)
    guest.run_to("ready")
    _make_dirty(guest, layout_of(image).region("frames").end)
    for name in ("first", "second"):
        guest.run_to(name)
        _check_first_pages(guest, "segments")
        guest.run_to(f"end-{name}")
        status = guest.fact("exit").values["status"]
        words = "the program finds itself as it was built, and exits with 0"
        expect(status == "0", "wrong-user-bytes", words, f"with {status}", file=_FAULT)
    guest.run_to("script")
    script = AreaScript(guest)
    _check_touches(script)
    _check_resident(script)
    script.finish("end")


def _make_dirty(guest: Guest, start: int) -> None:
    """Fills all RAM from `start` on with what nobody expects."""
    megabyte = bytes(range(1, 256)) * ((1 << 20) // 255 + 1)
    end = guest.ram_end
    for pa in range(start, end, 1 << 20):
        guest.machine.write_physical(pa, megabyte[: 1 << 20])


def _check_first_pages(guest: Guest, name: str) -> None:
    """Checks that a program that was started has only its arguments present, then the code on the way to main()."""
    __tracebackhide__ = True
    slot, image = _started(guest, name), _program(guest, name)
    arguments, first = guest.layout.user.stack_top - PAGE, image.entry & -PAGE
    _check_present(guest, slot, {arguments}, {arguments}, f"before {name} runs, only the page of its arguments is there")
    guest.run_to_address(image.va("main"), f"main() of {name}")
    code = {image.va(function) & -PAGE for function in ("start_program", "main")}
    wanted = f"at main(), {name} has its arguments and the code on the way"
    _check_present(guest, slot, {first, arguments}, {first, *code, arguments}, wanted)
    guest.run_to_address(image.va("contents_are_seen"), f"{name} has seen all its contents")
    check_areas(guest, slot)
    there = {mapping.va for mapping in user_mappings(guest, slot.root or 0)}
    for va, content in loaded_pages(image).items():
        walk = walk_in(guest, slot.root or 0, va)
        is_code = any(segment.execute and va < segment.end for segment in image.segments)
        wanted = f"the page {va:#x}, which {name} has read, is there"
        expect(va in there or is_code, "page-not-brought", wanted, "it is not", walk)
        _check_content(guest, slot, name, va, content)


def _check_present(guest: Guest, slot: ProcessSlot, least: set[int], most: set[int], wanted: str) -> None:
    """Checks that a process has at least the pages `least`, and none but `most`."""
    __tracebackhide__ = True
    seen = {mapping.va for mapping in user_mappings(guest, slot.root or 0)}
    words = f"{len(seen)} pages: {', '.join(f'{va:#x}' for va in sorted(seen)[:6])}"
    extra, missing = min(seen - most, default=0), min(least - seen, default=0)
    expect(not extra, "page-brought-early", wanted, words, walk_in(guest, slot.root or 0, extra))
    expect(not missing, "page-not-brought", wanted, words, walk_in(guest, slot.root or 0, missing))


def _check_touches(script: AreaScript) -> None:
    """Touches page by page: AreaScript checks after each batch which pages are present and what they hold."""
    __tracebackhide__ = True
    text, heap, stack = script.program.va("g_text"), script.model.heap_start, script.guest.layout.user.stack_top - 4 * PAGE
    script.play([mmap(0, 8 * PAGE)], "when mmap has promised eight pages")
    script.play([load(script.places.one + 3 * PAGE + 8)], "when one of them has been read")
    script.play([store(script.places.one + 5 * PAGE - 8, 0x5EED)], "when another has been written to")
    script.play([brk(heap + 6 * PAGE)], "when brk has promised six pages")
    script.play([store(heap + 2 * PAGE, 1), load(heap + 4 * PAGE)], "when two of them have been touched")
    script.play([load(stack + 16), store(stack + PAGE, 7)], "when the stack has been touched further down")
    script.play([load(text + 2 * PAGE)], "when a page of the file has been read")
    script.play(
        [mmap(script.places.far, 3 * PAGE, READ), load(script.places.far + PAGE)],
        "when a page that may only be read has been read",
    )


def _check_resident(script: AreaScript) -> None:
    """Checks that the kernel counts the present pages as the tables have them."""
    __tracebackhide__ = True
    guest, slot, place = script.guest, script.slot, script.program.va("g_strings")
    areas = memory_map(guest, slot).areas
    record = guest.image.defined.record("AreaDescription")
    script.hand_over([Operation("describe_area", (i, place + i * record.size)) for i in range(len(areas) + 1)])
    expect(script.run("descriptions of areas"), "process-killed", f"{slot} is told of its areas", "it is killed")
    results = script.results(len(areas) + 1)
    wanted = [1] * len(areas) + [0]
    expect(results == wanted, "wrong-result", f"describe_area returns {wanted}", f"{results}")
    script.check("while it is told of its areas")
    told = read_user(guest, slot.root or 0, place, len(areas) * record.size)
    for area, at in zip(areas, range(0, len(told), record.size), strict=True):
        start, end, present, *may = (
            record[name].read(told, at) for name in ("start", "end", "present", "read", "write", "execute")
        )
        protection = "".join(letter if yes else "-" for letter, yes in zip("rwx", may, strict=True))
        kind = record["kind"].bytes_in(told, at).split(bytes(1))[0].decode(errors="replace")
        seen = f"{start:#x}-{end:#x} {protection} {kind}, {present} pages"
        right = f"{area}, {len(present_pages(guest, slot, area))} pages"
        expect(seen == right, "wrong-answer", f"the kernel says of an area: {right}", seen)


# --- accesses that nothing permits -----------------------------------------------------------------------------------


@milestone("5.4", points=10, witness="KW")
def test_refused_accesses(boot: Boot, image: KernelImage) -> None:
    """An access outside all areas, or against their protection, kills that process only; the stack has its limits"""
    refused = refused_accesses(Places(layout_of(image).user, isa_called(image.isa)), image, user_image(image.elf, "vmascript"))
    guest = boot(_lives(len(refused)), cpu_budget=6.0)
    guest.run_to("ready")
    for number, case in enumerate(refused):
        script = _life(guest)
        script.play([load(script.program.va("g_strings"))])
        if case.before:
            script.play(case.before)
        script.play_to_death([case.last], f"end{number}")
        _check_fault_told(guest, script, case.last)
    _check_others(guest)


def _check_others(guest: Guest) -> None:
    """Checks after others were killed that the sleeper still sleeps, that hello runs afterwards, and that no frame is lost."""
    __tracebackhide__ = True
    guest.run_to("over")
    found = next((slot for slot in process_slots(guest) if slot.program == "sleep"), None)
    wanted = "the process that slept meanwhile still does"
    sleeper = expect_found(found, "process-killed", wanted, "it is gone")
    expect(sleeper.state == "sleeping", "process-killed", wanted, f"{sleeper} is {sleeper.state}")
    check_promised(
        guest, sleeper, promised_areas(_program(guest, "sleep"), guest.isa, guest.layout.user), "after others were killed"
    )
    check_areas(guest, sleeper)
    ended = guest.fact("exit")
    expect(ended.values["status"] == "0", "process-killed", "hello, run after them, exits with 0", ended.line)
    check_ledger(guest)


def _check_fault_told(guest: Guest, script: AreaScript, last: Operation) -> None:
    """Checks that the kernel reported what the CPU refused, and killed the process there."""
    __tracebackhide__ = True
    fault, killed = guest.fact("fault"), guest.fact("killed")
    seen = (fault.number("address"), *(fault.values[name] for name in ("access", "mode", "fatal")))
    wanted = (last.arguments[0], {STORE: "write", CALL: "execute"}.get(last.kind, "read"), "user", "no")
    expect(seen == wanted, "fault-misreported", f"@fault with address, access, mode, fatal = {wanted}", f"{seen}")
    expect(killed.number("signal") == SIGSEGV, "fault-misreported", "signal 11, segmentation", killed.line)
    pc = killed.number("pc")
    inside = any(part.execute and part.va <= pc < part.end for part in script.program.segments)
    at = pc == wanted[0] if last.kind == CALL else inside
    expect(at, "fault-misreported", f"@killed has the pc of {last}", f"{pc:#x}")


# --- what programs ask for -------------------------------------------------------------------------------------------


@milestone("5.5", points=15, witness="KW")
def test_memory_calls(boot: Boot) -> None:
    """brk, mmap, munmap and mprotect do what is asked, page for page; what is taken away is gone at once"""
    guest = boot(_lives(1 + len(TIGHTENED)), cpu_budget=6.0)
    guest.run_to("ready")
    for number, make in enumerate(TIGHTENED):
        script = _life(guest)
        script.play_to_death(make(script.places, guest.isa, script.model.heap_start), f"end{number}")
    script = _life(guest)
    heap = script.model.heap_start
    at = script.places
    own = own_steps(at, script.program, heap)
    steps = [*mmap_steps(at), *mprotect_steps(at), *brk_steps(at, heap), *far_steps(at), *many_steps(at), *own]
    for what, operations in steps:
        before = {mapping.va: mapping.pa for mapping in user_mappings(guest, script.root)}
        script.play(operations, f"when {what}")
        _check_given_back(script, before, what)
    _check_code(script)
    script.finish(f"end{len(TIGHTENED)}")
    _check_others(guest)


def _check_given_back(script: AreaScript, before: dict[int, int], what: str) -> None:
    """Checks that frames of pages that are gone are free, and that none is lost."""
    __tracebackhide__ = True
    now = {mapping.pa for mapping in user_mappings(script.guest, script.root)}
    in_use = frame_records(script.guest).in_use
    lost = {va: pa for va, pa in before.items() if pa not in now and pa in in_use}
    first = min(lost, default=0)
    seen = f"{len(lost)} frames are still in use, first {lost.get(first, 0):#x}, the page {first:#x} before"
    expect(not lost, "frames-leaked", f"when {what}, the frames of pages that are gone are free", seen, file=_FAULT)
    check_frames(script.guest)


def _check_code(script: AreaScript) -> None:
    """Checks that what was written can be executed, once the page permits it."""
    __tracebackhide__ = True
    operations = code_at(script.guest.isa, script.places.one)
    result = script.play(operations)[-1]
    walk = walk_in(script.guest, script.root, script.places.one)
    expect(result == ANSWER, "wrong-user-bytes", f"the function at {script.places.one:#x} returns {ANSWER}", f"{result}", walk)


# --- system calls ----------------------------------------------------------------------------------------------------

_STATUS = bytes((0, 2, 0, 0))
"""What wait4 reports of a child that exits with 2."""


@milestone("5.6", points=10, witness="KW")
def test_system_calls(boot: Boot) -> None:
    """A system call takes a buffer that is promised and not there yet, and none that the process may not use"""
    guest = boot(_lives(2), cpu_budget=6.0)
    guest.run_to("ready")
    script = _life(guest)
    heap = script.model.heap_start
    script.play(
        [
            mmap(script.places.one, 16 * PAGE),
            mmap(script.places.two, 2 * PAGE, READ),
            mmap(script.places.two + 8 * PAGE, PAGE, 0),
            brk(heap + 4 * PAGE),
        ]
    )
    _check_children(script, heap)
    _check_writes(script, heap)
    _check_typed(script)
    _check_bad_buffers(script)
    script.finish("end0")
    _check_execve(_life(guest))
    _check_others(guest)


def _call(script: AreaScript, operation: Operation, touches: list[tuple[int, int]], wanted: int, what: str) -> None:
    """Makes a system call; checks that it returns `wanted`, and brings the pages that it touches."""
    __tracebackhide__ = True
    result = script.system_call(operation, touches, what)
    cause = "promised-page-refused" if result == _BAD_ADDRESS else "wrong-result"
    walk = walk_in(script.guest, script.root, touches[0][0]) if touches else None
    expect(result == wanted, cause, f"{what} returns {wanted}", f"{result}", walk, _FAULT)
    script.check(f"after {what}")
    script.go_on()


def _check_children(script: AreaScript, heap: int) -> None:
    """Checks spawn's strings, nanosleep's time and wait4's status in pages that are not present yet."""
    __tracebackhide__ = True
    text, border = script.program.va("g_text"), script.places.one + 2 * PAGE - 2
    what = "spawn with a name in the program's file and arguments in the heap"
    pointers = heap + 2 * PAGE - 8
    child = script.system_call(Operation("spawn", (text, pointers)), [(text, 1), (pointers, 8)], what)
    cause = "promised-page-refused" if child == _BAD_ADDRESS else "wrong-result"
    expect(child > 0, cause, f"{what} starts a child", f"it returns {child}", file=_FAULT)
    script.check(f"after {what}")
    script.go_on()
    script.model.put(border, _STATUS)
    what = "wait4 with a status across the border of two pages"
    _call(script, Operation("wait4", (child, border, 0, 0)), [(border, 4)], child, what)
    zeros = script.program.va("g_zeros")
    what = "nanosleep with a time in two pages of zeros"
    _call(script, Operation("nanosleep", (zeros + PAGE - 8, 0)), [(zeros + PAGE - 8, 16)], 0, what)


def _check_execve(script: AreaScript) -> None:
    """Checks execve with a name in the program's file, and with the absence of arguments in a page of zeros."""
    __tracebackhide__ = True
    name, pointers = script.program.va("g_text"), script.program.va("g_zeros") + PAGE
    what = "execve with a name and arguments that nobody has touched"
    result = execute(script, _program(script.guest, "sleep"), (name, pointers), what)
    cause = "promised-page-refused" if result == _BAD_ADDRESS else "wrong-result"
    walk = walk_in(script.guest, live_root(script.guest), name)
    expect(result is None, cause, f"{what} begins the new program", f"it returns {result}", walk, _FAULT)
    script.guest.run_to("end1")
    ended = script.guest.fact("exit").values
    right = (ended["pid"], ended["status"]) == (f"{script.slot.pid}", "2")
    expect(right, "wrong-result", f"sleep without arguments, process {script.slot.pid}, exits with 2", f"{ended}")


def _check_writes(script: AreaScript, heap: int) -> None:
    """Checks that write prints the file's bytes, and zeros."""
    __tracebackhide__ = True
    text = script.program.va("g_text") + 2 * PAGE - 60
    below = script.guest.layout.user.stack_top - 8 * PAGE - 30
    places = {"the program's file": text, "the heap": heap + 4 * PAGE - 90, "the stack, which grows": below}
    places["what mmap gave"] = script.places.one + 5 * PAGE - 50
    places["what mmap gave to be read"] = script.places.two + 10
    for name, va in places.items():
        before, size = len(script.guest.machine.serial()), 90
        what = f"write of {size} bytes of {name}"
        _call(script, Operation("write", (1, va, size)), [(va, size)], size, what)
        printed = script.guest.machine.serial()[before:]
        pages, first = loaded_pages(script.program), va & -PAGE
        data = b"".join(pages.get(page, bytes(PAGE)) for page in (first, first + PAGE))
        wanted = data[va - first :][:size].decode()
        walk = walk_in(script.guest, script.root, va)
        expect(wanted in printed, "wrong-user-bytes", f"{what} prints {wanted!r}", repr(printed), walk, _FAULT)


def _check_typed(script: AreaScript) -> None:
    """Checks that what is typed arrives in untouched pages. A read may return before all of it has arrived."""
    __tracebackhide__ = True
    awaited = b""
    for va in (script.places.one + 8 * PAGE, script.guest.layout.user.stack_top - 12 * PAGE):
        letters = random_letters(4)
        awaited += letters
        script.guest.machine.send(letters.decode())
        what = f"read into {va:#x}, when {letters.decode()} has been typed"
        result = script.system_call(Operation("read", (0, va, 8)), [(va, 8)], what)
        walk = walk_in(script.guest, script.root, va)
        cause = "promised-page-refused" if result == _BAD_ADDRESS else "wrong-result"
        expect(0 < result <= 8, cause, f"{what}, returns how many letters there are", f"{result}", walk, _FAULT)
        wanted, awaited = awaited[:result], awaited[result:]
        script.model.put(va, wanted)
        script.check(f"after {what}")
        script.go_on()


def _check_bad_buffers(script: AreaScript) -> None:
    """Checks that what the process itself could not touch is not touched for it."""
    __tracebackhide__ = True
    read_only, nothing, hole = script.places.two + PAGE, script.places.two + 8 * PAGE, script.places.two + 32 * PAGE
    constants = script.program.va("g_text")
    what = "spawn, so that there is a child to wait for"
    child = script.system_call(Operation("spawn", (constants, 0)), [], what)
    script.go_on()
    script.play([store(script.places.one + 16 * PAGE - 8, 0)])
    calls = {
        "read into a page that may only be read": Operation("read", (0, read_only, 8)),
        "wait4 with a status among constants": Operation("wait4", (child, constants, 0, 0)),
        "write of a page without any rights": Operation("write", (1, nothing, 8)),
        "write of what is in no area": Operation("write", (1, hole, 8)),
        "nanosleep with a time below the stack's limit": Operation("nanosleep", (script.places.user.stack_limit - 16, 0)),
        "write of page 0": Operation("write", (1, 8, 8)),
        "nanosleep with a time that ends in a hole": Operation("nanosleep", (script.places.one + 16 * PAGE - 8, 0)),
        "spawn with a name in a hole": Operation("spawn", (hole, 0)),
    }
    for what, operation in calls.items():
        result = script.system_call(operation, [], what)
        cause = "user-pointer-trusted" if result >= 0 else "wrong-result"
        expect(result == _BAD_ADDRESS, cause, f"{what} returns {_BAD_ADDRESS}", f"{result}", file=_FAULT)
        script.check(f"after {what}")
        script.go_on()
    _call(script, Operation("wait4", (child, 0, 0, 0)), [], child, "wait4 for the child, which no bad pointer has lost")


# --- another program -------------------------------------------------------------------------------------------------

_MOST_FRAMES = 60
"""More than loading a program takes."""


@milestone("5.7", points=10, witness="WQ")
def test_execve(boot: Boot) -> None:
    """execve leaves only what the new program was promised, on a new root; one that fails changes nothing"""
    guest = boot(_lives(2), cpu_budget=6.0)
    guest.run_to("ready")
    script = _life(guest)
    _use_memory(script)
    _check_bad_executes(script)
    letters = random_letters(12)
    put_strings(script, b"parts", [b"parts", letters])
    before = state_of(script)
    _execute_when_memory_suffices(script, before)
    _check_new_program(script, before, letters)
    guest.run_to("end0")
    ended = guest.fact("exit").values
    right = (ended["pid"], ended["status"]) == (f"{script.slot.pid}", "0")
    expect(right, "wrong-user-bytes", "the new program finds all that it was promised, and exits with 0", f"{ended}")
    _check_itself_again(guest)
    _check_others(guest)


def _use_memory(script: AreaScript) -> None:
    """Gives the old program a heap, memory from mmap and a larger stack, none of which may survive."""
    __tracebackhide__ = True
    heap = script.model.heap_start
    script.play([brk(heap + 3 * PAGE), sweep(heap, 3, 1), mmap(0, 4 * PAGE), sweep(script.places.one, 3, 2)])
    script.play(
        [
            mmap(script.places.far, 2 * PAGE, READ),
            load(script.places.far),
            store(script.guest.layout.user.stack_top - 9 * PAGE, 3),
        ]
    )


def _check_bad_executes(script: AreaScript) -> None:
    """Checks that each is refused with its error, and that nothing has changed."""
    __tracebackhide__ = True
    strings, kernel = script.program.va("g_strings"), script.guest.image.va("image_start")
    hole = script.guest.layout.user.nothing
    pointers, many = strings + POINTERS, [b"x"] * 17
    tries: list[tuple[str, bytes, list[bytes], tuple[int, int], int]] = [
        ("execve of a program that there is not", b"no-such-program", [b"x"], (strings, pointers), _NO_ENTRY),
        ("execve without a name", b"", [], (strings, pointers), _NO_ENTRY),
        ("execve with a name of 200 letters", b"n" * 200, [], (strings, pointers), _TOO_BIG),
        ("execve with a name where nothing is", b"parts", [b"x"], (hole, pointers), _BAD_ADDRESS),
        ("execve with a name in the kernel", b"parts", [b"x"], (kernel, pointers), _BAD_ADDRESS),
        ("execve with arguments where nothing is", b"parts", [b"x"], (strings, hole), _BAD_ADDRESS),
        ("execve with an argument where nothing is", b"parts", [b"x", b"y"], (strings, pointers), _BAD_ADDRESS),
        ("execve with 17 arguments", b"parts", many, (strings, pointers), _TOO_BIG),
        ("execve with 600 letters of arguments", b"parts", [b"a" * 300, b"b" * 300], (strings, pointers), _TOO_BIG),
        ("execve of a file that is no program", b"nothing", [b"x"], (strings, pointers), _NOT_EXECUTABLE),
    ]
    magic = file_in_archive(script.guest, "nothing")
    script.guest.machine.write_physical(magic, b"\x7fELS")
    for what, name, arguments, given, wanted in tries:
        put_strings(script, name, arguments)
        if len(arguments) == 2 and arguments[1] == b"y":
            write_user(script.guest, script.root, pointers + 8, hole.to_bytes(8, "little"))
        before = state_of(script)
        result = execute(script, _program(script.guest, "parts"), given, what)
        expect(result is not None, "wrong-result", f"{what} returns {wanted}", "the new program begins", file=_FAULT)
        expect(result == wanted, "wrong-result", f"{what} returns {wanted}", f"{result}", file=_FAULT)
        check_unchanged(script, before, what)
        script.go_on()
    script.guest.machine.write_physical(magic, b"\x7fELF")


def _execute_when_memory_suffices(script: AreaScript, before: State) -> None:
    """Fails the first allocation of one execve, the second of the next, and so on until one succeeds."""
    __tracebackhide__ = True
    strings = script.program.va("g_strings")
    for k in range(1, _MOST_FRAMES):
        what = f"an execve whose allocation {k} fails"
        fail_allocation(script.guest, k)
        result = execute(script, _program(script.guest, "parts"), (strings, strings + POINTERS), what)
        if result is None:
            fail_allocation(script.guest, 0)
            expect(k > 1, "wrong-result", "loading a program takes memory", "it takes none", file=_FAULT)
            return
        expect(result == _NO_MEMORY, "wrong-result", f"{what} returns {_NO_MEMORY}", f"{result}", file=_FAULT)
        check_unchanged(script, before, what)
        script.go_on()
    fail("wrong-result", f"execve needs less than {_MOST_FRAMES} frames", "with so many it still fails", file=_FAULT)


def _check_new_program(script: AreaScript, before: State, letters: bytes) -> None:
    """Checks root, areas and pages before the new program's first instruction, and that nothing is left of the old one."""
    __tracebackhide__ = True
    guest, image = script.guest, _program(script.guest, "parts")
    root = live_root(guest)
    expect(root != before.root, "wrong-root-loaded", f"the old root {before.root:#x} is not loaded any more", "it is")
    slot = running_slot(guest)
    expect(slot.pid == script.slot.pid, "wrong-result", f"the process is still number {script.slot.pid}", f"{slot.pid}")
    check_promised(guest, slot, promised_areas(image, guest.isa, guest.layout.user), "after execve")
    memory = check_areas(guest, slot)
    seen, right = (memory.heap_start, memory.heap_end), (heap_start(image),) * 2
    expect(seen == right, "vma-unexpected", f"the heap is empty, at {right[0]:#x}", f"{seen[0]:#x}-{seen[1]:#x}")
    old = {before.root, before.memory.promised.frame, *(pa for pa, _ in before.memory.pages.values())}
    lost = (old & frame_records(guest).in_use) - frames_of(guest, root) - {memory.frame}
    seen_lost = f"{len(lost)} are in use, first {min(lost, default=0):#x}"
    expect(not lost, "frames-leaked", "the frames of the old program are free", seen_lost, file=_FAULT)
    check_frames(guest)
    expect(slot.program == "parts", "wrong-result", "the kernel calls the process parts", slot.program, file=_EXECUTE)
    _check_arguments(guest, root, letters)
    sp = guest.cpu().sp
    ours, theirs = guest.walk(sp), guest.machine.gva2gpa(sp)
    words = f"QEMU finds the stack, {sp:#x}, at {ours.pa or 0:#x} as well"
    expect(theirs == ours.pa, "walks-disagree", words, f"at {theirs or 0:#x}", ours)


def _check_arguments(guest: Guest, root: int, letters: bytes) -> None:
    """Checks that the stack has the arguments' number, and pointers to the name and the letters."""
    __tracebackhide__ = True
    count, name, pointer = struct.unpack("<3Q", read_user(guest, root, guest.cpu().sp, 24))
    expect(count == 2, "wrong-result", "the new program has two arguments", f"{count}", file=_EXECUTE)
    seen = [read_user(guest, root, name, 6), read_user(guest, root, pointer, len(letters) + 1)]
    wanted = [b"parts\0", letters + b"\0"]
    expect(seen == wanted, "wrong-user-bytes", f"its arguments are {wanted}", f"{seen}", file=_EXECUTE)


def _check_itself_again(guest: Guest) -> None:
    """Checks that a program that executes itself begins anew: with an empty heap, and room for mmap where it was at first."""
    __tracebackhide__ = True
    script = _life(guest)
    _use_memory(script)
    put_strings(script, b"vmascript", [b"vmascript"])
    strings, old = script.program.va("g_strings"), script.root
    what = "a program executes itself"
    result = execute(script, script.program, (strings, strings + POINTERS), what)
    expect(result is None, "wrong-result", f"{what}, and begins", f"execve returns {result}", file=_FAULT)
    again = AreaScript(guest)
    expect(again.root != old, "wrong-root-loaded", f"when {what}, its root is a new one", f"still {old:#x}")
    check_promised(guest, again.slot, promised_areas(again.program, guest.isa, guest.layout.user), f"when {what}")
    heap = again.model.heap_start
    again.play(
        [
            brk(0),
            mmap(0, 2 * PAGE),
            load(again.places.one),
            brk(heap + PAGE),
            load(heap),
            load(guest.layout.user.stack_top - 3 * PAGE),
        ]
    )
    check_frames(guest)
    again.finish("end1")


# --- random operations -----------------------------------------------------------------------------------------------


@milestone("5.8", points=10, witness="KW")
def test_random_operations(boot: Boot, chance: random.Random) -> None:
    """Random operations leave list, tables, contents and frames as a model has them"""
    guest = boot(_lives(2), cpu_budget=6.0)
    guest.run_to("ready")
    for number in range(2):
        script, areas = _life(guest), RandomAreas(chance, guest.layout.user, guest.isa)
        for batch in range(10):
            operations = list(areas.operations(script.model, 100))
            script.play(operations, f"after batch {batch}")
            check_frames(guest)
        script.finish(f"end{number}")
    _check_others(guest)


# --- no memory -------------------------------------------------------------------------------------------------------


_MOST_FAULTS = 16
"""Runs of the program: more than it takes."""

_LITTLE = 64
"""MiB of RAM, the least that the kernel accepts: half of it is for user pages."""


@milestone("5.9", points=5, witness="W")
def test_no_memory(boot: Boot, image: KernelImage) -> None:
    """A fault for which there is no memory kills that process only; no frame is lost, and the others go on"""
    guest = boot(_lives(_MOST_FAULTS), cpu_budget=8.0, ram_mib=_LITTLE)
    guest.run_to("ready")
    lives = iter(range(_MOST_FAULTS))
    text = user_image(image.elf, "vmascript").va("g_text") + PAGE
    places = Places(guest.layout.user, guest.isa)
    for operation in (store(places.far, 1), load(text), store(places.user.stack_top - 40 * PAGE, 1)):
        k = 1
        while not _touch_without_memory(_life(guest), operation, k, f"end{next(lives)}"):
            k += 1
        expect(k > 1, "wrong-answer", f"{operation} takes memory", "it takes none", file=_FAULT)
    _check_call_without_memory(_life(guest), f"end{next(lives)}")
    _check_exhaustion(_life(guest), f"end{next(lives)}")
    for life in lives:
        _life(guest).finish(f"end{life}")
    _check_others(guest)


def _touch_without_memory(script: AreaScript, operation: Operation, k: int, checkpoint: str) -> bool:
    """Makes the k-th allocation of a fault fail. Returns whether the fault did not need so many."""
    __tracebackhide__ = True
    guest = script.guest
    script.play([mmap(script.places.far, PAGE), load(script.program.va("g_strings"))])
    before = frame_records(guest).in_use
    fail_allocation(guest, k)
    script.hand_over([operation])
    survived = script.run(f"{operation}, while allocation {k} fails")
    is_spent = allocations_to_failure(guest) == 0
    fail_allocation(guest, 0)
    if survived:
        walk = walk_in(guest, script.root, operation.arguments[0])
        wanted = f"{operation}, whose allocation {k} fails, gets the process killed"
        expect(not is_spent, "process-survived", wanted, "it goes on", walk, _FAULT)
        script.model.apply(operation)
        script.check(f"after {operation}, for which there was memory")
        script.go_on()
        script.finish(checkpoint)
        return True
    check_areas(guest, script.slot)
    _check_same_frames(guest, before, f"{operation} and its failed allocation {k}")
    _check_killed_for_memory(script, checkpoint)
    return False


def _check_same_frames(guest: Guest, before: frozenset[int], what: str) -> None:
    __tracebackhide__ = True
    now = frame_records(guest).in_use
    lost, gone = now - before, before - now
    wanted = f"after {what}, the same frames are in use"
    expect(not lost, "frames-leaked", wanted, f"{len(lost)} more are, first {min(lost, default=0):#x}", file=_FAULT)
    freed = f"{len(gone)} are free, first {min(gone, default=0):#x}"
    expect(not gone, "frame-freed-in-use", wanted, freed, file=_FAULT)


def _check_killed_for_memory(script: AreaScript, checkpoint: str) -> None:
    """Checks that the kernel says why, with Linux's signal for it, and that all that the process had is free."""
    __tracebackhide__ = True
    script.guest.run_to(checkpoint)
    killed = script.guest.fact("killed")
    seen = tuple(killed.values[key] for key in ("pid", "signal", "why"))
    wanted = (f"{script.slot.pid}", "9", "no-memory")
    expect(seen == wanted, "wrong-result", f"@killed with pid, signal, why = {wanted}", killed.line, file=_FAULT)
    check_frames(script.guest)


def _check_call_without_memory(script: AreaScript, checkpoint: str) -> None:
    """Checks that a system call that finds no memory for a page fails, and can be repeated."""
    __tracebackhide__ = True
    guest = script.guest
    script.play([mmap(script.places.far, 2 * PAGE), load(script.program.va("g_strings"))])
    for k in range(1, _MOST_FRAMES):
        before, what = frame_records(guest).in_use, f"write of a promised page whose allocation {k} fails"
        fail_allocation(guest, k)
        result = script.system_call(Operation("write", (1, script.places.far + 8, 8)), [], what)
        is_spent = allocations_to_failure(guest) == 0
        fail_allocation(guest, 0)
        if result == 8 and not is_spent:
            script.model.bring(script.places.far, PAGE)
            script.check("after a write for which there was memory")
            script.go_on()
            script.finish(checkpoint)
            return
        expect(result == _NO_MEMORY, "wrong-result", f"{what} returns {_NO_MEMORY}", f"{result}", file=_FAULT)
        _check_same_frames(guest, before, what)
        script.check(f"after {what}")
        script.go_on()
    fail("wrong-result", "a write of a promised page succeeds at last", f"{_MOST_FRAMES} times it did not", file=_FAULT)


def _check_exhaustion(script: AreaScript, checkpoint: str) -> None:
    """Checks that a process that touches more pages than there are frames gets all of them, and is killed."""
    __tracebackhide__ = True
    guest = script.guest
    script.play([mmap(script.places.one, 1 << 30)])
    script.hand_over([sweep(script.places.one, 1 << 18, 1)])
    survived = script.run("touches of more pages than there are frames")
    beyond = frame_records(guest).free[1]
    wanted = "a process that needs more frames than there are is killed"
    expect(not survived, "process-survived", wanted, "it goes on", file=_FAULT)
    expect(beyond == 0, "wrong-result", "it gets every frame there is first", f"{beyond} are free", file=_FAULT)
    check_areas(guest, script.slot)
    _check_killed_for_memory(script, checkpoint)


@milestone("5.10", points=10, witness="D")
def test_discipline(boot_witnessed: BootWitnessed, chance: random.Random) -> None:
    """Stores to tables, flushes and releases of frames come in the right order"""
    check_discipline(boot_witnessed, lab=5, chance=chance)
