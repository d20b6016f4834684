"""Cuts main into the tree of one lab: without later labs' files, with or without the solutions.

Main is the finished kernel; marker comments say which part of it a student writes and which comes later:

    // @lab 1 begin: map            // @from 2
    //: What to do, for the         ...lines that exist from lab 2 on...
    //: starter to show.            // @end
    ...the reference code...
    // @lab 1 end

`@main` ... `@end` marks lines that no handout has. In CMake, shell, TOML and Python files the comment begins
with `#`; Markdown and linker scripts use their own.

A file that a lab lends (lab.toml) is in the cuts until a later lab takes it back, and never in main.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath

from grade.cutting.bug_packs import bug_packs, lines_of
from grade.cutting.markers import COMMENTS, FromPart, HolePart, Marker, MarkerError, Parser, Part, flat, may_hold_markers
from grade.cutting.one_isa import with_commands_for
from grade.isa import ISAS
from grade.ladder.files import KEPT, remove_others, update
from grade.ladder.git import Repository
from grade.ladder.labs import COURSE_FILE, ISA_FIELD, LENT_FOLDER, Lab, LadderError, Loan, load_labs, loans_of, owner_of
from grade.ladder.records import Records

_MARKED = ("kernel/", "arch/", "user/", "labs/", "CMakeLists.txt", "README.md", "docs/")
_GRADER = ("grade/",)
_EDITOR, _MAIN_TASK = ".vscode/", "main alone"
_NEVER_CUT = (
    ".ci/",
    ".github/",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "pyproject.toml",
    ".flake8",
    "docs/class.md",
    "docs/graded.md",  # how the grader is examined, and how grades are defended
    "docs/instructor.md",
    "grade/classroom/",  # what only main can do
    "grade/course/",
    "grade/cutting/",
    "grade/packages/",
    "grade/submission/",
    "grade/tests/",
    "kernel/tests/fuzz/",
)
_PATCHES = re.compile(r"labs/[^/]+/(bugs|variants)/")
_LENT = re.compile(rf"(labs/[^/]+/){LENT_FOLDER}(.+)")
_NOT_SOURCE = {"build", ".git", "__pycache__", ".pytest_cache", ".hypothesis"}
_AS_IT_IS: Mapping[str, bytes | None] = {}


@dataclass(frozen=True)
class Hole:
    """A function body that the student of `lab` writes; `line` is that of the begin marker in main."""

    lab: int
    function: str
    file: str
    line: int
    hint: str


@dataclass(frozen=True)
class _Request:
    """What a cut is to be: the tree of `lab` for these ISAs, with the holes of labs 1..`solved` filled.

    A hole of `lab` itself is the other way round, filled or left open, if its function is in `turned`.
    """

    labs: list[Lab]
    lab: int
    solved: int
    isas: Sequence[str]
    turned: Container[str]

    def fills(self, hole: Marker) -> bool:
        """Returns whether this hole gets the reference code."""
        return (hole.lab <= self.solved) != (hole.lab == self.lab and hole.function in self.turned)


def render(
    tree: Path,
    lab: int,
    solved: int,
    isas: Sequence[str] = ISAS,
    *,
    with_grader: bool = False,
    turned: Container[str] = frozenset(),
    changes: Mapping[str, bytes | None] = _AS_IT_IS,
) -> dict[str, tuple[bytes, int]]:
    """Returns the tree of lab `lab` with the reference code of labs 1..`solved`: content and mode of each file, by path.

    `turned`: functions of this lab for which the opposite holds, so that a single hole can be filled, or left open.
    `changes`: what files of main are taken to contain instead of what they do contain; None for a file taken not to exist.
    LadderError if the lab does not exist; MarkerError if a marker is wrong.
    """
    labs = load_labs(tree)
    _check_request(tree, labs, lab, solved, isas)
    request = _Request(labs, lab, solved, isas, turned)
    names = "".join(f'"{isa}", ' for isa in isas).removesuffix(", ")
    # `lab` and `solved` are on separate lines: to merge the next lab into a catch-up changes both.
    course = f"# What this tree is; the grader reads it.\nlab = {lab}\nlabs = {labs[-1].number}\nisas = [{names}]\n"
    course += f"# Labs 1 to this one were handed out with their reference code.\nsolved = {solved}\n"
    files = {COURSE_FILE: (course.encode(), 0o644)}  # first, so that a half-written cut is recognised as a cut
    later, loans = [upper for upper in labs if upper.number > lab], loans_of(labs)
    elsewhere = {path for known in labs for path in known.owned_for(set(ISAS) - set(isas))}
    for source in sorted({*_source_files(tree), *changes}):
        path = _path_in_cut(source, loans, lab)
        if path is None or path in elsewhere or path.startswith(_NEVER_CUT):
            continue
        if path.startswith(_GRADER) and not with_grader:
            continue
        if any(upper.brings(path) for upper in later):
            continue
        whole = changes[source] if source in changes else (tree / source).read_bytes()
        if whole is not None:
            files[path] = (_cut_file(tree, request, source, whole), _mode(tree / source))
    if with_grader:
        cut_file = partial(_cut_file, tree, request)
        packs = bug_packs(tree, files, (lab, isas), _written_by_students(tree, labs), cut_file)
        files |= {path: (content, 0o644) for path, content in packs.items()}
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
    changes: Mapping[str, bytes | None] = _AS_IT_IS,
) -> None:
    """Makes `into` the tree that render() returns.

    Touches no file whose content is already right, and neither build/ nor .git in `into`. LadderError if `into`
    holds anything other than a cut.
    """
    files = render(tree, lab, solved, isas, with_grader=with_grader, turned=turned, changes=changes)
    _check_target(into)
    remove_others(into, files.keys())
    for path, (content, mode) in files.items():
        update(into / path, content, mode)


def holes(tree: Path) -> list[Hole]:
    """Returns all holes of main, by lab, file and line. MarkerError if any marker of the tree is wrong."""
    labs = load_labs(tree)
    found: list[Hole] = []
    for path in sorted(_source_files(tree)):
        for part in flat(_parts_of((tree / path).read_bytes(), path, owner_of(labs, path))):
            if isinstance(part, HolePart):
                marker = part.marker
                found.append(Hole(marker.lab, marker.function, path, marker.line, "\n".join(part.hint)))
    return sorted(found, key=lambda hole: (hole.lab, hole.file, hole.line))


def _written_by_students(tree: Path, labs: list[Lab]) -> frozenset[str]:
    """Returns the lines of all reference code that stands in holes."""
    found: set[str] = set()
    for lab in labs:
        for path in dict.fromkeys([*lab.owned_for(ISAS), *lab.owned]):
            if ISA_FIELD not in path and (tree / path).is_file():
                parts = flat(_parts_of((tree / path).read_bytes(), path, lab))
                found |= lines_of("\n".join(line for part in parts if isinstance(part, HolePart) for line in part.body))
    return frozenset(found)


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
    """Checks that `into` is a cut, or empty: everything else in it is going to be removed."""
    if not into.exists() or (into / COURSE_FILE).exists():
        return
    if any(path.name not in KEPT for path in into.iterdir()):
        raise LadderError(f"{into} is neither empty nor a cut tree (it has no {COURSE_FILE}): left as it is")


def _path_in_cut(source: str, loans: list[Loan], lab: int) -> str | None:
    """Returns where the cut of lab `lab` has main's file `source`; None for a planted bug and for what is not lent then."""
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
    """Yields the files that git tracks or would track; without git, all that may be source. No cut in the tree."""
    listed = _git_files(tree)
    if listed is None:
        listed = list(_walked_files(tree))
    cuts = tuple(path.removesuffix(COURSE_FILE) for path in listed if path.endswith(f"/{COURSE_FILE}"))
    for path in listed:
        if path.split("/")[0] not in _NOT_SOURCE and not path.startswith(cuts) and (tree / path).is_file():
            yield path


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777 if path.exists() else 0o644


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


