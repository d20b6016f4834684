"""What the milestones of lab 5 have user/tests/vmascript.cc do: step by step, and up to an access that must kill it."""

from collections.abc import Callable
from dataclasses import dataclass

from area_model import Operation, brk, call, load, mmap, mprotect, munmap, store, sweep
from demand_checks import heap_start

from grade.boot.kernel_image import KernelImage
from grade.boot.layout import PAGE, UserLayout
from grade.boot.memory_options import ANONYMOUS, EXECUTE, FIXED, FIXED_NOREPLACE, PRIVATE, READ, WRITE
from grade.boot.user_image import UserImage
from grade.isa import Isa

Step = tuple[str, list[Operation]]
"""The operations, and what has happened after them."""

_MANY = 600
_REPLACE = PRIVATE | ANONYMOUS | FIXED
_NOREPLACE = PRIVATE | ANONYMOUS | FIXED_NOREPLACE


@dataclass(frozen=True)
class Places:
    """Addresses for the steps of a process with this layout of its half."""

    user: UserLayout
    isa: Isa

    @property
    def one(self) -> int:
        """Where mmap first finds room."""
        return self.user.map_start

    @property
    def two(self) -> int:
        """A place not far from `one`."""
        return self.one + 64 * PAGE

    @property
    def far(self) -> int:
        """An address that needs tables of its own at every level."""
        paging = self.isa.paging
        return self.one + sum(1 << paging.walker.shift(level) for level in range(1, paging.levels))

    @property
    def huge(self) -> int:
        """So many bytes that whoever goes over them page by page, or table by table, does not come back."""
        return 3 * self.user.room // 4 // PAGE * PAGE

    @property
    def under_stack(self) -> int:
        """Where something is mapped that the stack must not come near: the page after it stays free."""
        return self.user.stack_limit + 64 * PAGE


# --- step by step ----------------------------------------------------------------------------------------------------


def mmap_steps(places: Places) -> list[Step]:
    """Returns steps with chosen, suggested and taken places, and with what munmap leaves."""
    return [
        ("mmap has chosen a place", [mmap(0, 3 * PAGE), sweep(places.one, 3, 0x11)]),
        ("mmap has taken a hint", [mmap(places.one + 16 * PAGE, PAGE + 1), store(places.one + 17 * PAGE, 1)]),
        (
            "a hint was taken already, and two areas became one",
            [mmap(places.one + 16 * PAGE, PAGE), store(places.one + 3 * PAGE, 2)],
        ),
        ("munmap has taken the middle out of an area", [munmap(places.one + PAGE, PAGE)]),
        ("the hole is filled again", [mmap(places.one + PAGE, PAGE, 3, _NOREPLACE), load(places.one + PAGE), load(places.one)]),
        ("mmap was not to replace anything", [mmap(places.one + 4 * PAGE, 13 * PAGE, 3, _NOREPLACE), load(places.one)]),
        (
            "mmap has replaced two pages",
            [mmap(places.one + PAGE, 2 * PAGE, READ, _REPLACE), load(places.one + PAGE), load(places.one)],
        ),
        ("a gap was too small", [munmap(places.one + PAGE, PAGE), mmap(0, 2 * PAGE), mmap(0, PAGE)]),
        ("munmap has gone over areas and gaps", [munmap(places.one - PAGE, 18 * PAGE), munmap(places.one, PAGE)]),
    ]


def mprotect_steps(places: Places) -> list[Step]:
    """Returns steps on a part, on everything, and on absent pages: neighbours stay as they are."""
    middle = places.two + 2 * PAGE
    return [
        ("five pages are in use", [mmap(places.two, 5 * PAGE), sweep(places.two, 5, 0x22)]),
        ("mprotect is in the middle", [mprotect(middle, PAGE, READ), sweep(places.two, 2, 3), sweep(middle + PAGE, 2, 4)]),
        ("mprotect has changed it back", [mprotect(middle, PAGE, READ | WRITE), load(middle), store(middle, 5)]),
        ("mprotect has changed the beginning", [mprotect(places.two, 2 * PAGE, READ), store(middle, 6)]),
        ("mprotect has changed all of it", [mprotect(places.two, 5 * PAGE, READ), load(middle)]),
        (
            "mprotect has taken all rights and given them back",
            [mprotect(places.two, 5 * PAGE, 0), mprotect(places.two, 5 * PAGE, 3)],
        ),
        ("the bytes are looked at", [load(places.two), load(middle), store(middle, 7)]),
        ("mprotect was to change pages that are not there", [mprotect(places.two, 6 * PAGE, READ), store(places.two, 8)]),
        ("there is a hole", [munmap(middle, PAGE), mprotect(places.two, 5 * PAGE, READ), store(places.two, 9)]),
        (
            "untouched pages were made read-only",
            [mmap(places.one, 2 * PAGE), mprotect(places.one, 2 * PAGE, READ), load(places.one)],
        ),
        ("all is unmapped", [munmap(places.one, 128 * PAGE)]),
    ]


