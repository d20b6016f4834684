"""The memory of a process, read and written from outside: page by page, by the walk of its own root."""

import random
import string

from grade.boot.guest import Guest
from grade.boot.layout import PAGE
from grade.boot.user_image import Segment, UserImage
from grade.checks.process_checks import walk_in
from grade.diagnosis.failure import expect


def read_user(guest: Guest, root: int, va: int, size: int) -> bytes:
    """What the process with this root finds at `va`."""
    __tracebackhide__ = True
    return b"".join(guest.read_physical(pa, part) for pa, part in _pieces(guest, root, va, size))


def write_user(guest: Guest, root: int, va: int, data: bytes) -> None:
    """Puts bytes into the process's memory, whatever its permissions."""
    __tracebackhide__ = True
    done = 0
    for pa, part in _pieces(guest, root, va, len(data)):
        guest.machine.write_physical(pa, data[done : done + part])
        done += part


def _pieces(guest: Guest, root: int, va: int, size: int) -> list[tuple[int, int]]:
    """Where in RAM the bytes are: pairs of address and size, none of them longer than a page."""
    __tracebackhide__ = True
    pieces, end = [], va + size
    while va < end:
        walk = walk_in(guest, root, va)
        wanted = f"the process has a page at {va:#x}"
        expect(walk.pa is not None, "user-page-not-mapped", wanted, "nothing is mapped there", walk)
        pieces.append((walk.pa, min(end - va, PAGE - va % PAGE)))
        va += pieces[-1][1]
    return pieces


def random_letters(size: int) -> bytes:
    """Text that no kernel can know in advance."""
    return "".join(random.choices(string.ascii_letters, k=size)).encode()


def loaded_pages(image: UserImage) -> dict[int, bytes]:
    """What every page of a program's segments must hold before it has run: its part of the file, and zeros."""
    return {
        va: _page_of(segment, va) for segment in image.segments for va in range(segment.va & -PAGE, segment.end, PAGE)
    }


def _page_of(segment: Segment, page: int) -> bytes:
    """The page at `page` of a segment: its piece of the file, with zeros before and behind it."""
    before = max(segment.va - page, 0)
    start = max(page - segment.va, 0)
    return (bytes(before) + segment.content[start : start + PAGE - before]).ljust(PAGE, b"\0")
