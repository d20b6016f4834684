"""A walk as a picture: a box for each table, and where the walk ends."""

import base64
from xml.sax.saxutils import escape

from grade.visible import visible
from grade.walker import Walk

_WIDTH, _BOX, _GAP, _MARGIN = 640, 46, 18, 10
_MOST_STEPS, _LONGEST = 12, 84
_BOX_COLOR, _PAGE_COLOR, _FAULT_COLOR = "#e8eef7", "#e3f3e3", "#f9e1e1"


def walk_picture(walk: Walk) -> str:
    """Returns an SVG image as a data: URL. It has no script, and loads nothing."""
    boxes = [(f"va {walk.va:#x}", "the address that is looked up", _BOX_COLOR)]
    for step in walk.steps[:_MOST_STEPS]:
        entry = "unreadable" if step.entry is None else f"{step.entry:#x}"
        first = f"{step.name}  table {step.table:#x}  index {step.index}"
        boxes.append((first, f"entry {entry}: {step.kind}", _BOX_COLOR))
    boxes.append(_end_of(walk))
    height = _MARGIN + len(boxes) * (_BOX + _GAP)
    drawn = "".join(_box(place, *box) for place, box in enumerate(boxes))
    image = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'font-family="monospace" font-size="12"><rect width="100%" height="100%" fill="white"/>{drawn}</svg>'
    )
    return f"data:image/svg+xml;base64,{base64.b64encode(image.encode()).decode()}"


def _end_of(walk: Walk) -> tuple[str, str, str]:
    if walk.mapping is None or walk.fault is not None:
        return f"fault: {walk.fault}", walk.detail, _FAULT_COLOR
    page = walk.mapping
    kernel = _rights(page.read, page.write, page.kernel_execute)
    user = _rights(page.user_read, page.user_write, page.user_execute)
    return f"pa {walk.pa:#x}", f"a page of {page.size:#x} bytes, kernel {kernel}, user {user}", _PAGE_COLOR


def _rights(read: bool, write: bool, execute: bool) -> str:
    return "".join(letter if may else "-" for letter, may in (("r", read), ("w", write), ("x", execute)))


def _box(place: int, first: str, second: str, color: str) -> str:
    top = _MARGIN + place * (_BOX + _GAP)
    arrow = "" if place == 0 else f'<path d="M40 {top - _GAP}V{top - 2}m-4 -6l4 6l4 -6" fill="none" stroke="black"/>'
    lines = "".join(
        f'<text x="20" y="{top + 18 + 18 * row}" xml:space="preserve">{escape(visible(line)[:_LONGEST])}</text>'
        for row, line in enumerate((first, second))
    )
    return f'{arrow}<rect x="{_MARGIN}" y="{top}" width="{_WIDTH - 2 * _MARGIN}" height="{_BOX}" fill="{color}" stroke="black"/>{lines}'
