"""Hostile programs against the whole tree's kernel: it lives, only the offender dies, and no frame is lost."""

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from grade.boot.guest import Guest
from grade.boot.kernel_image import KernelImage
from grade.boot.layout import PAGE
from grade.ladder.build import Kernel, build_kernel
from grade.ladder.trees import find_root
from grade.machine.stop import StopKind
from grade.tests.program_files import EXIT, TEXT, Part, give_programs, program

ROOT = find_root(Path(__file__))

INTERRUPT, ILLEGAL, TRAP, BUS, ARITHMETIC, KILL, SEGMENTATION = 2, 4, 5, 7, 8, 9, 11  # Linux's signals
NO_EXECUTABLE, AGAIN, NO_MEMORY = 8, 11, 12  # and errors

USER_END = 0x7FFF_FFFF_F000  # kernel/space/user_layout.h
STACK_TOP, STACK_LIMIT = 0x4000_0000, 0x3FF0_0000
STACKS_OFFSET, STACKS_SIZE = (512 << 30) + (1 << 30) - (256 << 10), 128 * 32768  # kernel/map/kernel_half.h
WINDOW_SIZE = 32 << 20
WINDOWS_OFFSET, WINDOWS_SIZE = 1 << 40, 64 * PAGE

_TYPED = 0.2  # seconds in which what was sent is in the serial port of a machine that stands still

Attack = Callable[..., Guest]


@pytest.fixture
def attack(boot: Callable[..., Guest]) -> Attack:
    """Runs lines of the monitor's, and then looks whether the kernel is none the worse for it.

    At the checkpoint `ready`, before all else, `prepare` may change the guest.
    """

    def carry_out(*lines: str, prepare: Callable[[Guest], None] | None = None, **options: object) -> Guest:
        after = ("frames", "run hello", "frames", "checkpoint survived")
        guest = boot("checkpoint ready", "frames", *lines, *after, **options)
        guest.run_to("ready")
        if prepare is not None:
            prepare(guest)
        guest.run_to("survived")
        check_alive(guest)
        check_nothing_is_left(guest)
        return guest

    return carry_out


def check_alive(guest: Guest) -> None:
    """The last program was hello, and all was well with it."""
    assert not [fact for fact in guest.machine.facts() if fact.name in ("panic", "exception", "missing-in-root")]
    last = guest.facts("exit")[-1].values
    assert (last["status"], last["signal"]) == ("0", "0")
    assert last["pid"] in guest.machine.serial().rpartition("Hello from user mode, this is process ")[2]


def check_nothing_is_left(guest: Guest) -> None:
    """As many frames are in use as before; no window and no kernel stack is mapped."""
    counts = [(f.values["used"], f.values["window_free"], f.values["beyond_free"]) for f in guest.facts("frames")]
    assert counts[0] == counts[-2] == counts[-1]
    for start, size in ((WINDOWS_OFFSET, WINDOWS_SIZE), (STACKS_OFFSET, STACKS_SIZE)):
        low = guest.offset + start
        assert not list(guest.walker().mappings(low=low, high=low + size))


def killed(guest: Guest) -> Counter[tuple[str, int]]:
    """How often each program was killed by each signal."""
    return Counter((f.values["program"], int(f.values["signal"])) for f in guest.facts("killed"))


def said(guest: Guest, pattern: str) -> list[tuple[str, ...]]:
    """What the groups of a pattern matched, for each line that it matches."""
    return [match.groups() for line in guest.machine.serial().splitlines() if (match := re.fullmatch(pattern, line))]


# --- instructions ---------------------------------------------------------------------------------------------------

