"""The memory of a process, read and written from outside: page by page, by a walk from its own root."""

import random
import string

from grade.boot.layout import PAGE
from grade.boot.promises import awaited_page
from grade.checks.process_checks import walk_in
from grade.guest.guest import Guest
from grade.inspect.spaces import live_root
from grade.results.failure import expect_found


def read_user(guest: Guest, root: int, va: int, size: int) -> bytes:
    """Returns what the process with this root finds at `va`, even in a page that comes only when touched."""
    __tracebackhide__ = True
    found = b""
    for at, part in _parts(va, size):
        page = awaited_page(guest, root, at)
        found += guest.read_physical(_place(guest, root, at), part) if page is None else page[at % PAGE :][:part]
    return found


def write_user(guest: Guest, root: int, va: int, data: bytes) -> None:
    """Writes bytes to the process's memory, whatever its permissions. The pages must be present."""
    __tracebackhide__ = True
    for at, part in _parts(va, len(data)):
        guest.machine.write_physical(_place(guest, root, at), data[at - va :][:part])
    if root == live_root(guest):
        guest.machine.note_deed(va, data)


def _parts(va: int, size: int) -> list[tuple[int, int]]:
    """Returns the piece of each page: pairs of address and size."""
    parts, end = [], va + size
    while va < end:
        parts.append((va, min(end - va, PAGE - va % PAGE)))
        va += parts[-1][1]
    return parts


def _place(guest: Guest, root: int, va: int) -> int:
    """Returns where in RAM `va` is."""
    __tracebackhide__ = True
    walk = walk_in(guest, root, va)
    wanted = f"the process has a page at {va:#x}"
    return expect_found(walk.pa, "user-page-not-mapped", wanted, "nothing is mapped there", walk)


def random_letters(size: int) -> bytes:
    """Returns text that no kernel can know in advance."""
    return "".join(random.choices(string.ascii_letters, k=size)).encode()
