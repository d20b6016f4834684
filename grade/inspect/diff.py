"""How two maps differ: of two roots, or of one root at two moments."""

from collections.abc import Iterable

from grade.inspect.map_text import AddressSpaceMap
from grade.walker import Range
from grade.walker.explain import permission_text, size_text


def diff_lines(before: AddressSpaceMap, after: AddressSpaceMap) -> list[str]:
    """Returns a line for each range that only one map has (- or +), or that has changed (~); empty if there is none."""
    old, new = _pieces(before, after), _pieces(after, before)
    lines: list[tuple[int, str]] = []
    for va in old.keys() | new.keys():
        was, is_now = old.get(va), new.get(va)
        if was is None:
            lines.append((va, f"+ {_where(new[va])} {_what(new[va])}"))
        elif is_now is None:
            lines.append((va, f"- {_where(was)} {_what(was)}"))
        elif was[1:] != is_now[1:]:
            lines.append((va, f"~ {_where(was)} {_what(was)}  ->  {_what(is_now)}"))
    return [line for _, line in sorted(lines)]


_Piece = tuple[Range, int, int, str]  # the range it belongs to; then what is compared: size, pa, permissions


def _pieces(found: AddressSpaceMap, other: AddressSpaceMap) -> dict[int, _Piece]:
    """Returns the ranges by address, cut where the other map begins or ends one, so that equal parts are recognised."""
    cuts = sorted({edge for entry in other.ranges for edge in (entry.range.va, entry.range.end)})
    pieces: dict[int, _Piece] = {}
    for entry in found.ranges:
        part = entry.range
        for start, end in _cut(part.va, part.end, cuts):
            pieces[start] = (part, end - start, part.pa + start - part.va, f"{permission_text(part)} {part.memory}")
    return pieces


def _cut(start: int, end: int, cuts: Iterable[int]) -> list[tuple[int, int]]:
    edges = [start, *(cut for cut in cuts if start < cut < end), end]
    return list(zip(edges, edges[1:]))


def _where(piece: _Piece) -> str:
    part, size, pa, _ = piece
    va = part.va + pa - part.pa
    return f"{va:016x}-{va + size - 1:016x} {size_text(size):>8}"


def _what(piece: _Piece) -> str:
    return f"{piece[2]:#x} {piece[3]}"
