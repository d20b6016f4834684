"""What the milestones of lab 5 have user/vmascript.cc do: step by step, and up to an access that must kill it."""

from collections.abc import Callable
from dataclasses import dataclass

from grade.boot.kernel_image import KernelImage
from grade.boot.layout import PAGE
from grade.boot.processes import USER_STACK_TOP
from grade.boot.user_image import UserImage
from grade.checks.area_model import (
    ANONYMOUS,
    EXECUTE,
    FIXED,
    FIXED_NOREPLACE,
    MAP_START,
    PRIVATE,
    READ,
    STACK_LIMIT,
    USER_END,
    WRITE,
    Operation,
    brk,
    call,
    load,
    mmap,
    mprotect,
    munmap,
    store,
    sweep,
)
from grade.checks.demand_checks import heap_start

Step = tuple[str, list[Operation]]
"""What has happened then, and the operations."""

ONE, TWO = MAP_START, MAP_START + 64 * PAGE
"""Where mmap finds room first, and a place not far from there."""

FAR = MAP_START + (1 << 39) + (1 << 30) + (1 << 21)
"""An address that needs tables of its own at every level."""

_REPLACE = PRIVATE | ANONYMOUS | FIXED
_NOREPLACE = PRIVATE | ANONYMOUS | FIXED_NOREPLACE
_UNDER_STACK = STACK_LIMIT + 64 * PAGE
"""Where something is mapped that the stack must not come near to: the page behind it stays free."""


# --- step by step ----------------------------------------------------------------------------------------------------

def mmap_steps() -> list[Step]:
    """Places chosen, asked for and taken, and what munmap leaves."""
    return [
        ("mmap has chosen a place", [mmap(0, 3 * PAGE), sweep(ONE, 3, 0x11)]),
        ("mmap has taken a hint", [mmap(ONE + 16 * PAGE, PAGE + 1), store(ONE + 17 * PAGE, 1)]),
        ("a hint was taken already, and two areas became one", [mmap(ONE + 16 * PAGE, PAGE), store(ONE + 3 * PAGE, 2)]),
        ("munmap has taken the middle out of an area", [munmap(ONE + PAGE, PAGE)]),
        ("the hole is filled again", [mmap(ONE + PAGE, PAGE, 3, _NOREPLACE), load(ONE + PAGE), load(ONE)]),
        ("mmap was not to replace anything", [mmap(ONE + 4 * PAGE, 13 * PAGE, 3, _NOREPLACE), load(ONE)]),
        ("mmap has replaced two pages", [mmap(ONE + PAGE, 2 * PAGE, READ, _REPLACE), load(ONE + PAGE), load(ONE)]),
        ("a gap was too small", [munmap(ONE + PAGE, PAGE), mmap(0, 2 * PAGE), mmap(0, PAGE)]),
        ("munmap has gone over areas and gaps", [munmap(ONE - PAGE, 18 * PAGE), munmap(ONE, PAGE)]),
    ]


def mprotect_steps() -> list[Step]:
    """A part, all, what is not there: neighbours stay as they are."""
    middle = TWO + 2 * PAGE
    return [
        ("five pages are in use", [mmap(TWO, 5 * PAGE), sweep(TWO, 5, 0x22)]),
        ("mprotect is in the middle", [mprotect(middle, PAGE, READ), sweep(TWO, 2, 3), sweep(middle + PAGE, 2, 4)]),
        ("mprotect has changed it back", [mprotect(middle, PAGE, READ | WRITE), load(middle), store(middle, 5)]),
        ("mprotect has changed the beginning", [mprotect(TWO, 2 * PAGE, READ), store(middle, 6)]),
        ("mprotect has changed all of it", [mprotect(TWO, 5 * PAGE, READ), load(middle)]),
        ("mprotect has taken all rights and given them back", [mprotect(TWO, 5 * PAGE, 0), mprotect(TWO, 5 * PAGE, 3)]),
        ("the bytes are looked at", [load(TWO), load(middle), store(middle, 7)]),
        ("mprotect was to change pages that are not there", [mprotect(TWO, 6 * PAGE, READ), store(TWO, 8)]),
        ("there is a hole", [munmap(middle, PAGE), mprotect(TWO, 5 * PAGE, READ), store(TWO, 9)]),
        ("untouched pages were made read-only", [mmap(ONE, 2 * PAGE), mprotect(ONE, 2 * PAGE, READ), load(ONE)]),
        ("all is unmapped", [munmap(ONE, 128 * PAGE)]),
    ]


