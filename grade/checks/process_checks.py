"""What must hold of processes and their roots, read from the tables of every root: for the labs from 3 on."""

from collections.abc import Iterable

from grade.boot.layout import PAGE, UserLayout
from grade.boot.processes import Process, processes
from grade.boot.promises import awaited_page, promised_pages
from grade.boot.sight import Sight
from grade.boot.user_image import UserImage
from grade.checks.leaf_checks import check_global, check_nothing_else
from grade.checks.map_checks import check_tables_above
from grade.diagnosis.defects import cause_in_bits
from grade.diagnosis.process_ends import ROOTS, killed_process, refused_start
from grade.guest.guest import Guest
from grade.inspect.spaces import live_root
from grade.results.failure import expect, fail
from grade.walker import Mapping, Walk

_STACKS = "kernel/map/kernel_stack.cc"


def living(guest: Guest, at_least: int) -> list[Process]:
    """Returns the live processes; fails if one was killed that should not have been, or if there are too few."""
    __tracebackhide__ = True
    wanted = f"{at_least} processes live"
    if (failure := killed_process(guest, wanted) or refused_start(guest, wanted)) is not None:
        raise failure
    found = processes(guest)
    expect(len(found) >= at_least, "process-killed", wanted, f"{len(found)} do")
    return found


# --- walks in a root of one's choice ---------------------------------------------------------------------------------


def walk_in(guest: Sight, root: int, va: int) -> Walk:
    """Returns how `va` translates while `root` is loaded."""
    return guest.walker().with_root(root).walk(va)


def user_word(guest: Guest, root: int, va: int) -> int:
    """Returns the number that user code finds at `va` while `root` is loaded, even in a page that comes only when touched."""
    __tracebackhide__ = True
    if (page := awaited_page(guest, root, va)) is not None:
        return int.from_bytes(page[va % PAGE :][:8], "little")
    walk = walk_in(guest, root, va)
    seen = "it is not" if walk.mapping is None else "user code may not touch it"
    is_users = walk.mapping is not None and walk.mapping.user
    expect(is_users, "user-page-not-mapped", f"{va:#x} is a page of the user's in the root {root:#x}", seen, walk)
    return guest.read_word(walk.page.pa_of(va))


def user_mappings(guest: Guest, root: int) -> list[Mapping]:
    """Returns every leaf of the lower half of `root`."""
    return list(guest.walker().mappings(root, 0, guest.isa.paging.user_end))


def kernel_mappings_in(guest: Guest, root: int, low: int, high: int) -> dict[int, Mapping]:
    """Returns the leaves of low..high that the kernel finds while `root` is loaded, by address."""
    walker = guest.walker()
    if "high" in walker.halves:
        return {m.va: m for m in walker.mappings(walker.roots()["high"], low, high, "high")}
    return {m.va: m for m in walker.mappings(root, low, high)}


def user_tables(guest: Guest, root: int) -> set[int]:
    """Returns the tables that belong to `root` alone: the root itself, and those of its lower half."""
    roots = guest.cpu().roots
    if "user" in roots:
        return set(guest.walker().tables(root))
    walker = guest.walker().with_root(root)
    return {root} | {
        step.table for mapping in walker.mappings(high=guest.isa.paging.user_end) for step in walker.walk(mapping.va).steps
    }


def check_loaded(guest: Guest, process: Process) -> None:
    """Checks that the root register holds the root of this process."""
    __tracebackhide__ = True
    root = live_root(guest)
    wanted = f"{process} runs on its own root, {process.root:#x}"
    expect(root == process.root, "wrong-root-loaded", wanted, f"the root register holds {root:#x}")


# --- kernel stacks ---------------------------------------------------------------------------------------------------


