"""./pagewalk submit: one archive with the student's files, once it is certain that they build."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from grade.ladder.build import BuildError, build_kernel
from grade.ladder.files import remove_others, update, write_whole
from grade.ladder.labs import COURSE_FILE, LadderError
from grade.ladder.trees import Tree, locked, read_course
from grade.results.result import Result, Status
from grade.student.archive import pack, refuse_to_overwrite
from grade.student.given import changed_given_files, find_given, uncommitted
from grade.student.owned import conflict_line, owned_files, why_not_taken
from grade.student.packed import remember_packed
from grade.student.remaining import find_remaining
from grade.student.standing import Standing, look_at

_MOST_NAMED = 3


@dataclass(frozen=True)
class _Collected:
    """The content of the archive, and the problems with the student's files."""

    files: dict[str, bytes]
    problems: list[str]


def submit(tree: Tree, console: Console, output: Path | None, *, force: bool) -> None:
    """Writes the archive, after saying what is noteworthy. LadderError, with nothing written, if it must not."""
    path = output or Path(f"{_folder(tree)}.tar.gz")
    refuse_to_overwrite(path)
    collected = _collect(tree)
    problems = list(collected.problems)
    if not problems or force:
        problems += _build_errors(tree, collected.files, console)
    if problems and not force:
        older = f" {path} is still that of an earlier submit." if path.exists() else ""
        raise LadderError("\n".join([*problems, f"Nothing was written.{older} --force packs it all the same."]))
    write_whole(path, pack(_folder(tree), collected.files))
    own = {name: content for name, content in collected.files.items() if name != COURSE_FILE}
    if not problems:
        with suppress(OSError):  # then the student is told to submit again, which does no harm
            remember_packed(tree, own, path)
    for problem in problems:
        console.print(f"In spite of this: {problem}", markup=False, soft_wrap=True)
    _remark(tree, console)
    count = "1 file" if len(own) == 1 else f"{len(own)} files"
    console.print(f"{path}: lab {tree.lab}, {count} of yours:", markup=False, soft_wrap=True)
    for name in own:
        console.print(f"  {name}", markup=False, soft_wrap=True)


def _folder(tree: Tree) -> str:
    return f"lab{tree.lab}-submission"


def _collect(tree: Tree) -> _Collected:
    files = {COURSE_FILE: (tree.root / COURSE_FILE).read_bytes()}
    problems: list[str] = []
    for name in owned_files(tree):
        path = tree.root / name
        if (why := why_not_taken(path)) is not None:
            problems.append(f"{name} {why}")
            continue
        files[name] = path.read_bytes()
        if (line := conflict_line(path)) is not None:
            problems.append(f"{name}:{line}: a conflict of a merge: decide it, then git add {name} and git commit")
    return _Collected(files, problems)


def _build_errors(tree: Tree, files: dict[str, bytes], console: Console) -> list[str]:
    """Builds what an instructor will build; returns why it does not build, ISA by ISA."""
    errors: dict[str, str] = {}
    with _as_graded(tree, files, console) as folder:
        for isa in tree.isas:
            console.print(f"building lab {tree.lab} for {isa}")
            try:
                build_kernel(folder, isa)
            except BuildError as error:
                first = str(error.first_error or isa)  # often the same on every ISA
                errors[first] = f"{errors[first]}\nNor does that for {isa}." if first in errors else str(error)
    return list(errors.values())


@contextmanager
def _as_graded(tree: Tree, files: dict[str, bytes], console: Console) -> Iterator[Path]:
    """Yields a folder with the given files as they were handed out, and the student's over them."""
    try:
        given = find_given(tree).files()
    except LadderError as error:
        console.print(f"{error}, so what is built is this tree as it stands", markup=False, soft_wrap=True)
        yield tree.root
        return
    _refuse_another_course(tree, given[COURSE_FILE][0])
    given |= {name: (content, 0o644) for name, content in files.items()}
    folder = tree.root / "build" / "submit"
    with locked(folder.with_suffix(".lock")):
        remove_others(folder, given.keys())
        for name, (content, mode) in given.items():
            update(folder / name, content, mode)
        yield folder


def _refuse_another_course(tree: Tree, given: bytes) -> None:
    """Refuses a changed course: the instructor decides what is graded; only `solved` differs, after a catch-up."""
    course = read_course(given.decode(errors="replace"))
    if (course.lab, course.isas) != (tree.lab, tree.isas):
        raise LadderError(f"{COURSE_FILE} is not as it was handed out: put back what `git diff` shows there")


def _remark(tree: Tree, console: Console) -> None:
    """Prints what is no obstacle, but good to know."""
    lines = [f"changed, and not part of the submission: {path}" for path in changed_given_files(tree)]
    lines += [f"not written yet: {one.function} ({one.place})" for one in find_remaining(tree)]
    lines += [f"not committed yet: {path}" for path in uncommitted(tree)]
    lines += _since_graded(look_at(tree))
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _since_graded(standing: Standing) -> list[str]:
    """Returns what `status` knows of the last grading: which milestones did not pass, and what has changed since."""
    graded = {one.isa for one in standing.current}
    lines = [f"not graded yet on {isa}: ./pagewalk grade" for isa in standing.tree.isas if isa not in graded]
    for isa in sorted(graded):
        failed = [result.milestone for one in standing.current for result in one.results if _lost(result, isa)]
        lines += [f"did not pass when last graded on {isa}: {', '.join(failed)}"] if failed else []
    if changed := standing.changed:
        named = ", ".join(changed[:_MOST_NAMED]) + (f" and {len(changed) - _MOST_NAMED} more" if changed[_MOST_NAMED:] else "")
        lines.append(f"changed since all milestones were graded: {named}: ./pagewalk grade")
    return lines


def _lost(result: Result, isa: str) -> bool:
    return result.isa == isa and result.status is not Status.PASSED