# What the misdeeds of user/lib/<isa>/misdeeds.h lead to, where it is not the ISA's usual: 0 means that nothing happens.
# Several are possible where CPUs differ, or where QEMU is not exact.
USUAL = {"x86_64": {SEGMENTATION}, "aarch64": {ILLEGAL}}
OUTCOMES = {
    "x86_64": {
        **dict.fromkeys(("syscall", "sysret", "sysenter", "sysexit", "vmmcall"), {ILLEGAL, SEGMENTATION}),
        **dict.fromkeys(("x87", "fwait", "mmx", "sse", "fxsave", "ldmxcsr", "avx", "xgetbv", "wrfsbase"), {ILLEGAL}),
        **dict.fromkeys(("single-step", "single-step-behind-stack-switch", "breakpoint"), {TRAP}),
        **dict.fromkeys(("user-segments", "call-with-all-flags", "stack-not-aligned", "cpuid", "rdtsc"), {0}),
        # QEMU 7.2 takes the stack of a far return in user mode for the kernel's, and SMAP forbids it.
        **dict.fromkeys(("far-return", "iret-with-all-flags"), {0, SEGMENTATION}),
        "divide-by-zero": {ARITHMETIC},
        "debug-trap": {TRAP, ILLEGAL},  # QEMU 7.2 does not know it
        "undefined": {ILLEGAL},
    },
    "aarch64": {
        **dict.fromkeys(("svc-with-a-number", "condition-flags", "branch-for-a-while", "call-with-stack-moved"), {0}),
        **dict.fromkeys(("hints", "thread-pointer"), {0}),
        **dict.fromkeys(("wfe", "speculation-state", "data-independent-timing", "tag-check-override"), {0, ILLEGAL}),
        "stack-not-aligned": {0, BUS},
        "exclusive-not-aligned": {BUS},
        "breakpoint": {TRAP},
    },
}  # fmt: skip
SINGLE = {
    "x86_64": {("int", 3): {TRAP}, ("int", 0x80): {0}, ("call-with-flag", 8): {TRAP}},
    "aarch64": {("jump-beside", 0): {0}, **{("jump-beside", by): {BUS} for by in (1, 2, 3)}},
}
SINGLE["x86_64"] |= {("call-with-flag", bit): {0} for bit in range(64) if bit != 8}
# Without UMIP these instructions cannot be forbidden (docs/limits.md).
TABLE_READS = ("sgdt", "sidt", "sldt", "str", "smsw")


@pytest.mark.parametrize(
    ("isa", "cpu"), [("x86_64", "max"), ("x86_64", "qemu64"), ("aarch64", "cortex-a72"), ("aarch64", "max")]
)
def test_misdeeds(isa: str, cpu: str) -> None:
    """Instructions that are not for users, in all the ways that the ISA has."""
    script = "frames\nrun outlaw\nframes\nrun hello\nframes\ncheckpoint survived"
    with Guest(build_kernel(ROOT, isa), script, cpu=cpu, cpu_budget=20.0, idle_backstop=10.0) as guest:
        guest.run_to("survived")
        check_alive(guest)
        check_nothing_is_left(guest)
        lines = said(guest, r"outlaw: (\S+) (\d+) (?:signal (\d+)|survived)")
        assert len(lines) > 60 and said(guest, "outlaw: done()")
        wrong = []
        for name, number, signal in lines:
            usual = SINGLE[isa].get((name, int(number))) or OUTCOMES[isa].get(name, USUAL[isa])
            if name in TABLE_READS and cpu == "qemu64":
                usual = {0}
            if int(signal or 0) not in usual:
                wrong.append(f"{name} {number}: {signal}, not one of {usual}")
        assert not wrong
        assert killed(guest).total() == sum(signal is not None for _, _, signal in lines)


def test_a_segment_table_laid_by_a_program_is_not_used() -> None:
    """After reset an x86 has an LDT, at address 0: a program could lay a gate into the kernel there."""
    gate = 0x1000
    handler = TEXT + 0x10
    call_gate = (handler & 0xFFFF | 8 << 16 | 0xEC << 40 | handler >> 16 << 48).to_bytes(16, "little")
    selector = gate | 4 | 3  # of the LDT, with user privilege
    code = bytes.fromhex("ff1c25 20004000").ljust(0x10, b"\x90")  # lcall *0x400020
    code += bytes.fromhex("fa f4 ebfd").ljust(0x10, b"\x90")  # cli; hlt; back to it: nobody would get the machine back
    code += (selector << 32).to_bytes(6, "little")
    file = program("x86_64", [Part(gate, call_gate, "r"), Part(TEXT, code)])
    script = "checkpoint ready\nframes\nrun gate\nframes\nrun hello\nframes\ncheckpoint survived"
    with Guest(build_kernel(ROOT, "x86_64"), script, cpu="qemu64") as guest:
        guest.run_to("ready")
        give_programs(guest, {"gate": file})
        guest.run_to("survived")
        check_alive(guest)
        check_nothing_is_left(guest)
        assert guest.fact("user-exception").values["name"] == "general-protection"


