"""What a root lacks, or permits beyond need, whatever the lab: what the CPU uses next, the kernel's regions, users' pages."""

from collections.abc import Iterator

from grade.boot.process_slots import has_areas, memory_map, process_slots
from grade.boot.sight import Sight
from grade.inspect.spaces import Space, walker_of
from grade.isa.board import Region
from grade.isa.traps import Need, Unmapped
from grade.results.failure import Failure
from grade.walker import Access, Mapping, RadixWalker
from grade.walker.explain import letters


def is_set_up(guest: Sight) -> bool:
    """Returns whether translation is on and the root is one that the kernel has made: what is before that needs no more."""
    crude = guest.image.pa("boot_page_table") if "boot_page_table" in guest.image.symbols else None
    return guest.cpu().translation_on and guest.cpu().roots["kernel"] != crude


def needs_of_cpu(guest: Sight) -> Iterator[str]:
    """Yields what the CPU uses with its next instruction, or at its next trap, and cannot reach by the roots that are loaded."""
    cpu, walker = guest.cpu(), guest.walker()
    now = [Need("the page of pc", cpu.pc, Access.EXECUTE, "")]
    if not cpu.is_user:
        now.append(Need("the stack in use", cpu.sp - guest.isa.registers.word_bytes, Access.WRITE, ""))
    for need in now:
        if refused := walker.would_fault(need.va, need.access.value, user=cpu.is_user):
            yield f"{need.what}, {need.va:#x}: {refused}"
    if is_set_up(guest):
        yield from _needs_of_traps(guest, walker)


def _needs_of_traps(guest: Sight, walker: RadixWalker) -> Iterator[str]:
    cpu = guest.cpu()
    try:
        for need in guest.isa.traps.addresses_held(guest, cpu):
            va = need.va - (guest.isa.registers.word_bytes if need.access is Access.WRITE else 0)  # a stack grows downwards
            if refused := walker.would_fault(va, need.access.value, user=False):
                yield f"the next trap needs {need.what}, {va:#x}: {refused}"
    except Unmapped as error:
        yield f"the next trap needs what nothing maps: {error}"
    place = guest.isa.traps.place_of_stack(cpu)
    if cpu.is_user and place is not None and (pa := walker.walk(place).pa) is not None:
        va = guest.read_word(pa) - guest.isa.registers.word_bytes
        if refused := walker.would_fault(va, Access.WRITE.value, user=False):
            yield f"the next trap from user mode needs its stack, {va:#x}: {refused}"


def regions_of(guest: Sight, space: Space) -> Iterator[str]:
    """Yields parts of the kernel, of its devices and of its stacks that the root does not map as they must be."""
    leaves = [leaf for leaf in walker_of(guest, space).mappings() if leaf.va >= guest.offset]
    for region in guest.layout.regions:
        start = region.pa + guest.layout.offset_of(region)
        yield from (f"{space.label}: {line}" for line in _wrong_in(region, range(start, start + region.size), leaves))
    for slot in process_slots(guest):
        if slot.stack_top and slot.pid:
            stack = range(slot.stack_top - guest.layout.stack_size, slot.stack_top)
            region = Region(f"the kernel stack of {slot}", stack.start, len(stack), write=True)
            yield from (f"{space.label}: {line}" for line in _wrong_in(region, stack, leaves))


def _wrong_in(region: Region, addresses: range, leaves: list[Mapping]) -> Iterator[str]:
    """Yields the first address that nothing maps, and the first page with other rights."""
    at = addresses.start
    inside = [leaf for leaf in leaves if leaf.va < addresses.stop and leaf.end > at]
    for leaf in inside:
        if leaf.va > at:
            break
        at = leaf.end
    if at < addresses.stop:
        yield f"nothing maps {at:#x}, of {region.name}"
    for leaf in inside:
        rights = letters(leaf.read, leaf.write, leaf.kernel_execute)
        if rights != region.permissions.lower():
            yield f"{max(leaf.va, addresses.start):#x} is {rights}, and is {region.name}, which is {region.permissions.lower()}"
            return


def pages_of(guest: Sight, space: Space) -> Iterator[str]:
    """Yields pages of the root that lead to where no page may, or that a process has and cannot use."""
    is_process = space.slot is not None and space.slot.pid != 0
    for_nobody = _pages_for_nobody(guest, space)
    image = [region for region in guest.layout.regions if not region.device and region.name != "frames"]
    walker = walker_of(guest, space)
    for page in walker.mappings():
        region, end = guest.layout.region_at(page.pa), page.end - page.va + page.pa
        is_device = region is not None and region.device
        if not is_device and not guest.layout.ram_base <= page.pa < end <= guest.ram_end:
            yield f"{space.label}: {page.va:#x} leads to {page.pa:#x}, where there is no RAM, and no device of the kernel's"
        if not page.accessed and walker.walk(page.va).fault == "access-flag":
            yield f"{space.label}: {page.va:#x} cannot be used: its access flag is clear, and this CPU does not set it"
        if page.va >= guest.isa.paging.user_end or not is_process:
            continue
        of_kernel = next((region for region in image if region.pa < end and page.pa < region.end), None)
        if of_kernel is not None:
            yield f"{space.label}: {page.va:#x} is a user's, and leads to {page.pa:#x}, which is the kernel's {of_kernel.name}"
        if guest.isa.paging.marks_global(page):
            yield f"{space.label}: {page.va:#x} is a user's page, and global: it stays in the TLB when another root is loaded"
        may_use = page.user_read or page.user_write or page.user_execute
        if not may_use and not any(page.va in pages for pages in for_nobody):
            yield f"{space.label}: {page.va:#x} is in the user's half, and only the kernel may use it"


def _pages_for_nobody(guest: Sight, space: Space) -> list[range]:
    """Returns the areas of a process that it has asked to be closed, even to itself."""
    if space.slot is None or space.slot.map is None or not has_areas(guest):
        return []
    try:
        areas = memory_map(guest, space.slot).areas
    except Failure:  # another finding says that the list is malformed
        return []
    return [range(area.start, area.end) for area in areas if area.protection == "---"]