def _cut_file(tree: Path, request: _Request, path: str, whole: bytes) -> bytes:
    """Returns what becomes of main's file `path`, which has the content `whole`."""
    content = _without_markers(tree, path, request, whole)
    if path.startswith(_EDITOR) and path.endswith(".json"):
        return _for_students(content, request.isas)
    if path.endswith(".md") and len(request.isas) == 1:
        return with_commands_for(request.isas[0], content.decode(errors="surrogateescape")).encode(errors="surrogateescape")
    return content


def _for_students(settings: bytes, isas: Sequence[str]) -> bytes:
    """Returns an editor's tasks and debug settings without those that name another ISA, or what only main can do."""
    others = [isa for isa in ISAS if isa not in isas]
    table = json.loads(settings)
    for key in table.keys() & {"configurations", "tasks"}:
        entries = ((json.dumps(entry), entry) for entry in table[key])
        table[key] = [entry for text, entry in entries if _MAIN_TASK not in text and not any(isa in text for isa in others)]
    return f"{json.dumps(table, indent=2)}\n".encode()


def _without_markers(tree: Path, path: str, request: _Request, content: bytes) -> bytes:
    parts = _parts_of(content, path, owner_of(request.labs, path))
    if all(isinstance(part, str) for part in parts):
        return content
    return _formatted(tree, path, "\n".join(_rendered(parts, path, request))).encode(errors="surrogateescape")


