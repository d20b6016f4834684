"""The figures of docs/paging.md, drawn from the tables of grade/walker/example.py: what they show is what the walker reads."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from textwrap import wrap

from grade.course.drawing import Drawing
from grade.walker import RadixWalker, Step
from grade.walker.entry import Field
from grade.walker.example import ADDRESS, examples
from grade.walker.format import PAGE_BITS

FOLDER = "docs/figures"
_WIDTH, _EDGE = 940, 20


def figures() -> dict[str, Callable[[Path], str]]:
    """Returns each figure's name from the root of the tree, and the function that makes its text from the tree."""
    drawn: dict[str, Callable[[Path], str]] = {f"{FOLDER}/pages.svg": lambda root: _pages()}
    for walker in examples():
        drawn[f"{FOLDER}/walk-{walker.isa}.svg"] = partial(_walk, walker)
        drawn[f"{FOLDER}/entry-{walker.isa}.svg"] = partial(_entry, walker)
    return drawn


# --- pages and frames ------------------------------------------------------------------------------------------------

_OF_A, _OF_B = ("text", "data", "", "stack"), ("text", "", "stack")
_FRAMES = ("A's stack", "text of both", "", "B's stack", "A's data")
_HELD_A, _HELD_B = {0: 1, 1: 4, 3: 0}, {0: 1, 2: 3}
_ROW, _CELL = 34, 150


def _pages() -> str:
    drawing = Drawing(
        _WIDTH, 270, "Two address spaces whose pages are in frames of one RAM, in any order; one frame serves both."
    )
    left, middle, right = 60, (_WIDTH - _CELL) / 2, _WIDTH - 60 - _CELL
    for x, head, rows in ((left, "addresses of A", _OF_A), (middle, "RAM", _FRAMES), (right, "addresses of B", _OF_B)):
        drawing.words(x, 40, head, "head")
        for number, words in enumerate(rows):
            drawing.box(x, 52 + number * _ROW, _CELL, _ROW, ("page" if x == middle else "field") if words else "none", words)
    for held, start, end in ((_HELD_A, left + _CELL, middle), (_HELD_B, right, middle + _CELL)):
        for page, frame in held.items():
            drawing.arrow((start, 52 + (page + 0.5) * _ROW), (end, 52 + (frame + 0.5) * _ROW))
    drawing.words(middle, 246, "frames: a page's worth of RAM each", "small")
    drawing.words(left, 246, "dashed: no page, an access faults", "small")
    return drawing.text()


# --- a walk ----------------------------------------------------------------------------------------------------------

_BAR, _TABLES, _TABLE_HEIGHT, _ENTRY_HEIGHT = 58, 160, 170, 26


def _walk(walker: RadixWalker, root: Path) -> str:
    walk = walker.walk(ADDRESS)
    assert walk.mapping is not None
    drawing = Drawing(_WIDTH, 372, f"The walk of {ADDRESS:#x} on {walker.isa}, from the root to the byte.")
    drawing.words(_EDGE, 28, f"{walker.isa}: where is {ADDRESS:#x}?", "head")
    fields = _parts_of_the_address(walker, walk.steps)
    width = (_WIDTH - 2 * _EDGE) / len(fields)
    columns = [_EDGE + number * width for number in range(len(fields))]
    for x, (bits, value) in zip(columns, fields, strict=True):
        drawing.words(x + width / 2, _BAR - 6, bits, "small", "middle")
        drawing.box(x, _BAR, width, 28, "field", value)
    for x, step, after in zip(columns, walk.steps, [*walk.steps[1:], None]):
        _table(drawing, x, width, step)
        drawing.arrow((x + width / 2, _BAR + 28), (x + width / 2, _entry_top(step)))
        target = _TABLES + 9 if after is not None else _TABLES + 40
        drawing.arrow((x + width - 14, _entry_top(step) + 13), (x + width - 4, _entry_top(step) + 13), (x + width + 6, target))
    _page(drawing, columns[-1], width, walk.mapping.pa + ADDRESS - walk.mapping.va)
    drawing.arrow((columns[-1] + width / 2, _BAR + 28), (columns[-1] + width / 2, _TABLES + 74))
    drawing.words(
        _EDGE,
        362,
        f"{walk.root:#x} is in the root register. Each table is a page of RAM; the entry holds the next one's address.",
        "small",
    )
    return drawing.text()


