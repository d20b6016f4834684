"""Lab 4: frames beyond the window, one page at a time."""

import errno
import random
from collections.abc import Callable, Set
from signal import SIGSEGV

from window_watch import WindowWrite, check_private, window_writes

from grade.boot.frame_records import frame_records
from grade.boot.kernel_image import KernelImage
from grade.boot.layout import PAGE, layout_of
from grade.boot.processes import Process, processes
from grade.boot.promises import is_awaited
from grade.boot.user_image import UserImage, loaded_pages, user_image
from grade.checks.discipline import BootWitnessed, check_discipline
from grade.checks.leaf_checks import check_windows_alone_lead_beyond
from grade.checks.ledger import check_ledger
from grade.checks.process_checks import user_mappings, walk_in
from grade.checks.user_memory import random_letters, read_user, write_user
from grade.checks.window_checks import check_all_slots_empty, slot_address, window_entries, window_table
from grade.guest.guest import Guest
from grade.inspect.spaces import live_root
from grade.machine.facts import Fact
from grade.plugin import milestone
from grade.results.failure import expect, expect_found, fail

Boot = Callable[..., Guest]

_GREETING_SIZE = 14
_STATUS_OF_CHILD = bytes((0, 0x5A, 0, 0))
"""What user/tests/border.cc's child leaves: its exit code, as wait4 reports it."""

_BAD_ADDRESS = -errno.EFAULT
_NO_SLOT = -errno.ENOMEM  # from calls that only copy, it means that no slot was free
_USER_COPY = "kernel/space/user_copy.cc"
_CALLS_PER_ADDRESS = 6


# --- what several milestones need ------------------------------------------------------------------------------------


def _program(guest: Guest, name: str) -> UserImage:
    return user_image(guest.image.elf, name)


def _started(guest: Guest, program: str) -> Process:
    """Returns the live process that runs `program`, started last."""
    __tracebackhide__ = True
    found = [process for process in processes(guest) if process.program == program]
    refused = guest.facts("run")
    seen = refused[-1].line if refused else "no process"
    no_slot = bool(refused) and refused[-1].values["result"] == "no-slot"
    cause = "temp-slot-lost" if no_slot else "user-copy-not-made"
    expect(bool(found), cause, f"the program {program} can be loaded", seen)
    return found[-1]


def _run_to_started(guest: Guest, program: str) -> Process:
    """Runs to the checkpoint after the start of `program`. It was loaded correctly: else it would die of something else."""
    __tracebackhide__ = True
    guest.run_to("started")
    process = _started(guest, program)
    _check_loaded_pages(guest, process)
    _check_ways_beyond(guest, process)
    return process


def _check_ways_beyond(guest: Guest, process: Process) -> None:
    """Checks that the kernel cannot reach user pages without a window, on its own root and on that of `process`."""
    __tracebackhide__ = True
    check_windows_alone_lead_beyond(guest, (guest.walker(), guest.walker().with_root(process.root)))


def _run_into_call(guest: Guest, program: str, what: str) -> int:
    """Runs `program` to its next judged call (user/lib/judged_call.h) and returns the root it runs on."""
    __tracebackhide__ = True
    guest.run_to_address(_program(guest, program).va("call_comes"), what)
    return live_root(guest)


def _run_through_call(guest: Guest, program: str, what: str) -> tuple[int, str]:
    """Runs on until the call has returned; returns its result, and what was printed meanwhile."""
    __tracebackhide__ = True
    before = len(guest.machine.serial())
    cpu = guest.run_to_address(_program(guest, program).va("call_returned"), what)
    return guest.isa.registers.signed(cpu.first_argument), guest.machine.serial()[before:]


def _cause_of_refusal(result: int, otherwise: str) -> str:
    """Returns why a call that only copies gave `result`."""
    return "temp-slot-lost" if result == _NO_SLOT else otherwise


def _beyond(image: KernelImage) -> int:
    """Returns the first frame beyond the linear window."""
    return layout_of(image).region("frames").end


def _free_frames(image: KernelImage) -> int:
    """Returns the first of frames that no milestone reaches by using up RAM."""
    return _beyond(image) + (48 << 20)


def _mark(guest: Guest, pa: int, count: int) -> list[int]:
    """Writes numbers that no kernel can know into frames; returns the number in each."""
    words = [int.from_bytes(random_letters(8), "little") for _ in range(count)]
    for number, word in enumerate(words):
        guest.machine.write_physical(pa + number * PAGE, word.to_bytes(8, "little"))
    return words


def _windows(guest: Guest) -> list[Fact]:
    """Stops while the command `windows` holds windows open; returns what it says about each."""
    __tracebackhide__ = True
    before = len(guest.facts("window"))
    guest.run_to("windows")
    return guest.facts("window")[before:]


# --- system calls ----------------------------------------------------------------------------------------------------


@milestone("4.1", points=10, witness="WQ")
def test_greeting(boot: Boot) -> None:
    """write(1, "Hello, kernel!", 14) returns 14"""
    guest = boot("start greet\ncheckpoint started\nwait\ncheckpoint end")
    _run_to_started(guest, "greet")
    root = _run_into_call(guest, "greet", "the greeting")
    text = random_letters(_GREETING_SIZE)
    write_user(guest, root, _program(guest, "greet").va("g_greeting"), text)
    result, printed = _run_through_call(guest, "greet", "the end of write")
    _check_printed((result, printed), text)
    guest.run_to("end")
    ended = guest.fact("exit").values
    expect(ended["status"] == "0", "wrong-result", "the program exits with 0", f"{ended}", file=_USER_COPY)