@pytest.mark.parametrize("kernel", ["x86_64"], indirect=True)
def test_the_kernel_has_flags_of_its_own(boot: Callable[..., Guest]) -> None:
    """Whatever a program's flags: the direction is up, SMAP holds (AC), and nobody steps."""
    code = bytes.fromhex("68 d54e2400" "9d" "cd80") + EXIT["x86_64"]  # push $flags; popfq; int $0x80
    guest = boot("checkpoint ready", "run flags", "checkpoint survived")
    guest.run_to("ready")
    give_programs(guest, {"flags": program("x86_64", [Part(TEXT, code)])})
    for _ in range(100):  # a tick may come first
        cpu = guest.run_to_address(guest.image.va("handle_trap"), "the first C++ function of a trap")
        frame = guest.walk(cpu.first_argument).pa
        vector, user_flags = guest.read_word(frame + 15 * 8), guest.read_word(frame + 19 * 8)
        if vector == 0x80:
            break
    assert user_flags == 0x244ED7 and guest.read_word(frame + 18 * 8) & 3 == 3
    assert guest.machine.registers()["eflags"] == 1 << 1  # which is always one
    guest.run_to("survived")


# --- addresses ------------------------------------------------------------------------------------------------------


def test_trespass(attack: Attack, boot: Callable[..., Guest]) -> None:
    """Reads, writes, jumps and stacks at every kind of address that is not the program's."""
    probe = boot()
    image, offset = probe.image, probe.offset
    grown = STACK_TOP - 5 * PAGE - 8  # the stack grows to there
    own_stack = offset + STACKS_OFFSET + 2 * 32768 - 64  # the kernel stack of pid 3, the second process
    addresses = [
        0, 8, PAGE - 8, TEXT - 8, STACK_LIMIT - 8, grown, STACK_TOP, USER_END - 16, USER_END, USER_END + PAGE - 8,
        1 << 47, (1 << 48) - 16, 1 << 48, 1 << 63, 0xFFFF_0000_0000_0000, 0xFFFF_8000_0000_0000, image.va("image_start"),
        image.va("handle_trap"), image.va("boot_stack_end") - 64, offset + image.pa("image_end") + PAGE, own_stack,
        offset + STACKS_OFFSET, offset + WINDOWS_OFFSET, offset + image.pa("image_start") + WINDOW_SIZE, 2**64 - 8,
    ]  # fmt: skip
    lines = [f"run trespass {' '.join(map(hex, addresses[i : i + 6]))}" for i in range(0, len(addresses), 6)]
    guest = attack(*lines)
    told = said(guest, r"trespass: (\S+) (\S+) signal (\d+) code (\d+)")
    outcomes = {(deed, int(address, 0)): (int(signal), int(code)) for deed, address, signal, code in told}
    assert set(outcomes) == {(deed, a) for deed in ("read", "write", "jump", "stack") for a in addresses}
    allowed = {key for key, value in outcomes.items() if value != (SEGMENTATION, 0)}
    # A push writes right below its stack pointer: with the stack pointer above the stack that is allowed.
    assert allowed - {("stack", STACK_TOP)} == {(deed, grown) for deed in ("read", "write", "stack")}
    assert killed(guest).total() == len(outcomes) - len(allowed)


