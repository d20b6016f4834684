"""Lab 2: the kernel moves out from under itself."""

import random
from collections.abc import Callable

from high_checks import check_everything_high, check_low_half_is_given_back, check_reachable, check_traps_move_first

from grade.boot.kernel_image import KernelImage
from grade.boot.layout import PAGE, layout_of
from grade.boot.unused_pages import unused_pages
from grade.checks.discipline import BootWitnessed, check_discipline
from grade.checks.leaf_checks import check_nothing_else
from grade.checks.map_checks import (
    check_all_regions_mapped,
    check_between,
    check_census,
    check_census_on_other_cpus,
    check_offset,
    check_own_root,
    kernel_mappings,
)
from grade.checks.settings import check_settings
from grade.diagnosis.defects import cause_in_defect
from grade.guest.guest import Guest
from grade.isa import isa_called
from grade.isa.traps import Event
from grade.plugin import milestone
from grade.results.failure import expect, hang_means
from grade.walker import Access

Boot = Callable[..., Guest]

_PATIENCE = 10.0
"""Seconds asleep: a guest that waits for interrupts sleeps between them, and on a busy machine they come late."""


@milestone("2.1", points=15, witness="Q")
def test_cpu_is_high(boot: Boot) -> None:
    """pc, sp, vectors, and on x86 GDT, TSS and emergency stack are all in the high half"""
    guest = boot("checkpoint moved\ncheckpoint ready\nframes")
    check_traps_move_first(guest)
    guest.run_to("ready")
    check_own_root(guest)
    check_everything_high(guest)
    check_between(guest)


@milestone("2.2", points=15, witness="WQ")
def test_offset(boot: Boot) -> None:
    """va - pa is the kernel offset for every kernel page, and the base fits the address size"""
    guest = boot("checkpoint ready")
    guest.run_to("ready")
    check_offset(guest, "wrong-offset")
    check_all_regions_mapped(guest)
    for region in guest.layout.regions:
        for pa in (region.pa, region.end - 1):
            va = pa + guest.layout.offset_of(region)
            seen = guest.machine.gva2gpa(va)
            wanted = f"QEMU translates {va:#x} ({region.name}) to {pa:#x}"
            expect(seen == pa, "walks-disagree", wanted, f"{seen}", guest.walk(va))


@milestone("2.3", points=10, witness="KW")
def test_devices_are_high(boot: Boot, image: KernelImage) -> None:
    """Devices answer at their high addresses after the low map is dropped"""
    layout = layout_of(image)
    devices = {region.pa + layout.offset_of(region): region for region in layout.regions if region.device}
    lines = [f"peek {va:#x}" for va in devices]
    guest = boot("\n".join(["ticks 3", *lines, "checkpoint ready"]), idle_backstop=_PATIENCE)
    guest.run_to("ready")
    check_own_root(guest)
    walker = guest.walker()
    for va, device in devices.items():
        walk = walker.walk(va)
        cause = cause_in_defect(walker, walk) or "device-not-mapped"
        expect(walk.pa == device.pa, cause, f"{device.name} is mapped high", "it is not", walk)
        low = walker.walk(device.pa)
        expect(low.mapping is None, "identity-still-mapped", f"{device.name} is not mapped low", "it is", low)
    answers = [fact.number("va") for fact in guest.facts("peek")]
    wanted = list(devices)
    expect(answers == wanted, "device-not-mapped", f"answers from {_hex(wanted)}", f"{_hex(answers)}")
    expect(bool(guest.facts("ticks")), "device-not-mapped", "the timer's interrupts come in", "they do not")


def _hex(values: list[int]) -> str:
    return ", ".join(f"{value:#x}" for value in values)


@milestone("2.4", points=15, witness="KWQ")
def test_identity_is_gone(boot: Boot, image: KernelImage) -> None:
    """The identity map is gone: the load address does not translate, and touching it is reported"""
    layout = layout_of(image)
    parts = [layout.region(name) for name in ("text", "rodata", "data", "boot-stack")]
    touched = [pa for part in parts for pa in range(part.pa, part.end, PAGE)] + [layout.region("frames").pa]
    guest = boot("\n".join([f"peek {pa:#x}" for pa in touched] + ["frames", "checkpoint ready"]))
    guest.run_to("ready")
    low = [m for m in guest.walker().mappings() if m.va < guest.offset]
    first = low[0].va if low else image.load_address
    walk = guest.walk(first)
    expect(not low, "identity-still-mapped", "nothing is mapped in the lower half", f"{len(low)} pages are", walk)
    for pa in touched:
        seen = guest.machine.gva2gpa(pa)
        wanted = f"QEMU finds nothing at {pa:#x}"
        expect(seen is None, "identity-still-mapped", wanted, f"it finds {seen or 0:#x}", guest.walk(pa))
    faults = [(f.number("address"), f.values["cause"]) for f in guest.facts("fault")]
    silent = [pa for pa in touched if (pa, "not-present") not in faults]
    read = [fact.values["va"] for fact in guest.facts("peek")]
    expect(not read, "stale-identity", "reading a low address faults", f"{', '.join(read)} could be read")
    expect(not silent, "fault-misreported", "each fault is reported as not-present", f"{_hex(silent)} are not")
    check_low_half_is_given_back(guest)


