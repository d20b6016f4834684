"""Writes grades.csv, which spreadsheets open: text that students influenced has no effect there."""

import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence

from grade.visible import visible

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How text begins that spreadsheets take for a formula, or that they strip before they look."""
_WIDE = str.maketrans("＝＋－＠", "=+-@")


def grades_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Returns the rows as CSV with a header, for a file in UTF-8.

    The columns are those of all rows, in the order in which they first occur. Numbers stay numbers, None is an empty cell,
    and all else is text: on one line, nothing invisible, and with an apostrophe before what would be a formula.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    if columns:
        writer.writerow([neutral(name) for name in columns])
        writer.writerows([_written(row.get(name)) for name in columns] for row in rows)
    return out.getvalue()


def neutral(text: str) -> str:
    """Returns the text so that it is text in a spreadsheet, and harmless in a terminal."""
    shown = unicodedata.normalize("NFC", visible(text).replace("\t", " ").replace("\n", " "))
    first = text.lstrip(" \u00a0\u3000")[:1].translate(_WIDE)
    return f"'{shown}" if first.startswith(_FORMULA) else shown


def _written(value: object) -> object:
    if value is None or isinstance(value, (int, float)):
        return value
    return neutral(str(value))