def test_the_end_of_the_user_half(attack: Attack, kernel: Kernel) -> None:
    """A system call as the last instruction that there can be: the way back leads to the first address that is not the
    user's, and the fault there must be the user's."""
    getpid = {"x86_64": bytes.fromhex("b8ac000000" "cd80"), "aarch64": bytes.fromhex("881580d2" "010000d4")}[kernel.isa]
    last = Part(USER_END - PAGE, b"\0" * (PAGE - len(getpid)) + getpid)
    file = program(kernel.isa, [last], entry=USER_END - len(getpid))
    guest = attack("run edge", prepare=lambda g: give_programs(g, {"edge": file}))
    (fact,) = guest.facts("killed")
    assert (int(fact.values["pc"], 0), int(fact.values["signal"])) == (USER_END, SEGMENTATION)
    assert guest.fact("fault").values["access"] == "execute"


def test_a_stack_that_runs_out(attack: Attack) -> None:
    guest = attack("run deep 100", "run deep 5000", "run deep 1000000")
    assert said(guest, r"deep: came back from (\d+)") == [("100",), ("5000",)]  # the second with a stack that has grown
    assert killed(guest) == {("deep", SEGMENTATION): 1}
    assert STACK_LIMIT - PAGE <= int(guest.fact("fault").values["address"], 0) < STACK_LIMIT
    assert guest.fact("killed").values["why"] == "no-area"


# --- system calls ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ("image_start", "boot_stack"))
def test_bad_pointers_and_lengths(attack: Attack, kernel: Kernel, target: str) -> None:
    """Each system call gives the error that it should, also for memory that the kernel itself could read or write."""
    address = KernelImage(kernel.isa, kernel.elf).va(target)
    lines = ("timer 1000", f"run badcalls {address:#x}", "timer 10000")
    guest = attack(*lines, prepare=lambda g: g.machine.send("x" * 2000))
    assert said(guest, r"badcalls: (.*)") == [("all is well",)]
    assert not killed(guest)


@pytest.mark.parametrize("seed", (1, 2))
def test_random_system_calls(attack: Attack, seed: int) -> None:
    """100,000 of them; the program itself checks that no register changes but the result."""
    guest = attack(f"run gibberish 100000 {seed}", "wait")  # for the programs that it has started
    assert said(guest, r"gibberish: (\d+) calls") == [("100000",)]
    answers = {int(error): int(count) for error, count in said(guest, r"gibberish: answer (\d+) came (\d+) times")}
    assert sum(answers.values()) == 100_000
    assert {0, 2, 7, 9, 10, 14, 22, 38} <= set(answers) and min(answers[error] for error in (0, 9, 14, 22, 38)) > 1000
    assert not killed(guest)


def test_bad_names_and_arguments_of_execve(attack: Attack) -> None:
    """A program that fails to become another is what it was, every time; in the end it does become another."""
    guest = attack("run badexec")
    assert said(guest, r"badexec: (.*)") == [("all is well",)]
    assert said(guest, r"(badexec is echo)") and not killed(guest)


@pytest.mark.parametrize("seed", (1, 2))
def test_nonsense_about_memory(attack: Attack, seed: int) -> None:
    """Calls at random; some programs lose what they need, and then they are killed for that and nothing else."""
    guest = attack(f"run mmapnonsense 100 {seed}")
    ((children, lost),) = said(guest, r"mmapnonsense: (\d+) children, (\d+) took away what they needed")
    assert (children, "all is well") == ("100", said(guest, r"mmapnonsense: (all is well)")[0][0])
    assert 5 <= int(lost) <= 60 and killed(guest) == {("mmapnonsense", SEGMENTATION): int(lost)}


# --- registers ------------------------------------------------------------------------------------------------------


def test_a_new_program_finds_nothing_of_the_kernel(boot: Callable[..., Guest]) -> None:
    guest = boot("run keeper 1 3", "run hello", "checkpoint survived")
    for _ in range(2):  # the second one where the first one was
        guest.run_to_address(TEXT, "the first instruction of a program")
        registers = guest.machine.registers()
        if guest.isa.name == "x86_64":
            names = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", *(f"r{i}" for i in range(8, 16))]
            names += ["ds", "es", "fs", "gs", "fs_base", "gs_base"]
            assert (registers["cs"], registers["ss"], registers["eflags"] & ~0x202) == (0x23, 0x1B, 0)
        else:
            names = [*(f"x{i}" for i in range(31)), "tpidr_el0"]
            registers["tpidr_el0"] = guest.machine.read_register("tpidr_el0")
            assert registers["cpsr"] & 0xFFFF_FFFF == 0
        assert {name: registers[name] for name in names} == dict.fromkeys(names, 0)
        assert registers[guest.isa.registers.sp] % 16 == 0
        guest.machine.step()
    guest.run_to("survived")


