"""Where milestones map pages of their own: a kernel that does the right thing at known addresses alone must not pass."""

import random

from grade.boot.layout import PAGE

_SLOTS = range(0x3000_0000_0000 >> 39, 0x7000_0000_0000 >> 39)
"""Entries of the root whose addresses no program uses (kernel/space/user_layout.h): user addresses on each ISA."""
_ENTRIES = 512


def unused_pages(chance: random.Random, count: int) -> list[int]:
    """Returns addresses of pages that no program uses, each below another entry of the root.

    The page after each is in the same table of pages; the one 1 GiB further on is below the same entry of the root.
    """
    return [_in_slot(chance, slot) for slot in chance.sample(_SLOTS, count)]


def _in_slot(chance: random.Random, slot: int) -> int:
    # No last entry where another one has to follow.
    below = chance.randrange(_ENTRIES - 1), chance.randrange(_ENTRIES), chance.randrange(_ENTRIES - 1)
    entry = slot
    for index in below:
        entry = entry * _ENTRIES + index
    return entry * PAGE