def _check_printed(outcome: tuple[int, str], text: bytes) -> None:
    """Checks that write() took all of `text` and printed it."""
    __tracebackhide__ = True
    result, printed = outcome
    cause = _cause_of_refusal(result, "user-copy-not-made")
    expect(result == len(text), cause, f"write returns {len(text)}", f"{result}")
    wanted = f"write prints what is in the program's memory: {text.decode()}"
    expect(text.decode() in printed, "wrong-user-bytes", wanted, repr(printed))


@milestone("4.2", points=10, witness="WQ")
def test_border(boot: Boot) -> None:
    """A buffer that crosses the border between two pages is written in full, whatever frames they are"""
    offset, size = 4000, 100
    guest = boot(f"run hello\nstart border {offset} {size}\ncheckpoint started\nwait")
    _run_to_started(guest, "border")
    root = _run_into_call(guest, "border", "the call of write")
    pages = _program(guest, "border").va("g_pages")
    _part_neighbours(guest, root, pages)
    text = random_letters(4 * PAGE)
    write_user(guest, root, pages, text)
    result, printed = _run_through_call(guest, "border", "the end of write")
    first, second = text[offset:PAGE].decode(), text[PAGE : offset + size].decode()
    half = first in printed and second not in printed
    expect(not half, "user-copy-not-split", f"after {first} comes {second}, of the next page", repr(printed))
    _check_printed((result, printed), text[offset : offset + size])

    _run_into_call(guest, "border", "the call of wait4")
    write_user(guest, root, pages, text)
    result, _ = _run_through_call(guest, "border", "the end of wait4")
    cause = _cause_of_refusal(result, "user-copy-not-made")
    expect(result > 0, cause, "wait4 takes a status on two pages", f"{result}")
    status = slice(PAGE - 1, PAGE + 3)
    wanted = text[: status.start] + _STATUS_OF_CHILD + text[status.stop :]
    seen = read_user(guest, root, pages, len(text))
    cause = "user-copy-not-split" if seen[:PAGE] == wanted[:PAGE] else "wrong-user-bytes"
    words = f"{_STATUS_OF_CHILD.hex()} across the border of the pages, and all else as it was"
    expect(seen == wanted, cause, words, f"{seen[status].hex()}", walk_in(guest, root, pages + PAGE))


def _part_neighbours(guest: Guest, root: int, va: int) -> None:
    """Makes sure that the pages at `va` are not neighbours in RAM: otherwise this would prove nothing.

    Usually they are not, since frames were freed before. The TLB may know the old ones: the program, which reads through
    it at the end, is not asked for its opinion.
    """
    walks = [walk_in(guest, root, va + number * PAGE) for number in range(3)]
    wanted = "each of three pages that the program has written to is there"
    pages = [expect_found(walk.mapping, "user-page-not-mapped", wanted, f"{walk.va:#x} is not", walk) for walk in walks]
    entries, frames = [page.entry_address for page in pages], [page.pa for page in pages]
    first, second, third = (guest.read_physical(entry, 8) for entry in entries)
    if frames[1] == frames[0] + PAGE:
        guest.machine.write_physical(entries[0], third)
        guest.machine.write_physical(entries[2], first)
        frames[0] = frames[2]
    if frames[1] == frames[0] + PAGE:
        raise RuntimeError(f"the frames {first!r}, {second!r} and {third!r} cannot be parted")


@milestone("4.3", points=10, witness="W")
def test_loaded_program(boot: Boot, image: KernelImage) -> None:
    """A program of several segments is loaded byte for byte, the rest of its memory is zero, even in used frames"""
    script = ["checkpoint ready", "start segments", "checkpoint first", "wait", "start segments", "checkpoint second"]
    script += ["wait", "start border 4000 100", "checkpoint started", "wait"]
    guest = boot("\n".join(script), ram_mib=64)
    guest.run_to("ready")
    _make_dirty(guest, _beyond(image))
    for name in ("first", "second"):
        guest.run_to(name)
        process = _started(guest, "segments")
        _check_loaded_pages(guest, process)
        _check_ways_beyond(guest, process)
        guest.run_to_address(_program(guest, "segments").va("contents_are_seen"), f"{process} has looked at itself")
        _check_seen_pages(guest, process)
    _run_to_started(guest, "border")
    _run_into_call(guest, "border", "the call of write")
    root = _run_into_call(guest, "border", "the call of wait4, with a child loaded meanwhile")
    _check_constant_pages(guest, root, _program(guest, "border"))
    codes = [fact.values["status"] for fact in guest.facts("exit")]
    wanted = "twice the program finds itself as it was built, and exits with 0"
    expect(codes == ["0", "0"], "wrong-user-bytes", wanted, f"{codes}")