def test_registers_are_kept(attack: Attack) -> None:
    """Three programs fill all registers, each with its own values, and the timer takes the CPU from one to the next."""
    keepers = [f"start keeper {seed} 100" for seed in (1, 2, 3)]
    guest = attack("timer 200", *keepers, "trace ticks 1000", "wait", "trace ticks 0", "timer 10000")
    assert said(guest, r"keeper: (.*)") == [("kept its registers for 100 rounds",)] * 3
    ticks = Counter(fact.values["pid"] for fact in guest.facts("tick"))
    assert len(ticks) == 3 and min(ticks.values()) >= 3
    assert not killed(guest)


# --- too much of everything -----------------------------------------------------------------------------------------


def test_endless_loops(attack: Attack) -> None:
    guest = attack("start spin", "start spin", "run hello", "run keeper 5 3", "ps", "kill 2", "kill 3")
    assert [f.values["state"] for f in guest.facts("process") if f.values["program"] == "spin"][2:] == ["ready"] * 2
    assert said(guest, r"keeper: (.*)") == [("kept its registers for 3 rounds",)]


def test_a_call_that_would_print_for_ever(boot: Callable[..., Guest]) -> None:
    """While the kernel prints, it hears no Ctrl-C: so a call must not print as much as a program likes."""
    guest = boot("frames", "run chatter", "frames", "run hello", "frames", "checkpoint survived")
    assert guest.machine.run(until="chatter: begins").kind is StopKind.OUTPUT, guest.machine.serial()
    guest.machine.send("\x03")
    guest.run_to("survived")
    assert guest.facts("exit")[0].values["signal"] == str(INTERRUPT)
    check_alive(guest)
    check_nothing_is_left(guest)


@pytest.mark.parametrize(("ram_mib", "error"), [(64, NO_MEMORY), (256, AGAIN)])
def test_memory_and_processes_run_out(attack: Attack, ram_mib: int, error: int) -> None:
    """With little memory that is what there is no more of; else the numbers of processes are."""
    guest = attack("run glutton", "run glutton", ram_mib=ram_mib)
    assert said(guest, r"glutton: the last one got error (\d+)") == [(str(error),)] * 2
    assert set(killed(guest)) <= {("glutton", KILL)} and {f.values["why"] for f in guest.facts("killed")} <= {"no-memory"}


def test_a_fork_bomb(attack: Attack) -> None:
    """Nobody waits for anybody: all are orphans in the end, and process 0 takes note of them."""
    guest = attack("run rabbits 2", "wait")
    litters = [(int(young), int(error)) for young, error in said(guest, r"rabbits: (\d+) young, then error (\d+)")]
    assert litters and {error for _, error in litters} == {AGAIN}
    assert sum(young for young, _ in litters) >= 126
    assert len(guest.facts("exit")) == sum(young for young, _ in litters) + 2  # and the first one, and hello


def test_an_endless_fork_bomb_and_the_monitor(attack: Attack) -> None:
    """Everybody tries to fork, and takes each place that becomes free. The monitor is quicker with a program of its own,
    and can end them one after the other: while it has the CPU, nobody forks."""
    kills = [f"kill {pid}" for pid in range(2, 140)]  # 127 processes, sleep, hello, and some
    guest = attack("start forkbomb", "run sleep 1", "run hello", "ps", *kills, "ps")
    assert said(guest, r"forkbomb: fork fails with error (\d+)") == [(str(AGAIN),)]
    assert len(said(guest, r"(Hello from user mode), this is process \d+")) == 2
    told = [f.values["program"] for f in guest.facts("process")]
    first = told.index("kernel")
    assert set(told[first:-2]) == {"kernel", "forkbomb"} and told[first:].count("forkbomb") >= 126
    assert told[-2:] == ["kernel", "hello"]
    assert Counter(f.values["signal"] for f in guest.facts("exit")).keys() == {"0", str(KILL)}


