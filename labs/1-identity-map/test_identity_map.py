"""Lab 1: translation goes on, and nothing moves."""

import random
from collections.abc import Callable
from pathlib import Path

from map_model import MapModel, play
from table_budget import tables_needed

from grade.boot.kernel_image import KernelImage
from grade.boot.layout import PAGE, layout_of
from grade.checks.discipline import BootWitnessed, check_discipline
from grade.checks.host_tests import check_host_tests
from grade.checks.map_checks import (
    check_all_regions_mapped,
    check_between,
    check_census,
    check_census_on_other_cpus,
    check_nothing_at,
    check_offset,
    check_own_root,
    kernel_mappings,
)
from grade.checks.settings import check_settings, check_tables_of_halves
from grade.diagnosis.defects import cause_in_defect
from grade.guest.guest import Guest
from grade.isa import isa_called
from grade.isa.traps import Event
from grade.plugin import milestone
from grade.results.failure import expect, hang_means
from grade.run_plan import Target

Boot = Callable[..., Guest]


@milestone("1.0", points=5, witness="H")
def test_lookup(host_tests: Callable[[str], Path], tmp_path: Path) -> None:
    """The engine looks up what is in tables, on all four formats"""
    check_host_tests(host_tests, "PageTableLookup*", tmp_path)


@milestone("1.1", points=10, witness="H")
def test_engine(host_tests: Callable[[str], Path], tmp_path: Path) -> None:
    """The engine maps and looks up on all four formats"""
    check_host_tests(host_tests, "PageTableMap*", tmp_path)


@milestone("1.2", points=10, witness="Q")
def test_translation_is_on(boot: Boot) -> None:
    """Translation is on, with your root and not the boot-time one"""
    guest = boot("checkpoint ready\nframes")
    root = guest.run_to("ready").roots["kernel"]
    check_tables_of_halves(guest)
    check_own_root(guest)
    check_between(guest)
    frames, ram_end = guest.layout.region("frames"), guest.ram_end
    cause = "table-outside-window" if guest.isa.board.ram_base <= root < ram_end else "table-outside-memory"
    cause = "virtual-address-as-physical" if root >= guest.isa.paging.never_physical else cause
    expect(frames.pa <= root < frames.end, cause, "the root is a frame of the window", f"it is at {root:#x}")


@milestone("1.3", points=15, witness="W")
def test_identity(boot: Boot) -> None:
    """Every mapped page has va == pa, and all that the kernel needs is mapped"""
    guest = boot("checkpoint ready")
    guest.run_to("ready")
    check_own_root(guest)
    check_offset(guest, "wrong-frame")
    check_all_regions_mapped(guest)


@milestone("1.4", points=10, witness="W")
def test_census(boot: Boot) -> None:
    """Permission census: text R-X, rodata R--, data RW-, devices as devices"""
    guest = boot("checkpoint ready\nbreakpoint")
    guest.run_to("ready")
    check_all_regions_mapped(guest)
    check_census(guest, guards=False)
    guest.run_to_address(guest.handler(Event.BREAKPOINT), "the breakpoint's vector")
    check_settings(guest)
    check_census_on_other_cpus(boot, guest.isa, guards=False)


@milestone("1.5", points=10, witness="KW")
def test_guards(boot: Boot, image: KernelImage) -> None:
    """Page 0 and the stack guards are not mapped, and touching them is reported"""
    guards = layout_of(image).guards
    touched = [0] + [guard.end + image.offset - 4 for guard in guards if guard.name != "page-0"]
    tries = [("peek {:#x}", "read"), ("poke {:#x} 1", "write"), ("jump {:#x}", "execute")]
    lines = [form.format(va) for va in touched for form, _ in tries]
    guest = boot("\n".join(["checkpoint before", *lines, "checkpoint ready"]))
    guest.run_to("before")
    check_own_root(guest)
    check_all_regions_mapped(guest)
    for guard in guards:
        check_nothing_at(guest, guard, "null-page-mapped" if guard.name == "page-0" else "guard-page-mapped")
    guest.run_to("ready")
    faults = [(f.values["address"], f.values["access"], f.values["cause"]) for f in guest.facts("fault")]
    wanted = [(f"{va:#x}", access, "not-present") for va in touched for _, access in tries]
    expect(faults == wanted, "fault-misreported", f"the reports {wanted}", f"{faults}")