def brk_steps(places: Places, heap: int) -> list[Step]:
    """Returns steps that move the heap's end within a page, across its border, and into something else."""
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
        ("it was to begin before its start", [brk(heap - PAGE), brk(places.user.end + PAGE)]),
        ("it is empty", [brk(heap), munmap(heap + 6 * PAGE, PAGE)]),
    ]


def far_steps(places: Places) -> list[Step]:
    """Returns steps across the borders of tables of every level, with more than the RAM, and with too many areas."""
    stack = places.user.stack_top - 40 * PAGE
    many = [mprotect(places.two + number * 2 * PAGE, PAGE, READ) for number in range(70)]
    return [
        (
            "pages on both sides of a border are in use",
            [mmap(places.far - 2 * PAGE, 4 * PAGE), sweep(places.far - 2 * PAGE, 4, 6)],
        ),
        (
            "mprotect has crossed it",
            [mprotect(places.far - PAGE, 2 * PAGE, READ), load(places.far), store(places.far + PAGE, 1)],
        ),
        ("munmap has crossed it", [munmap(places.far - PAGE, 2 * PAGE), load(places.far + PAGE)]),
        ("a page after an empty table is in use", [mmap(2 * places.far - 3 * PAGE, 6 * PAGE), store(2 * places.far, 1)]),
        ("mprotect has come to it", [mprotect(2 * places.far - 3 * PAGE, 6 * PAGE, READ), load(2 * places.far)]),
        ("munmap has come to it", [munmap(2 * places.far - 3 * PAGE, 6 * PAGE)]),
        (
            "most of all addresses are promised",
            [mmap(places.one, places.huge), store(places.far + 2 * PAGE, 7), store(places.one + places.huge - PAGE, 8)],
        ),
        (
            "they are read-only",
            [mprotect(places.one, places.huge, READ), load(places.far + 2 * PAGE), load(places.one + places.huge - PAGE)],
        ),
        ("they are gone", [munmap(places.one, places.huge + places.huge // 8)]),
        ("there are as many areas as there can be", [mmap(places.two, 140 * PAGE), *many, load(places.two)]),
        ("the stack grows all the same", [store(stack, 9)]),
        ("all these areas are gone", [munmap(places.two, 140 * PAGE)]),
        (
            "the stack has grown below what may only be read",
            [mprotect(stack, 2 * PAGE, READ), load(stack - 3 * PAGE), load(stack - PAGE)],
        ),
        ("a hint was the guard below the stack", [mmap(stack - 4 * PAGE, PAGE), load(stack - 4 * PAGE)]),
        ("what mmap has found instead is gone", [munmap(places.one, PAGE)]),
    ]


def many_steps(places: Places) -> list[Step]:
    """Returns steps on more pages than whoever goes over them in batches has in one, and than one table has entries."""
    start = places.far - _MANY // 2 * PAGE
    last = start + (_MANY - 1) * PAGE
    return [
        (f"{_MANY} pages are in use", [mmap(start, _MANY * PAGE), sweep(start, _MANY, 0x55)]),
        ("mprotect has made all of them read-only", [mprotect(start, _MANY * PAGE, READ), load(last)]),
        ("mprotect has changed all of them back", [mprotect(start, _MANY * PAGE, READ | WRITE), store(last, 0x56)]),
        ("munmap has taken all but the last", [munmap(start, (_MANY - 1) * PAGE), load(last)]),
        ("munmap has taken the last", [munmap(last, PAGE)]),
    ]


def own_steps(places: Places, image: UserImage, heap: int) -> list[Step]:
    """Returns steps on those of the program's own pages that it does not need just now."""
    text, zeros, stack = image.va("g_text"), image.va("g_zeros"), places.user.stack_top - 3 * PAGE
    return [
        ("a page of the file has no rights", [mprotect(text + PAGE, PAGE, 0)]),
        ("it may be read again", [mprotect(text + PAGE, PAGE, READ), load(text + PAGE), load(text + 2 * PAGE)]),
        ("a page of zeros is gone", [store(zeros, 1), munmap(zeros + PAGE, PAGE), load(zeros + 2 * PAGE)]),
        ("a page of the stack may only be read", [mprotect(stack, PAGE, READ), load(stack), store(stack - PAGE, 2)]),
        ("the stack has grown below it", [store(stack - 9 * PAGE, 3), load(stack - 4 * PAGE)]),
        ("a page of the heap may only be read", [brk(heap + 3 * PAGE), mprotect(heap + PAGE, PAGE, READ), brk(heap)]),
        (
            "memory of no file is where a page of the file was",
            [mmap(text + PAGE, PAGE, 3, _REPLACE), load(text + PAGE), load(text)],
        ),
        ("it is written to", [store(text + PAGE + 8, 4), load(text + 2 * PAGE)]),
    ]


ANSWER = 42


def code_at(isa: Isa, va: int) -> list[Operation]:
    """Returns operations that write a function, which returns ANSWER, to a page of its own, and call it."""
    return [
        mmap(va, PAGE, READ | WRITE, _REPLACE),
        store(va, isa.code.returning_42),
        mprotect(va, PAGE, READ | EXECUTE),
        call(va),
    ]


# --- up to an access that must kill the process ----------------------------------------------------------------------


@dataclass(frozen=True)
class Refused:
    """An access that must get a process killed, after the operations `before`."""

    last: Operation
    before: tuple[Operation, ...] = ()


def refused_accesses(places: Places, kernel_image: KernelImage, image: UserImage) -> list[Refused]:
    """Returns accesses outside all areas, against their protection, in page 0, in the kernel's half, and below the stack."""
    text, constants, variables = image.entry, image.va("g_text"), image.va("g_strings")
    kernel, high = kernel_image.va("image_start"), kernel_image.va("data_start")
    above, below = heap_start(image), min(segment.va for segment in image.segments)
    pages, far = mmap(places.one, 2 * PAGE), mmap(places.far, PAGE, READ)
    secret = (mmap(places.one, 3 * PAGE), sweep(places.one, 3, 1), mprotect(places.one + PAGE, PAGE, 0))
    under = (mmap(places.under_stack, PAGE, READ | WRITE, _REPLACE), store(places.under_stack + 2 * PAGE, 3))
    return [
        Refused(load(places.one - 8), (pages,)),
        Refused(load(places.one + 2 * PAGE), (pages,)),
        *(Refused(operation) for operation in (load(0), store(8, 1), call(0), load(PAGE - 8))),
        *(Refused(operation) for operation in (load(kernel), store(high, 1), call(kernel))),
        *(
            Refused(operation)
            for operation in (load(above), store(below - 8, 1), call(places.user.nothing), load(places.user.end))
        ),
        *(Refused(operation) for operation in (store(text, 1), store(constants, 1), call(variables), call(constants))),
        Refused(call(places.user.stack_top - 2 * PAGE)),
        Refused(call(places.one), (pages,)),
        Refused(store(places.far, 1), (far,)),
        Refused(store(places.far, 1), (far, load(places.far))),
        Refused(load(places.one + PAGE), secret),
        Refused(store(above + PAGE, 1), (brk(above + 1), store(above, 1))),
        Refused(load(places.user.stack_top)),
        Refused(load(places.user.stack_limit - 8), (store(places.user.stack_limit, 1),)),
        Refused(store(places.user.stack_limit - PAGE, 1)),
        Refused(load(places.under_stack + 2 * PAGE - 8), under),
    ]


def _in_use(places: Places, pages: int) -> list[Operation]:
    """Returns operations that map pages and write to them."""
    return [mmap(places.one, pages * PAGE), sweep(places.one, pages, 1)]


TIGHTENED: list[Callable[[Places, Isa, int], list[Operation]]] = [
    lambda places, isa, heap: [*_in_use(places, 1), mprotect(places.one, PAGE, READ), load(places.one), store(places.one, 2)],
    lambda places, isa, heap: [
        *_in_use(places, 3),
        mprotect(places.one + PAGE, PAGE, READ),
        sweep(places.one, 1, 3),
        store(places.one + PAGE, 2),
    ],
    lambda places, isa, heap: [*_in_use(places, 3), mprotect(places.one, 3 * PAGE, 0), load(places.one + 2 * PAGE)],
    lambda places, isa, heap: [*_in_use(places, 1), munmap(places.one, PAGE), load(places.one)],
    lambda places, isa, heap: [
        *_in_use(places, 4),
        munmap(places.one + PAGE, 2 * PAGE),
        load(places.one),
        load(places.one + 2 * PAGE),
    ],
    lambda places, isa, heap: [
        brk(heap + 2 * PAGE),
        sweep(heap, 2, 1),
        brk(heap + PAGE - 8),
        load(heap),
        store(heap + PAGE, 2),
    ],
    lambda places, isa, heap: [
        *code_at(isa, places.one),
        mprotect(places.one, PAGE, READ | WRITE),
        load(places.one),
        call(places.one),
    ],
]
"""Each ends with an access that the CPU knew a moment ago, and that is no longer permitted. Without a pause: no switch
of processes in between makes the CPU forget.
"""