def test_an_endless_fork_bomb_and_ctrl_c(boot: Callable[..., Guest]) -> None:
    """The shell that started it is still there, and its prompt comes back."""
    guest = boot("frames", "run sh", "frames", "checkpoint survived")

    def wait_for(text: str) -> None:
        assert guest.machine.run(until=text).kind is StopKind.OUTPUT, guest.machine.serial()[-2000:]

    wait_for("$ ")
    guest.machine.send("forkbomb\r")
    wait_for("forkbomb: fork fails")
    guest.machine.send("\x03")
    wait_for("[interrupted]")
    wait_for("$ ")
    guest.machine.send("ps\r")
    wait_for("running ps\n")
    assert "forkbomb\n" not in guest.machine.serial().replace("\r", "").rpartition("PID PARENT")[2]
    guest.machine.send("forkbomb &\r")
    wait_for("forkbomb: fork fails")
    guest.machine.send("nobody\r")
    wait_for("sh: cannot fork: there are too many processes\n")
    # What is pasted behind Ctrl-C must not overtake it: here the shell itself is the first to see both, before any tick.
    guest.run_to_address(guest.image.function("console_read"), "the shell's read")
    guest.machine.send("\x03hello\rexit\r")
    time.sleep(_TYPED)
    guest.run_to("survived")
    assert "Hello from user mode" in guest.machine.serial().rpartition("cannot fork")[2]
    check_nothing_is_left(guest)


def test_zombies_that_nobody_wants(attack: Attack) -> None:
    """They take all the places there are until their parent ends."""
    # The second sleep takes the place that spin had, and hello finds none. Nobody can kill the dead.
    lines = ("start sleep 3600", "run hello", "ps", "kill 4", "kill 129", "kill 2")
    guest = attack("start deadbeat", "run spin 100", *lines)
    ((children,),) = said(guest, r"deadbeat: (\d+) children")
    assert guest.fact("run").values["result"] == "no-process-slot"
    assert [f.values["reason"] for f in guest.facts("misuse")] == ["no-such-process"]
    states = Counter(f.values["state"] for f in guest.facts("process"))
    assert states["zombie"] == int(children) == 125
    assert len(guest.facts("exit")) == int(children) + 4  # spin, sleep, deadbeat, and the last hello


def test_numbers_of_processes_begin_again(attack: Attack) -> None:
    guest = attack("run generations 1200", "ps", "kill 3")
    assert said(guest, r"generations: (.*)") == [("highest 999, restarts 1, elder lives",)]
    assert guest.facts("process")[-2].values["pid"] == "3"


def test_kill_in_every_state(attack: Attack) -> None:
    guest = attack(
        "start sleep 3600", "start launch sleep 3600", "start spin", "run spin 20", "ps",
        "kill 2", "kill 3", "kill 4", "ps", "kill 6", "kill 6", "kill 0", "ps",
    )  # fmt: skip
    told = [(f.values["pid"], f.values["program"], f.values["state"]) for f in guest.facts("process")]
    first = told.index(("0", "kernel", "running"))
    assert told[first : first + 5] == [
        ("0", "kernel", "running"), ("2", "sleep", "sleeping"), ("3", "launch", "waiting"), ("4", "spin", "ready"),
        ("6", "sleep", "sleeping"),
    ]  # fmt: skip
    assert told[first + 5 :][:3] == [("0", "kernel", "running"), ("6", "sleep", "sleeping"), ("0", "kernel", "running")]
    assert [f.values["reason"] for f in guest.facts("misuse")] == ["no-such-process"] * 2
    ends = {f.values["pid"]: f.values["signal"] for f in guest.facts("exit")}
    assert {pid: ends[pid] for pid in ("2", "3", "4", "6")} == dict.fromkeys(("2", "3", "4", "6"), str(KILL))