@milestone("2.5", points=10, witness="KQ")
def test_traps_return(boot: Boot) -> None:
    """Exceptions and 1000 timer interrupts are taken and returned from"""
    guest = boot("breakpoint\npeek 0\ncheckpoint before\nticks 1000\ncheckpoint after", cpu_budget=5.0, idle_backstop=_PATIENCE)
    before = guest.run_to("before")
    check_own_root(guest)
    faulted = bool(guest.facts("breakpoint")) and bool(guest.facts("fault"))
    expect(faulted, "trap-not-returned", "a breakpoint and a fault are returned from", "they are not")
    vector = guest.handler(Event.TICK)
    expect(vector >= guest.offset, "vectors-still-low", "the timer's vector is high", f"it is {vector:#x}")
    with hang_means("trap-not-returned"):
        for number in range(1, 11):
            cpu = guest.run_to_address(vector, f"timer interrupt {number}")
            expect(cpu.sp >= guest.offset, "stack-still-low", "the interrupted stack is high", f"sp is {cpu.sp:#x}")
            check_own_root(guest)
        after = guest.run_to("after")
    counted = guest.fact("ticks")
    count = counted.number("after") - counted.number("before")
    expect(count >= 1000, "trap-not-returned", "1000 timer interrupts", f"{count}")
    expect(after.sp == before.sp, "trap-not-returned", f"sp is {before.sp:#x} again", f"it is {after.sp:#x}")


@milestone("2.6", points=10, witness="W")
def test_census(boot: Boot) -> None:
    """The permission census of lab 1 still holds at the high addresses"""
    guest = boot("checkpoint ready\nticks 3", idle_backstop=_PATIENCE)
    guest.run_to("ready")
    check_all_regions_mapped(guest)
    check_census(guest)
    guest.run_to_address(guest.handler(Event.TICK), "a timer interrupt")
    check_settings(guest)
    check_census_on_other_cpus(boot, guest.isa)


@milestone("2.7", points=10, witness="W")
def test_ram_sizes(boot: Boot, image: KernelImage, chance: random.Random) -> None:
    """It holds for 64 MiB, 256 MiB and 2 GiB of RAM"""
    for ram_mib, low_page in zip((64, 256, 2048), unused_pages(isa_called(image.isa), chance, 3), strict=True):
        last = layout_of(image).ram_base + (ram_mib << 20) - PAGE
        lines = [f"map {low_page:#x} {last:#x} w", f"poke {low_page:#x} {ram_mib}", "frames", "checkpoint ready"]
        guest = boot("\n".join(lines), ram_mib=ram_mib)
        guest.run_to("ready")
        check_all_regions_mapped(guest)
        check_offset(guest, "wrong-offset")
        check_nothing_else(guest, guest.walker(), kernel_mappings(guest), guards=False)
        check_reachable(guest, low_page, Access.WRITE)
        seen = guest.read_word(last, 4)
        walk = guest.walk(low_page)
        expect(seen == ram_mib, "wrong-frame", f"the last frame of {ram_mib} MiB holds {ram_mib}", f"{seen}", walk)


@milestone("2.8", points=10, witness="WQ")
def test_kernel_root_is_settled(boot: Boot, image: KernelImage, chance: random.Random) -> None:
    """The kernel's root stays as it is after the move, and the two halves share no table"""
    frame = layout_of(image).region("frames").end  # the first frame beyond the window
    (low_page,) = unused_pages(isa_called(image.isa), chance, 1)
    guest = boot(
        f"map {low_page:#x} {frame:#x} w\nbreakpoint\ncheckpoint before\nticks 20\ncheckpoint after", idle_backstop=_PATIENCE
    )
    settled = guest.run_to_address(guest.image.va("kernel_main"), "kernel_main at its high address").roots["kernel"]
    guest.run_to("before")
    vector = guest.handler(Event.TICK)
    for number in range(1, 6):
        _expect_root(guest, settled, guest.run_to_address(vector, f"timer interrupt {number}").roots["kernel"])
    _expect_root(guest, settled, guest.run_to("after").roots["kernel"])
    low, high = guest.tables_of_half(high=False), guest.tables_of_half(high=True)
    walk = guest.walk(low_page)
    expect(bool(low), "map-lookup-wrong", f"{low_page:#x} maps {frame:#x}", "nothing is mapped low", walk)
    shared = sorted(low & high)
    expect(not shared, "halves-share-a-table", "no table in both halves", f"{_hex(shared)} are in both")
    expect(bool(kernel_mappings(guest)), "high-half-not-mapped", "the kernel's half maps something", "it is empty")


def _expect_root(guest: Guest, settled: int, seen: int) -> None:
    __tracebackhide__ = True
    expect(seen == settled, "kernel-root-changed", f"the kernel's root stays at {settled:#x}", f"it is {seen:#x}")


@milestone("2.9", points=5, witness="D")
def test_discipline(boot_witnessed: BootWitnessed, chance: random.Random) -> None:
    """Stores to tables, flushes and releases of frames come in the right order"""
    check_discipline(boot_witnessed, lab=2, chance=chance)
