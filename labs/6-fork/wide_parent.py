"""A parent whose memory is laid out otherwise than that of user/tests/twin.cc: wide, up to the last page, in as many areas as there may be."""

import struct
from collections.abc import Iterator

from grade.boot.layout import PAGE
from grade.boot.memory_options import ANONYMOUS, FIXED, PRIVATE, READ, WRITE
from grade.boot.process_slots import ProcessSlot, memory_map
from grade.boot.user_image import user_image
from grade.checks.user_memory import write_user
from grade.guest.guest import Guest

PROGRAM = "vmascript"
_SOURCE = "user/tests/vmascript.cc"
_MANY, _LARGE, _FAR = 3, 4, 110
"""Places for many areas, for a large one, and for one that is far from all others, in 128ths of mmap's room."""
_LARGE_SIZE = 100
"""So much of it that whoever looks at each page, or at each table of pages, does not come back."""
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
    write_user(guest, parent.own_root, program.va("g_operations"), data)
    write_user(guest, parent.own_root, program.va("g_count"), len(operations).to_bytes(8, "little"))
    return most


def _operations(guest: Guest, parent: ProcessSlot, most: int) -> Iterator[Operation]:
    memory, last = memory_map(guest, parent), guest.layout.user.end - PAGE
    pages = most - _OTHERS - len(memory.areas)
    start = guest.layout.user.map_start
    many, large, far = (start + _part(guest, place) for place in (_MANY, _LARGE, _FAR))
    large_size = _part(guest, _LARGE_SIZE)
    yield from _mapped(many, pages * PAGE)
    yield "kSweep", (many, pages, 0x51)
    for page in range(1, pages, 2):  # its neighbours keep their rights: each is an area of its own
        yield "mprotect", (many + page * PAGE, PAGE, READ)
    for start, size, touched in (
        (large, large_size, (0, large_size // 2, large_size - PAGE)),
        (far, 3 * PAGE, (PAGE,)),
        (last, PAGE, (0,)),
    ):
        yield from _mapped(start, size)
        for at in touched:
            yield "kStore", (start + at, start >> 12 | at)
    yield "brk", (memory.heap_start + _HEAP_SIZE,)
    yield "kStore", (memory.heap_start, 0x52)
    yield "kStore", (memory.heap_start + _HEAP_SIZE - PAGE, 0x53)
    yield "fork", ()


def _part(guest: Guest, share: int) -> int:
    """Returns so many 128ths of mmap's room, in whole tables of pages."""
    span = guest.isa.paging.table_span
    return guest.layout.user.room * share // 128 // span * span


def _mapped(start: int, size: int) -> Iterator[Operation]:
    yield "mmap", (start, size, READ | WRITE, PRIVATE | ANONYMOUS | FIXED, (1 << 64) - 1, 0)
