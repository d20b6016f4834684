"""Where milestones map pages of their own: a kernel that does the right thing at known addresses alone must not pass."""

import random

from grade.boot.layout import PAGE
from grade.isa import Isa


def unused_pages(isa: Isa, chance: random.Random, count: int) -> list[int]:
    """Returns addresses of pages that no program uses (kernel/space/user_layout.h), each below another entry of the root.

    The page after each is in the same table of pages; that of distance_to_other_tables() is below the same entry of the root,
    if that has two tables below it.
    """
    end, shift = isa.paging.user_end, isa.paging.walker.shift(isa.paging.levels - 1)
    slots = range(3 * end // 8 >> shift, 7 * end // 8 >> shift)
    return [_in_slot(isa, chance, slot) for slot in chance.sample(slots, count)]


def fixed_pages(isa: Isa) -> tuple[int, int]:
    """Returns two such pages that are always the same."""
    return isa.paging.user_end * 5 // 8, isa.paging.user_end * 6 // 8


def distance_to_other_tables(isa: Isa) -> int:
    """Returns how far from a page another one is that has tables of its own, but for the root and what its entry leads to."""
    return 1 << isa.paging.walker.shift(max(1, isa.paging.levels - 2))


def _in_slot(isa: Isa, chance: random.Random, slot: int) -> int:
    entry, entries, top = slot, 1 << isa.paging.walker.index_bits, isa.paging.levels - 2
    for level in range(top, -1, -1):
        room = entries - 1 if level in (top, 0) else entries  # no last entry where another one has to follow
        entry = entry * entries + chance.randrange(room)
    return entry * PAGE
