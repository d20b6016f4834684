"""Names why the hardware accepts no access by way of an entry, from the entry alone."""

from grade.isa import isa_called
from grade.walker import RadixWalker, Walk


def cause_in_defect(walker: RadixWalker, walk: Walk) -> str | None:
    """Names what is wrong with the entry at which the walk ended; None if it is empty, usable, or leads out of memory."""
    return "wrong-descriptor-type" if walk.fault == "wrong-type" else cause_in_bits(walker, walk)


def cause_in_bits(walker: RadixWalker, walk: Walk) -> str | None:
    """Names which bits of the entry at which the walk ended no CPU accepts; None if it ended there for another reason."""
    if walk.fault not in ("reserved-bit", "outside-address-size") or not walk.steps:
        return None
    address = walker.table_address(walk.steps[-1].word)
    if address >> walker.physical_bits:
        return "virtual-address-as-physical" if address >= isa_called(walker.isa).paging.never_physical else "address-too-wide"
    return "reserved-bit-set"
