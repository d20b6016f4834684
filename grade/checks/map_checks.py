"""What must hold of the kernel's own map, read from the tables: used by the milestones of several labs."""

from collections.abc import Callable, Iterator

from grade.boot.layout import PAGE
from grade.checks.leaf_checks import cause_of_second_mapping, check_global, check_nothing_else
from grade.checks.settings import check_settings, fail_for, on_another_cpu, settings_of
from grade.diagnosis.defects import cause_in_defect
from grade.diagnosis.fault_cause import cause_of_hole
from grade.guest.guest import Guest
from grade.isa import Isa
from grade.isa.board import Region
from grade.isa.control import Settings
from grade.results.failure import expect, fail
from grade.walker import Mapping, RadixWalker, Walk, coalesce


def kernel_mappings(guest: Guest) -> list[Mapping]:
    """Returns every leaf of the kernel's half: all of them in lab 1, those at or above the offset from lab 2 on."""
    return [mapping for mapping in guest.walker().mappings() if mapping.va >= guest.offset]


def check_own_root(guest: Guest) -> None:
    """Checks that translation is on, with a root that the kernel itself made: no other table proves anything.

    Nor does a kernel that has changed its own code: it could do its work around the places where it is looked at, alone.
    """
    __tracebackhide__ = True
    _check_root(guest)
    _check_breakpoints(guest)
    check_code(guest)
    _check_root_stays(guest)


def check_between(guest: Guest) -> None:
    """Checks the root where no checkpoint is: within the command `frames`, which is next in the script."""
    __tracebackhide__ = True
    guest.run_to_address(guest.image.function("frames"), "the command frames asks the allocator")
    check_own_root(guest)


def check_code(guest: Guest) -> None:
    """Checks that the kernel's code in RAM is what was linked; before there are programs among them, its constants as well."""
    __tracebackhide__ = True
    has_programs = "Process" in guest.image.defined.records  # tests change those
    for segment in guest.image.constant_segments:
        if has_programs and not segment.is_code:
            continue
        found = guest.read_physical(segment.pa, len(segment.content))
        if found == segment.content:
            continue
        pa = segment.pa + next(i for i, (one, other) in enumerate(zip(found, segment.content, strict=True)) if one != other)
        where = guest.image.nearest(pa + guest.offset)
        fail("code-changed", "the kernel's code and constants are as they were linked", f"they differ at {pa:#x} ({where})")


def _check_breakpoints(guest: Guest) -> None:
    """Checks that no debug register has the kernel interrupted: it could change its tables just where they are looked at."""
    __tracebackhide__ = True
    armed = guest.cpu().breakpoints_of_its_own
    expect(not armed, "debug-registers-used", "the kernel sets no breakpoints of its own", armed)


def _check_root(guest: Guest) -> None:
    __tracebackhide__ = True
    cpu = guest.cpu()
    expect(cpu.translation_on, "translation-off", "the MMU is on", f"it is off: {cpu.translation_off}")
    if "boot_page_table" in guest.image.symbols:
        crude = guest.image.pa("boot_page_table")
        seen = f"the crude one at {crude:#x}"
        expect(cpu.roots["kernel"] != crude, "boot-root-still-active", "a root of your own", seen)


def _check_root_stays(guest: Guest) -> None:
    """Checks that no other root was loaded since the monitor began, in kernels that have no reason to."""
    __tracebackhide__ = True
    strayed = guest.stray_root()
    expect(not strayed, "root-strays", "the root that the monitor begins with stays loaded", strayed)


def check_all_regions_mapped(guest: Guest) -> None:
    """Checks that each region is mapped from its first to its last page, at va - pa == offset."""
    __tracebackhide__ = True
    check_own_root(guest)
    ranges = [(r.va, r.va + r.size) for r in coalesce(kernel_mappings(guest))]
    walker = guest.walker()
    for region in guest.layout.regions:
        offset = guest.layout.offset_of(region)
        hole = _first_hole(ranges, region.pa + offset, region.end + offset)
        if hole is None:
            continue
        cause = cause_of_hole(walker, region, offset, hole - offset)
        walk = walker.walk(hole)
        cause = cause_in_defect(walker, walk) or cause
        start, end = region.pa + offset, region.end + offset
        fail(cause, f"{region.name} is mapped from {start:#x} to {end:#x}", f"nothing maps {hole:#x}", walk)


def _first_hole(ranges: list[tuple[int, int]], start: int, end: int) -> int | None:
    """Returns the first address of start..end that no range covers; ranges are in order."""
    at = start
    for low, high in ranges:
        if low <= at < high:
            at = high
        if at >= end:
            return None
    return at


def check_offset(guest: Guest, cause: str) -> None:
    """Checks that every leaf of the kernel's half has va - pa == offset."""
    __tracebackhide__ = True
    for mapping in kernel_mappings(guest):
        offset = guest.layout.offset_at(mapping.pa)
        if mapping.va - mapping.pa != offset:
            cause = cause_of_second_mapping(guest, mapping) or cause
            wanted = f"va - pa == {offset:#x} for every page of {'a device' if offset != guest.offset else 'the kernel'}"
            seen = f"{mapping.va:#x} maps {mapping.pa:#x}, a difference of {mapping.va - mapping.pa:#x}"
            fail(cause, wanted, seen, guest.walk(mapping.va))


