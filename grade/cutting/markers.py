"""Marker comments: finds them in a file of main, and splits the file at them. What they mean is in cutter.py."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grade.ladder.labs import LadderError

_MAIN_ONLY = 1_000_000  # a lab that no ladder reaches
COMMENTS = {
    "//": (".h", ".cc", ".S", ".c", ".inc"),
    "#": (".cmake", ".txt", ".sh", ".toml", ".py", ""),
    "<!--": (".md",),
    "/*": (".ld", ".lds"),
}
_CLOSING = {"//": "", "#": "", "<!--": "-->", "/*": r"\*/"}
"""How a comment with this beginning ends."""
_LIKE_A_MARKER = re.compile(rb"@(lab|from|main|end)|//:")


def may_hold_markers(content: bytes) -> bool:
    """Returns whether there is anything to parse: most files hold no marker, and no hint line, nor what looks like one."""
    return _LIKE_A_MARKER.search(content) is not None


class MarkerError(LadderError):
    """A marker comment that cannot be obeyed, with the file (from the root) and the line."""

    def __init__(self, file: str, line: int, problem: str) -> None:
        super().__init__(f"{file}:{line}: {problem}")
        self.file, self.line, self.problem = file, line, problem


@dataclass(frozen=True)
class Marker:
    """One marker comment."""

    kind: str  # "begin", "end of hole", "from", "end"
    line: int
    lab: int = 0
    function: str = ""

    def __str__(self) -> str:
        if self.lab == _MAIN_ONLY:
            return "@main"
        names = {"begin": "@lab {} begin", "end of hole": "@lab {} end", "from": "@from {}", "end": "@end"}
        return names[self.kind].format(self.lab)


@dataclass(frozen=True)
class HolePart:
    """A hole: its begin, the hint for the student, and the reference code."""

    marker: Marker
    indent: str
    hint: list[str]
    body: list[str]


@dataclass(frozen=True)
class FromPart:
    """Lines that exist from a lab on."""

    marker: Marker
    parts: list["Part"]


Part = str | HolePart | FromPart


class Parser:
    """Splits one file at its markers, by recursive descent."""

    def __init__(self, path: str, text: str, comment: str) -> None:
        opening, closing = re.escape(comment), _CLOSING[comment]
        self.path = path
        self.lines = text.split("\n")
        self.next = 0
        self.hole_allowed = comment == "//"
        self.marker = re.compile(rf"\s*{opening}\s*@(lab|from|main|end)(?!\S)\s*(.*?)\s*{closing}\s*")
        self.misplaced = re.compile(rf".*\S\s*{opening}\s*@(lab \d|from \d|main\s*$|end\s*$)")
        self.hint = re.compile(r"(\s*)//:\s?(.*?)\s*")

    def parse(self) -> list[Part]:
        """Returns the parts of the file, in order. MarkerError if a marker cannot be obeyed."""
        return self._parts(None)

    def _parts(self, block: Marker | None) -> list[Part]:
        """Returns the parts up to the @end of `block`, or to the end of the file."""
        parts: list[Part] = []
        while self.next < len(self.lines):
            line = self._take()
            marker = self._marker(line)
            if marker is None:
                self._refuse_stray(line)
                parts.append(line)
            elif marker.kind == "begin":
                parts.append(self._hole(marker, line))
            elif marker.kind == "from" and block is None:
                parts.append(FromPart(marker, self._parts(marker)))
            elif marker.kind == "end" and block is not None:
                return parts
            else:
                raise self._misfit(marker, block)
        if block is not None:
            raise MarkerError(self.path, block.line, f"{block} has no @end")
        return parts

    def _hole(self, begin: Marker, line: str) -> HolePart:
        if not self.hole_allowed:
            raise MarkerError(self.path, begin.line, "a hole can only be in a C++ or assembly file")
        hint: list[str] = []
        while self.next < len(self.lines) and (match := self.hint.fullmatch(self.lines[self.next])):
            hint.append(match[2])
            self._take()
        body: list[str] = []
        while self.next < len(self.lines):
            inner = self._take()
            marker = self._marker(inner)
            if marker is None:
                self._refuse_stray(inner)
                body.append(inner)
            elif marker.kind == "end of hole" and marker.lab == begin.lab:
                return HolePart(begin, line[: len(line) - len(line.lstrip())], hint, body)
            else:
                raise self._misfit(marker, begin)
        raise MarkerError(self.path, begin.line, f"{begin} has no @lab {begin.lab} end")

    def _take(self) -> str:
        self.next += 1
        return self.lines[self.next - 1]

    def _marker(self, line: str) -> Marker | None:
        """Returns the marker on the line just taken, or None."""
        match = self.marker.fullmatch(line)
        if match is None:
            return None
        word, rest = match.groups()
        if word == "end" and not rest:
            return Marker("end", self.next)
        if word == "from" and rest.isdecimal():
            return Marker("from", self.next, int(rest))
        if word == "main" and not rest:
            return Marker("from", self.next, _MAIN_ONLY)
        if word == "lab" and (begin := re.fullmatch(r"(\d+) begin: ([A-Za-z_][\w:]*)", rest)):
            return Marker("begin", self.next, int(begin[1]), begin[2])
        if word == "lab" and (end := re.fullmatch(r"(\d+) end", rest)):
            return Marker("end of hole", self.next, int(end[1]))
        forms = "@lab N begin: function, @lab N end, @from N, @main, @end"
        raise MarkerError(self.path, self.next, f"unknown marker '@{word} {rest}'; known are {forms}")

    def _refuse_stray(self, line: str) -> None:
        """Refuses a line that looks like part of a marker and would silently stay in a handout."""
        if self.hole_allowed and self.hint.fullmatch(line):
            raise MarkerError(self.path, self.next, "a hint line (//:) that does not follow a begin")
        if self.misplaced.match(line):
            raise MarkerError(self.path, self.next, "a marker must stand on a line of its own")

    def _misfit(self, marker: Marker, block: Marker | None) -> MarkerError:
        """Returns why `marker` cannot stand here, inside `block`."""
        if block is not None:
            what = "nested in" if marker.kind in ("begin", "from") else "does not close"
            return MarkerError(self.path, marker.line, f"{marker} {what} {block} (line {block.line})")
        opener = {"end of hole": f"@lab {marker.lab} begin", "end": "@from"}[marker.kind]
        return MarkerError(self.path, marker.line, f"{marker} without {opener}")


def flat(parts: Sequence[Part]) -> Iterator[Part]:
    """Yields all parts, including nested ones."""
    for part in parts:
        yield part
        if isinstance(part, FromPart):
            yield from part.parts