def _make_dirty(guest: Guest, start: int) -> None:
    """Fills all RAM from `start` on with what nobody expects."""
    megabyte = bytes(range(1, 256)) * ((1 << 20) // 255 + 1)
    end = guest.ram_end
    for pa in range(start, end, 1 << 20):
        guest.machine.write_physical(pa, megabyte[: 1 << 20])


def _check_loaded_pages(guest: Guest, process: Process) -> None:
    """Checks that before its first instruction a program's memory is its file, and zeros, including what is only promised."""
    __tracebackhide__ = True
    for va, wanted in loaded_pages(_program(guest, process.program)).items():
        _check_page(guest, process.root, va, wanted, process)
    for va in guest.layout.user.stack[:-1]:
        _check_page(guest, process.root, va, bytes(PAGE))


def _check_seen_pages(guest: Guest, process: Process) -> None:
    """Checks that all that the program has read is present, and as in its file. It has not run all of its code."""
    __tracebackhide__ = True
    program = _program(guest, process.program)
    code = next(segment for segment in program.segments if segment.execute)
    for va, wanted in loaded_pages(program).items():
        walk, is_code = walk_in(guest, process.root, va), code.va <= va < code.end
        there = walk.mapping is not None or (is_code and is_awaited(guest, process.root, va))
        expect(there, "user-page-not-mapped", f"{va:#x} of {process}, which has read it, is there", "it is not", walk)
        _check_page(guest, process.root, va, wanted)


def _check_page(guest: Guest, root: int, va: int, wanted: bytes, loaded: Process | None = None) -> None:
    """Checks the content of a page. `loaded` is the process whose page it is, if it was loaded just now."""
    __tracebackhide__ = True
    seen = read_user(guest, root, va, PAGE)
    if seen == wanted:
        return
    at = next(at for at in range(PAGE) if seen[at] != wanted[at])
    contents = wanted.rstrip(b"\0")
    cause = "user-page-not-cleared" if at >= len(contents) else "wrong-user-bytes"
    words, found = f"{va + at:#x} holds {wanted[at : at + 8].hex()}", f"{seen[at : at + 8].hex()}"
    place = _misplaced(guest, loaded) if loaded is not None else ""
    if place:
        fail("stale-temp-mapping", words, f"{found}; {place}", walk_in(guest, root, va))
    fail(cause, words, found, walk_in(guest, root, va))


def _misplaced(guest: Guest, process: Process) -> str:
    """Returns where a process's arguments are that are not on its stack, in words; empty if they are not misplaced.

    They are written last when a program is loaded, to one page. A wrong copy does not bring them to a page of the
    program's segments: the window did.
    """
    top = guest.layout.user.stack_top - PAGE
    name = process.program.encode() + b"\0"
    pages = {mapping.va: mapping.pa for mapping in user_mappings(guest, process.root)}
    tails = {va: guest.read_physical(pa + PAGE - 512, 512) for va, pa in pages.items()}
    astray = next((va for va, tail in tails.items() if va < top and name in tail), None)
    if astray is None or name in tails.get(top, b""):
        return ""
    return f"the arguments, written to {top:#x}, are in the frame of {astray:#x}"


def _check_constant_pages(guest: Guest, root: int, program: UserImage) -> None:
    """Checks that what a program cannot write is as in its file."""
    __tracebackhide__ = True
    variables = next(segment.va & -PAGE for segment in program.segments if segment.write)
    for va, wanted in loaded_pages(program).items():
        if va < variables:
            _check_page(guest, root, va, wanted)


@milestone("4.4", points=10, witness="WK")
def test_bad_pointers(boot: Boot, image: KernelImage) -> None:
    """A bad pointer gives -EFAULT in every system call, a buffer that is good in part at most that part"""
    addresses = _kernel_addresses(image)
    words = " ".join(f"{address:#x}" for address in addresses)
    dumped = user_image(image.elf, "still").va("g_still") + PAGE - 16
    script = ["start still", "checkpoint started", "run tag 1 50", "checkpoint still"]  # 50 turns, see lab 3
    script += [
        f"dump 2 {dumped:#x} {_DUMPED_WORDS}",
        "checkpoint dumped",
        f"copy 2 {dumped:#x} {_COPIED_BYTES} {_unused_window(image):#x}",
        "checkpoint copied",
        f"dump 2 {dumped:#x}",
        "checkpoint closed",
        "kill 2",
        f"start pointers {words}",
        "checkpoint started",
        "wait",
        "checkpoint end",
    ]
    guest = boot("\n".join([*script, "start border 4000 100", "checkpoint started", "wait"]))
    still = _run_to_started(guest, "still")
    _check_not_loaded(guest, still, dumped)
    _check_many_pages(guest, still, dumped)
    _check_closed_page(guest, still, dumped)
    _run_to_started(guest, "pointers")
    program = _program(guest, "pointers")
    guest.run_to_address(program.va("attempts_are_made"), "the last of many system calls with bad pointers")
    root = live_root(guest)
    attempts = _attempts(guest, root, program)
    for address in addresses:
        tried = sum(attempt[1] == address for attempt in attempts)
        expect(tried == _CALLS_PER_ADDRESS, "wrong-answer", f"{_CALLS_PER_ADDRESS} calls with {address:#x}", f"{tried}")
    for call, address, most, result in attempts:
        wanted = f"{call} with {address:#x} returns {_BAD_ADDRESS}" + (f", or at most {most}" if most else "")
        cause = "user-pointer-trusted" if result >= 0 else _cause_of_refusal(result, "wrong-result")
        right, file = result == _BAD_ADDRESS or 0 < result <= most, _USER_COPY if cause == "wrong-result" else ""
        expect(right, cause, wanted, f"{result}", walk_in(guest, root, address), file)
    _check_constant_pages(guest, root, program)
    _check_nothing_leaked(guest, sum(max(result, 0) for *_, result in attempts))
    guest.run_to("end")
    ended = guest.fact("exit").values
    expect(ended["status"] == "0", "wrong-result", "no bad pointer loses a child", f"{ended}", file=_USER_COPY)
    _check_half_writable(guest)


_DUMPED_WORDS = 4
"""From the last two words of a page on: on both sides of the border."""
_COPIED_BYTES = 2 * PAGE + 32
"""From there on: parts of four pages."""


def _unused_window(image: KernelImage) -> int:
    """Returns RAM in the window that no milestone reaches by using it up."""
    return layout_of(image).region("frames").end - 4 * PAGE


def _check_not_loaded(guest: Guest, process: Process, dumped: int) -> None:
    """Checks that the kernel reads the memory of a process whose root is not loaded, so that its pointer leads nowhere."""
    __tracebackhide__ = True
    guest.run_to("still")
    root = live_root(guest)
    expect(process.pid == 2, "wrong-answer", "the first process has the number 2", f"{process}")
    expect(root != process.root, "wrong-root-loaded", f"{process} is not loaded while the monitor runs", "it is")
    data = random_letters(8 * _DUMPED_WORDS)
    write_user(guest, process.root, dumped, data)
    guest.run_to("dumped")
    for fact in guest.facts("dump"):
        result = fact.values.get("result", "ok")
        cause = "temp-slot-lost" if result == "no-slot" else "user-copy-not-made"
        walk = walk_in(guest, process.root, fact.number("va"))
        expect(result == "ok", cause, f"the memory of {process}, which is not loaded, can be read", fact.line, walk)
    seen = b"".join(fact.number("value").to_bytes(8, "little") for fact in guest.facts("dump"))
    words = f"at {dumped:#x} of {process}, which is not loaded, the kernel reads {data.decode()}"
    place = _misplaced(guest, process) if seen != data else ""
    cause = "stale-temp-mapping" if place else "wrong-user-bytes"
    expect(seen == data, cause, words, f"{seen!r}; {place}".rstrip("; "), walk_in(guest, process.root, dumped))


def _check_many_pages(guest: Guest, process: Process, start: int) -> None:
    """Checks a copy of several pages by one call: no system call copies so much at a time."""
    __tracebackhide__ = True
    data = random_letters(_COPIED_BYTES)
    write_user(guest, process.root, start, data)
    guest.run_to("copied")
    fact = guest.fact("copy")
    walk = walk_in(guest, process.root, start)
    wanted = f"{len(data)} bytes from {start:#x} of {process}, in four pages, are copied at once"
    cause = "temp-slot-lost" if fact.values["result"] == "no-slot" else "user-copy-not-made"
    expect(fact.values["result"] == "ok", cause, wanted, fact.line, walk)
    seen = guest.read_physical(_unused_window(guest.image), len(data))
    at = next((at for at in range(len(data)) if seen[at] != data[at]), 0)
    words = f"the byte at {start + at:#x} is {data[at : at + 1]!r}, and was copied as {seen[at : at + 1]!r}"
    expect(seen == data, "wrong-user-bytes", wanted, words, walk_in(guest, process.root, start + at))


def _check_closed_page(guest: Guest, process: Process, va: int) -> None:
    """Checks that a page which is in the process's tables, and not open to the user, is not read for the user."""
    __tracebackhide__ = True
    page, before = walk_in(guest, process.root, va).page, len(guest.facts("dump"))
    closed = guest.isa.paging.encoded(page.entry & ~guest.isa.paging.of_user)
    guest.machine.write_physical(page.entry_address, closed)
    guest.run_to("closed")
    walk = walk_in(guest, process.root, va)
    fact = guest.facts("dump")[before]
    wanted = f"a page that is closed to the user is not read for it: {va:#x} is a bad address"
    expect(fact.values.get("result") == "bad-address", "user-pointer-trusted", wanted, fact.line, walk)
    guest.machine.write_physical(page.entry_address, guest.isa.paging.encoded(page.entry))


def _check_half_writable(guest: Guest) -> None:
    """Checks wait4 with a status across two pages of which the second is read-only: each page must be checked."""
    __tracebackhide__ = True
    _run_to_started(guest, "border")
    _run_into_call(guest, "border", "the call of write")
    root = _run_into_call(guest, "border", "the call of wait4")
    second = _program(guest, "border").va("g_pages") + PAGE
    walk, (clear, add) = walk_in(guest, root, second), guest.isa.paging.read_only
    page = expect_found(
        walk.mapping, "user-page-not-mapped", f"{second:#x}, which border has written to, is there", "it is not", walk
    )
    guest.machine.write_physical(page.entry_address, guest.isa.paging.encoded(page.entry & ~clear | add))
    before = read_user(guest, root, second, PAGE)
    result, _ = _run_through_call(guest, "border", "the end of wait4")
    walk = walk_in(guest, root, second)
    wanted = f"wait4 with a status that runs into {second:#x}, which is read-only, returns {_BAD_ADDRESS}"
    cause = _cause_of_refusal(result, "user-pointer-trusted")
    expect(result == _BAD_ADDRESS, cause, wanted, f"{result}", walk)
    same = read_user(guest, root, second, PAGE) == before
    expect(same, "user-pointer-trusted", f"what is at {second:#x} stays", "it was written to", walk)


def _kernel_addresses(image: KernelImage) -> list[int]:
    """Returns addresses of the kernel: code, data, a stack, a device, the window of frames, temporary mappings."""
    layout = layout_of(image)
    regions = [layout.region(name) for name in ("text", "data", "boot-stack", "frames")]
    device = next(region for region in layout.regions if region.device)
    return [region.pa + layout.offset_of(region) for region in (*regions, device)] + [layout.temp_slots.start]


def _attempts(guest: Guest, root: int, program: UserImage) -> list[tuple[str, int, int, int]]:
    """Returns the list in the program's memory: call, address, the most that may be done, result."""
    __tracebackhide__ = True
    count = int.from_bytes(read_user(guest, root, program.va("g_count"), 8), "little")
    attempt = program.defined("user/tests/pointers.cc").record("Attempt")
    data = read_user(guest, root, program.va("g_attempts"), count * attempt.size)
    attempts = []
    for at in range(0, len(data), attempt.size):
        call = attempt["call"].bytes_in(data, at).split(b"\0")[0].decode(errors="replace")
        address, most = (attempt[name].read(data, at) for name in ("address", "most"))
        attempts.append((call, address, most, attempt["result"].read_signed(data, at)))
    return attempts


def _check_nothing_leaked(guest: Guest, allowed: int) -> None:
    """Checks that only the part of its memory that the program may print was printed since its start."""
    __tracebackhide__ = True
    printed = guest.machine.serial().split("> wait")[-1].strip()
    right = printed == "x" * allowed
    wanted = f"nothing is printed but {allowed} bytes of the program's own"
    expect(right, "user-pointer-trusted", wanted, repr(printed[:80]))


# --- the window ------------------------------------------------------------------------------------------------------


@milestone("4.5", points=5, witness="WK")
def test_window_is_private(boot: Boot, image: KernelImage) -> None:
    """A window is the kernel's alone: a user access to it kills the process"""
    frames, slots = _free_frames(image), layout_of(image).temp_slots
    last, va = len(slots) - 1, slots[-1]
    kinds = ("read", "write", "jump")
    lines = [f"start intruder {kind} {va:#x}\ncheckpoint {kind}\nwait" for kind in kinds]
    guest = boot("\n".join([f"windows {frames:#x} {len(slots)}", *lines, "checkpoint end"]))
    _windows(guest)
    for slot in range(len(slots)):
        check_private(guest, slot)
    size = guest.isa.paging.walker.entry_bytes
    place = window_table(guest) + size * last
    leaf = guest.read_physical(place, size)
    walk, wanted = guest.walk(va), f"the window at {va:#x}, which is open, translates"
    shown = expect_found(walk.pa, "temp-window-not-in-root", wanted, "it does not", walk)
    marks = _mark(guest, shown, 1)
    before = guest.read_physical(frames, last * PAGE)
    for kind in kinds:
        guest.run_to(kind)
        _check_not_stale(guest, frames, before)
        _check_loaded_pages(guest, _started(guest, "intruder"))
        guest.machine.write_physical(place, leaf)  # as if the kernel now had a window open
    guest.run_to("end")
    seen = guest.read_word(shown)
    expect(seen == marks[0], "temp-window-open-to-users", f"the frame still holds {marks[0]:#x}", f"{seen:#x}")
    _check_intruders_died(guest, va, kinds)


def _check_not_stale(guest: Guest, frames: int, before: bytes) -> None:
    """Checks that no window shows the frames from `frames` on any longer: what the kernel has written is not there."""
    __tracebackhide__ = True
    seen = guest.read_physical(frames, len(before))
    slot = next((at // PAGE for at in range(0, len(seen), PAGE) if seen[at : at + PAGE] != before[at : at + PAGE]), 0)
    wanted = f"the frame {frames + slot * PAGE:#x} is as it was since the window onto it was closed"
    words = f"it has been written to while a program was loaded; slot {slot} showed it before"
    expect(seen == before, "stale-temp-mapping", wanted, words, guest.walk(slot_address(guest, slot)))


def _check_intruders_died(guest: Guest, va: int, kinds: tuple[str, ...]) -> None:
    """Checks that each was killed by the CPU's refusal of `va`. A survivor got in only if it says so, or ran there."""
    __tracebackhide__ = True
    lived = [line for line in guest.machine.serial().splitlines() if line.startswith("intruder: ")]
    wanted, walk = f"user code may not touch {va:#x}", guest.walk(va)
    expect(not lived, "temp-window-open-to-users", wanted, "; ".join(lived), walk)
    killed, report = [], None
    for fact in guest.machine.facts():
        if fact.name == "user-exception" or (fact.name == "fault" and fact.values["mode"] == "user"):
            report = fact
        if fact.name == "killed" and report is not None:
            killed.append((fact, report))
    expect(len(killed) == len(kinds), "process-survived", f"{len(kinds)} processes are killed", f"{len(killed)} were")
    for kind, (fact, report) in zip(kinds, killed, strict=True):
        refused = report.name == "fault" and report.number("address") == va
        ran = fact.number("pc") & -PAGE == va and not refused
        cause = "temp-window-open-to-users" if ran else "process-killed"
        seen = f"signal {fact.values['signal']} killed it at {fact.values['pc']}: {report.line}"
        right = refused and fact.values["signal"] == str(int(SIGSEGV))
        expect(right, cause, f"the process that tries to {kind} is killed for touching {va:#x}", seen, walk)


@milestone("4.6", points=15, witness="WK")
def test_slots(boot: Boot, image: KernelImage, chance: random.Random) -> None:
    """Slots are distinct and coexist, too many are refused, and after every system call all are empty in every root"""
    frames, count = _free_frames(image), len(layout_of(image).temp_slots) + 1
    words = " ".join(f"{address:#x}" for address in _kernel_addresses(image))
    closed = chance.randrange(count - 1)
    lines = ["checkpoint ready", *(f"windows {frames + number * count * PAGE:#x} {count}" for number in (0, 1))]
    lines.append(f"windows {frames:#x} {count + 1} {closed}")
    lines += ["checkpoint closed", *(f"fail {number}\nrun hello" for number in (4, 9, 14)), "fail 0"]
    lines += ["start spin", "start spin", "checkpoint started", f"run pointers {words}", "checkpoint end"]
    guest = boot("\n".join(lines))
    guest.run_to("ready")
    marks = _mark(guest, frames, 2 * count)
    for first in (0, count):
        before = frame_records(guest).in_use
        _check_windows(guest, _windows(guest), (frames + first * PAGE, marks[first:]))
        _check_no_frame_without_a_window(guest, before)
    _check_windows(guest, _windows(guest), (frames, marks), closed)
    guest.run_to("closed")
    check_all_slots_empty(guest, "once the windows are closed")
    _run_to_started(guest, "spin")
    refused = [fact.values["result"] for fact in guest.facts("run")]
    # From lab 5 on a program also needs memory later: in a fault, which kills it, and in its system call.
    refused += ["no-memory" for fact in guest.facts("exit") if fact.values["signal"] == "9" or fact.values["status"] == "1"]
    cause = "temp-slot-lost" if "no-slot" in refused else "wrong-answer"
    expect(refused == ["no-memory"] * 3, cause, "three programs find no memory", f"{refused}")
    roots = [process.root for process in processes(guest)]  # these two go on for ever
    check_all_slots_empty(guest, "after programs were loaded, and others could not be", roots)
    returned = _program(guest, "pointers").va("call_returned")
    for number in range(1, 41):
        guest.run_to_address(returned, f"the end of system call {number}")
        check_all_slots_empty(guest, f"after system call {number}", roots)
    guest.run_to("end")
    check_all_slots_empty(guest, "after all these system calls")


def _check_windows(guest: Guest, windows: list[Fact], marked: tuple[int, list[int]], closed: int | None = None) -> None:
    """Checks that as many windows as there are slots are open, each with its own, and that one more was refused.

    `closed` is the number of one that was closed for another when all slots were in use.
    """
    __tracebackhide__ = True
    frames, marks = marked
    table = window_table(guest)
    opened = [fact for fact in windows if fact.values["result"] == "ok" and fact.number("number") != closed]
    addresses = [fact.number("va") for fact in opened]
    twice = next((va for va in addresses if addresses.count(va) > 1), None)
    seen = f"two of them are at {twice or 0:#x}"
    expect(twice is None, "temp-slot-shared", "windows that are open at one time have different slots", seen)
    slots = guest.layout.temp_slots
    lost = f"{len(slots)} windows can be open at one time"
    expect(len(opened) >= len(slots), "temp-slot-lost", lost, f"{len(opened)} are")
    refused = len(opened) == len(slots) and windows[-1].values["result"] == "no-slot"
    expect(refused, "temp-slot-shared", "one more window is refused: no-slot", windows[-1].line)
    entries = window_entries(guest, table)
    for fact, va in zip(opened, addresses, strict=True):
        number = fact.number("number")
        walk, pa = guest.walk(va), frames + number * PAGE
        in_table = slots.start <= va < slots.stop
        expect(in_table, "wrong-answer", "a window is among the temporary mappings", f"it is at {va:#x}", walk)
        expect(walk.pa == pa, "wrong-frame", f"the window at {va:#x} shows {pa:#x}", f"{walk.pa or 0:#x}", walk)
        value = fact.number("value")
        wanted = f"the window at {va:#x} shows what is in the frame {pa:#x}: {marks[number]:#x}"
        expect(value == marks[number], "stale-temp-mapping", wanted, f"{value:#x}", walk)
    expect(all(entries), "temp-slot-lost", "every slot has its entry", f"{entries.count(0)} have none")


def _check_no_frame_without_a_window(guest: Guest, before: Set[int]) -> None:
    """Checks that a user page is refused while all windows are open, and that this costs no frame."""
    __tracebackhide__ = True
    asked = guest.fact("user-frame")
    refused = asked.values["result"] == "no-slot"
    wanted = "a frame for a user page is refused while every window is open: no-slot"
    expect(refused, "wrong-answer", wanted, asked.line, file=_USER_COPY)
    lost = frame_records(guest).in_use - before
    wanted = "a frame for a user page that is refused for want of a window is free again"
    expect(not lost, "frames-leaked", wanted, f"{min(lost, default=0):#x} is still in use", file=_USER_COPY)


@milestone("4.7", points=10, witness="WQ")
def test_older_root(boot: Boot) -> None:
    """A temporary mapping works under a root that is older than it, from the first one on"""
    guest = boot("start greet\ncheckpoint started\nwait\ncheckpoint end")
    process = _run_to_started(guest, "greet")
    table = window_table(guest, [process.root])
    root = _run_into_call(guest, "greet", "the greeting")
    program, text = _program(guest, "greet"), random_letters(_GREETING_SIZE)
    write_user(guest, root, program.va("g_greeting"), text)
    frame = walk_in(guest, root, program.va("g_greeting")).page.pa_of(program.va("g_greeting")) // PAGE * PAGE
    before, opened = len(guest.machine.serial()), []
    for write in window_writes(guest, table, program.va("call_returned"), "the end of write"):
        walk = guest.walk(slot_address(guest, write.slot))
        expect(write.root == process.root, "wrong-answer", f"the root stays {process.root:#x}", f"{write.root:#x}")
        if write.entry:
            opened.append(walk.pa)
    wanted = f"during write, under the root {process.root:#x}, a window onto the text's frame {frame:#x}"
    seen = ", ".join(f"{pa or 0:#x}" for pa in opened) or "no window was opened"
    result = guest.isa.registers.signed(guest.cpu().first_argument)
    cause = _cause_of_refusal(result, "wrong-frame" if opened else "wrong-answer")
    expect(frame in opened, cause, wanted, seen)
    _check_printed((result, guest.machine.serial()[before:]), text)
    check_all_slots_empty(guest, "after write", [process.root])
    guest.run_to("end")


@milestone("4.8", points=10, witness="WK")
def test_used_again(boot: Boot, image: KernelImage) -> None:
    """A slot that is used again shows the new frame"""
    frames, order = _free_frames(image), (0, 1, 0, 2, 1)
    addresses = list(layout_of(image).temp_slots)
    lines = [f"windows {frames:#x} {len(addresses)}", *(f"peek {va:#x}" for va in addresses), "checkpoint closed"]
    lines += [f"windows {frames + number * PAGE:#x}" for number in order]
    guest = boot("\n".join(["checkpoint ready", *lines, "start border 4000 100", "checkpoint started", "wait"]))
    guest.run_to("ready")
    marks = _mark(guest, frames, len(addresses))
    _check_all_closed(guest, addresses)
    for number in order:
        (fact,) = _windows(guest)
        expect("va" in fact.values, "temp-slot-lost", "a window can be opened: all others are closed", fact.line)
        va, value = (fact.number(key) for key in ("va", "value"))
        walk = guest.walk(va)
        pa = frames + number * PAGE
        expect(walk.pa == pa, "wrong-frame", f"the window at {va:#x} shows {pa:#x}", f"{walk.pa or 0:#x}", walk)
        cause = "stale-temp-mapping" if value in marks else "wrong-answer"
        wanted = f"the kernel reads {marks[number]:#x} there, as the table has it"
        expect(value == marks[number], cause, wanted, f"{value:#x}", walk)
    _check_one_call(guest)


def _check_all_closed(guest: Guest, addresses: list[int]) -> None:
    """Checks that windows were open at all these addresses, and no longer are: not even the TLB knows them."""
    __tracebackhide__ = True
    opened = [fact.number("va") for fact in _windows(guest) if fact.values["result"] == "ok"]
    expect(sorted(opened) == addresses, "temp-slot-lost", f"{len(addresses)} windows are open", f"{len(opened)} are")
    guest.run_to("closed")
    for fact in guest.facts("peek"):
        va = fact.number("va")
        wanted = f"the window at {va:#x} is closed: a read of it faults"
        walk = guest.walk(va)
        fail("stale-temp-mapping" if walk.mapping is None else "temp-slot-not-emptied", wanted, fact.line, walk)
    faults = {fact.number("address") for fact in guest.facts("fault")}
    expect(faults == set(addresses), "wrong-answer", f"{len(addresses)} reads that fault", f"{len(faults)}")


def _check_one_call(guest: Guest) -> None:
    """Checks that within one system call slots are used for one page and then for another."""
    __tracebackhide__ = True
    _run_to_started(guest, "border")
    root = _run_into_call(guest, "border", "the call of write")
    program, text = _program(guest, "border"), random_letters(4 * PAGE)
    write_user(guest, root, program.va("g_pages"), text)
    places = [program.va("g_pages") + at for at in (0, PAGE)]
    pages = {walk_in(guest, root, va).page.pa_of(va) for va in places}
    table, before, opened = window_table(guest), len(guest.machine.serial()), []
    for write in window_writes(guest, table, program.va("call_returned"), "the end of write"):
        _check_alone(guest, table, write, root)
        if write.entry:
            opened.append(guest.walk(slot_address(guest, write.slot)).pa)
    seen = f"windows onto {[hex(pa or 0) for pa in opened]}"
    result = guest.isa.registers.signed(guest.cpu().first_argument)
    cause = _cause_of_refusal(result, "user-copy-not-split")
    expect(pages <= set(opened), cause, f"windows onto both pages, {[hex(pa) for pa in pages]}", seen)
    printed = guest.machine.serial()[before:]
    stale = text[4000:PAGE].decode() + text[:4].decode() in printed
    wanted = "what is printed comes from one page and then from the next"
    expect(not stale, "stale-temp-mapping", wanted, "twice from the first", guest.walk(slot_address(guest, 0)))
    _check_printed((result, printed), text[4000:4100])
    _run_into_call(guest, "border", "the call of wait4")
    for write in window_writes(guest, table, program.va("call_returned"), "the end of wait4"):
        _check_alone(guest, table, write, root)


def _check_alone(guest: Guest, table: int, write: WindowWrite, root: int) -> None:
    """Checks that a window which was just opened for the process on `root` is the only one: a copy needs no more."""
    __tracebackhide__ = True
    entries = window_entries(guest, table)
    if write.root != root or not write.entry:
        return
    count = len(entries) - entries.count(0)
    wanted = "the window onto one page is closed before that onto the next is opened"
    walk = guest.walk(slot_address(guest, write.slot))
    expect(count == 1, "temp-slot-not-emptied", wanted, f"{count} windows are open", walk, _USER_COPY)


@milestone("4.9", points=5, witness="W")
def test_present_from_boot(boot: Boot) -> None:
    """The table behind the window is there from boot, the same in all roots, and no process costs a frame"""
    programs = ("greet", "hello", "border")
    lines = ["frames", "checkpoint ready", *["run greet\nframes"] * 3, "checkpoint ran"]
    lines += [*(f"start {program}" for program in programs), "frames", "checkpoint started"]
    guest = boot("\n".join([*lines, "wait", "frames", "checkpoint end"]))
    guest.run_to("ready")
    at_boot = guest.walk(slot_address(guest, 0))
    guest.run_to("ran")
    used = [fact.values["used"] for fact in guest.facts("frames")]
    wanted = f"{used[0]} frames in use, however many processes there were"
    expect(len(set(used)) == 1, "frames-leaked", wanted, f"{used}")
    table = window_table(guest)
    was_there = at_boot.steps[-1].level == 0 and at_boot.steps[-1].table == table
    wanted = f"the window's table {table:#x} is there from boot"
    expect(was_there, "temp-window-not-in-root", wanted, "it is not", at_boot)
    check_all_slots_empty(guest, "after programs have run")  # otherwise the ledger would take windows for stacks
    guest.run_to("started")
    for program in programs:
        _started(guest, program)
    roots = [process.root for process in processes(guest)]
    seen = window_table(guest, roots)
    expect(seen == table, "temp-window-per-root", f"the window's table stays {table:#x}", f"it is {seen:#x}")
    check_all_slots_empty(guest, "after programs were loaded", roots)
    check_ledger(guest, roots)
    guest.run_to("end")
    check_all_slots_empty(guest, "after all programs")
    check_ledger(guest, [])


@milestone("4.10", points=5, witness="W")
def test_frames_beyond_the_window(boot: Boot) -> None:
    """User pages come from beyond the linear window, each a frame of its own"""
    guest = boot("start hello\nstart segments\nstart border 1 1\ncheckpoint started\nwait")
    guest.run_to("started")
    _check_beyond(guest, ("hello", "segments", "border"))
    guest.run_to_address(_program(guest, "segments").va("contents_are_seen"), "a program that has read all its memory")
    _check_beyond(guest, ("segments",))


def _check_beyond(guest: Guest, programs: tuple[str, ...]) -> None:
    """Checks that no two of the programs' pages are one frame, and that no frame is in the window."""
    __tracebackhide__ = True
    start, end = _beyond(guest.image), guest.ram_end
    owners: dict[int, str] = {}
    for program in programs:
        process = _started(guest, program)
        _check_ways_beyond(guest, process)
        mappings = user_mappings(guest, process.root)
        expect(bool(mappings), "user-page-not-mapped", f"{process} has pages", "it has none")
        for page in mappings:
            walk = walk_in(guest, process.root, page.va)
            wanted = f"{page.va:#x} of {process} is in RAM at or beyond {start:#x}"
            expect(start <= page.pa < end, "user-frames-in-window", wanted, f"it is at {page.pa:#x}", walk)
            other = owners.setdefault(page.pa, f"{page.va:#x} of {process}")
            seen = f"{other} and {page.va:#x} of {process} are both {page.pa:#x}"
            alone = other == f"{page.va:#x} of {process}"
            expect(alone, "frame-freed-by-unmap", "every page is a frame of its own", seen, walk)


@milestone("4.11", points=10, witness="D")
def test_discipline(boot_witnessed: BootWitnessed, chance: random.Random) -> None:
    """Stores to tables, flushes and releases of frames come in the right order"""
    check_discipline(boot_witnessed, lab=4, chance=chance)