def check_census(guest: Guest, guards: bool = True) -> None:
    """Checks every leaf of the kernel's half, the entries that lead to it, and the registers that make them count.

    Permissions, memory types, access flags and global bits must be right, and nothing else may be mapped; without
    `guards` it is left to another milestone that the guards and page 0 are not.
    """
    __tracebackhide__ = True
    check_settings(guest)
    walker, settings = guest.walker(guest.isa.control.unseen(guest.machine)), settings_of(guest)
    mappings = [mapping for mapping in walker.mappings() if mapping.va >= guest.offset]
    of_types = _file_of_types(guest, mappings)
    for mapping in mappings:
        _check_leaf(guest, walker, mapping, settings, of_types)
    for region, mapping in _by_region(guest, mappings):
        _check_region_leaf(walker, region, mapping, of_types)
    for mapping in mappings:
        walk = walker.walk(mapping.va)
        check_global(guest, mapping, walk)
        check_tables_above(guest, walk)
    check_nothing_else(guest, walker, mappings, guards=guards)
    _check_no_defects(guest, walker)


def check_tables_above(guest: Guest, walk: Walk) -> None:
    """Checks the entries that lead to a leaf for what neither the leaf nor a permission shows."""
    __tracebackhide__ = True
    for step in walk.steps[:-1]:
        if (problem := guest.isa.paging.problem_of_table_entry(step)) is not None:
            fail_for(problem, walk)


def _check_no_defects(guest: Guest, walker: RadixWalker) -> None:
    """Checks that no entry of the kernel's half is one that the CPU cannot use: it is empty, a table or a leaf."""
    __tracebackhide__ = True
    for walk in walker.defects():
        if walk.va >= guest.offset:
            cause = cause_in_defect(walker, walk) or "table-outside-memory"
            fail(cause, f"every entry on the way to {walk.va:#x} is empty, or the CPU can use it", f"{walk.fault}", walk)


def check_census_on_other_cpus(boot: Callable[..., Guest], isa: Isa, guards: bool = True) -> None:
    """Checks the same on CPUs that lack something or have more: a kernel asks before it turns anything on."""
    __tracebackhide__ = True
    for cpu in isa.board.other_cpus:
        guest = boot("checkpoint ready", cpu=cpu)
        with on_another_cpu(cpu):
            guest.run_to("ready")
        check_census(guest, guards)


def _file_of_types(guest: Guest, mappings: list[Mapping]) -> str:
    """Returns where the registers are set that say what the numbers of memory types mean, if the leaves have their numbers right.

    They have if no device has a number that RAM has as well. '': the leaves themselves may be wrong.
    """
    numbers: dict[bool, set[int]] = {True: set(), False: set()}
    for region, mapping in _by_region(guest, mappings):
        numbers[region.device].add(guest.isa.paging.memory_number(mapping))
    return f"arch/{guest.isa.name}/boot_map.cc" if numbers[True].isdisjoint(numbers[False]) else ""


def _check_leaf(guest: Guest, walker: RadixWalker, mapping: Mapping, settings: Settings, of_types: str) -> None:
    """Checks what must hold of any page of the kernel."""
    __tracebackhide__ = True
    where = f"{mapping.va:#x}"
    walk = walker.walk(mapping.va)
    if (problem := guest.isa.paging.problem_of_page(mapping, settings)) is not None:
        fail_for(problem, walk, of_types if problem.cause == "wrong-memory-type" else "")
    expect(walk.fault != "access-flag", "access-flag-clear", f"the access flag of {where} is set", "it is clear", walk)
    expect(not mapping.user, "user-access-to-kernel", f"user code may not touch {where}", "it may", walk)
    executable = mapping.kernel_execute or mapping.user_execute
    both = mapping.write and executable
    expect(not both, "writable-and-executable", f"{where} is not both writable and executable", "it is both", walk)


def _by_region(guest: Guest, mappings: list[Mapping]) -> Iterator[tuple[Region, Mapping]]:
    """Yields each region with each leaf that holds a part of it."""
    for mapping in mappings:
        for region in guest.layout.regions:
            low = mapping.va - guest.layout.offset_of(region)
            if low < region.end and region.pa < low + mapping.size:
                yield region, mapping


def _check_region_leaf(walker: RadixWalker, region: Region, mapping: Mapping, of_types: str) -> None:
    """Checks what must hold of a page of this region."""
    __tracebackhide__ = True
    walk = walker.walk(mapping.va)
    seen = f"R{'W' if mapping.write else '-'}{'X' if mapping.kernel_execute else '-'}"
    if seen != region.permissions:
        cause = "table-entry-restricts" if mapping.restricted_by else "wrong-permission"
        fail(cause, f"{region.name} is {region.permissions}", f"{mapping.va:#x} is {seen}", walk)
    memory = "device" if region.device else "normal"
    wanted = f"{region.name} is mapped as {memory} memory"
    expect(mapping.memory == memory, "wrong-memory-type", wanted, f"{mapping.va:#x} is {mapping.memory} memory", walk, of_types)


def check_nothing_at(guest: Guest, region: Region, cause: str) -> None:
    """Checks that no page of a guard, or of page 0, is mapped."""
    __tracebackhide__ = True
    walker = guest.walker()
    start = 0 if region.name == "page-0" else region.pa + guest.layout.offset_of(region)
    for va in range(start, start + region.size, PAGE):
        walk = walker.walk(va)
        expect(walk.mapping is None, cause, f"nothing maps {va:#x} ({region.name})", f"it maps {walk.pa or 0:#x}", walk)