def check_kernel_stacks(guest: Guest, master: int, roots: Iterable[int], alive: list[Process]) -> None:
    """Checks that each root maps, of the stack area, exactly the stacks of live processes, as the master root does."""
    __tracebackhide__ = True
    low = min(process.stack for process in alive) - 2 * guest.layout.stack_size
    high = max(process.stack for process in alive)
    owners = {va: process for process in alive for va in process.stack_pages}
    in_master = kernel_mappings_in(guest, master, low, high)
    for root in (master, *roots):
        pages = kernel_mappings_in(guest, root, low, high)
        for va, owner in owners.items():
            if (wrong := _wrong_with_stack_page(pages.get(va), in_master.get(va))) is not None:
                cause, wanted, seen = wrong
                walk = walk_in(guest, root, va)
                name = f"page {va:#x} of the kernel stack of {owner} in the root {root:#x}"
                if (defect := cause_in_bits(guest.walker(), walk)) is not None:
                    fail(defect, f"{name} {wanted}", seen, walk, ROOTS)
                fail(cause, f"{name} {wanted}", seen, walk, _STACKS if cause == "kernel-page-not-global" else "")
        for va in sorted(pages.keys() - owners.keys()):
            walk = walk_in(guest, root, va)
            wanted = f"in the root {root:#x}, nothing between the stacks of the living processes"
            fail("kernel-stack-guard-mapped", wanted, f"{va:#x} maps {walk.pa or 0:#x}", walk)


def _wrong_with_stack_page(mapping: Mapping | None, master: Mapping | None) -> tuple[str, str, str] | None:
    """Returns the cause, what is expected, and what is seen; None if all is well."""
    if mapping is None:
        return "kernel-stack-not-in-root", "is mapped", "nothing is there"
    if not mapping.write or mapping.user or mapping.kernel_execute:
        seen = f"write {mapping.write}, user {mapping.user}, execute {mapping.kernel_execute}"
        cause = "user-access-to-kernel" if mapping.user else "kernel-stack-not-as-in-master"
        return cause, "is the kernel's alone, and RW-", seen
    if master is None or mapping.pa != master.pa:
        seen = f"{mapping.pa:#x}, and there {master.pa if master else 0:#x}"
        return "kernel-stack-not-as-in-master", "is the same frame as in the kernel's own root", seen
    if not mapping.global_:
        return "kernel-page-not-global", "is global, as all of the kernel's", "it is not"
    return None


# --- the two halves --------------------------------------------------------------------------------------------------


def check_kernel_half(guest: Guest, master: int, process: Process) -> None:
    """Checks, if one root serves both halves, that its upper entries are those of the master."""
    __tracebackhide__ = True
    if "user" in guest.cpu().roots:
        return
    walker = guest.walker()
    for slot, va in walker.root_slots(walker.windows[-1]).items():
        ours, theirs = (_root_entry(guest, root, slot) & ~guest.isa.paging.set_by_cpu for root in (process.root, master))
        if ours == theirs:
            continue
        walk = walk_in(guest, process.root, va)
        # If it leads somewhere all the same, it is another table: a change in one does not show in the other.
        cause = _cause_in_upper_half(guest, slot) if walk.steps[0].kind == "empty" else "kernel-half-differs"
        wanted = f"entry {slot} of the root of {process} is the kernel's, {theirs:#x}"
        fail(cause, wanted, f"{ours:#x}", walk)


def check_kernel_leaves(guest: Guest, root: int, alive: Iterable[Process]) -> None:
    """Checks that the kernel's half of a root maps what is the kernel's and no more, for the kernel alone, as global pages."""
    __tracebackhide__ = True
    walker, mappings = guest.walker().with_root(root), kernel_mappings_in(guest, root, guest.offset, 1 << 64).values()
    for mapping in mappings:
        walk = walker.walk(mapping.va)
        expect(not mapping.user, "user-access-to-kernel", f"{mapping.va:#x} is not the user's", "it is", walk)
        check_global(guest, mapping, walk)
    check_nothing_else(guest, walker, mappings, (process.stack_pages for process in alive))


def _cause_in_upper_half(guest: Guest, slot: int) -> str:
    """Names what lies below an entry of the root's upper half: the image and the window, the stacks, or something else."""
    walker = guest.walker()
    if slot == walker.parts(guest.offset)[0][1]:
        return "vectors-not-in-root"
    stacks = {walker.parts(process.stack - 1)[0][1] for process in processes(guest)}
    return "kernel-stack-not-in-root" if slot in stacks else "kernel-half-differs"


