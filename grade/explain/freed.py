"""What the kernel writes into freed frames, where an exception has met it."""

from grade.boot.frame_records import FILL_OF_FREED, is_fill_of_freed
from grade.diagnosis.hindsight import Unexpected
from grade.inspect.spaces import walker_of

_INSTRUCTION = bytes([FILL_OF_FREED]) * 4
_WHAT_IT_IS = "0xcc is what the kernel writes into frames that are given back: this was read from freed memory"


def freed_lines(first: Unexpected) -> list[str]:
    """Returns which parts of the exception are freed memory, in words; empty if none is."""
    taken, met = first.taken, []
    if taken.address is not None and is_fill_of_freed(taken.address):
        met.append(f"the address {taken.address:#x}")
    if taken.pc != taken.address and is_fill_of_freed(taken.pc):
        met.append(f"the instruction's address {taken.pc:#x}")
    if taken.address is not None and (entry := _last_entry(first, taken.address)) is not None and is_fill_of_freed(entry):
        met.append(f"the last entry of the walk, {entry:#x},")
    if _is_instruction(first, taken.pc):
        met.append(f"the instruction at {taken.pc:#x}")
    return [f"{' and '.join(met)} {'is' if len(met) == 1 else 'are'} made of 0xcc. {_WHAT_IT_IS}"] if met else []


def _last_entry(first: Unexpected, address: int) -> int | None:
    steps = walker_of(first.guest, first.space).walk(address).steps
    return steps[-1].entry if steps else None


def _is_instruction(first: Unexpected, pc: int) -> bool:
    """Returns whether 0xcc was executed there or, as a breakpoint of x86 returns after itself, right before."""
    walker = walker_of(first.guest, first.space)
    for at in (pc, pc - 1):
        pa = walker.walk(at % (1 << 64)).pa
        if pa is not None and pa // 4096 == (pa + 3) // 4096 and first.guest.read_physical(pa, 4) == _INSTRUCTION:
            return True
    return False
