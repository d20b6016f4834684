"""The smallest number of tables that a map needs, counted from the regions alone."""

from grade.boot.layout import Layout
from grade.isa import Isa


def tables_needed(isa: Isa, layout: Layout) -> int:
    """Returns the number of tables, including the root, when every leaf is as large as its region's alignment allows."""
    shift, root = isa.paging.walker.shift, isa.paging.levels - 1
    tables: set[tuple[int, int]] = {(root, 0)}
    for region in layout.regions:
        at = region.pa
        while at < region.end:
            level = _leaf_level(isa, at, region.end)
            for above in range(level, root):
                tables.add((above, at + layout.offset_of(region) >> shift(above + 1)))
            at += 1 << shift(level)
    return len(tables)


def _leaf_level(isa: Isa, at: int, end: int) -> int:
    level = isa.paging.largest_leaf
    while level > 0 and (at % (size := 1 << isa.paging.walker.shift(level)) or at + size > end):
        level -= 1
    return level
