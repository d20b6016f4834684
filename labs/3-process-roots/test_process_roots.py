"""Lab 3: a root for each process."""

import random
from collections.abc import Callable
from pathlib import Path
from signal import SIGILL, SIGSEGV

from half_checks import check_disjoint, check_kernel_leaves, check_loaded, check_marked_slots, check_user_half, mark_upper_slots
from switch_checks import check_next_root, check_no_red_zone, check_registers_kept, check_root_of_parent, run_into_user_mode

from grade.boot.frame_records import frame_records
from grade.boot.kernel_image import KernelImage
from grade.boot.layout import PAGE, layout_of
from grade.boot.processes import Process, processes
from grade.boot.promises import is_awaited
from grade.boot.unused_pages import distance_to_other_tables, unused_pages
from grade.boot.user_image import UserImage, user_image
from grade.checks.discipline import BootWitnessed, check_discipline
from grade.checks.host_tests import check_host_tests
from grade.checks.ledger import check_ledger
from grade.checks.map_checks import check_all_regions_mapped
from grade.checks.process_checks import check_kernel_half, check_kernel_stacks, living, user_mappings, user_word, walk_in
from grade.checks.settings import check_settings, on_another_cpu
from grade.diagnosis import diagnose
from grade.diagnosis.process_ends import ROOTS
from grade.guest.guest import Guest
from grade.guest.trapped import result_register, run_to_system_call, run_to_undefined_instruction, run_to_user_tick
from grade.inspect.spaces import live_root
from grade.isa import Isa, isa_called
from grade.ladder.build import Kernel
from grade.machine.stop import Stop, StopKind
from grade.plugin import milestone
from grade.results.failure import expect, expect_found, fail

Boot = Callable[..., Guest]

_PATIENCE = 10.0
"""Seconds asleep: a guest that waits for interrupts sleeps between them, and on a busy machine they come late."""


def _program(kernel: Kernel, name: str) -> UserImage:
    return user_image(kernel.elf, name)


def _tags(chance: random.Random, count: int) -> list[int]:
    """Returns numbers that nobody can know before the run or find by chance. Neighbours differ in bits 1:0."""
    return [chance.getrandbits(60) << 2 | 1 << 62 | i & 3 for i in range(count)]


@milestone("3.1", points=5, witness="KWQ")
def test_first_process(boot: Boot) -> None:
    """The first user process: write(1, "Hello", 5) returns 5, and the text appears"""
    guest = boot("checkpoint ready\nrun hello\ncheckpoint after\npoweroff")
    guest.run_to("ready")
    run_into_user_mode(guest, "the first entry into user mode")
    call = run_to_system_call(guest, "write", "the first write of hello")
    guest.run_to_address(call.trap.pc, "the return from write")
    _, text, size = call.arguments
    given = bytes(user_word(guest, live_root(guest), text + i) & 0xFF for i in range(size))
    expect(given == b"Hello", "user-page-not-mapped", "the five bytes of Hello in the process's memory", f"{given!r}")
    expect(guest.cpu().is_user, "wrong-result", "write returns to user mode", "the CPU has the kernel's rights")
    expect(result_register(guest) == 5, "wrong-result", "write returns 5", f"{result_register(guest)}")
    guest.run_to("after")
    appears = "\nHello\nwrite returned 5\n" in guest.machine.serial().replace("\r", "")
    expect(appears, "wrong-result", "Hello on the serial line, and that 5 bytes were written", "it is not there")
    _check_ends(guest, {0: 1})


def _check_ends(guest: Guest, wanted: dict[int, int]) -> None:
    """Checks how many processes ended with each status, and that none was killed."""
    __tracebackhide__ = True
    seen: dict[int, int] = {}
    for fact in guest.facts("exit"):
        killed = fact.number("signal")
        expect(killed == 0, "process-killed", f"process {fact.values['pid']} ends by itself", fact.line)
        status = fact.number("status")
        seen[status] = seen.get(status, 0) + 1
    expect(seen == wanted, "wrong-result", f"ends of processes, by status: {wanted}", f"{seen}")


_CROWD = 80
"""So many that their stacks lie on both sides of a border of tables (kernel/map/kernel_half.h)."""