def check_user_half(guest: Guest, process: Process, image: UserImage) -> None:
    """Checks that a process has its program with the right permissions, a stack, and nothing else; page 0 is not mapped.

    From lab 5 on all of this must be promised, and what is present must be part of it.
    """
    __tracebackhide__ = True
    pages = {m.va: m for m in user_mappings(guest, process.root)}
    promised = promised_pages(guest, process.root)
    zero = walk_in(guest, process.root, 0)
    expect(zero.mapping is None, "null-page-mapped", f"{process} has nothing at address 0", "a page is mapped", zero)
    wanted = _wanted_pages(image, guest.layout.user)
    for va, permissions in wanted.items():
        walk = walk_in(guest, process.root, va)
        cause = "user-stack-not-mapped" if va >= guest.layout.user.stack_start else "user-page-not-mapped"
        seen = _permissions(pages[va]) if va in pages else promised.get(va, "")
        expect(seen != "", cause, f"{process} has a page at {va:#x}", "nothing is mapped there", walk)
        expect(seen == permissions, "wrong-user-permission", f"page {va:#x} of {process} is {permissions}", seen, walk)
    for va in promised.keys() - wanted.keys():
        expect(False, "user-page-unexpected", f"{process} was not promised a page at {va:#x}", "it was")
    for va, mapping in pages.items():
        walk = walk_in(guest, process.root, va)
        seen = f"it maps {mapping.pa:#x}"
        expect(va in wanted, "user-page-unexpected", f"{process} has no page at {va:#x}", seen, walk)
        expect(not mapping.global_, "user-page-global", f"page {va:#x} of {process} is not global", "it is", walk)
        check_tables_above(guest, walk)
    _check_root_is_clean(guest, process)


def _check_root_is_clean(guest: Guest, process: Process) -> None:
    """Checks that only the first entry of the user half is used in a root: it covers all of a program."""
    __tracebackhide__ = True
    walker = guest.walker()
    for slot, va in walker.root_slots(walker.windows[0]).items():
        entry = _root_entry(guest, process.root, slot)
        wanted = f"entry {slot} of the root of {process} is empty"
        expect(slot == 0 or entry == 0, "root-not-cleared", wanted, f"{entry:#x}", walk_in(guest, process.root, va))


def _root_entry(guest: Guest, root: int, slot: int) -> int:
    size = guest.isa.paging.walker.entry_bytes
    return guest.read_word(root + size * slot, size)


def _wanted_pages(image: UserImage, user: UserLayout) -> dict[int, str]:
    """Returns the pages that a just loaded program has got, or was promised, with their permissions."""
    pages = {va: "RW-" for va in user.stack}
    for segment in image.segments:
        permissions = f"R{'W' if segment.write else '-'}{'X' if segment.execute else '-'}"
        pages.update({va: permissions for va in range(segment.va & -PAGE, segment.end, PAGE)})
    return pages


def _permissions(mapping: Mapping) -> str:
    if not mapping.user:
        return "the kernel's alone"
    letters = f"R{'W' if mapping.user_write else '-'}{'X' if mapping.user_execute else '-'}"
    return letters + (", and executable for the kernel" if mapping.kernel_execute and not mapping.user_execute else "")


def check_disjoint(guest: Guest, one: Process, other: Process) -> None:
    """Checks that two processes share no page and no table below their roots."""
    __tracebackhide__ = True
    tables = user_tables(guest, one.root) & user_tables(guest, other.root)
    first = min(tables, default=0)
    wanted = f"{one} and {other} have no table of the lower half in common"
    expect(not tables, "user-half-shared", wanted, f"the table at {first:#x} is in both roots")
    theirs = {mapping.pa: mapping for mapping in user_mappings(guest, other.root)}
    for mapping in user_mappings(guest, one.root):
        shared = theirs.get(mapping.pa)
        if shared is not None:
            wanted = f"{one} and {other} have no page in common"
            seen = f"{mapping.va:#x} of the one and {shared.va:#x} of the other are both the frame {mapping.pa:#x}"
            fail("user-half-shared", wanted, seen, walk_in(guest, one.root, mapping.va))
