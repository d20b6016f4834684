"""Reads CSV without losing where each cell stands, so that one cell can be replaced and all else stays byte for byte.

Python's csv module forgets how a cell was quoted. Files may be UTF-8 or UTF-16, with `,`, `;` or tabs between cells.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grade.ladder.labs import LadderError
from grade.visible import visible

_LARGEST = 64 << 20
_BOM = "\ufeff"
_DELIMITERS = (",", ";", "\t")
_CELL = {
    delimiter: re.compile(rf'(?:"(?P<quoted>[^"]*(?:""[^"]*)*)")?(?P<plain>[^{delimiter}\r\n]*)') for delimiter in _DELIMITERS
}
_LINE_END = re.compile(r"\r\n|\n|\r")
_HIDDEN_FORMULA = re.compile(r'="(.*)"', re.DOTALL)


@dataclass(frozen=True)
class Cell:
    """A cell: what it says, and where it stands in the file's text, with its quotes."""

    value: str
    start: int
    end: int


@dataclass(frozen=True)
class Row:
    """A row, with the number of the line on which it begins."""

    line: int
    cells: list[Cell]

    def value(self, column: int | None) -> str:
        """Returns what a cell says, without spaces around it; empty if there is no such column or cell."""
        return self.cells[column].value.strip() if column is not None and column < len(self.cells) else ""

    @property
    def is_blank(self) -> bool:
        """Returns whether no cell says anything."""
        return not any(cell.value.strip() for cell in self.cells)


@dataclass(frozen=True)
class CsvText:
    """A file's text and its rows, of which the first is the header."""

    path: Path
    text: str
    codec: str
    delimiter: str
    rows: list[Row]

    @property
    def header(self) -> Row:
        """Returns the first row."""
        return self.rows[0]

    def with_cells(self, changes: dict[Cell, str]) -> bytes:
        """Returns the file's bytes with other values in these cells, which are quoted only where that is needed."""
        parts, at = [], 0
        for cell in sorted(changes, key=lambda changed: changed.start):
            parts += [self.text[at : cell.start], self._written(changes[cell])]
            at = cell.end
        return "".join([*parts, self.text[at:]]).encode(self.codec)

    def _written(self, value: str) -> str:
        if any(c in value for c in (self.delimiter, '"', "\r", "\n")):
            return '"' + value.replace('"', '""') + '"'
        return value


def read_csv(path: Path) -> CsvText:
    """Returns the file's rows. Raises LadderError, with file and line, for what is no CSV in UTF-8 or UTF-16."""
    text, codec = _decoded(path)
    start = len(_BOM) if text.startswith(_BOM) else 0
    delimiter = _delimiter_of(text, start)
    rows = list(_rows(path, text, start, delimiter))
    if not rows or rows[0].is_blank:
        raise LadderError(f"{path}:1: there is no header: the first line must name the columns")
    return CsvText(path, text, codec, delimiter, rows)


def column_key(name: str) -> str:
    """Returns a column's name as it is compared: letters and digits alone, in lower case."""
    return "".join(c for c in name.casefold() if c.isalnum())


def value_of(text: str) -> str:
    """Returns what a cell means, harmless for a terminal: also of ="0012", as spreadsheets protect text."""
    match = _HIDDEN_FORMULA.fullmatch(text.strip())
    return " ".join(visible(match[1] if match else text).split())


def _decoded(path: Path) -> tuple[str, str]:
    try:
        if path.stat().st_size > _LARGEST:
            raise LadderError(f"{path}: is larger than {_LARGEST >> 20} MiB: not a class's sheet")
        content = path.read_bytes()
    except OSError as error:
        raise LadderError(f"{path}: cannot be read: {error.strerror}") from error
    if content.startswith(b"PK\x03\x04"):
        raise LadderError(f"{path}: is a spreadsheet: save or export it as CSV (UTF-8)")
    codec = _codec_of(content)
    try:
        text = content.decode(codec)
    except UnicodeDecodeError as error:
        line = len(_LINE_END.findall(content[: error.start].decode(codec, errors="replace"))) + 1
        raise LadderError(f"{path}:{line}: is not {codec.upper()}: save it as CSV (UTF-8)") from None
    if "\0" in text:
        raise LadderError(f"{path}:{len(_LINE_END.findall(text[: text.index(chr(0))])) + 1}: holds a NUL character: is no CSV")
    return text, codec


def _codec_of(content: bytes) -> str:
    if content.startswith(b"\xff\xfe") or (len(content) > 1 and content[0] != 0 and content[1] == 0):
        return "utf-16-le"
    if content.startswith(b"\xfe\xff") or (len(content) > 1 and content[0] == 0 and content[1] != 0):
        return "utf-16-be"
    return "utf-8"


def _delimiter_of(text: str, start: int) -> str:
    """Returns what stands between the cells of the header: whichever of the possible ones is there most often."""
    end = _LINE_END.search(text, start)
    header = re.sub(r'"[^"]*"', "", text[start : end.start() if end else len(text)])
    return max(_DELIMITERS, key=header.count)


def _rows(path: Path, text: str, at: int, delimiter: str) -> Iterator[Row]:
    line = 1
    while at < len(text):
        cells, first = [], at
        while True:
            cell, at = _cell(text, at, delimiter), at
            if cell is None:
                raise LadderError(f"{path}:{line}: a quote that is opened in this row is never closed")
            cells.append(cell)
            at = cell.end
            if text[at : at + 1] != delimiter:
                break
            at += 1
        end = _LINE_END.match(text, at)
        at = end.end() if end else at
        yield Row(line, cells)
        line += len(_LINE_END.findall(text, first, at))


def _cell(text: str, at: int, delimiter: str) -> Cell | None:
    match = _CELL[delimiter].match(text, at)
    assert match is not None  # it matches nothing at all as well
    if match["quoted"] is None:
        return None if text[at : at + 1] == '"' else Cell(match["plain"], at, match.end())
    return Cell(match["quoted"].replace('""', '"') + match["plain"], at, match.end())
