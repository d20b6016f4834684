"""The monitor of the whole tree's kernel: every command, what is typed, misuse, and the machine around it."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grade.boot.layout import PAGE
from grade.guest.guest import MONITOR_PROMPT, Guest
from grade.isa import ISAS
from grade.ladder.build import Kernel, build_kernel
from grade.ladder.trees import find_root
from grade.machine.stop import AT_PROMPT, Stop, StopKind
from grade.results.failure import Failure

ROOT = find_root(Path(__file__))
LOW = 0x5000_0000_0000

Boot = Callable[..., Guest]


@pytest.fixture(scope="module", params=ISAS)
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return build_kernel(ROOT, request.param)


@pytest.fixture
def boot(kernel: Kernel) -> Iterator[Boot]:
    guests: list[Guest] = []

    def start(*lines: str, **options: object) -> Guest:
        guest = Guest(kernel, "\n".join(lines), **options)
        guests.append(guest)
        guest.machine.start()
        return guest

    yield start
    for guest in guests:
        guest.machine.close()


def ram(guest: Guest, frame: int) -> int:
    """Returns the address of a frame beyond the window."""
    return guest.layout.window_end + frame * PAGE


def values(guest: Guest, name: str, key: str) -> list[str | None]:
    """Returns one value of every fact of that name."""
    return [fact.values.get(key) for fact in guest.facts(name)]


def test_help_names_every_command(boot: Boot) -> None:
    guest = boot("help", "checkpoint ready")
    guest.run_to("ready")
    lines = guest.machine.serial().splitlines()
    for command in (
        "help", "checkpoint", "breakpoint", "ticks", "overflow", "poweroff", "regions", "frames", "fail", "peek", "poke",
        "jump", "map", "lookup", "unmap", "protect",
    ):  # fmt: skip
        assert sum(line.startswith((command + " ", command + ":")) for line in lines) == 1, command


def test_regions_are_those_of_the_image(boot: Boot) -> None:
    guest = boot("regions", "checkpoint ready")
    guest.run_to("ready")
    said = {
        (f.values["name"], int(f.values["pa"], 0), int(f.values["size"], 0), f.values["write"], f.values["execute"])
        for f in guest.facts("region")
    }
    word = {True: "yes", False: "no"}
    wanted = {(r.name, r.pa, r.size, word[r.write], word[r.execute]) for r in guest.layout.regions}
    assert said == wanted


def test_poke_and_peek_reach_ram(boot: Boot) -> None:
    probe = boot("checkpoint ready")
    pa = ram(probe, 7)
    guest = boot(f"map {LOW:#x} {pa:#x} w", f"poke {LOW + 8:#x} 0xdeadbeef", f"peek {LOW + 8:#x}", "checkpoint ready")
    guest.run_to("ready")
    assert guest.read_word(pa + 8, 4) == 0xDEADBEEF
    assert values(guest, "peek", "value") == ["0xdeadbeef"]


def test_faults_are_reported_and_survived(boot: Boot) -> None:
    probe = boot("checkpoint ready")
    pa, text = ram(probe, 1), probe.image.va("image_start")
    guest = boot(
        f"map {LOW:#x} {pa:#x} r", f"poke {LOW:#x} 1", f"jump {LOW:#x}", f"peek {LOW + PAGE:#x}", f"poke {text:#x} 1",
        "checkpoint ready",
    )  # fmt: skip
    guest.run_to("ready")
    seen = [(int(f.values["address"], 0), f.values["access"], f.values["cause"]) for f in guest.facts("fault")]
    assert seen == [
        (LOW, "write", "permission"),
        (LOW, "execute", "permission"),
        (LOW + PAGE, "read", "not-present"),
        (text, "write", "permission"),
    ]
    assert guest.facts("fault")[1].values["pc"] == f"{LOW:#x}"
    assert {f.values["mode"] for f in guest.facts("fault")} == {"kernel"}


def test_a_non_canonical_address_is_reported(boot: Boot) -> None:
    guest = boot("peek 0x8000000000000000", "checkpoint ready")
    guest.run_to("ready")
    (fault,) = guest.facts("fault")
    wanted = {"x86_64": "non-canonical", "aarch64": "not-present"}
    assert fault.values["cause"] == wanted[guest.isa.name]
    assert int(fault.values["address"], 0) == 1 << 63


def test_jump_comes_back_from_code(boot: Boot) -> None:
    """A page that holds nothing but a return instruction."""
    code = {"x86_64": b"\xc3", "aarch64": (0xD65F03C0).to_bytes(4, "little")}
    probe = boot("checkpoint ready")
    pa = ram(probe, 3)
    guest = boot("checkpoint ready", f"map {LOW:#x} {pa:#x} x", f"jump {LOW:#x}", "checkpoint after")
    guest.run_to("ready")
    guest.machine.write_physical(pa, code[guest.isa.name])
    guest.run_to("after")
    assert values(guest, "jump", "va") == [f"{LOW:#x}"]
    assert not guest.facts("fault")


def test_unmap_and_protect_take_effect_at_once(boot: Boot) -> None:
    probe = boot("checkpoint ready")
    pa = ram(probe, 0)
    guest = boot(
        "frames", f"map {LOW:#x} {pa:#x} w", f"poke {LOW:#x} 1", f"protect {LOW:#x} r", f"poke {LOW:#x} 2",
        "checkpoint protected", f"unmap {LOW:#x}", f"peek {LOW:#x}", f"unmap {LOW:#x}", f"protect {LOW:#x} r", "frames",
        "checkpoint ready",
    )  # fmt: skip
    guest.run_to("protected")
    mapping = guest.walk(LOW).mapping
    assert mapping is not None and not mapping.write
    assert guest.read_word(pa, 4) == 1
    guest.run_to("ready")
    assert guest.walk(LOW).mapping is None
    assert values(guest, "fault", "access") == ["write", "read"]
    assert values(guest, "unmap", "result") == ["ok", "not-mapped"]
    assert values(guest, "protect", "result") == ["ok", "not-mapped"]
    before, after = values(guest, "frames", "free")
    assert before == after  # the tables came back


@pytest.mark.parametrize("seed", range(3))
def test_random_maps_unmaps_and_protects_agree_with_a_model(boot: Boot, seed: int) -> None:
    choice = random.Random(seed)
    probe = boot("checkpoint ready")
    model: dict[int, tuple[int, bool]] = {}
    lines, wanted = [], []
    for _ in range(80):
        va = LOW + choice.choice((0, 1 << 21, 1 << 30, 1 << 39)) + choice.randrange(6) * PAGE
        action = choice.choice(("map", "map", "unmap", "protect"))
        write, pa = choice.random() < 0.5, ram(probe, choice.randrange(100))
        flags = "w" if write else "r"
        lines.append({"map": f"map {va:#x} {pa:#x} {flags}", "unmap": f"unmap {va:#x}"}.get(action, f"protect {va:#x} {flags}"))
        if action == "map":
            wanted.append("already-mapped" if va in model else "ok")
            model.setdefault(va, (pa, write))
            continue
        wanted.append("ok" if va in model else "not-mapped")
        if action == "unmap":
            model.pop(va, None)
        elif va in model:
            model[va] = (model[va][0], write)
    guest = boot("frames", *lines, "checkpoint ready", *(f"unmap {va:#x}" for va in model), "frames", "checkpoint empty")
    guest.run_to("ready")
    answers = [f.values["result"] for f in guest.machine.facts() if f.name in ("map", "unmap", "protect")]
    assert answers == wanted
    found = {m.va: (m.pa, m.write) for m in guest.walker().mappings(low=LOW, high=LOW + (1 << 40))}
    assert found == model
    guest.run_to("empty")
    before, after = values(guest, "frames", "free")
    assert before == after


def test_an_allocation_that_fails_leaves_nothing_behind(boot: Boot) -> None:
    """Mapping a page where nothing is mapped takes three tables; each may be the one that is not there."""
    probe = boot("checkpoint ready")
    lines = [line for k in (1, 2, 3) for line in (f"fail {k}", f"map {LOW:#x} {ram(probe, 0):#x} w", "frames")]
    guest = boot("frames", *lines, "checkpoint ready", "fail 0", f"map {LOW:#x} {ram(probe, 0):#x} w", "checkpoint after")
    guest.run_to("ready")
    assert values(guest, "map", "result") == ["no-memory"] * 3
    assert len(set(values(guest, "frames", "free"))) == 1
    assert not list(guest.walker().mappings(low=LOW, high=LOW + (1 << 39)))
    guest.run_to("after")
    assert values(guest, "map", "result")[-1] == "ok"


def test_an_allocation_can_be_made_to_fail_from_boot_on(boot: Boot) -> None:
    guest = boot("checkpoint ready", fail_allocation=2)
    stop = guest.machine.run()
    assert stop.kind is StopKind.POWERED_OFF
    assert guest.facts("panic")


def test_misuse_is_answered(boot: Boot) -> None:
    guest = boot(
        "peek", "peek x", "peek 0x", "poke 0x1000 0x100000000", "map 0 0", "map 0 0 q", "map 0x1001 0 r", "nonsense",
        "lookup 18446744073709551616", "  ", "# a comment", "map 0x123456789a000000 0 r", "checkpoint ready",
    )  # fmt: skip
    guest.run_to("ready")
    assert values(guest, "misuse", "reason") == [
        "missing-argument", "bad-number", "bad-number", "bad-number", "missing-argument", "bad-flags", "unknown-command",
        "bad-number",
    ]  # fmt: skip
    assert values(guest, "map", "result") == ["misaligned", "bad-address"]


def test_a_stack_overflow_is_reported_from_a_stack_of_its_own(boot: Boot) -> None:
    guest = boot("overflow")
    assert guest.machine.run().kind is StopKind.POWERED_OFF
    (fact,) = guest.facts("stack-overflow")
    guard = guest.layout.region("boot-stack-guard")
    assert guard.pa <= int(fact.values["sp"], 0) - guest.offset <= guard.end
    cpu = guest.cpu()
    emergency = guest.layout.region("emergency-stack")
    assert emergency.pa <= cpu.sp - guest.offset <= emergency.end


def test_what_is_typed_is_carried_out(boot: Boot) -> None:
    """With echo, backspace and a line that is too long."""
    guest = boot("checkpoint ready")
    guest.run_to("ready")
    guest.machine.send("lookupp\x7f 0x0\r")
    assert guest.machine.run(until="mapped=no").kind is StopKind.OUTPUT
    assert guest.machine.run(until=MONITOR_PROMPT).kind is StopKind.OUTPUT
    guest.machine.send("x" * 500 + "\r")
    assert guest.machine.run(until="unknown-command").kind is StopKind.OUTPUT
    guest.machine.send("poweroff\r")
    assert guest.machine.run().kind is StopKind.POWERED_OFF


def test_defaults_hold_without_parameters(kernel: Kernel) -> None:
    """A kernel without boot parameters assumes the least RAM and comes to its prompt."""
    with Guest(kernel) as guest:
        parameters = guest.machine.isa.board.parameters_address
        guest.machine.write_physical(parameters, b"\0" * 64)
        assert guest.machine.run(until=MONITOR_PROMPT).kind is StopKind.OUTPUT
        guest.machine.send("frames\r")
        assert guest.machine.run(until="beyond_free=").kind is StopKind.OUTPUT
        assert guest.machine.run(until="\n").kind is StopKind.OUTPUT
        frames = guest.fact("frames").values
        assert int(frames["free"]) + int(frames["used"]) == int(frames["total"])
        assert int(frames["beyond_free"]) == (64 - 32) * 256


@pytest.mark.parametrize(("isa", "options"), [
    ("aarch64", {"el2": True}), ("aarch64", {"cpu": "cortex-a53"}), ("aarch64", {"cpu": "max"}),
    ("x86_64", {"cpu": "qemu64"}), ("x86_64", {"cpu": "max"}),
])  # fmt: skip
def test_other_cpus(isa: str, options: dict) -> None:
    with Guest(build_kernel(ROOT, isa), "breakpoint\npeek 0\nticks 5\npoweroff", **options) as guest:
        assert guest.machine.run().kind is StopKind.POWERED_OFF, guest.machine.serial()
        assert guest.facts("breakpoint") and guest.facts("fault") and guest.facts("ticks") and guest.facts("poweroff")


def test_an_interrupt_that_nobody_expects_is_reported(boot: Boot) -> None:
    """One that the CPU sends to itself: a software-generated interrupt of the GIC, an IPI of the local APIC."""
    registers = {"x86_64": (0xFEE00300, 0x40040), "aarch64": (0x08000F00, 0x02000005)}
    probe = boot("checkpoint ready")
    pa, value = registers[probe.isa.name]
    guest = boot(f"poke {pa + probe.offset:#x} {value:#x}", "ticks 5")
    assert guest.machine.run().kind is StopKind.POWERED_OFF, guest.machine.serial()
    assert values(guest, "exception", "name") == ["unexpected-interrupt"]


def test_a_protection_fault_is_not_called_non_canonical(kernel: Kernel, boot: Boot) -> None:
    if kernel.isa != "x86_64":
        pytest.skip("other ISAs report such addresses as ordinary faults")
    probe = boot("checkpoint ready")
    pa = ram(probe, 5)
    code = LOW + 0x1010  # in rdi when it is called; its lower half is a selector beyond the GDT
    guest = boot("checkpoint ready", f"map {LOW + PAGE:#x} {pa:#x} x", f"jump {code:#x}")
    guest.run_to("ready")
    guest.machine.write_physical(pa + code % PAGE, bytes.fromhex("8edf" "c3"))  # mov %edi, %ds; ret
    assert guest.machine.run().kind is StopKind.POWERED_OFF
    assert values(guest, "exception", "name") == ["general-protection"]
    assert not guest.facts("fault")


def test_a_short_write_does_not_give_the_cpu_away(boot: Boot) -> None:
    """Two programs that start one after the other print one after the other, if no tick comes between."""
    guest = boot("timer 4000000", "start hello", "start hello", "wait", "checkpoint ready")
    guest.run_to("ready")
    assert guest.machine.serial().replace("\r", "").count("Hello\nwrite returned 5\nHello from user mode") == 2


def test_a_guest_at_its_prompt_is_not_waited_for(boot: Boot) -> None:
    """Unless somebody types. The prompt that the grader expects is the one that the kernel prints."""
    guest = boot("", idle_backstop=30.0)
    stop = guest.machine.run()
    assert (stop.kind, stop.detail) == (StopKind.HANG, AT_PROMPT)
    guest.machine.send("regions\r")
    assert guest.machine.run(until=MONITOR_PROMPT).kind is StopKind.OUTPUT


def test_a_guest_that_sleeps_is_not_run_again(boot: Boot, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a report of where it sleeps, with a process that waits for its time."""
    guest = boot("run sleep 1000000", "checkpoint never", idle_backstop=0.5)
    run, details = guest.machine.run, []

    def noted() -> Stop:
        stop = run()
        details.append(stop.detail)
        return stop

    monkeypatch.setattr(guest.machine, "run", noted)
    monkeypatch.setattr(guest.machine, "step", None)  # a CPU that sleeps comes to the end of no instruction
    with pytest.raises(Failure, match="^hang: "):
        guest.run_to("never")
    assert len(details) == 1 and details[0].startswith("the guest slept for")