def test_each_allocation_fails_once(attack: Attack) -> None:
    """Those for a program of the monitor's, those for its child, which a system call asks for, and those in faults of
    either: for want of a page a program is killed."""
    most = 60
    lines = [line for k in range(1, most) for line in (f"fail {k}", "run launch nothing", "fail 0", "frames")]
    guest = attack(*lines)
    by_monitor = [fact.values["result"] for fact in guest.facts("run")]
    by_program = [status for (status,) in said(guest, r"launch: spawn returned (.*)")]
    fine = said(guest, r"launch: (ended with status 0 signal 0)")
    assert set(by_monitor) == {"no-memory"} and set(by_program) == {str(-NO_MEMORY)} and len(fine) > 0
    assert len(by_monitor) >= 10 and len(by_program) >= 10
    assert len(by_monitor) + len(by_program) + killed(guest).total() + len(fine) == most - 1
    assert set(killed(guest)) == {("launch", KILL), ("nothing", KILL)}
    assert said(guest, r"launch: (ended with status 0 signal 9)")
    assert len({fact.values["free"] for fact in guest.facts("frames")}) == 1


# --- files ----------------------------------------------------------------------------------------------------------


def bad_programs(isa: str) -> dict[str, tuple[bytes, str]]:
    """Files that are no programs, and why not."""
    text, other = Part(TEXT, EXIT[isa]), {"x86_64": "aarch64", "aarch64": "x86_64"}[isa]
    good = program(isa, [text])
    data = Part(TEXT + PAGE, b"data", "rw")
    template = Part(TEXT, b"", "r", type=7, memory_size=8)  # PT_TLS

    def at(address: int, size: int, **changed: int) -> bytes:
        return program(isa, [text, Part(address, b"", "rw", memory_size=size, **changed)])

    def changed(**fields: int) -> bytes:
        return program(isa, [text], **fields)

    outside, truncated = "segment-out-of-place", "truncated"
    files = {
        "empty": (b"", truncated),
        "script": (b"#!/bin/sh\n".ljust(100, b"#"), "not-elf"),
        "half-a-header": (good[:63], truncated),
        "half-a-part": (good[:100], truncated),
        "without-content": (good[:-1], truncated),
        "content-far-away": (program(isa, [Part(TEXT, EXIT[isa], offset=2**64 - PAGE)]), truncated),
        "parts-far-away": (changed(headers=2**64 - 1), truncated),
        "parts-around-the-end": (changed(headers=2**64 - 55), truncated),
        "many-parts": (changed(count=0xFFFF), truncated),
        "no-parts": (changed(count=0), "no-segments"),
        "nine-parts": (program(isa, [Part(TEXT + i * PAGE, EXIT[isa]) for i in range(9)]), "too-many-segments"),
        "32-bits": (changed(bits=1), "wrong-class"),
        "big-endian": (changed(order=2), "wrong-byte-order"),
        "future": (changed(version=2), "wrong-version"),
        "library": (changed(type=3), "wrong-type"),
        "core-dump": (changed(type=4), "wrong-type"),
        "other-isa": (program(other, [text]), "wrong-machine"),
        "other-parts": (changed(part_size=57), "wrong-header-size"),
        "linked-at-run-time": (program(isa, [text, Part(0, b"/lib/ld.so", "r", type=3)]), "not-static"),
        "write-and-execute": (program(isa, [Part(TEXT, EXIT[isa], "rwx")]), "write-and-execute"),
        "unreadable": (program(isa, [Part(TEXT, EXIT[isa], "x")]), "unreadable"),
        "two-templates": (program(isa, [text, template, template]), "bad-thread-variables"),
        "large-template": (program(isa, [text, replace(template, memory_size=2**64 - 1)]), "bad-thread-variables"),
        "shared-page": (program(isa, [text, Part(TEXT + 64, b"data", "rw")]), "segments-share-a-page"),
        "page-zero": (at(0, PAGE), outside),
        "last-of-page-zero": (at(PAGE - 1, 2), outside),
        "around-the-end": (at(2**64 - PAGE, 2 * PAGE), outside),
        "all-there-is": (at(PAGE, 2**64 - 1), outside),
        "kernel": (at(0xFFFF_8000_0000_0000, PAGE), outside),
        "behind-the-end": (at(USER_END - PAGE, PAGE + 1), outside),
        "over-the-stack": (at(STACK_TOP - PAGE, 2 * PAGE), outside),
        "on-the-guard": (at(STACK_TOP - 5 * PAGE, PAGE), outside),
        "shrunk": (program(isa, [Part(TEXT, EXIT[isa], memory_size=1)]), "more-in-file-than-in-memory"),
        "misaligned": (program(isa, [Part(TEXT, EXIT[isa], offset=177)]), "misaligned"),
        "entry-nowhere": (program(isa, [text], entry=0), "bad-entry"),
        "entry-behind": (program(isa, [text], entry=TEXT + len(EXIT[isa])), "bad-entry"),
        "entry-in-data": (program(isa, [text, data], entry=data.address), "bad-entry"),
        "entry-in-kernel": (program(isa, [text], entry=0xFFFF_8000_0020_0000), "bad-entry"),
    }
    if isa == "aarch64":
        files["entry-beside"] = (program(isa, [text], entry=TEXT + 2), "bad-entry")
    return files


