"""Names the cause of a fault: from the address, what lies there, and the walk that could not reach it."""

from enum import Enum

from grade.layout import Layout, Region
from grade.walker import RadixWalker, Walk

_NO_EXECUTE_ENABLE = 1 << 11  # EFER.NXE, Intel SDM vol. 3, 2.2.1
_DESCRIPTOR_TABLES = ("the IDT", "the GDT", "the TSS")
_HANDLERS = ("the vector table", "the page-fault handler")


class Access(Enum):
    """What was tried."""

    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"


def cause_of_fault(
    layout: Layout, offset: int, walker: RadixWalker, walk: Walk, access: Access, what: str = ""
) -> str:
    """The stable name of why `walk` does not permit `access`.

    `offset` is the kernel's va - pa; `what` says what the CPU wanted there, if that is known (diagnose.py).
    """
    if walk.fault is not None and walk.fault != "not-present":
        return _cause_in_entry(walker, walk)
    if walk.mapping is not None:
        return _cause_in_permission(walk, access)
    high = offset > 0 and walk.va >= offset
    pa = walk.va - offset if high else walk.va
    region = layout.region_at(pa)
    if offset > 0 and not high and region is not None and walker.walk(pa + offset).mapping is not None:
        return _cause_still_low(region, access, what)
    if high and region is not None and walker.walk(pa).mapping is not None:
        return "high-half-not-mapped"
    return _cause_missing(walker, region, walk.va - pa, pa, what)


def _cause_in_entry(walker: RadixWalker, walk: Walk) -> str:
    """The walk ended at an entry, or a register, that the hardware does not accept."""
    if walk.fault == "reserved-bit":
        nxe_off = "efer" in walker.registers and not walker.registers["efer"] & _NO_EXECUTE_ENABLE
        return "nx-not-enabled" if nxe_off else "reserved-bit-set"
    if walk.fault == "table-outside-memory":
        return "virtual-address-as-physical" if _looks_virtual(walk) else "table-outside-memory"
    return {
        "wrong-type": "wrong-descriptor-type",
        "access-flag": "access-flag-clear",
        "outside-address-size": "base-outside-address-size",
        "walk-disabled": "high-half-not-mapped",
        "translation-off": "translation-off",
    }.get(walk.fault, "unexpected-fault")


def _looks_virtual(walk: Walk) -> bool:
    """Whether the table that is not in memory has address bits that only a virtual address has."""
    last = walk.steps[-1] if walk.steps else None
    address = last.table if last is not None else walk.root or 0
    return address >= 1 << 46


def _cause_in_permission(walk: Walk, access: Access) -> str:
    mapping = walk.mapping
    if mapping.restricted_by:
        return "table-entry-restricts"
    if access is Access.EXECUTE and mapping.user_write:
        return "user-writable-not-executable"
    return "wrong-permission"


def _cause_still_low(region: Region, access: Access, what: str) -> str:
    """The kernel has moved; something still uses the low alias of `region`."""
    if what in _DESCRIPTOR_TABLES:
        return "descriptor-tables-still-low"
    if what in _HANDLERS:
        return "vectors-still-low"
    if region.device:
        return "device-still-low"
    if access is Access.EXECUTE:
        return "pc-still-low"
    return "stack-still-low" if "stack" in region.name else "unexpected-fault"


def _cause_missing(walker: RadixWalker, region: Region | None, offset: int, pa: int, what: str) -> str:
    """Nothing maps `pa`, which belongs to `region`."""
    if region is None:
        return "unexpected-fault"
    if what in _HANDLERS:
        return "vectors-not-mapped"
    if region.name == "page-0":
        return "unexpected-fault"
    if region.name.endswith("-guard"):
        return "stack-overflow"
    return cause_of_hole(walker, region, offset, pa)


def cause_of_hole(walker: RadixWalker, region: Region, offset: int, pa: int) -> str:
    """Why a map without `pa` of `region` is wrong: the region's end is cut off, or all of it is missing."""
    if pa > region.pa and walker.walk(region.pa + offset).mapping is not None:
        return "region-end-not-mapped"
    if region.device:
        return "device-not-mapped"
    if region.name == "text":
        return "vectors-not-mapped"  # they are part of it
    if "stack" in region.name:
        return "stack-not-mapped"
    return {"frames": "frames-not-mapped", "parameters": "parameters-not-mapped"}.get(region.name, "image-not-mapped")
