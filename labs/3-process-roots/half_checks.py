"""What must hold of the two halves of a process's root, and of two processes side by side."""

import random
from collections.abc import Iterable

from grade.boot.layout import PAGE, UserLayout
from grade.boot.processes import Process
from grade.boot.promises import promised_pages
from grade.boot.user_image import UserImage
from grade.checks.leaf_checks import check_global, check_nothing_else
from grade.checks.map_checks import check_tables_above
from grade.checks.process_checks import kernel_mappings_in, root_entry, user_mappings, user_tables, walk_in
from grade.guest.guest import Guest
from grade.inspect.spaces import live_root
from grade.results.failure import expect, fail
from grade.walker import Mapping


def check_loaded(guest: Guest, process: Process) -> None:
    """Checks that the root register holds the root of this process."""
    __tracebackhide__ = True
    root = live_root(guest)
    wanted = f"{process} runs on its own root, {process.root:#x}"
    expect(root == process.root, "wrong-root-loaded", wanted, f"the root register holds {root:#x}")


def check_kernel_leaves(guest: Guest, root: int, alive: Iterable[Process]) -> None:
    """Checks that the kernel's half of a root maps what is the kernel's and no more, for the kernel alone, as global pages."""
    __tracebackhide__ = True
    walker, mappings = guest.walker().with_root(root), kernel_mappings_in(guest, root, guest.offset, 1 << 64).values()
    for mapping in mappings:
        walk = walker.walk(mapping.va)
        expect(not mapping.user, "user-access-to-kernel", f"{mapping.va:#x} is not the user's", "it is", walk)
        check_global(guest, mapping, walk)
    check_nothing_else(guest, walker, mappings, (process.stack_pages for process in alive))


def mark_upper_slots(guest: Guest, master: int, chance: random.Random) -> list[int]:
    """Puts an entry into two empty slots of the kernel's root, the last one among them; returns the slots.

    All of the kernel's slots are to be copied, whatever this kernel has use for. Where users have a register of their own,
    no slot is.
    """
    if "user" in guest.cpu().roots:
        return []
    walker = guest.walker()
    entries = {slot: root_entry(guest, master, slot) for slot in walker.root_slots(walker.windows[-1])}
    empty = [slot for slot, entry in entries.items() if entry == 0]
    used = next(entry for entry in entries.values() if entry != 0) & ~guest.isa.paging.set_by_cpu
    marked = sorted({max(empty), chance.choice(empty)})
    for slot in marked:
        _write_root_entry(guest, master, slot, used)
    return marked


def check_marked_slots(guest: Guest, master: int, process: Process, marked: Iterable[int]) -> None:
    """Checks that a root made since then has these slots, too, and takes them away again."""
    __tracebackhide__ = True
    for slot in marked:
        ours, theirs = (root_entry(guest, root, slot) & ~guest.isa.paging.set_by_cpu for root in (process.root, master))
        wanted = f"entry {slot} of the root of {process} is copied from the kernel's, {theirs:#x}, as all of the upper half"
        va = guest.walker().root_slots(guest.walker().windows[-1])[slot]
        expect(ours == theirs, "kernel-half-differs", wanted, f"{ours:#x}", walk_in(guest, process.root, va))
        for root in (process.root, master):
            _write_root_entry(guest, root, slot, 0)


def _write_root_entry(guest: Guest, root: int, slot: int, entry: int) -> None:
    guest.machine.write_physical(root + guest.isa.paging.walker.entry_bytes * slot, guest.isa.paging.encoded(entry))


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
    _check_root_is_clean(guest, process, wanted)


def _check_root_is_clean(guest: Guest, process: Process, pages: Iterable[int]) -> None:
    """Checks that only those entries of the user half are used in a root that lead to these pages."""
    __tracebackhide__ = True
    walker = guest.walker()
    used = {walker.parts(va)[0][1] for va in pages}
    for slot, va in walker.root_slots(walker.windows[0]).items():
        entry = root_entry(guest, process.root, slot)
        wanted = f"entry {slot} of the root of {process} is empty"
        expect(slot in used or entry == 0, "root-not-cleared", wanted, f"{entry:#x}", walk_in(guest, process.root, va))


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
