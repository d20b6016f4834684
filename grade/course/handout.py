r"""Publishes the labs as branches of a git repository, from which students start and which they merge lab by lab.

    lab1 ----- lab2 ----- lab3 ...      starters: each one commit on top of the last, with nothing solved
      \          \          \-- lab3-catch-up      labs 1 and 2 solved: for those who go on from here
       \          \-- lab2-solution                labs 1 and 2 solved
        \-- lab1-solution

Same main, same commits: names and dates are fixed. What is published stays: where main has changed since, a branch gets
one more commit on top, so that those who started from the old one merge the new one without a conflict.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from grade.cutting.cutter import render
from grade.isa import ISAS
from grade.ladder.git import GitError, Repository
from grade.ladder.labs import COURSE_FILE, LadderError, owner_of
from grade.ladder.trees import Tree, read_course

_ADDRESS = re.compile(r"\w+:/|\w[\w.@-]*:")  # Path has made one / of the two in https://
_NAME = re.compile(r"lab(\d+)(-solution|-catch-up)?")
_KIND, _TREE = "Pagewalk-Handout", "Pagewalk-Tree"  # trailers by which a commit of ours is known
_MOST_NAMED = 20
_FIRST_DAY = 1_767_225_600  # 2026-01-01, in Unix time: every commit's date, so that same contents are same commits


@dataclass(frozen=True)
class Wishes:
    """What to publish. None means as it was last published, or the default if it never was."""

    isas: tuple[str, ...] | None = None
    name: str | None = None
    email: str | None = None
    solutions: bool = False
    catch_up: tuple[int, ...] = ()
    afresh: bool = False
    """Whether to publish as in a new repository: one commit for each lab, whatever was published."""


@dataclass(frozen=True)
class Published:
    """The outcome for one branch."""

    branch: str
    change: str
    commit: str
    conflicts: tuple[str, ...] = ()
    """Files of students that differ from what was published: those who have begun will have a conflict."""


@dataclass(frozen=True)
class Difference:
    """A branch that is not what main would publish. `files` differ; empty if the branch is missing or foreign."""

    branch: str
    problem: str
    files: tuple[str, ...] = ()
    foreign: bool = False


@dataclass(frozen=True)
class _Branch:
    """A branch as it should be: the tree of `lab` with labs 1..`solved` filled in, on top of the branch `base`."""

    name: str
    lab: int
    solved: int
    base: str | None
    title: str


@dataclass
class _Course:
    """The wishes, completed by what the repository says."""

    isas: tuple[str, ...]
    name: str
    email: str
    branches: list[_Branch] = field(default_factory=list)


def publish(tree: Tree, folder: Path, wishes: Wishes, progress: Callable[[str], None]) -> list[Published]:
    """Makes or renews the branches in the repository at `folder`, which is made if it does not exist.

    LadderError, with nothing changed, if `folder` is no repository, has uncommitted changes or a merge under way, or has a
    branch of ours with commits that are not ours.
    """
    _refuse_uncommitted(tree.root)
    target = _existing(folder)
    _refuse_main_itself(tree.root, folder, target)
    if target is not None:
        target.refuse_unfinished("branches change")
    course = _course(tree, target, wishes)
    for branch in course.branches:
        _refuse_foreign(target, branch.name)
    with TemporaryDirectory(prefix="pagewalk-handout-") as scratch:
        workshop = _workshop(Path(scratch), target)
        before = {} if target is None or wishes.afresh else _tips(target, course)
        tips = _make_commits(tree, workshop, course, before, progress)
        report = [_compared(tree, workshop, branch, _tip(target, branch.name), tips) for branch in course.branches]
        _put_into(folder, target, workshop, tips)
    return report


def differences(tree: Tree, folder: Path, wishes: Wishes, progress: Callable[[str], None]) -> list[Difference]:
    """Returns the branches that differ from what this main would publish. LadderError if `folder` is no repository."""
    target = _existing(folder)
    if target is None:
        raise LadderError(f"{folder} is no git repository: ./pagewalk handout --repo {folder} makes one")
    course = _course(tree, target, wishes)
    found: list[Difference] = []
    with TemporaryDirectory(prefix="pagewalk-handout-") as scratch:
        workshop = _workshop(Path(scratch), target)
        for branch in course.branches:
            progress(branch.name)
            found += _difference(tree, workshop, target, branch, course)
    return found


# --- what is asked for -----------------------------------------------------------------------------------------------


def _course(tree: Tree, target: Repository | None, wishes: Wishes) -> _Course:
    """Completes the wishes from what is published, and lists the branches that are to be."""
    isas, name, email = ISAS, "Pagewalk", "pagewalk@localhost"
    published = _ours(target)
    if target is not None and "lab1" in published:
        isas = read_course(target.run("show", f"refs/heads/lab1:{COURSE_FILE}")).isas
        name, email = target.run("log", "-1", "--format=%an%n%ae", "refs/heads/lab1").split("\n")
    course = _Course(wishes.isas or isas, wishes.name or name, wishes.email or email)
    for part in (course.name, course.email):
        if not part.strip() or set(part) & set("<>\n\0"):
            raise LadderError(f"{part!r} cannot stand in a commit: it is empty, or has <, > or a line end")
    labs = [lab.number for lab in tree.labs]
    for number in wishes.catch_up:
        if number not in labs[1:]:
            raise LadderError(f"--catch-up {number}: labs 2 to {labs[-1]} have labs before them to catch up with")
    solutions = wishes.solutions or any(name.endswith("-solution") for name in published)
    late = set(wishes.catch_up) | {int(name[3:-9]) for name in published if name.endswith("-catch-up")}
    for lab in tree.labs:
        number, name = lab.number, f"lab{lab.number}"
        base = course.branches[-1].name if course.branches else None  # starters only, so far
        course.branches.append(_Branch(name, number, 0, base, f"Lab {number}: {lab.title}"))
    for lab in tree.labs:
        number, name = lab.number, f"lab{lab.number}"
        if number in late:
            title = f"Lab {number}, with labs 1 to {number - 1} solved"
            course.branches.append(_Branch(f"{name}-catch-up", number, number - 1, name, title))
        if solutions:
            title = f"Lab {number}, solved"
            course.branches.append(_Branch(f"{name}-solution", number, number, name, title))
    return course


def _ours(target: Repository | None) -> list[str]:
    """Returns the names of the branches that were published before."""
    if target is None:
        return []
    names = target.run("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads").splitlines()
    return [name for name in names if _NAME.fullmatch(name) and _foreign_commit(target, name) is None]


# --- the repository as it is -----------------------------------------------------------------------------------------


def _existing(folder: Path) -> Repository | None:
    """Returns the repository at `folder`; None if there is nothing, and one can be made there; otherwise LadderError."""
    if not folder.exists() and _ADDRESS.match(os.fspath(folder)):
        raise LadderError(f"{folder} is an address: name a folder here, and push from there (git push {folder} lab1)")
    if folder.is_dir() and any(folder.iterdir()):
        here = Repository(folder)
        top = here.ask("rev-parse", "--show-toplevel") or here.ask("rev-parse", "--absolute-git-dir")
        if top is None:
            raise LadderError(f"{folder} is neither empty nor a git repository: name another folder")
        if Path(top).resolve() != folder.resolve():
            raise LadderError(f"{folder} is inside of the repository {top}: name that, or an empty folder")
        return here
    if folder.exists() and not folder.is_dir():
        raise LadderError(f"{folder} is a file, and no folder for a repository")
    if not folder.absolute().parent.is_dir():
        raise LadderError(f"there is no folder {folder.absolute().parent} to make {folder.name} in")
    return None


def _refuse_main_itself(main: Path, folder: Path, target: Repository | None) -> None:
    """Refuses main's own repository for the course: a push from it would take the solutions along."""
    if target is not None and _shared_folder(target) == _shared_folder(Repository(main)):
        raise LadderError(f"{folder} is main's own repository: name another folder for the course's")


