"""What the kernel writes into freed frames, where an exception has met it."""

from grade.boot.frame_records import fill_of_freed, is_fill_of_freed
from grade.boot.layout import PAGE
from grade.diagnosis.hindsight import Unexpected
from grade.inspect.spaces import walker_of


def freed_lines(first: Unexpected) -> list[str]:
    """Returns which parts of the exception are freed memory, in words; empty if none is."""
    taken, guest, met = first.taken, first.guest, []
    if taken.address is not None and is_fill_of_freed(guest, taken.address):
        met.append(f"the address {taken.address:#x}")
    if taken.pc != taken.address and is_fill_of_freed(guest, taken.pc):
        met.append(f"the instruction's address {taken.pc:#x}")
    if (entry := _last_entry(first, taken.address)) is not None and is_fill_of_freed(guest, entry):
        met.append(f"the last entry of the walk, {entry:#x},")
    if _is_instruction(first, taken.pc):
        met.append(f"the instruction at {taken.pc:#x}")
    if not met:
        return []
    fill = f"{fill_of_freed(guest):#x}"
    what_it_is = f"{fill} is what the kernel writes into frames that are given back: this was read from freed memory"
    return [f"{' and '.join(met)} {'is' if len(met) == 1 else 'are'} made of {fill}. {what_it_is}"]


def _last_entry(first: Unexpected, address: int | None) -> int | None:
    steps = walker_of(first.guest, first.space).walk(address).steps if address is not None else ()
    return steps[-1].entry if steps else None


def _is_instruction(first: Unexpected, pc: int) -> bool:
    """Returns whether that byte was executed there or, as a breakpoint of x86 returns after itself, right before."""
    walker, instruction = walker_of(first.guest, first.space), bytes([fill_of_freed(first.guest)]) * 4
    for at in (pc, pc - 1):
        pa = walker.walk(at % (1 << 64)).pa
        if pa is not None and pa // PAGE == (pa + 3) // PAGE and first.guest.read_physical(pa, 4) == instruction:
            return True
    return False