@milestone("1.6", points=10, witness="KWQ")
def test_three_walks_agree(boot: Boot, image: KernelImage, chance: random.Random) -> None:
    """The kernel's lookup, the outside walk and QEMU's walk agree"""
    layout, user_end = layout_of(image), isa_called(image.isa).paging.user_end
    places = [(r, layout.offset_of(r)) for r in layout.regions]
    ends = [pa + offset for r, offset in places for pa in (r.pa, r.end - 1, r.end, r.pa - 1)]
    inside = [chance.randrange(r.pa, r.end) + offset for r, offset in places for _ in range(3)]
    anywhere = [chance.randrange(user_end // 2) for _ in range(8)] + [0, image.offset, user_end - 1]
    addresses = ends + inside + anywhere
    guest = boot("\n".join([f"lookup {va:#x}" for va in addresses] + ["checkpoint ready"]))
    guest.run_to("ready")
    check_own_root(guest)
    walker = guest.walker()
    answers = guest.facts("lookup")
    expect(len(answers) == len(addresses), "wrong-answer", f"{len(addresses)} answers", f"{len(answers)}")
    for va, answer in zip(addresses, answers, strict=True):
        walk = walker.walk(va)
        kernel = answer.number("pa") if answer.values["mapped"] == "yes" else None
        qemu = guest.machine.gva2gpa(va)
        said = ", ".join(
            f"{who} {'nothing' if pa is None else hex(pa)}"
            for who, pa in (("the kernel's lookup:", kernel), ("the outside walk:", walk.pa), ("QEMU:", qemu))
        )
        cause = cause_in_defect(walker, walk) or "walks-disagree"
        expect(kernel == walk.pa == qemu, cause, f"one answer for {va:#x}", said, walk)


@milestone("1.7", points=10, witness="KW")
def test_random_maps(boot: Boot, target: Target, chance: random.Random) -> None:
    """Random maps and lookups agree with a model"""
    for _ in range(3):
        play(boot, MapModel(isa_called(target.isa), chance), operations=60)


@milestone("1.8", points=10, witness="KQ")
def test_breakpoint_returns(boot: Boot) -> None:
    """A breakpoint instruction is taken through the vectors in the active root, and returned from"""
    guest = boot("checkpoint before\nbreakpoint\ncheckpoint after")
    before = guest.run_to("before")
    check_own_root(guest)
    vector = guest.handler(Event.BREAKPOINT)
    walk = guest.walk(vector)
    refused = guest.walker().would_fault(vector, "execute", user=False)
    expect(refused is None, "vectors-not-mapped", f"the vector at {vector:#x} can be executed", f"{refused}", walk)
    guest.run_to_address(vector, "the breakpoint's vector")
    check_own_root(guest)
    with hang_means("trap-not-returned"):
        after = guest.run_to("after")
    returned = after.sp == before.sp and bool(guest.facts("breakpoint"))
    expect(returned, "trap-not-returned", f"back in the monitor with sp {before.sp:#x}", f"sp is {after.sp:#x}")


@milestone("1.9", points=5, witness="W")
def test_economy(boot: Boot) -> None:
    """The map uses no more tables than it needs: blocks where alignment allows"""
    guest = boot("checkpoint ready")
    guest.run_to("ready")
    check_all_regions_mapped(guest)
    used = guest.kernel_tables()
    needed = tables_needed(guest.isa, guest.layout)
    small = [m for m in kernel_mappings(guest) if m.size == PAGE]
    seen = f"{len(used)}, with {len(small)} leaves of {PAGE} bytes"
    expect(len(used) <= needed, "too-many-tables", f"at most {needed} tables", seen)


@milestone("1.10", points=5, witness="D")
def test_discipline(boot_witnessed: BootWitnessed, chance: random.Random) -> None:
    """Stores to tables, flushes and releases of frames come in the right order"""
    check_discipline(boot_witnessed, lab=1, chance=chance)