def _parts_of_the_address(walker: RadixWalker, steps: tuple[Step, ...]) -> list[tuple[str, str]]:
    """Returns the bits of each index and of the offset, and their values."""
    parts = [
        (f"bits {walker.shift(step.level) + walker.index_bits - 1}:{walker.shift(step.level)}", f"index {step.index}")
        for step in steps
    ]
    return [*parts, (f"bits {PAGE_BITS - 1}:0", f"offset {ADDRESS % (1 << PAGE_BITS):#x}")]


def _entry_top(step: Step) -> float:
    """Returns where the entry is drawn: the higher its index, the further down in its table."""
    share = (step.entry_address - step.table) / (1 << PAGE_BITS)
    return _TABLES + 18 + share * (_TABLE_HEIGHT - _ENTRY_HEIGHT - 20)


def _table(drawing: Drawing, x: float, width: float, step: Step) -> None:
    drawing.box(x + 8, _TABLES, width - 22, _TABLE_HEIGHT, "box")
    drawing.words(x + 12, _TABLES + 13, f"{step.table:#x}", "small")
    drawing.box(x + 8, _entry_top(step), width - 22, _ENTRY_HEIGHT, "hit", f"{step.word:#x}")
    drawing.words(x + 8, _TABLES + _TABLE_HEIGHT + 16, f"level {step.level} ({step.name})", "small")


def _page(drawing: Drawing, x: float, width: float, pa: int) -> None:
    drawing.box(x + 8, _TABLES + 30, width - 22, 110, "page")
    drawing.words(x + 12, _TABLES + 43, f"{pa & -(1 << PAGE_BITS):#x}", "small")
    drawing.box(x + 8, _TABLES + 74, width - 22, _ENTRY_HEIGHT, "hit", f"{pa:#x}")
    drawing.words(x + 8, _TABLES + _TABLE_HEIGHT + 16, "the page", "small")


# --- an entry --------------------------------------------------------------------------------------------------------

_PER_ROW, _LONGEST, _FIELDS_HEIGHT = 8, 16, 104


def _entry(walker: RadixWalker, root: Path) -> str:
    leaf = walker.walk(ADDRESS).steps[-1]
    address = _address_bits(walker, leaf)
    fields = sorted([*leaf.fields, address], key=lambda field: -field.low)
    rows = [fields[start : start + _PER_ROW] for start in range(0, len(fields), _PER_ROW)]
    drawing = Drawing(
        _WIDTH, 38 + _FIELDS_HEIGHT * len(rows), f"The fields of a page's entry on {walker.isa}, with their values."
    )
    drawing.words(_EDGE, 28, f"{walker.isa}: {leaf.word:#x}, the entry of a page ({leaf.name})", "head")
    for number, row in enumerate(rows):
        _fields(drawing, 56 + _FIELDS_HEIGHT * number, row, leaf.word, address)
    return drawing.text()


def _address_bits(walker: RadixWalker, leaf: Step) -> Field:
    """Returns the field that holds the page's address."""
    bits = walker.frame_bits(leaf.level)
    low = (bits & -bits).bit_length() - 1
    return Field("address", low, bits.bit_length() - low, ("where the page is",))


def _fields(drawing: Drawing, y: float, row: list[Field], word: int, address: Field) -> None:
    width = (_WIDTH - 2 * _EDGE) / _PER_ROW
    for number, field in enumerate(row):
        x, bit = _EDGE + number * width, field.of(word)
        bits = f"{field.low + field.width - 1}:{field.low}" if field.width > 1 else f"{field.low}"
        drawing.words(x + width / 2, y - 5, bits, "small", "middle")
        kind = "page" if field is address else "hit" if bit.value else "box"
        drawing.box(x, y, width, 30, kind, f"{field.name} {bit.value:#x}" if field.width > 1 else f"{field.name} {bit.value}")
        for line, words in enumerate(wrap(bit.meaning, _LONGEST)):
            drawing.words(x + width / 2, y + 43 + 12 * line, words, "small", "middle")
