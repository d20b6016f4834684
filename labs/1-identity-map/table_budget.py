"""The smallest number of tables that a map needs, counted from the regions alone."""

from grade.boot.layout import PAGE, Layout
from grade.isa import Isa

_INDEX_BITS = 9
_LEVELS = 4


def tables_needed(isa: Isa, layout: Layout, offset: int) -> int:
    """Returns the number of tables, including the root, when every leaf is as large as its region's alignment allows."""
    tables: set[tuple[int, int]] = {(_LEVELS - 1, 0)}
    for region in layout.regions:
        at = region.pa
        while at < region.end:
            level = _leaf_level(at, region.end, isa.paging.largest_leaf)
            for above in range(level, _LEVELS - 1):
                tables.add((above, at + offset >> _shift(above + 1)))
            at += 1 << _shift(level)
    return len(tables)


def _shift(level: int) -> int:
    return PAGE.bit_length() - 1 + level * _INDEX_BITS


def _leaf_level(at: int, end: int, largest: int) -> int:
    level = largest
    while level > 0 and (at % (1 << _shift(level)) or at + (1 << _shift(level)) > end):
        level -= 1
    return level
