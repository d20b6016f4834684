"""Hostile programs against the whole tree's kernel: it lives, only the offender dies, and no frame is lost."""

from collections import Counter
from collections.abc import Callable
from errno import E2BIG, EBADF, ECHILD, EFAULT, EINVAL, ENOENT, ENOSYS
from pathlib import Path
from signal import SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP

import pytest

from grade.boot.kernel_image import KernelImage
from grade.boot.layout import PAGE
from grade.guest.guest import Guest
from grade.ladder.build import Kernel, build_kernel
from grade.ladder.trees import find_root
from grade.machine.stop import StopKind
from grade.tests.kernel.hostile_runs import Attack, attack, check_alive, check_nothing_is_left, killed, laid_out, said
from grade.tests.kernel.program_files import EXIT, TEXT, Part, give_programs, program

ROOT = find_root(Path(__file__))
_ = attack  # the fixture

# --- instructions ---------------------------------------------------------------------------------------------------

# What the misdeeds of user/lib/<isa>/misdeeds.h lead to, where it is not the ISA's usual: 0 means that nothing happens.
# Several are possible where CPUs differ, or where QEMU is not exact.
USUAL = {"x86_64": {SIGSEGV}, "aarch64": {SIGILL}}
OUTCOMES = {
    "x86_64": {
        **dict.fromkeys(("syscall", "sysret", "sysenter", "sysexit", "vmmcall"), {SIGILL, SIGSEGV}),
        **dict.fromkeys(("x87", "fwait", "mmx", "sse", "fxsave", "ldmxcsr", "avx", "xgetbv", "wrfsbase"), {SIGILL}),
        **dict.fromkeys(("single-step", "single-step-after-stack-switch", "breakpoint"), {SIGTRAP}),
        **dict.fromkeys(("user-segments", "call-with-all-flags", "stack-not-aligned", "cpuid", "rdtsc"), {0}),
        # QEMU 7.2 takes the stack of a far return in user mode for the kernel's, and SMAP forbids it.
        **dict.fromkeys(("far-return", "iret-with-all-flags"), {0, SIGSEGV}),
        "divide-by-zero": {SIGFPE},
        "debug-trap": {SIGTRAP, SIGILL},  # QEMU 7.2 does not know it
        "undefined": {SIGILL},
    },
    "aarch64": {
        **dict.fromkeys(("svc-with-a-number", "condition-flags", "branch-for-a-while", "call-with-stack-moved"), {0}),
        **dict.fromkeys(("hints", "thread-pointer"), {0}),
        **dict.fromkeys(("wfe", "speculation-state", "data-independent-timing", "tag-check-override"), {0, SIGILL}),
        "stack-not-aligned": {0, SIGBUS},
        "exclusive-not-aligned": {SIGBUS},
        "breakpoint": {SIGTRAP},
    },
}  # fmt: skip
SINGLE = {
    "x86_64": {("int", 3): {SIGTRAP}, ("int", 0x80): {0}, ("call-with-flag", 8): {SIGTRAP}},
    "aarch64": {("jump-beside", 0): {0}, **{("jump-beside", by): {SIGBUS} for by in (1, 2, 3)}},
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
    user_end, stack_top, stack_limit = (laid_out(image, name) for name in ("kUserEnd", "kUserStackTop", "kUserStackLimit"))
    grown = laid_out(image, "kUserStackGuard") - 8  # the stack grows to there
    stacks = laid_out(image, "kKernelStacks")
    own_stack = stacks + 2 * laid_out(image, "kKernelStackSlot") - 64  # the kernel stack of pid 3, the second process
    addresses = [
        0, 8, PAGE - 8, TEXT - 8, stack_limit - 8, grown, stack_top, user_end - 16, user_end, user_end + PAGE - 8,
        1 << 47, (1 << 48) - 16, 1 << 48, 1 << 63, 0xFFFF_0000_0000_0000, 0xFFFF_8000_0000_0000, image.va("image_start"),
        image.va("handle_trap"), image.va("boot_stack_end") - 64, offset + image.pa("image_end") + PAGE, own_stack,
        stacks, laid_out(image, "kTempWindow"), offset + image.pa("image_start") + laid_out(image, "kWindowSize"), 2**64 - 8,
    ]  # fmt: skip
    lines = [f"run trespass {' '.join(map(hex, addresses[i : i + 6]))}" for i in range(0, len(addresses), 6)]
    guest = attack(*lines)
    told = said(guest, r"trespass: (\S+) (\S+) signal (\d+) code (\d+)")
    outcomes = {(deed, int(address, 0)): (int(signal), int(code)) for deed, address, signal, code in told}
    assert set(outcomes) == {(deed, a) for deed in ("read", "write", "jump", "stack") for a in addresses}
    allowed = {key for key, value in outcomes.items() if value != (SIGSEGV, 0)}
    # A push writes right below its stack pointer: with the stack pointer above the stack that is allowed.
    assert allowed - {("stack", stack_top)} == {(deed, grown) for deed in ("read", "write", "stack")}
    assert killed(guest).total() == len(outcomes) - len(allowed)


def test_the_end_of_the_user_half(attack: Attack, kernel: Kernel) -> None:
    """A system call as the last instruction that there can be: the way back leads to the first address that is not the
    user's, and the fault there must be the user's."""
    getpid = {"x86_64": bytes.fromhex("b8ac000000" "cd80"), "aarch64": bytes.fromhex("881580d2" "010000d4")}[kernel.isa]
    user_end = laid_out(KernelImage(kernel.isa, kernel.elf), "kUserEnd")
    last = Part(user_end - PAGE, b"\0" * (PAGE - len(getpid)) + getpid)
    file = program(kernel.isa, [last], entry=user_end - len(getpid))
    guest = attack("run edge", prepare=lambda g: give_programs(g, {"edge": file}))
    (fact,) = guest.facts("killed")
    assert (int(fact.values["pc"], 0), int(fact.values["signal"])) == (user_end, SIGSEGV)
    assert guest.fact("fault").values["access"] == "execute"


def test_a_stack_that_runs_out(attack: Attack) -> None:
    guest = attack("run deep 100", "run deep 5000", "run deep 1000000")
    assert said(guest, r"deep: came back from (\d+)") == [("100",), ("5000",)]  # the second with a stack that has grown
    assert killed(guest) == {("deep", SIGSEGV): 1}
    limit = laid_out(guest.image, "kUserStackLimit")
    assert limit - PAGE <= int(guest.fact("fault").values["address"], 0) < limit
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
    assert {0, ENOENT, E2BIG, EBADF, ECHILD, EFAULT, EINVAL, ENOSYS} <= set(answers)
    assert min(answers[error] for error in (0, EBADF, EFAULT, EINVAL, ENOSYS)) > 1000
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
    assert 5 <= int(lost) <= 60 and killed(guest) == {("mmapnonsense", SIGSEGV): int(lost)}


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