def _shared_folder(repository: Repository) -> str | None:
    """Returns where the objects and branches are, which all work trees of a repository share."""
    return repository.ask("rev-parse", "--path-format=absolute", "--git-common-dir")


def _refuse_uncommitted(main: Path) -> None:
    """Refuses uncommitted changes: what is published must be found again in a commit of main."""
    if not (main / ".git").exists():
        return
    if changed := Repository(main).run("status", "--porcelain"):
        first = changed.splitlines()[0][3:]
        raise LadderError(f"main has changes that are not committed, such as {first}: commit them, then publish")


def _tip(target: Repository | None, branch: str) -> str | None:
    return None if target is None else target.commit(f"refs/heads/{branch}")


def _tips(target: Repository, course: _Course) -> dict[str, str]:
    found = {branch.name: _tip(target, branch.name) for branch in course.branches}
    return {name: commit for name, commit in found.items() if commit is not None}


def _foreign_commit(target: Repository, branch: str) -> str | None:
    """Returns a commit on the branch that is not ours, as `ID SUBJECT`: its trailer does not name its tree."""
    form = f"%T %(trailers:key={_TREE},valueonly,separator=%x2C) %h %s"
    for line in target.run("log", f"--format={form}", f"refs/heads/{branch}", "--").splitlines():
        tree, ours, rest = line.split(" ", 2)
        if tree != ours:
            return rest
    return None


