"""Names the cause of a fault: from the address, what lies there, and the walk that could not reach it."""

from copy import copy
from dataclasses import dataclass, replace

from grade.boot.frame_records import is_fill_of_freed
from grade.boot.sight import Sight
from grade.diagnosis.defects import cause_in_bits
from grade.diagnosis.process_ends import cause_in_process_root
from grade.diagnosis.window_ends import cause_in_window, cause_of_user_pointer
from grade.isa.board import Region
from grade.isa.control import Settings
from grade.isa.traps import Role
from grade.walker import Access, RadixWalker, Walk


@dataclass(frozen=True)
class Attempt:
    """An access that the CPU could not make.

    `moved` says whether the kernel was already at its high addresses, by its pc or its sp; `role` says for what
    the CPU itself wanted it, if the program was not the one that wanted it (diagnose.py).
    """

    va: int
    access: Access
    moved: bool
    role: Role | None = None


def cause_of_fault(guest: Sight, attempt: Attempt) -> str:
    """Returns the stable name of why the tables do not permit the attempt."""
    walker, offset = guest.walker(), guest.offset
    walk = walker.walk(attempt.va)
    if _is_overwritten(guest, walk):
        return _cause_of_overwriting(guest, walk)
    if (cause := cause_in_window(guest, walk)) is not None:
        return cause
    by_program = attempt.moved and attempt.role is None and attempt.access is not Access.EXECUTE
    if by_program and (cause := cause_of_user_pointer(guest, attempt.va)) is not None:
        return cause
    high = offset > 0 and walk.va >= offset
    pa = guest.layout.pa_of(walk.va)
    if high and not attempt.moved and walk.fault in ("not-present", "translation-off", "non-canonical"):
        return "high-half-not-mapped" if _is_the_jump(attempt) else "high-address-too-early"
    if walk.fault is not None and walk.fault != "not-present":
        return _cause_in_entry(guest, walker, walk)
    if walk.mapping is not None:
        return _cause_in_permission(walk, attempt.access, offset)
    if _has_other_levels(walker, guest.isa.paging.levels, walk.va, pa):
        return "wrong-level-count"
    if (cause := cause_in_process_root(guest, walk.va, walk.root, attempt.role)) is not None:
        return cause
    region = guest.layout.region_at(pa)
    if walk.root == _boot_root(guest) and region is not None:
        return "wrong-root-loaded" if guest.facts("process") else "boot-map-too-short"
    if offset > 0 and not high and region is not None and walker.walk(pa + guest.layout.offset_of(region)).mapping is not None:
        cause = _cause_still_low(region, attempt)
        has_long_moved = bool(guest.facts("process"))
        return "unexpected-fault" if cause == "pointer-still-low" and has_long_moved else cause
    if high and region is not None and len(walk.steps) == 1 and not guest.facts("process"):
        return "upper-half-emptied"  # it ran there
    return _cause_missing(walker, region, (walk.va - pa, pa), attempt.role)


def _is_the_jump(attempt: Attempt) -> bool:
    """Returns whether the attempt is that of a kernel that moves: to fetch there, or to use its stack there."""
    return attempt.access is Access.EXECUTE or attempt.role is Role.STACK


def _boot_root(guest: Sight) -> int | None:
    """Returns the crude root of boot.S, where the ISA has one, else None."""
    return guest.image.pa("boot_page_table") if "boot_page_table" in guest.image.symbols else None


def _is_overwritten(guest: Sight, walk: Walk) -> bool:
    """Returns whether the walk ends in a freed frame, or in a table of boot.S that differs from how it was linked."""
    if not walk.steps or walk.mapping is not None:
        return False
    if is_fill_of_freed(guest, walk.steps[-1].entry or 0):
        return True
    if walk.root is None or walk.root != _boot_root(guest):
        return False
    linked = guest.image.word("boot_page_table")
    return (guest.read_word(walk.root) ^ linked) & ~guest.isa.paging.set_by_cpu != 0


def _cause_of_overwriting(guest: Sight, walk: Walk) -> str:
    """Names why a live table was overwritten: once there are processes, tables come and go with them."""
    if not guest.facts("process"):
        return "live-table-overwritten"
    if len(walk.steps) == 1:
        return "root-freed-while-loaded"
    return "kernel-half-freed" if walk.va >= guest.offset else "frame-freed-in-use"


