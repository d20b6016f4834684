"""A parent whose memory is laid out otherwise than that of user/tests/twin.cc: wide, up to the last page, in as many areas as there may be."""

import struct
from collections.abc import Iterator

from grade.boot.guest import Guest
from grade.boot.layout import PAGE
from grade.boot.memory_options import ANONYMOUS, FIXED, PRIVATE, READ, WRITE
from grade.boot.process_slots import ProcessSlot, memory_map
from grade.boot.user_image import user_image
from grade.checks.user_memory import write_user

PROGRAM = "vmascript"
_SOURCE = "user/tests/vmascript.cc"
_MANY, _LARGE, _FAR = 3 << 40, 4 << 40, 110 << 40
"""Places for many areas, for a large one, and for one that is far from all others."""
_LARGE_SIZE = 100 << 40
"""So much that whoever looks at each page of it, or at each table of pages, does not come back."""
_HEAP_SIZE = 20 << 20
_OTHERS = 4  # the areas below that are not among the many

Operation = tuple[str, tuple[int, ...]]


def have_it_fork(guest: Guest, parent: ProcessSlot) -> int:
    """Tells the program to take such memory and to fork; returns how many areas it has then. It has not run yet."""
    __tracebackhide__ = True
    program = user_image(guest.image.elf, PROGRAM)
    defined = program.defined(_SOURCE)
    deeds, size = defined.enumerations["Deed"], defined.record("Operation").size
    most = guest.image.defined.constant("VmaList::kMost")
    operations = list(_operations(guest, parent, most))
    data = b""
    for kind, arguments in operations:
        number = deeds[kind] if kind in deeds else guest.image.system_call(kind)
        data += struct.pack("<8Q", number, *arguments, *[0] * (6 - len(arguments)), 0)
    assert len(data) == size * len(operations)
    write_user(guest, parent.root or 0, program.va("g_operations"), data)
    write_user(guest, parent.root or 0, program.va("g_count"), len(operations).to_bytes(8, "little"))
    return most


def _operations(guest: Guest, parent: ProcessSlot, most: int) -> Iterator[Operation]:
    memory, last = memory_map(guest, parent), guest.layout.user.end - PAGE
    pages = most - _OTHERS - len(memory.areas)
    yield from _mapped(_MANY, pages * PAGE)
    yield "kSweep", (_MANY, pages, 0x51)
    for page in range(1, pages, 2):  # its neighbours keep their rights: each is an area of its own
        yield "mprotect", (_MANY + page * PAGE, PAGE, READ)
    for start, size, touched in (
        (_LARGE, _LARGE_SIZE, (0, _LARGE_SIZE // 2, _LARGE_SIZE - PAGE)),
        (_FAR, 3 * PAGE, (PAGE,)),
        (last, PAGE, (0,)),
    ):
        yield from _mapped(start, size)
        for at in touched:
            yield "kStore", (start + at, start >> 12 | at)
    yield "brk", (memory.heap_start + _HEAP_SIZE,)
    yield "kStore", (memory.heap_start, 0x52)
    yield "kStore", (memory.heap_start + _HEAP_SIZE - PAGE, 0x53)
    yield "fork", ()


def _mapped(start: int, size: int) -> Iterator[Operation]:
    yield "mmap", (start, size, READ | WRITE, PRIVATE | ANONYMOUS | FIXED, (1 << 64) - 1, 0)