def _refuse_foreign(target: Repository | None, branch: str) -> None:
    if target is None or _tip(target, branch) is None:
        return
    if (commit := _foreign_commit(target, branch)) is not None:
        rename = f"git -C {target.path} branch -m {branch} ANOTHER-NAME"
        raise LadderError(
            f"the branch {branch} in {target.path} has a commit that this command did not make: {commit}\n"
            f"Nothing was changed. Keep it under another name ({rename}), then run this again."
        )


# --- making commits --------------------------------------------------------------------------------------------------


def _workshop(folder: Path, target: Repository | None) -> Repository:
    """Returns a new bare repository that sees all objects of the target, which it leaves alone."""
    form = "sha1" if target is None else target.run("rev-parse", "--show-object-format")
    Repository(folder).run("init", "--quiet", "--bare", f"--object-format={form}", "--template=", ".")
    if target is not None:
        objects = target.run("rev-parse", "--path-format=absolute", "--git-path", "objects")
        (folder / "objects" / "info").mkdir(exist_ok=True)
        (folder / "objects" / "info" / "alternates").write_text(f"{objects}\n", encoding="utf-8")
    return Repository(folder)


def _make_commits(
    tree: Tree, workshop: Repository, course: _Course, before: dict[str, str], progress: Callable[[str], None]
) -> dict[str, str]:
    """Returns the commit to which each branch is to point. What is already right stays."""
    tips: dict[str, str] = {}
    for branch in course.branches:
        progress(branch.name)
        contents = _write_tree(tree, workshop, branch, course.isas)
        old, base = before.get(branch.name), tips[branch.base] if branch.base is not None else None
        parents = [commit for commit in (old, base) if commit is not None]
        if old is not None and base is not None and _is_ancestor(workshop, base, old):
            parents = [old]
        if parents == [old] and workshop.run("rev-parse", f"{old}^{{tree}}") == contents:
            tips[branch.name] = str(old)
        else:
            tips[branch.name] = _commit(workshop, branch, course, contents, parents, old)
        workshop.run("update-ref", f"refs/heads/{branch.name}", tips[branch.name])
    return tips


def _write_tree(tree: Tree, workshop: Repository, branch: _Branch, isas: Sequence[str]) -> str:
    """Writes the files of the branch as git objects; returns the id of their tree."""
    files = render(tree.root, branch.lab, branch.solved, isas, with_grader=True)
    stream = [b"commit refs/scratch\ncommitter x <x> 0 +0000\ndata 0\ndeleteall\n"]
    for path, (content, mode) in sorted(files.items()):
        name = os.fsencode(path)
        stream.append(b"M 100%o inline %s\ndata %d\n" % (0o755 if mode & 0o100 else 0o644, name, len(content)))
        stream += [content, b"\n"]
    workshop.run("fast-import", "--quiet", "--force", "--date-format=raw", stdin=b"".join(stream))
    return workshop.run("rev-parse", "refs/scratch^{tree}")


def _is_ancestor(workshop: Repository, old: str, new: str) -> bool:
    return workshop.ask("merge-base", "--is-ancestor", old, new) is not None


