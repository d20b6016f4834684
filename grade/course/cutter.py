"""Cuts main into the tree of one lab: without later labs' files, with or without the solutions.

Main is the finished kernel; marker comments say what of it a student writes and what comes later:

    // @lab 1 begin: map            // @from 2
    //: What to do, for the         ...lines that exist from lab 2 on...
    //: starter to show.            // @end
    ...the reference code...
    // @lab 1 end

`@main` ... `@end` stands for lines that no handout has. In CMake, shell, TOML and Python files the comment begins with `#`; Markdown and linker scripts use their own.

A file that a lab lends (lab.toml) is in the cuts until a later lab takes it back, and never in main.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath

from grade.ladder.files import KEPT, remove_others, update
from grade.ladder.git import Repository
from grade.ladder.labs import COURSE_FILE, ISAS, LENT_FOLDER, Lab, LadderError, Loan, load_labs, loans_of, owner_of

_MARKED = ("kernel/", "arch/", "user/", "labs/", "CMakeLists.txt", "README.md", "docs/")
_GRADER = ("grade/",)
_NEVER_CUT = (
    ".ci/",
    "docs/graded.md",  # how the grader is examined, and how grades are defended
    "docs/instructor.md",
    "grade/course/",  # what only main can do
    "grade/submission/",
    "grade/tests/",
)
_MAIN_ONLY = 1_000_000  # a lab that no ladder reaches
_PATCHES = re.compile(r"labs/[^/]+/(bugs|variants)/")
_LENT = re.compile(rf"(labs/[^/]+/){LENT_FOLDER}(.+)")
_NOT_SOURCE = {"build", ".git", "__pycache__", ".pytest_cache", ".hypothesis"}

_COMMENTS = {
    "//": (".h", ".cc", ".S", ".c", ".inc"),
    "#": (".cmake", ".txt", ".sh", ".toml", ".py", ""),
    "<!--": (".md",),
    "/*": (".ld", ".lds"),
}
_CLOSING = {"//": "", "#": "", "<!--": "-->", "/*": r"\*/"}


class MarkerError(LadderError):
    """A marker comment that cannot be obeyed, with the file (from the root) and the line."""

    def __init__(self, file: str, line: int, problem: str) -> None:
        super().__init__(f"{file}:{line}: {problem}")
        self.file, self.line, self.problem = file, line, problem


@dataclass(frozen=True)
class Hole:
    """A function body that the student of `lab` writes; `line` is that of the begin marker in main."""

    lab: int
    function: str
    file: str
    line: int
    hint: str


@dataclass(frozen=True)
class _Marker:
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
class _HolePart:
    marker: _Marker
    indent: str
    hint: list[str]
    body: list[str]


@dataclass(frozen=True)
class _FromPart:
    marker: _Marker
    parts: list["str | _HolePart"]


_Part = str | _HolePart | _FromPart


@dataclass(frozen=True)
class _Request:
    """What a cut is to be: the tree of `lab` for these ISAs, with the holes of labs 1..`solved` filled.

    Where the function of a hole of `lab` itself is in `turned` it is the other way round: filled, or left open.
    """

    labs: list[Lab]
    lab: int
    solved: int
    isas: Sequence[str]
    turned: Container[str]

    def fills(self, hole: _Marker) -> bool:
        """Whether the reference code stands in this hole."""
        return (hole.lab <= self.solved) != (hole.lab == self.lab and hole.function in self.turned)


def render(
    tree: Path,
    lab: int,
    solved: int,
    isas: Sequence[str] = ISAS,
    *,
    with_grader: bool = False,
    turned: Container[str] = frozenset(),
) -> dict[str, tuple[bytes, int]]:
    """The tree of lab `lab` with the reference code of labs 1..`solved`: content and mode of each file, by path.

    `turned`: functions of this lab for which the opposite holds, so that one hole can be filled, or left open, alone.
    LadderError if the lab does not exist; MarkerError if a marker is wrong.
    """
    labs = load_labs(tree)
    _check_request(tree, labs, lab, solved, isas)
    request = _Request(labs, lab, solved, isas, turned)
    names = "".join(f'"{isa}", ' for isa in isas).removesuffix(", ")
    # `lab` and `solved` stand apart: who begins with a catch-up and merges the next lab has changes of both.
    course = f"# What this tree is; the grader reads it.\nlab = {lab}\nlabs = {labs[-1].number}\nisas = [{names}]\n"
    course += f"# Labs 1 to this one were handed out with their reference code.\nsolved = {solved}\n"
    files = {COURSE_FILE: (course.encode(), 0o644)}  # first, so that a half-written cut can be told for a cut
    later, loans = [upper for upper in labs if upper.number > lab], loans_of(labs)
    elsewhere = {path for known in labs for path in known.owned_for(set(ISAS) - set(isas))}
    for source in sorted(_source_files(tree)):
        path = _path_in_cut(source, loans, lab)
        if path is None or path in elsewhere or path.startswith(_NEVER_CUT):
            continue
        if path.startswith(_GRADER) and not with_grader:
            continue
        if not any(upper.brings(path) for upper in later):
            files[path] = (_cut_file(tree, source, request), (tree / source).stat().st_mode & 0o777)
    return files


def cut(
    tree: Path,
    lab: int,
    solved: int,
    into: Path,
    isas: Sequence[str] = ISAS,
    *,
    with_grader: bool = False,
    turned: Container[str] = frozenset(),
) -> None:
    """Makes `into` what render() says.

    Touches no file whose content is right already, and neither build/ nor .git in `into`. LadderError if `into`
    holds something else than a cut.
    """
    files = render(tree, lab, solved, isas, with_grader=with_grader, turned=turned)
    _check_target(into)
    remove_others(into, files.keys())
    for path, (content, mode) in files.items():
        update(into / path, content, mode)


def holes(tree: Path) -> list[Hole]:
    """All holes of main, by lab, file and line. MarkerError if any marker of the tree is wrong."""
    labs = load_labs(tree)
    found: list[Hole] = []
    for path in sorted(_source_files(tree)):
        for part in _flat(_parts_of((tree / path).read_bytes(), path, owner_of(labs, path))):
            if isinstance(part, _HolePart):
                marker = part.marker
                found.append(Hole(marker.lab, marker.function, path, marker.line, "\n".join(part.hint)))
    return sorted(found, key=lambda hole: (hole.lab, hole.file, hole.line))


# --- which files -------------------------------------------------------------------------------------------


def _check_request(tree: Path, labs: list[Lab], lab: int, solved: int, isas: Sequence[str]) -> None:
    if (tree / COURSE_FILE).exists():
        raise LadderError(f"{tree} is a handed-out tree: only main can be cut")
    if lab not in [known.number for known in labs]:
        raise LadderError(f"there is no lab {lab}: labs/ holds {', '.join(str(known.number) for known in labs)}")
    if not 0 <= solved <= lab:
        raise LadderError(f"lab {lab} cannot have labs 1 to {solved} solved")
    for isa in isas:
        if isa not in ISAS:
            raise LadderError(f"no ISA {isa}: known are {', '.join(ISAS)}")
    if not isas:
        raise LadderError("a course needs at least one ISA")


def _check_target(into: Path) -> None:
    """Everything else in `into` is going to be removed, so it must be a cut, or empty."""
    if not into.exists() or (into / COURSE_FILE).exists():
        return
    if any(path.name not in KEPT for path in into.iterdir()):
        raise LadderError(f"{into} is neither empty nor a cut tree (it has no {COURSE_FILE}): left as it is")


def _path_in_cut(source: str, loans: list[Loan], lab: int) -> str | None:
    """Where the cut of lab `lab` has main's file `source`; None for a planted bug and for what is not lent then."""
    if _PATCHES.match(source):
        return None
    lent = _LENT.fullmatch(source)
    if lent is None:
        return source
    loan = next((loan for loan in loans if loan.source == source), None)
    if loan is None:
        raise LadderError(f"{lent[1]}lab.toml: lends: does not name {lent[2]}, but there is {source}")
    return loan.path if loan.first <= lab <= loan.last else None