def large_programs(isa: str) -> dict[str, bytes]:
    """Programs that are promised more than there is."""

    def with_memory(address: int, size: int) -> bytes:
        return program(isa, [Part(TEXT, EXIT[isa]), Part(address, b"", "rw", memory_size=size)])

    return {
        "hundred-mebibytes": with_memory(TEXT + PAGE, 100 << 20),
        "tebibyte": with_memory(1 << 40, 1 << 40),
        "most-of-it": with_memory(1 << 32, USER_END - (1 << 32)),
    }


def test_files_that_are_no_programs(attack: Attack, kernel: Kernel) -> None:
    """Each is refused with the reason, in the monitor and to a program that would start it or become it."""
    files = bad_programs(kernel.isa)
    lines = [line for name in files for line in (f"run {name}", f"run launch {name}", f"run become {name}")]
    own = {name: (kernel.elf.parent / "archive" / name).read_bytes() for name in ("launch", "become")}
    contents = {name: content for name, (content, _) in files.items()} | own
    guest = attack("run missing", *lines, prepare=lambda g: give_programs(g, contents))
    seen = {f.values["program"]: (f.values["result"], f.values.get("why")) for f in guest.facts("run")}
    wanted = {name: ("not-executable", why) for name, (_, why) in files.items()}
    assert seen == wanted | {"missing": ("no-such-program", None)}
    assert said(guest, r"launch: spawn returned (.*)") == [(str(-NO_EXECUTABLE),)] * len(files)
    assert said(guest, r"become: execve returned (.*)") == [(str(-NO_EXECUTABLE),)] * len(files)
    assert not killed(guest)


def test_programs_that_are_too_large(attack: Attack, kernel: Kernel) -> None:
    """What they do not touch, they need not have."""
    files = large_programs(kernel.isa)
    guest = attack(*(f"run {name}" for name in files), prepare=lambda g: give_programs(g, files))
    assert not guest.facts("run")
    started = {f.values["pid"]: f.values["program"][:15] for f in guest.facts("process")}
    ended = {started[f.values["pid"]]: f.values["signal"] for f in guest.facts("exit")}
    assert ended == {name[:15]: "0" for name in (*files, "hello")}


# --- nobody's fault -------------------------------------------------------------------------------------------------


def test_an_interrupt_that_nobody_expects_is_no_programs_fault(boot: Callable[..., Guest]) -> None:
    """The CPU sends it to itself while the monitor has interrupts off, so that it comes in the first program."""
    registers = {"x86_64": (0xFEE00300, 0x40040), "aarch64": (0x08000F00, 0x02000005)}
    probe = boot()
    pa, value = registers[probe.isa.name]
    guest = boot(f"poke {pa + probe.offset:#x} {value:#x}", "run hello", "checkpoint survived")
    assert guest.machine.run().kind is StopKind.POWERED_OFF, guest.machine.serial()
    assert guest.fact("exception").values["name"] == "unexpected-interrupt"
    assert guest.fact("exception").values["mode"] == "user"
    assert not killed(guest)