def brk_steps(heap: int) -> list[Step]:
    """Within a page, across its border, into something else."""
    return [
        ("the heap has a hundred bytes", [brk(0), brk(heap + 100), store(heap + 96, 0x33)]),
        ("it has grown inside its page", [brk(heap + 200), load(heap + 96)]),
        ("it has shrunk inside its page", [brk(heap + 50), load(heap + 96), store(heap, 1)]),
        ("it has one byte of a second page", [brk(heap + PAGE + 1), store(heap + PAGE, 2), load(heap)]),
        ("it ends with the first page", [brk(heap + PAGE), load(heap)]),
        ("the second page has come back", [brk(heap + 2 * PAGE), load(heap + PAGE), store(heap + PAGE, 3)]),
        ("it has ten pages", [brk(heap + 10 * PAGE), sweep(heap, 10, 4)]),
        ("it has shrunk into a page", [brk(heap + 3 * PAGE + 8), load(heap + 3 * PAGE + 16)]),
        ("something is in its way", [mmap(heap + 6 * PAGE, PAGE, 3, _REPLACE), brk(heap + 7 * PAGE), store(heap, 5)]),
        ("it touches what is in its way", [brk(heap + 6 * PAGE), store(heap + 6 * PAGE - 8, 6)]),
        ("it was to begin before its start", [brk(heap - PAGE), brk(USER_END + PAGE)]),
        ("it is empty", [brk(heap), munmap(heap + 6 * PAGE, PAGE)]),
    ]


def far_steps() -> list[Step]:
    """Across the border between two tables of every level; more than there is RAM; more areas than there can be."""
    many = [mprotect(TWO + number * 2 * PAGE, PAGE, READ) for number in range(70)]
    return [
        ("pages on both sides of a border are in use", [mmap(FAR - 2 * PAGE, 4 * PAGE), sweep(FAR - 2 * PAGE, 4, 6)]),
        ("mprotect has crossed it", [mprotect(FAR - PAGE, 2 * PAGE, READ), load(FAR), store(FAR + PAGE, 1)]),
        ("munmap has crossed it", [munmap(FAR - PAGE, 2 * PAGE), load(FAR + PAGE)]),
        ("a page behind an empty table is in use", [mmap(2 * FAR - 3 * PAGE, 6 * PAGE), store(2 * FAR, 1)]),
        ("mprotect has come to it", [mprotect(2 * FAR - 3 * PAGE, 6 * PAGE, READ), load(2 * FAR)]),
        ("munmap has come to it", [munmap(2 * FAR - 3 * PAGE, 6 * PAGE)]),
        ("a terabyte is promised", [mmap(ONE, 1 << 40), store(FAR + 2 * PAGE, 7), store(2 * FAR, 8)]),
        ("it is gone", [munmap(ONE, 2 << 40)]),
        ("there are as many areas as there can be", [mmap(TWO, 140 * PAGE), *many, load(TWO)]),
        ("they are gone", [munmap(TWO, 140 * PAGE)]),
    ]


def own_steps(image: UserImage, heap: int) -> list[Step]:
    """On the program's own pages, those that it does not need just now."""
    text, zeros, stack = image.va("g_text"), image.va("g_zeros"), USER_STACK_TOP - 3 * PAGE
    return [
        ("a page of the file has no rights", [mprotect(text + PAGE, PAGE, 0)]),
        ("it may be read again", [mprotect(text + PAGE, PAGE, READ), load(text + PAGE), load(text + 2 * PAGE)]),
        ("a page of zeros is gone", [store(zeros, 1), munmap(zeros + PAGE, PAGE), load(zeros + 2 * PAGE)]),
        ("a page of the stack may only be read", [mprotect(stack, PAGE, READ), load(stack), store(stack - PAGE, 2)]),
        ("the stack has grown below it", [store(stack - 9 * PAGE, 3), load(stack - 4 * PAGE)]),
        ("a page of the heap may only be read", [brk(heap + 3 * PAGE), mprotect(heap + PAGE, PAGE, READ), brk(heap)]),
    ]