def _source_files(tree: Path) -> Iterator[str]:
    """The files git tracks or would track; without git, all but what is known not to be source. No cut in the tree."""
    listed = _git_files(tree)
    if listed is None:
        listed = list(_walked_files(tree))
    cuts = tuple(path.removesuffix(COURSE_FILE) for path in listed if path.endswith(f"/{COURSE_FILE}"))
    for path in listed:
        if path.split("/")[0] not in _NOT_SOURCE and not path.startswith(cuts) and (tree / path).is_file():
            yield path


def _git_files(tree: Path) -> list[str] | None:
    if not (tree / ".git").exists():
        return None
    output = Repository(tree).ask("ls-files", "-co", "--exclude-standard", "-z")
    return None if output is None else [name for name in output.split("\0") if name]


def _walked_files(tree: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(tree):
        folders[:] = [name for name in folders if name not in _NOT_SOURCE]
        for name in names:
            yield (Path(folder) / name).relative_to(tree).as_posix()


# --- markers -----------------------------------------------------------------------------------------------


def _cut_file(tree: Path, path: str, request: _Request) -> bytes:
    content = _without_markers(tree, path, request)
    if path.endswith(".md") and len(request.isas) == 1:
        return _with_commands_for(request.isas[0], content)
    return content


def _with_commands_for(isa: str, page: bytes) -> bytes:
    """Where a command names another ISA it names this one, so that it can be typed; what follows it keeps its column."""
    others = "|".join(other for other in ISAS if other != isa)

    def renamed(match: re.Match[bytes]) -> bytes:
        return b"--isa " + (isa.encode().ljust(len(match[0]) - len(b"--isa ")) if match[2] else isa.encode())

    return re.sub(rf"--isa ({others})(?!\w)(?:( +)(?= \S))?".encode(), renamed, page)


def _without_markers(tree: Path, path: str, request: _Request) -> bytes:
    content = (tree / path).read_bytes()
    parts = _parts_of(content, path, owner_of(request.labs, path))
    if all(isinstance(part, str) for part in parts):
        return content
    return _formatted(tree, path, "\n".join(_rendered(parts, path, request))).encode(errors="surrogateescape")


def _parts_of(content: bytes, path: str, owner: Lab | None) -> list[_Part]:
    """The file as plain lines, holes and from-blocks, checked; nothing for a file that has no markers."""
    comment = next((key for key, suffixes in _COMMENTS.items() if PurePosixPath(path).suffix in suffixes), None)
    if not path.startswith(_MARKED) or comment is None or b"\0" in content:
        return []
    parts = _Parser(path, content.decode(errors="surrogateescape"), comment).parse()
    for part in _flat(parts):
        if isinstance(part, _HolePart):
            _check_hole(part, path, owner)
        elif isinstance(part, _FromPart) and owner is not None and part.marker.lab > owner.number:
            problem = f"{part.marker} in a file of lab {owner.number}: no later handout may touch it"
            raise MarkerError(path, part.marker.line, problem)
    return parts


def _check_hole(hole: _HolePart, path: str, owner: Lab | None) -> None:
    lab, line = hole.marker.lab, hole.marker.line
    if owner is None:
        raise MarkerError(path, line, f"a hole of lab {lab} in a file that no lab owns")
    if owner.number != lab:
        raise MarkerError(path, line, f"a hole of lab {lab} in a file that lab {owner.number} owns")
    if not hole.hint:
        raise MarkerError(path, line, "a hole without a hint line (//: What to do.) after its begin")


def _flat(parts: Sequence[_Part]) -> Iterator[_Part]:
    for part in parts:
        yield part
        if isinstance(part, _FromPart):
            yield from part.parts


class _Parser:
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

    def parse(self) -> list[_Part]:
        return self._parts(None)

    def _parts(self, block: _Marker | None) -> list[_Part]:
        """The parts up to the @end of `block`, or to the end of the file."""
        parts: list[_Part] = []
        while self.next < len(self.lines):
            line = self._take()
            marker = self._marker(line)
            if marker is None:
                self._refuse_stray(line)
                parts.append(line)
            elif marker.kind == "begin":
                parts.append(self._hole(marker, line))
            elif marker.kind == "from" and block is None:
                parts.append(_FromPart(marker, self._parts(marker)))
            elif marker.kind == "end" and block is not None:
                return parts
            else:
                raise self._misfit(marker, block)
        if block is not None:
            raise MarkerError(self.path, block.line, f"{block} has no @end")
        return parts

    def _hole(self, begin: _Marker, line: str) -> _HolePart:
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
                return _HolePart(begin, line[: len(line) - len(line.lstrip())], hint, body)
            else:
                raise self._misfit(marker, begin)
        raise MarkerError(self.path, begin.line, f"{begin} has no @lab {begin.lab} end")

    def _take(self) -> str:
        self.next += 1
        return self.lines[self.next - 1]

    def _marker(self, line: str) -> _Marker | None:
        """The marker on the line just taken."""
        match = self.marker.fullmatch(line)
        if match is None:
            return None
        word, rest = match.groups()
        if word == "end" and not rest:
            return _Marker("end", self.next)
        if word == "from" and rest.isdecimal():
            return _Marker("from", self.next, int(rest))
        if word == "main" and not rest:
            return _Marker("from", self.next, _MAIN_ONLY)
        if word == "lab" and (begin := re.fullmatch(r"(\d+) begin: ([A-Za-z_][\w:]*)", rest)):
            return _Marker("begin", self.next, int(begin[1]), begin[2])
        if word == "lab" and (end := re.fullmatch(r"(\d+) end", rest)):
            return _Marker("end of hole", self.next, int(end[1]))
        forms = "@lab N begin: function, @lab N end, @from N, @main, @end"
        raise MarkerError(self.path, self.next, f"unknown marker '@{word} {rest}'; known are {forms}")

    def _refuse_stray(self, line: str) -> None:
        """What looks like a part of a marker and would silently stay in a handout."""
        if self.hole_allowed and self.hint.fullmatch(line):
            raise MarkerError(self.path, self.next, "a hint line (//:) that does not follow a begin")
        if self.misplaced.match(line):
            raise MarkerError(self.path, self.next, "a marker must stand on a line of its own")

    def _misfit(self, marker: _Marker, block: _Marker | None) -> MarkerError:
        """Why `marker` cannot stand here, inside of `block`."""
        if block is not None:
            what = "nested in" if marker.kind in ("begin", "from") else "does not close"
            return MarkerError(self.path, marker.line, f"{marker} {what} {block} (line {block.line})")
        opener = {"end of hole": f"@lab {marker.lab} begin", "end": "@from"}[marker.kind]
        return MarkerError(self.path, marker.line, f"{marker} without {opener}")


def _rendered(parts: list[_Part], path: str, request: _Request) -> list[str]:
    """The lines of the cut file."""
    out: list[str] = []

    def add(some: Sequence[_Part]) -> None:
        after_gap = False
        for part in some:
            if isinstance(part, str):
                # A dropped block must not leave two empty lines in a row.
                if not (after_gap and not part.strip() and (not out or not out[-1].strip())):
                    out.append(part)
            elif isinstance(part, _FromPart):
                if part.marker.lab <= request.lab:
                    add(part.parts)
            elif request.fills(part.marker):
                out.extend(part.body)
            else:
                out.extend(_starter(part, path))
            after_gap = isinstance(part, _FromPart) and part.marker.lab > request.lab

    add(parts)
    return out


def _starter(hole: _HolePart, path: str) -> list[str]:
    lines = [f"{hole.indent}// {line}".rstrip() for line in hole.hint]
    if path.endswith(".S"):
        return [*lines, f"{hole.indent or '    '}lab_todo {hole.marker.lab}, {hole.marker.function}"]
    return [*lines, f'{hole.indent}lab_todo({hole.marker.lab}, "{hole.marker.function}");']


@dataclass(frozen=True)
class _Style:
    """A .clang-format file. Two with the same text are one style."""

    text: str
    file: Path = field(compare=False)


def _formatted(tree: Path, path: str, text: str) -> str:
    """The text in the tree's own style, for which it matters which lines stand together. As it is without the tool."""
    style, program = tree / ".clang-format", shutil.which("clang-format")
    if program is None or not path.endswith((".h", ".cc")) or not style.exists():
        return text
    return _by_clang_format(program, _Style(style.read_text(encoding="utf-8"), style), path, text)


@lru_cache(maxsize=None)
def _by_clang_format(program: str, style: _Style, path: str, text: str) -> str:
    """Remembered, because one process cuts the same file again and again."""
    command = [program, f"--style=file:{style.file}", f"--assume-filename={path}"]
    result = subprocess.run(command, input=text.encode(errors="surrogateescape"), capture_output=True, check=False)
    return text if result.returncode != 0 else result.stdout.decode(errors="surrogateescape")