@milestone("3.2", points=10, witness="W")
def test_kernel_stacks_in_every_root(boot: Boot) -> None:
    """Every live kernel stack is in every root, also one that is younger than the root; its guard is in none"""
    script = ["start spin"] * _CROWD + ["ps", "checkpoint all", "kill 10", "kill 75", "checkpoint fewer", "wait"]
    guest = boot("\n".join(script), cpu_budget=6.0, idle_backstop=_PATIENCE)
    master = guest.run_to("all").roots["kernel"]
    crowd = living(guest, _CROWD)
    for level in range(1, min(3, guest.isa.paging.levels)):
        size = 1 << guest.isa.paging.walker.shift(level)
        apart = {process.stack // size for process in crowd}
        expect(len(apart) > 1, "wrong-answer", f"stacks on both sides of a multiple of {size:#x}", "on one side only")
    check_kernel_stacks(guest, master, _roots_to_walk(guest, crowd), crowd)
    master = guest.run_to("fewer").roots["kernel"]
    left = [process for process in crowd if process.pid not in (10, 75)]
    check_kernel_stacks(guest, master, _roots_to_walk(guest, left), left)
    for number in range(6):
        trap = run_to_user_tick(guest, f"tick {number + 1} in user mode")
        found = next((process for process in left if process.root == live_root(guest)), None)
        own = expect_found(found, "wrong-root-loaded", "a root that @process names is loaded", f"{live_root(guest):#x}")
        wanted = f"the tick lands on the kernel stack of {own}, at {own.stack:#x}"
        expect(trap.stack == own.stack, "trap-stack-not-set", wanted, f"at {trap.stack:#x}")


def _roots_to_walk(guest: Guest, alive: list[Process]) -> list[int]:
    """Returns the roots that hold the kernel's half: only the master if the two halves have registers of their own."""
    return [] if "user" in guest.cpu().roots else [process.root for process in alive]


@milestone("3.3", points=10, witness="WQ")
def test_what_the_cpu_needs(boot: Boot, chance: random.Random) -> None:
    """What the CPU needs is in the root about to be loaded: vectors, code, stacks, devices"""
    one, other = _tags(chance, 2)
    starts = f"start tag {one} 9\nstart tag {other} 9\nstart hello"
    guest = boot(f"checkpoint ready\n{starts}\nwait\ncheckpoint after\npoweroff")
    guest.run_to("ready")
    check_settings(guest, has_users=True)
    check_no_red_zone(guest)
    roots, entered = set(), set()
    for number in range(6):
        roots.add(check_next_root(guest, f"switch {number + 1} of processes"))
        check_settings(guest, has_users=True, file=ROOTS)
        entered.add(run_into_user_mode(guest, f"entry {number + 1} into user mode").process.root)
        check_settings(guest, has_users=True, file=ROOTS)
    expect(len(entered) == 3, "wrong-root-loaded", "three processes take turns", f"{len(entered)} did")
    expect(entered <= roots, "wrong-root-loaded", "each of their roots was checked before", "one was not")
    guest.run_to("after")
    _check_on_other_cpus(boot, guest.isa)


def _check_on_other_cpus(boot: Boot, isa: Isa) -> None:
    """Checks that a process runs on CPUs that lack something or have more, and what is turned on there meanwhile."""
    __tracebackhide__ = True
    for cpu in isa.board.other_cpus:
        guest = boot("checkpoint ready\nrun hello\ncheckpoint after", cpu=cpu)
        with on_another_cpu(cpu):
            guest.run_to("ready")
        check_settings(guest, has_users=True)
        with on_another_cpu(cpu):
            run_into_user_mode(guest, "the first entry into user mode")
        check_settings(guest, has_users=True, file=ROOTS)
        with on_another_cpu(cpu):
            guest.run_to("after")
        _check_ends(guest, {0: 1})


_MOST_TICKS = 60
"""On a busy machine a tick can be due again before the process has done one step."""


@milestone("3.4", points=10, witness="KWQ")
def test_ticks_in_user_mode(boot: Boot, kernel: Kernel, chance: random.Random) -> None:
    """Ticks interrupt user mode, a system call after them works, and an undefined instruction kills at its pc"""
    program = _program(kernel, "breadcrumb")
    script = f"checkpoint ready\ntrace ticks {_MOST_TICKS}\nrun breadcrumb\ncheckpoint after\npoweroff"
    guest = boot(script, cpu_budget=6.0, idle_backstop=_PATIENCE)
    guest.run_to("ready")
    run_into_user_mode(guest, "the first entry into user mode")
    steps: list[int] = []
    while len(set(steps)) < 4 and len(steps) < _MOST_TICKS:
        run_to_user_tick(guest, f"tick {len(steps) + 1} in user mode")
        steps.append(user_word(guest, live_root(guest), program.va("g_steps")))
    rising = steps == sorted(steps) and len(set(steps)) == 4
    expect(rising, "user-makes-no-progress", "the process goes on between ticks", f"steps at each: {steps}")
    check_registers_kept(guest, run_to_user_tick(guest, "one more tick"), chance)
    _poke_user(guest, program.va("g_go_on"), 1)
    call = run_to_system_call(guest, "getpid", "the system call after the ticks")
    expect(call.trap.user, "wrong-result", "the system call comes from user mode", "it comes from the kernel")
    trap = run_to_undefined_instruction(guest, "the undefined instruction")
    expected = program.va("undefined_instruction")
    expect(trap.pc == expected, "wrong-result", f"undefined instruction at {expected:#x}", f"at {trap.pc:#x}")
    root = live_root(guest)
    pid, crumbs = (user_word(guest, root, program.va(name)) for name in ("g_result", "g_crumbs"))
    expect(crumbs == 3, "wrong-result", "three crumbs: it ran, it was interrupted, its call returned", f"{crumbs}")
    guest.run_to("after")
    ticks = (fact for fact in guest.facts("tick") if fact.values["mode"] == "user")
    numbers = [tick.number("n") for tick in ticks if tick.number("pid") == pid]
    rising = len(numbers) >= 3 and numbers == sorted(set(numbers))
    expect(rising, "user-makes-no-progress", "at least 3 @tick in user mode, with rising n", f"n = {numbers}")
    killed = guest.fact("killed")
    seen = tuple(killed.number(name) for name in ("pid", "signal", "pc"))
    wanted = (pid, int(SIGILL), expected)
    expect(seen == wanted, "fault-misreported", f"@killed with pid, signal, pc = {wanted}", f"{seen}")


def _poke_user(guest: Guest, va: int, value: int) -> None:
    """Writes to a word of the running process."""
    __tracebackhide__ = True
    user_word(guest, live_root(guest), va)
    guest.machine.write_physical(guest.walk(va).page.pa_of(va), value.to_bytes(8, "little"))


_MANY_TURNS = 1_000_000
"""More than a program can have in any milestone, so it never ends."""

_SOME_TURNS = "run tag 1 50"
"""Gives all others 50 turns. On a busy machine a tick may end a turn at once, but not all of them."""


@milestone("3.5", points=5, witness="W")
def test_two_processes(boot: Boot, kernel: Kernel, chance: random.Random) -> None:
    """Two processes: the same address, different frames, different contents"""
    program = _program(kernel, "tag")
    tags = _tags(chance, 2)
    # The kernel has a page of its own down there: a process that also had it would share the tables that lead to it.
    frame = layout_of(KernelImage(kernel.isa, kernel.elf)).region("frames").end
    (low_page,) = unused_pages(isa_called(kernel.isa), chance, 1)
    guest = boot(f"map {low_page:#x} {frame:#x} w\n{_two_at_rest(tags)}")
    guest.run_to("one")
    guest.run_to("young")
    one, other = living(guest, 2)
    expect(one.root != other.root, "user-half-shared", "two processes have two roots", f"both have {one.root:#x}")
    check_disjoint(guest, one, other)
    guest.run_to("after")
    check_disjoint(guest, one, other)
    seen = [user_word(guest, process.root, program.va("g_tag")) for process in (one, other)]
    wanted = f"{program.va('g_tag'):#x} holds {tags[0]:#x} in the one and {tags[1]:#x} in the other"
    if seen != tags:  # no frame is shared: what the process stored went where an earlier translation led
        walk = walk_in(guest, one.root, program.va("g_tag"))
        fail("stale-user-translation", wanted, f"{seen[0]:#x} and {seen[1]:#x}, in frames of their own", walk)


def _two_at_rest(tags: list[int]) -> str:
    """Returns a script for two processes, stopped before they run and after they have run a while, in the monitor."""
    one, other = (f"start tag {tag} {_MANY_TURNS}" for tag in tags)
    turns = [_SOME_TURNS, "ps", "frames", "checkpoint after", "poweroff"]
    return "\n".join([one, "checkpoint one", other, "checkpoint young", *turns])


@milestone("3.6", points=10, witness="W")
def test_halves(boot: Boot, kernel: Kernel, chance: random.Random) -> None:
    """The kernel half is the same in all roots, and not the user's; text at 0x400000, page 0 never mapped"""
    image = _program(kernel, "tag")
    guest = boot("checkpoint ready\n" + _two_at_rest(_tags(chance, 2)))
    before = guest.run_to("ready").roots["kernel"]
    _dirty_fresh_frames(guest)
    marked = mark_upper_slots(guest, before, chance)
    guest.run_to("one")
    check_marked_slots(guest, before, living(guest, 1)[0], marked)
    check_user_half(guest, living(guest, 1)[0], image)
    guest.run_to("young")
    master = guest.run_to("after").roots["kernel"]
    expect(master == before, "kernel-root-changed", f"the kernel's root stays at {before:#x}", f"it is {master:#x}")
    check_all_regions_mapped(guest)
    for process in living(guest, 2):
        check_kernel_half(guest, master, process)
        check_kernel_leaves(guest, process.root, living(guest, 2))
        check_user_half(guest, process, image)
        _check_text(guest, process, image)
    low = [mapping for mapping in user_mappings(guest, live_root(guest))]
    seen = f"{low[0].va:#x} is mapped" if low else ""
    expect(not low, "user-half-shared", "the kernel's own root maps no user page", seen)


_DIRTY_FRAMES = 64  # more than a process has tables


def _dirty_fresh_frames(guest: Guest) -> None:
    """Fills unused RAM, whose content is arbitrary, with entries that lead to tables far away, except the first."""
    window, _ = frame_records(guest).never_used
    paging, size = guest.isa.paging, guest.isa.paging.walker.entry_bytes
    far = [guest.ram_end + i * PAGE for i in range(1, PAGE // size)]
    entries = b"".join([paging.encoded(0), *(paging.encoded(paging.entry_of_table(pa)) for pa in far)])
    for frame in window[:_DIRTY_FRAMES]:
        guest.machine.write_physical(frame, entries)


def _check_text(guest: Guest, process: Process, image: UserImage) -> None:
    """Checks that the code at 4 MiB is the program's, as far as it is present."""
    __tracebackhide__ = True
    text = next(segment for segment in image.segments if segment.execute)
    expect(text.va == 0x400000, "wrong-answer", "the program is linked at 0x400000", f"at {text.va:#x}")
    first = walk_in(guest, process.root, image.entry)
    wanted = f"the code that {process} has run is there"
    expect(first.mapping is not None, "user-page-not-mapped", wanted, "nothing is mapped", first)
    for at in range(0, len(text.content), PAGE):
        if is_awaited(guest, process.root, text.va + at, "execute"):
            continue
        walk = walk_in(guest, process.root, text.va + at)
        content, what = text.content[at : at + PAGE], f"the program's code at {walk.va:#x} of {process}"
        pa = expect_found(walk.pa, "user-page-not-mapped", what, "nothing is mapped", walk)
        expect(guest.read_physical(pa, len(content)) == content, "user-page-not-mapped", what, "other bytes", walk)


@milestone("3.7", points=10, witness="KW")
def test_intruders(boot: Boot, image: KernelImage, chance: random.Random) -> None:
    """A read, a write and a jump into the kernel half, and through page 0, kill that process only"""
    parts = ("image_start", "rodata_start", "data_start", "emergency_stack")
    targets = [*(image.va(part) for part in parts), 0, 8]
    tries = [(access, va) for va in targets for access in ("read", "write", "jump")]
    tag = _tags(chance, 1)[0]
    script = [f"start tag {tag} {_MANY_TURNS}", _SOME_TURNS, "checkpoint before"]
    script += [f"run intruder {access} {va:#x}" for access, va in tries] + ["ps", "checkpoint after", "poweroff"]
    guest = boot("\n".join(script), cpu_budget=6.0, idle_backstop=_PATIENCE)
    guest.run_to("before")
    witness = living(guest, 1)[0]
    for access, va in tries:
        refused = guest.walker().with_root(witness.root).would_fault(va, _ACCESS[access], user=True)
        walk = walk_in(guest, witness.root, va)
        cause = "user-access-to-kernel" if va >= guest.offset else "null-page-mapped"
        expect(refused is not None, cause, f"the tables refuse a user's {access} of {va:#x}", "they permit it", walk)
    words = {va: guest.read_word(va - guest.offset, 4) for va in targets if va >= guest.offset}
    guest.run_to("after")
    _check_intruders_died(guest, tries)
    for va, word in words.items():
        seen = guest.read_word(va - guest.offset, 4)
        wanted = f"{va:#x} holds {word:#x}, or what the kernel wrote"
        expect(seen != _WRITTEN, "user-access-to-kernel", wanted, f"{seen:#x}, as the intruder does")
    still = witness.pid in {process.pid for process in living(guest, 1)}
    expect(still, "process-killed", f"{witness}, which did nothing, lives", "it does not")
    kept = user_word(guest, witness.root, user_image(guest.image.elf, "tag").va("g_tag"))
    expect(kept == tag, "process-killed", f"the process that did nothing still holds {tag:#x}", f"{kept:#x}")


_WRITTEN = 0x1BADCAFE  # by user/tests/intruder.cc
_ACCESS = {"read": "read", "write": "write", "jump": "execute"}


def _check_intruders_died(guest: Guest, tries: list[tuple[str, int]]) -> None:
    """Checks that each was killed by its own access, reported as it was, and that the fault was the user's."""
    __tracebackhide__ = True
    living(guest, 1)
    faults = [fact for fact in guest.facts("fault") if fact.values["mode"] == "user"]
    signals = [fact.number("signal") for fact in guest.facts("exit") if fact.values["status"] == "0"]
    survived = [line for line in guest.machine.serial().splitlines() if line.startswith("intruder:")]
    expect(not survived, "user-access-to-kernel", "no intruder lives on", f"{survived[:1]}")
    for (access, va), fact in zip(tries, faults, strict=False):
        wanted = (va, _ACCESS[access], "not-present" if va < PAGE else "permission")
        seen = (fact.number("address"), fact.values["access"], fact.values["cause"])
        expect(seen == wanted, "fault-misreported", f"@fault with address, access, cause = {wanted}", f"{seen}")
    expect(len(faults) == len(tries), "fault-misreported", f"{len(tries)} faults in user mode", f"{len(faults)}")
    killed = signals.count(SIGSEGV)
    expect(killed >= len(tries), "fault-misreported", f"{len(tries)} processes killed by signal 11", f"{killed}")


@milestone("3.8", points=10, witness="KWQ")
def test_switches(boot: Boot, kernel: Kernel, chance: random.Random) -> None:
    """1000 switches; at each sampled trap the root register holds the current process's root"""
    program = _program(kernel, "tag")
    tags = dict(zip(_tags(chance, 4), (340, 340, 340, 0), strict=True))  # the last one never ends, and never yields
    script = [f"start tag {tag} {turns or ''}" for tag, turns in tags.items()]
    script = ["timer 1000", *script, "checkpoint ready", "wait"]
    guest = boot("\n".join(script), cpu_budget=8.0, idle_backstop=_PATIENCE)
    guest.run_to("ready")
    owner = dict(zip(tags, living(guest, 4), strict=True))
    for number in range(12):
        call = run_to_system_call(guest, "sched_yield", f"sampled system call {number + 1}")
        tag = call.arguments[0]
        check_loaded(guest, owner[tag])
        seen = user_word(guest, live_root(guest), program.va("g_tag"))
        expect(seen == tag, "wrong-root-loaded", f"{owner[tag]} finds its tag {tag:#x}", f"{seen:#x}")
        tick = run_to_user_tick(guest, f"sampled tick {number + 1}")
        tag = _tag_of_live_root(guest, program, owner)
        held = [value for value in guest.cpu().registers.values() if value in owner and value != tag]
        wanted = f"no register knows another tag than that of memory, {tag:#x}"
        # If the stack is also that of the memory's owner, the register is wrong.
        cause = "registers-not-kept" if tag and tick.stack == owner[tag].stack else "wrong-root-loaded"
        expect(not held or tag == 0, cause, wanted, f"{[f'{value:#x}' for value in held]}")
    turns = 0
    for number in range(3):
        guest.run_to_address(program.va("tag_is_done"), f"the end of process {number + 1}")
        tag = _tag_of_live_root(guest, program, owner)
        turns += user_word(guest, live_root(guest), program.va("g_turns"))
        wrong, lost = (user_word(guest, live_root(guest), program.va(name)) for name in ("g_wrong", "g_lost"))
        wanted = f"{owner[tag]} always finds its own memory"
        expect(wrong == 0, "wrong-root-loaded", wanted, f"{wrong} times it did not")
        expect(lost == 0, "registers-not-kept", f"{owner[tag]} keeps its spare register", f"{lost} times it did not")
    expect(turns >= 1000, "wrong-result", "1000 turns of the three that yield", f"{turns}")
    _check_family(boot)


def _check_family(boot: Boot) -> None:
    """Checks that a parent that starts others and waits for them always resumes on its own root, and they never have it."""
    __tracebackhide__ = True
    # Hardly a tick: on a busy machine one could come whenever the parent is about to wait, and load the right root.
    guest = boot("timer 1000000\nstart family\ncheckpoint ready\nwait\ncheckpoint after")
    guest.run_to("ready")
    check_root_of_parent(guest, living(guest, 1)[0], 30)
    guest.run_to("after")
    _check_ends(guest, {0: 1, 5: 1})  # and an orphan, which the monitor has inherited


def _tag_of_live_root(guest: Guest, program: UserImage, owner: dict[int, Process]) -> int:
    """Returns the tag that the running process finds in its memory; 0 if it has not put it there yet."""
    __tracebackhide__ = True
    root = live_root(guest)
    known = root in {process.root for process in owner.values()}
    expect(known, "wrong-root-loaded", "in user mode the root of one of the processes is loaded", f"{root:#x} is none")
    tag = user_word(guest, root, program.va("g_tag"))
    if tag != 0:
        expect(tag in owner, "wrong-root-loaded", "one of the tags", f"{tag:#x}", guest.walk(program.va("g_tag")))
        check_loaded(guest, owner[tag])
    return tag


@milestone("3.9", points=10, witness="HKW")
def test_nothing_stale(
    boot: Boot, kernel: Kernel, host_tests: Callable[[str], Path], tmp_path: Path, chance: random.Random
) -> None:
    """After a switch, an unmap and a tightened protection the old translation is not used"""
    check_host_tests(host_tests, "PageTableUnmap*", tmp_path)
    isa = isa_called(kernel.isa)
    (low_page,) = unused_pages(isa, chance, 1)
    third = low_page + distance_to_other_tables(isa)
    frame = layout_of(KernelImage(kernel.isa, kernel.elf)).region("frames").end
    _check_unmap_and_protect(boot, (low_page, low_page + PAGE, third), frame)
    program = _program(kernel, "tag")
    script = [f"start tag {tag} 30" for tag in _tags(chance, 3)] + ["wait", *(f"run tag {tag} 2" for tag in _tags(chance, 3))]
    guest = boot("\n".join(["checkpoint ready", *script, "checkpoint after", "poweroff"]))
    guest.run_to("ready")
    for number in range(6):
        guest.run_to_address(program.va("tag_is_done"), f"the end of process {number + 1}")
        wrong = user_word(guest, live_root(guest), program.va("g_wrong"))
        wanted, walk = "after a switch, a process reads its own memory", guest.walk(program.va("g_tag"))
        expect(wrong == 0, "stale-user-translation", wanted, f"{wrong} times another's", walk)
    guest.run_to("after")
    _check_ends(guest, {0: 6})


def _check_unmap_and_protect(boot: Boot, pages: tuple[int, int, int], frame: int) -> None:
    """Checks through the monitor that CPU and tables agree that a page is gone, or read-only, or another one."""
    __tracebackhide__ = True
    first, second, third = (f"{page:#x}" for page in pages)  # the third needs tables of its own
    one, two = f"{frame:#x}", f"{frame + PAGE:#x}"
    gone = [f"map {first} {one} w", f"poke {first} 0x11", f"unmap {first}", f"peek {first}", "checkpoint gone"]
    tight = [f"map {second} {two} w", f"poke {second} 0x22", f"protect {second} r", f"poke {second} 0x33"]
    other = [f"map {third} {one} w", f"peek {third}", f"unmap {third}", f"map {third} {two} w", f"peek {third}"]
    guest = boot("\n".join([*gone, *tight, "checkpoint tight", *other, "checkpoint other"]))
    guest.run_to("gone")
    _check_page(guest, int(first, 0), None)
    _check_probe(guest, ["poke", "unmap", "fault"], "stale-tlb", f"after unmap a read of {first} faults")
    guest.run_to("tight")
    _check_page(guest, int(second, 0), frame + PAGE)
    walk = guest.walk(int(second, 0))
    wanted = f"protect takes the right to write {second}"
    expect(not walk.page.write, "protect-wrong", wanted, "the tables still grant it", walk)
    stays = guest.read_word(frame + PAGE, 4)
    expect(stays == 0x22, "stale-tlb", f"after protect a write to {second} faults, and 0x22 stays", f"{stays:#x}")
    guest.run_to("other")
    _check_page(guest, int(third, 0), frame + PAGE)
    reads = [fact.number("value") for fact in guest.facts("peek")]
    wanted = f"{third} shows 0x11 of the one frame, then 0x22 of the other"
    seen = ", ".join(f"{value:#x}" for value in reads)
    expect(reads == [0x11, 0x22], "stale-tlb", wanted, seen, guest.walk(int(third, 0)))


def _check_page(guest: Guest, va: int, pa: int | None) -> None:
    """Checks that the tables, read from outside, map `va` to `pa`."""
    __tracebackhide__ = True
    walk = guest.walk(va)
    cause = "unmap-wrong" if pa is None else "protect-wrong"
    expect(walk.pa == pa, cause, f"{va:#x} maps {'nothing' if pa is None else f'{pa:#x}'}", f"{walk.pa}", walk)


def _check_probe(guest: Guest, wanted: list[str], cause: str, expected: str) -> None:
    __tracebackhide__ = True
    names = [fact.name for fact in guest.machine.facts() if fact.name in ("peek", "poke", "unmap", "fault")]
    expect(names == wanted, cause, expected, f"{names}")


@milestone("3.10", points=10, witness="KWQ")
def test_ledger(boot: Boot) -> None:
    """After N processes have ended every frame is back; the kernel half was not freed, nor a root in use"""
    lives = ["start tag 5 9", "start tag 7", "start spin", "timer 1000", "run hello", "ps", "frames", "checkpoint alive"]
    ends = ["kill 3", "kill 4", "kill 5", "run intruder read 0", "run intruder write 0", "run spin 1", "run family"]
    ends += ["run hello"] * 8 + ["wait", "ps", "frames", "checkpoint over"]
    script = ["run hello", "frames", "checkpoint first", *lives, *ends, "poweroff"]
    guest = boot("\n".join(script), cpu_budget=6.0, idle_backstop=_PATIENCE)
    before = guest.run_to("first").roots
    first = check_ledger(guest, [])
    guest.run_to("alive")
    alive = living(guest, 2)
    check_ledger(guest, [process.root for process in alive])
    _move_up(guest, next(process for process in alive if process.program == "spin"))
    for number in range(_DESTRUCTIONS):
        _check_not_loaded(guest, f"destruction {number + 1} of an AddressSpace")
    after = guest.run_to("over").roots
    expect(after == before, "kernel-root-changed", f"the monitor's roots are {_hex(before)} again", f"{_hex(after)}")
    expect(not processes(guest), "wrong-answer", "no process is left", f"{len(processes(guest))} are")
    check_all_regions_mapped(guest)
    last = check_ledger(guest, [])
    expect(last == first, "frames-leaked", f"the frames in use are those of before: {first}", f"{last}")
    _check_failed_starts(boot)


_DESTRUCTIONS = 24
"""Some are of objects that were moved from, and three of processes that the monitor kills: the others must prove it."""


def _move_up(guest: Guest, process: Process) -> None:
    """Moves all that a process has to the last of the root's user slots: it owns the whole user half, not only where
    programs happen to be. The process must no longer run.
    """
    top, below = walk_in(guest, process.root, guest.layout.user.stack_top - PAGE).steps[:2]
    walker = guest.walker()
    size, last = walker.entry_bytes, max(walker.root_slots(walker.windows[0]))
    for step, slot in ((top, last), (below, (1 << walker.index_bits) - 2)):
        guest.machine.write_physical(step.table + size * slot, guest.isa.paging.encoded(step.word))
        guest.machine.write_physical(step.table + size * step.index, bytes(size))


def _hex(roots: dict[str, int]) -> str:
    return ", ".join(f"{name} {root:#x}" for name, root in roots.items())


def _check_not_loaded(guest: Guest, what: str) -> None:
    """Checks that the next root to be freed is not the one that the CPU walks. The root is the first member of its object."""
    __tracebackhide__ = True
    cpu = guest.run_to_address(guest.image.destructor("AddressSpace"), what)
    place = guest.walk(cpu.first_argument).page.pa_of(cpu.first_argument)
    root, live = guest.read_word(place), live_root(guest)
    expect(root != live, "root-freed-while-loaded", "the root that goes is not the loaded one", f"{root:#x} is both")


_FRAMES_OF_A_START = 40
"""More than starting `hello` takes, stack and tables included."""


def _check_failed_starts(boot: Boot) -> None:
    """Checks that nothing is lost when the k-th allocation of a start fails, for every k."""
    __tracebackhide__ = True
    tries = [line for k in range(1, _FRAMES_OF_A_START + 1) for line in (f"fail {k}", "run hello", "fail 0", "frames")]
    script = ["run hello", "frames", *tries, "checkpoint ready"]
    guest = boot("\n".join(script), cpu_budget=6.0, idle_backstop=_PATIENCE)
    guest.run_to("ready")
    used = [fact.number("used") for fact in guest.facts("frames")]
    failed = len(guest.facts("run"))
    some = 0 < failed < _FRAMES_OF_A_START
    expect(some, "wrong-answer", "some of the starts fail, and the last does not", f"{failed} fail")
    for k, now in enumerate(used[1:], start=1):
        wanted = f"{used[0]} frames in use after a start whose allocation {k} failed"
        expect(now == used[0], "frames-leaked" if now > used[0] else "frame-freed-in-use", wanted, f"{now}")
    check_ledger(guest, [])


@milestone("3.11", points=5, witness="KWQ")
def test_stack_overflow(boot: Boot) -> None:
    """A process's kernel stack that runs out is reported from the emergency stack, and harms nobody"""
    guest = boot("start spin\nstart spin\nstart hello\ncheckpoint ready\nwait", idle_backstop=_PATIENCE)
    guest.run_to("ready")
    _, neighbour, victim = living(guest, 3)
    cpu = guest.run_to_address(guest.image.function("handle_system_call"), "a system call of hello")
    inside = victim.stack - victim.stack_size <= cpu.sp < victim.stack
    wanted = f"the system call of {victim} runs on its kernel stack, below {victim.stack:#x}"
    expect(inside, "trap-stack-not-set", wanted, f"sp is {cpu.sp:#x}")
    for va in victim.guard_pages:
        walk = guest.walk(va)
        wanted = f"nothing maps {va:#x}, in the guard below the stack of {victim}"
        expect(walk.mapping is None, "kernel-stack-guard-mapped", wanted, "a page is there", walk)
    walks = [guest.walk(va) for va in neighbour.stack_pages]
    wanted = f"all of the kernel stack of {neighbour} is mapped"
    frames = [expect_found(walk.pa, "kernel-stack-not-in-root", wanted, f"{walk.va:#x} is not", walk) for walk in walks]
    before = [guest.read_physical(pa, PAGE) for pa in frames]
    _divert(guest, guest.image.va("use_stack"), 64)
    stop = guest.machine.run()
    guest.last_stop = stop
    _check_overflow_report(guest, stop, victim)
    intact = before == [guest.read_physical(pa, PAGE) for pa in frames]
    expect(intact, "kernel-stack-guard-mapped", f"the kernel stack of {neighbour} is as it was", "it was overwritten")


def _divert(guest: Guest, function: int, argument: int) -> None:
    """Makes the CPU continue in another function, as if that had been called."""
    registers = guest.isa.registers
    guest.machine.write_register(registers.arguments[0], argument)
    guest.machine.write_register(registers.pc, function)


def _check_overflow_report(guest: Guest, stop: Stop, victim: Process) -> None:
    """Checks that a kernel that knew what had happened, and still had a stack, turned the machine off."""
    __tracebackhide__ = True
    reports = guest.facts("stack-overflow")
    if not reports and not guest.facts("todo"):
        ends = [fact.line for name in ("fault", "exception", "panic") for fact in guest.facts(name)] + [stop.detail]
        wanted = f"@stack-overflow, when the kernel stack of {victim} has run out"
        fail("overflow-not-reported", wanted, f"{ends[0]}; sp is {guest.cpu().sp:#x}")
    if not reports or stop.kind is not StopKind.POWERED_OFF:
        diagnose.unexpected_end(guest, stop, f"a report that the kernel stack of {victim} ran out")
    sp = reports[0].number("sp")
    near = victim.stack - 2 * victim.stack_size <= sp <= victim.stack - victim.stack_size + PAGE
    wanted = f"@stack-overflow with an sp at the lower end of the stack, {victim.stack - victim.stack_size:#x}"
    expect(near, "fault-misreported", wanted, f"{sp:#x}")
    emergency, now = guest.layout.region("emergency-stack"), guest.cpu().sp - guest.offset
    wanted = f"the report came from the emergency stack, below {emergency.end + guest.offset:#x}"
    expect(emergency.pa <= now < emergency.end, "stack-overflow", wanted, f"sp is {now + guest.offset:#x}")


@milestone("3.12", points=5, witness="D")
def test_discipline(boot_witnessed: BootWitnessed, chance: random.Random) -> None:
    """Stores to tables, flushes and releases of frames come in the right order"""
    check_discipline(boot_witnessed, lab=3, chance=chance)