def _commit(
    workshop: Repository, branch: _Branch, course: _Course, contents: str, parents: Sequence[str], old: str | None
) -> str:
    """Returns a commit of the tree `contents`; `old` is what the branch had before."""
    files = workshop.run("diff-tree", "-r", "--name-only", f"{old}^{{tree}}", contents).splitlines() if old is not None else []
    changed = "".join(f"Changed: {path}\n" for path in files[:_MOST_NAMED]) + ("\n" if files else "")
    subject = branch.title + (", renewed" if old is not None else "")
    kind = f"lab {branch.lab}" + (f", labs 1 to {branch.solved} solved" if branch.solved else "")
    message = f"{subject}\n\n{changed}{_KIND}: {kind}\n{_TREE}: {contents}\n"
    date = f"{_FIRST_DAY} +0000"
    identity = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", course.name), ("EMAIL", course.email), ("DATE", date))
    }
    options = [option for parent in parents for option in ("-p", parent)]
    return workshop.run("commit-tree", *options, contents, stdin=message.encode(), environment=identity)


# --- into the repository ---------------------------------------------------------------------------------------------


def _put_into(folder: Path, target: Repository | None, workshop: Repository, tips: dict[str, str]) -> None:
    """Copies the commits, then moves all branches at once, with the files that are checked out from them."""
    if target is None:
        target = _new_repository(folder, next(iter(tips)))
    changed = {name: commit for name, commit in tips.items() if commit != _tip(target, name)}
    if not changed:
        return
    names = [f"refs/heads/{name}" for name in changed]
    target.run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", str(workshop.path), *names)
    checked_out = {
        Repository(place): (target.commit(ref), changed[ref.removeprefix("refs/heads/")])
        for place, ref in target.work_trees().items()
        if ref is not None and ref.removeprefix("refs/heads/") in changed
    }
    for place, (old, new) in checked_out.items():
        _move_files(place, old, new, "-n")
    null = "0" * len(next(iter(tips.values())))
    moves = [f"update refs/heads/{name} {new} {_tip(target, name) or null}\n" for name, new in changed.items()]
    target.run("update-ref", "--stdin", "-m", "./pagewalk handout", stdin="".join(moves).encode())
    for place, (old, new) in checked_out.items():
        _move_files(place, old, new)


def _new_repository(folder: Path, branch: str) -> Repository:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise LadderError(f"cannot make {folder}: {error.strerror}") from error
    repository = Repository(folder)
    repository.run("init", "--quiet", f"--initial-branch={branch}", ".")
    return repository


def _move_files(place: Repository, old: str | None, new: str, *options: str) -> None:
    """Takes the files of a folder from one commit to another; with -n only asks whether that would lose something."""
    try:
        if old is None:
            place.run("read-tree", "-m", "-u", *options, new)
        else:
            place.run("read-tree", "-m", "-u", *options, old, new)
    except GitError as error:
        raise LadderError(f"{place.path} has files of its own in the way, so nothing was changed: {error}") from error


# --- what to tell ----------------------------------------------------------------------------------------------------


def _compared(tree: Tree, workshop: Repository, branch: _Branch, old: str | None, tips: dict[str, str]) -> Published:
    new = tips[branch.name]
    if old is None:
        return Published(branch.name, "new", new)
    if old == new:
        return Published(branch.name, "as it was", new)
    files = workshop.run("diff-tree", "-r", "--name-only", old, new).splitlines()
    written = tuple(path for path in files if not branch.solved and owner_of(tree.labs, path) is not None)
    words = f"{len(files)} file{'' if len(files) == 1 else 's'} changed" if files else "on top of the changed one"
    return Published(branch.name, words, new, written)


def _difference(tree: Tree, workshop: Repository, target: Repository, branch: _Branch, course: _Course) -> list[Difference]:
    tip = _tip(target, branch.name)
    if tip is None:
        return [Difference(branch.name, "is not published")]
    if (commit := _foreign_commit(target, branch.name)) is not None:
        return [Difference(branch.name, f"has a commit that handout did not make: {commit}", foreign=True)]
    contents = _write_tree(tree, workshop, branch, course.isas)
    files = tuple(workshop.run("diff-tree", "-r", "--name-only", f"{tip}^{{tree}}", contents).splitlines())
    return [Difference(branch.name, "is not what main has now", files)] if files else []