def _has_other_levels(walker: RadixWalker, most: int, va: int, pa: int) -> bool:
    """Returns whether `va` would translate to `pa` if the CPU walked one level less, or one more, but not more than `most`, from the same root."""
    for difference in (-1, 1):
        other = copy(walker)
        other.windows = tuple(
            replace(w, top=w.top + difference, entries=1 << walker.index_bits) for w in walker.windows if w.top < most
        )
        if other.windows and other.windows[0].top < most and other.walk(va).pa == pa:
            return True
    return False


def _cause_in_entry(guest: Sight, walker: RadixWalker, walk: Walk) -> str:
    """Names why the hardware did not accept the entry, or the register, at which the walk ended."""
    if walk.fault == "reserved-bit":
        unset = {problem.cause for problem in guest.isa.control.problems(Settings(walker.registers))}
        if (walk.steps[-1].entry or 0) & guest.isa.paging.reserved_at_first and "nx-not-enabled" in unset:
            return "nx-not-enabled"
    if (cause := cause_in_bits(walker, walk)) is not None:
        return cause
    if walk.fault == "outside-address-size" and is_fill_of_freed(guest, walk.va):
        return "frame-freed-in-use"
    if walk.fault == "table-outside-memory":
        return "virtual-address-as-physical" if _looks_virtual(guest, walk) else "table-outside-memory"
    return {
        "wrong-type": "wrong-descriptor-type",
        "access-flag": "access-flag-clear",
        "outside-address-size": "base-outside-address-size",
        "walk-disabled": "upper-walks-disabled",
        "translation-off": "translation-off",
    }.get(walk.fault or "", "unexpected-fault")


def _looks_virtual(guest: Sight, walk: Walk) -> bool:
    """Returns whether the table outside memory has address bits that only a virtual address has."""
    last = walk.steps[-1] if walk.steps else None
    address = last.table if last is not None else walk.root or 0
    return address >= guest.isa.paging.never_physical


def _cause_in_permission(walk: Walk, access: Access, offset: int) -> str:
    mapping = walk.page
    if any(step.kind == "table" and offset > 0 and step.word & offset == offset for step in walk.steps):
        return "virtual-address-as-physical"  # its upper bits are those of the kernel's base
    if mapping.restricted_by:
        return "table-entry-restricts"
    if access is Access.EXECUTE and mapping.user_write:
        return "user-writable-not-executable"
    if mapping.user:
        return "user-access-to-kernel"
    return "wrong-permission"


def _cause_still_low(region: Region, attempt: Attempt) -> str:
    """Names why the low alias of `region` was used although only the high one is mapped."""
    if not attempt.moved:
        return "identity-dropped-too-early"
    if attempt.role is Role.TABLE:
        return "descriptor-tables-still-low"
    if attempt.role is Role.HANDLER:
        return "vectors-still-low"
    if region.device:
        return "device-still-low"
    if attempt.access is Access.EXECUTE:
        return "pc-still-low"
    return "stack-still-low" if "stack" in region.name else "pointer-still-low"


def _cause_missing(walker: RadixWalker, region: Region | None, where: tuple[int, int], role: Role | None) -> str:
    """Names why nothing maps the address; `where` is its va - pa and its pa, which belongs to `region`."""
    offset, pa = where
    if region is None or region.name == "page-0":
        return "vectors-not-mapped" if region is None and role is Role.HANDLER else "unexpected-fault"
    if region.name.endswith("-guard"):
        return "stack-overflow"
    if offset > 0 and any(m.pa <= pa < m.pa + m.size and m.va - m.pa not in (0, offset) for m in walker.mappings()):
        return "wrong-offset"
    return "vectors-not-mapped" if role is Role.HANDLER else cause_of_hole(walker, region, offset, pa)


def cause_of_hole(walker: RadixWalker, region: Region, offset: int, pa: int) -> str:
    """Names why a map without `pa` of `region` is wrong: the region's end is cut off, or all of it is missing."""
    if pa > region.pa and walker.walk(region.pa + offset).mapping is not None:
        return "region-end-not-mapped"
    if region.device:
        return "device-not-mapped"
    if region.name == "text":
        return "vectors-not-mapped"  # they are part of it
    if "stack" in region.name:
        return "stack-not-mapped"
    return {"frames": "frames-not-mapped", "parameters": "parameters-not-mapped"}.get(region.name, "image-not-mapped")
