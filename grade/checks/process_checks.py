"""What must hold of processes and their roots, read from the tables of every root: for the labs from 3 on."""

from collections.abc import Iterable

from grade.boot.layout import PAGE
from grade.boot.processes import Process, processes
from grade.boot.promises import awaited_page
from grade.boot.sight import Sight
from grade.diagnosis.defects import cause_in_bits
from grade.diagnosis.process_ends import ROOTS, killed_process, refused_start
from grade.guest.guest import Guest
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
        ours, theirs = (root_entry(guest, root, slot) & ~guest.isa.paging.set_by_cpu for root in (process.root, master))
        if ours == theirs:
            continue
        walk = walk_in(guest, process.root, va)
        # If it leads somewhere all the same, it is another table: a change in one does not show in the other.
        cause = _cause_in_upper_half(guest, slot) if walk.steps[0].kind == "empty" else "kernel-half-differs"
        wanted = f"entry {slot} of the root of {process} is the kernel's, {theirs:#x}"
        fail(cause, wanted, f"{ours:#x}", walk)


def _cause_in_upper_half(guest: Guest, slot: int) -> str:
    """Names what lies below an entry of the root's upper half: the image and the window, the stacks, or something else."""
    walker = guest.walker()
    if slot == walker.parts(guest.offset)[0][1]:
        return "vectors-not-in-root"
    stacks = {walker.parts(process.stack - 1)[0][1] for process in processes(guest)}
    return "kernel-stack-not-in-root" if slot in stacks else "kernel-half-differs"


def root_entry(guest: Guest, root: int, slot: int) -> int:
    """Returns an entry of a root."""
    size = guest.isa.paging.walker.entry_bytes
    return guest.read_word(root + size * slot, size)