ANSWER = 42
_CODE = {"x86_64": 0xC3_0000_002A_B8, "aarch64": 0xD65F_03C0_5280_0540}
"""A function that returns it: mov eax, 42; ret, and mov w0, #42; ret."""


def code_at(isa: str, va: int) -> list[Operation]:
    """Writes that function to a page of its own."""
    return [mmap(va, PAGE, READ | WRITE, _REPLACE), store(va, _CODE[isa]), mprotect(va, PAGE, READ | EXECUTE), call(va)]


# --- up to an access that must kill the process ----------------------------------------------------------------------


@dataclass(frozen=True)
class Refused:
    """An access that must get a process killed, after these operations."""

    last: Operation
    before: tuple[Operation, ...] = ()


def refused_accesses(kernel_image: KernelImage, image: UserImage) -> list[Refused]:
    """Outside all areas, against their protection, in page 0, in the kernel's half, below the stack."""
    text, constants, variables = image.entry, image.va("g_text"), image.va("g_strings")
    kernel, high = kernel_image.va("image_start"), kernel_image.va("data_start")
    behind, below = heap_start(image), min(segment.va for segment in image.segments)
    pages, far = mmap(ONE, 2 * PAGE), mmap(FAR, PAGE, READ)
    secret = (mmap(ONE, 3 * PAGE), sweep(ONE, 3, 1), mprotect(ONE + PAGE, PAGE, 0))
    under = (mmap(_UNDER_STACK, PAGE, READ | WRITE, _REPLACE), store(_UNDER_STACK + 2 * PAGE, 3))
    return [
        Refused(load(ONE - 8), (pages,)),
        Refused(load(ONE + 2 * PAGE), (pages,)),
        *(Refused(operation) for operation in (load(0), store(8, 1), call(0), load(PAGE - 8))),
        *(Refused(operation) for operation in (load(kernel), store(high, 1), call(kernel))),
        *(Refused(operation) for operation in (load(behind), store(below - 8, 1), call(1 << 29), load(USER_END))),
        *(Refused(operation) for operation in (store(text, 1), store(constants, 1), call(variables), call(constants))),
        Refused(call(USER_STACK_TOP - 2 * PAGE)),
        Refused(call(ONE), (pages,)),
        Refused(store(FAR, 1), (far,)),
        Refused(store(FAR, 1), (far, load(FAR))),
        Refused(load(ONE + PAGE), secret),
        Refused(store(behind + PAGE, 1), (brk(behind + 1), store(behind, 1))),
        Refused(load(USER_STACK_TOP)),
        Refused(load(STACK_LIMIT - 8), (store(STACK_LIMIT, 1),)),
        Refused(store(STACK_LIMIT - PAGE, 1)),
        Refused(load(_UNDER_STACK + 2 * PAGE - 8), under),
    ]


def _in_use(pages: int) -> list[Operation]:
    """Pages that have been written to."""
    return [mmap(ONE, pages * PAGE), sweep(ONE, pages, 1)]


TIGHTENED: list[Callable[[str, int], list[Operation]]] = [
    lambda isa, heap: [*_in_use(1), mprotect(ONE, PAGE, READ), load(ONE), store(ONE, 2)],
    lambda isa, heap: [*_in_use(3), mprotect(ONE + PAGE, PAGE, READ), sweep(ONE, 1, 3), store(ONE + PAGE, 2)],
    lambda isa, heap: [*_in_use(3), mprotect(ONE, 3 * PAGE, 0), load(ONE + 2 * PAGE)],
    lambda isa, heap: [*_in_use(1), munmap(ONE, PAGE), load(ONE)],
    lambda isa, heap: [*_in_use(4), munmap(ONE + PAGE, 2 * PAGE), load(ONE), load(ONE + 2 * PAGE)],
    lambda isa, heap: [brk(heap + 2 * PAGE), sweep(heap, 2, 1), brk(heap + PAGE - 8), load(heap), store(heap + PAGE, 2)],
    lambda isa, heap: [*code_at(isa, ONE), mprotect(ONE, PAGE, READ | WRITE), load(ONE), call(ONE)],
]
"""Each ends with an access that the CPU knew a moment ago, and that is not permitted any more. In one go: no switch of
processes in between has the CPU forget."""