def _parts_of(content: bytes, path: str, owner: Lab | None) -> list[Part]:
    """Returns the file as plain lines, holes and from-blocks, checked; nothing for a file that has no markers."""
    comment = next((key for key, suffixes in COMMENTS.items() if PurePosixPath(path).suffix in suffixes), None)
    if not path.startswith(_MARKED) or comment is None or b"\0" in content or not may_hold_markers(content):
        return []
    parts = Parser(path, content.decode(errors="surrogateescape"), comment).parse()
    for part in flat(parts):
        if isinstance(part, HolePart):
            _check_hole(part, path, owner)
        elif isinstance(part, FromPart) and owner is not None and part.marker.lab > owner.number:
            problem = f"{part.marker} in a file of lab {owner.number}: no later handout may touch it"
            raise MarkerError(path, part.marker.line, problem)
    return parts


def _check_hole(hole: HolePart, path: str, owner: Lab | None) -> None:
    lab, line = hole.marker.lab, hole.marker.line
    if owner is None:
        raise MarkerError(path, line, f"a hole of lab {lab} in a file that no lab owns")
    if owner.number != lab:
        raise MarkerError(path, line, f"a hole of lab {lab} in a file that lab {owner.number} owns")
    if not hole.hint:
        raise MarkerError(path, line, "a hole without a hint line (//: What to do.) after its begin")


def _rendered(parts: list[Part], path: str, request: _Request) -> list[str]:
    """Returns the lines of the cut file."""
    out: list[str] = []

    def add(some: Sequence[Part]) -> None:
        after_gap = False
        for part in some:
            if isinstance(part, str):
                # A dropped block must not leave two empty lines in a row.
                if not (after_gap and not part.strip() and (not out or not out[-1].strip())):
                    out.append(part)
            elif isinstance(part, FromPart):
                if part.marker.lab <= request.lab:
                    add(part.parts)
            elif request.fills(part.marker):
                out.extend(part.body)
            else:
                out.extend(_starter(part, path))
            after_gap = isinstance(part, FromPart) and part.marker.lab > request.lab

    add(parts)
    return out


def _starter(hole: HolePart, path: str) -> list[str]:
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
    """Returns the text in the tree's own style, which depends on adjacent lines. Unchanged without the tool."""
    style, program = tree / ".clang-format", shutil.which("clang-format")
    if program is None or not path.endswith((".h", ".cc")) or not style.exists():
        return text
    return _by_clang_format(program, _Style(style.read_text(encoding="utf-8"), style), path, text)


@lru_cache(maxsize=None)
def _by_clang_format(program: str, style: _Style, path: str, text: str) -> str:
    """Formats the text, and caches it in memory and on disk: processes cut the same files again and again."""
    kept = Records(style.file.parent / "build" / "formatted")
    depends_on = (_identity(program), style.text, path, text)
    if (known := kept.read(*depends_on)) is not None:
        return known
    command = [program, f"--style=file:{style.file}", f"--assume-filename={path}"]
    result = subprocess.run(command, input=text.encode(errors="surrogateescape"), capture_output=True, check=False)
    if result.returncode != 0:
        return text
    formatted = result.stdout.decode(errors="surrogateescape")
    kept.write(formatted, *depends_on)
    return formatted


def _identity(program: str) -> str:
    """Returns what tells one clang-format from another: an upgrade replaces the file."""
    path = Path(program).resolve()
    state = path.stat()
    return f"{path} {state.st_ino} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"
