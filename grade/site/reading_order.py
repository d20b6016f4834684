"""The files in the order of docs/map.md, with what it says about each."""

import re
from collections.abc import Iterable

from grade.isa import ISAS

MAP = "docs/map.md"
_ROW = re.compile(r"\| (`[^|]*`) \| (.*) \|")
_NAME = re.compile(r"`([^`]+)`")


def reading_order(text: str, files: Iterable[str]) -> dict[str, str]:
    """Returns those of the files that the map, which has this text, names, with its sentence about the file if it has one.

    A name without a folder stands for the file of each ISA, one beside the other.
    """
    there = set(files)
    order: dict[str, str] = {}
    for line in text.splitlines():
        row = _ROW.fullmatch(line)
        for name in _NAME.findall(line):
            for path in [name, *(f"arch/{isa}/{name}" for isa in ISAS if "/" not in name)]:
                if path in there and not order.get(path):
                    order[path] = row[2] if row and name in row[1] else ""
    return order
