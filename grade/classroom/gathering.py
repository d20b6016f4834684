"""Finds the submissions in a folder that was downloaded from Moodle, Canvas, GitHub Classroom or Gradescope.

Only names are looked at, and the first bytes of files: nothing is unpacked, and no link is followed.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from grade.classroom.download_names import (
    Form,
    Hints,
    Named,
    attempt_of,
    has_archive_ending,
    logins_of_clones,
    read_name,
    without_ending,
)
from grade.classroom.gradescope import METADATA, Submitter, read_submitters
from grade.classroom.safe_names import SafeNames
from grade.ladder.labs import COURSE_FILE, LadderError
from grade.visible import visible

_UNSPOKEN = {"__macosx", ".ds_store", "thumbs.db", "desktop.ini", ".git", METADATA}
"""What tools leave beside submissions, which nobody wants to read about."""
_SHEETS = (".csv", ".tsv", ".xls", ".xlsx", ".ods", ".numbers")
_MAGIC = ((0, b"\x1f\x8b"), (0, b"BZh"), (0, b"\xfd7zXZ\0"), (0, b"PK\x03\x04"), (257, b"ustar"))
_TREE = (".git", COURSE_FILE, "kernel", "arch")
"""Whatever holds one of these is a tree, and not a folder around an archive."""
_DEEPEST = 8


@dataclass(frozen=True)
class Found:
    """One submission: `name` for files about it, unique in the class, and `source` for `grade --submission`."""

    name: str
    source: str
    hints: Hints


@dataclass
class Gathered:
    """What a folder holds. The names in `ignored` and `doubtful` are harmless for a terminal."""

    found: list[Found] = field(default_factory=list)
    ignored: list[tuple[str, str]] = field(default_factory=list)
    """What is no submission, and why."""
    doubtful: list[tuple[str, str]] = field(default_factory=list)
    """Submissions, by Found.name, that a person has to look at, and why. They are in `found` as well."""


@dataclass(frozen=True)
class _Candidate:
    """Something that may be a submission: one of the folder's entries, or an archive in it."""

    path: Path
    named: Named
    several: bool = False
    """Whether its folder holds other archives."""


def gather(folder: Path) -> Gathered:
    """Returns the submissions in `folder`, sorted by name.

    Raises LadderError if it cannot be read, holds no submission, or is one itself.
    """
    entries = _entries(folder)
    gathered = Gathered()
    submitters = read_submitters(folder)
    candidates = []
    for entry in entries:
        if (reason := _no_submission(entry)) is not None:
            gathered.ignored += [(visible(entry.name), reason)] if reason else []
        else:
            candidates += _stands_for(entry, gathered)
    candidates = _with_logins(candidates)
    names = SafeNames()
    for group in _by_person(candidates):
        _take(group, submitters, names, gathered)
    if not gathered.found:
        seen = ", ".join(f"{name} {why}" for name, why in gathered.ignored[:3])
        raise LadderError(f"{folder}: there is no submission in it{f' ({seen})' if seen else ''}: give the unpacked download")
    gathered.found.sort(key=lambda found: (found.name.casefold(), found.name))
    gathered.ignored.sort()
    gathered.doubtful.sort()
    return gathered


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    if folder.is_file():
        raise LadderError(f"{folder}: is a file: unpack the download, and give the folder")
    if not folder.is_dir():
        raise LadderError(f"{folder}: there is no such folder")
    if (folder / COURSE_FILE).is_file() or all((folder / name).is_dir() for name in ("kernel", "arch")):
        raise LadderError(f"{folder}: is one submission, and no folder of them: ./pagewalk grade --submission {folder}")
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise LadderError(f"{folder}: cannot be read: {error.strerror}") from error
    if not entries:
        raise LadderError(f"{folder}: is empty: give the unpacked download")
    return entries


def _no_submission(entry: os.DirEntry[str]) -> str | None:
    """Returns why an entry is no submission, empty if nobody wants to know; None if it may be one."""
    name = entry.name
    if name.casefold() in _UNSPOKEN:
        return ""
    if entry.is_symlink():
        return "is a symbolic link: not followed"
    if name.startswith((".", "~$")) or name.endswith("#") or name.endswith("~"):
        return "is hidden, or a leftover of an editor"
    named = read_name(name)
    if named.typed:
        return f"is text that was typed into {named.hints.form}, and no file"
    if entry.is_dir(follow_symlinks=False):
        return None
    if not entry.is_file(follow_symlinks=False):
        return "is neither a file nor a folder"
    if named.hints.form is Form.PLAIN and name.casefold().endswith(_SHEETS):
        return "is a sheet, and no submission"
    if named.hints.form is Form.PLAIN and not _is_archive(Path(entry.path)):
        return "is neither a folder nor an archive"
    return None


def _is_archive(path: Path) -> bool:
    """Returns whether a file's name or its first bytes are those of an archive. Never blocks, never follows a link."""
    if has_archive_ending(path.name):
        return True
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            start = file.read(512)
    except OSError:
        return False
    return any(start[at:].startswith(magic) for at, magic in _MAGIC)


def _stands_for(entry: os.DirEntry[str], gathered: Gathered) -> list[_Candidate]:
    """Returns the submissions that an entry stands for: itself, or the archives in it. None if it is empty."""
    path, named = Path(entry.path), read_name(entry.name)
    if not entry.is_dir(follow_symlinks=False):
        return [_Candidate(path, named)]
    try:
        inner, inside = _innermost(path)
    except OSError:
        return [_Candidate(path, named)]  # who grades it says why it cannot be read
    if not inside:
        gathered.ignored.append((visible(entry.name), "is a folder without any file; links are not followed"))
        return []
    if any(map(_is_tree, [inner, *(Path(found.path) for found in inside)])):
        return [_Candidate(path, named)]
    archives = [found for found in inside if _is_archive(Path(found.path))]
    if not archives:
        return [_Candidate(path, named)]
    for found in inside:
        if found not in archives:
            gathered.ignored.append((visible(f"{entry.name}/{found.name}"), "lies beside an archive, which is taken"))
    several = len(archives) > 1
    return [_Candidate(Path(found.path), replace(named, file=found.name), several) for found in archives]


def _innermost(folder: Path) -> tuple[Path, list[os.DirEntry[str]]]:
    """Returns the first folder that holds more than another folder, and what is in it. Links count as nothing."""
    for _ in range(_DEEPEST):
        inside = [entry for entry in sorted(os.scandir(folder), key=lambda entry: entry.name) if _counts(entry)]
        if _is_tree(folder) or len(inside) != 1 or not inside[0].is_dir(follow_symlinks=False):
            break
        folder = Path(inside[0].path)
    return folder, inside


def _counts(entry: os.DirEntry[str]) -> bool:
    if entry.name.casefold() in _UNSPOKEN - {".git"} or entry.name.startswith("._"):
        return False
    return entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)


def _is_tree(folder: Path) -> bool:
    return any(os.path.lexists(folder / name) for name in _TREE)


def _with_logins(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Returns the candidates, with the logins in the names of clones that GitHub Classroom made."""
    plain = [candidate for candidate in candidates if candidate.named.hints.form is Form.PLAIN]
    clones = [candidate for candidate in plain if os.path.lexists(candidate.path / ".git")]
    if len(clones) < 2:
        return list(candidates)
    logins = dict(zip((clone.path for clone in clones), logins_of_clones([clone.path.name for clone in clones]), strict=True))
    changed = []
    for candidate in candidates:
        login = logins.get(candidate.path)
        if login is not None and login != candidate.path.name:
            hints = replace(candidate.named.hints, form=Form.GITHUB, login=visible(login), name="")
            candidate = replace(candidate, named=Named(hints))
        changed.append(candidate)
    return changed


def _by_person(candidates: Sequence[_Candidate]) -> Iterator[list[_Candidate]]:
    """Yields the candidates of each person, as far as names tell."""
    groups: dict[tuple[str, str], list[_Candidate]] = {}
    for candidate in candidates:
        hints = candidate.named.hints
        groups.setdefault((hints.form, hints.id or hints.login.casefold()), []).append(candidate)
    yield from groups.values()


def _take(group: list[_Candidate], submitters: dict[str, list[Submitter]], names: SafeNames, gathered: Gathered) -> None:
    """Takes what counts of one person's candidates into `gathered`."""
    group = _archives_only(group, gathered)
    group = _latest_attempt(group, gathered)
    for candidate in group:
        people = submitters.get(candidate.named.hints.label, [])
        hints = _of_gradescope(candidate.named.hints, people) if people else candidate.named.hints
        label = _label(hints)
        if candidate.several:
            label += f"-{without_ending(candidate.path.name)}"
        found = Found(names.give(label, str(candidate.path)), str(candidate.path), hints)
        gathered.found.append(found)
        if len(group) > 1:
            gathered.doubtful.append(
                (found.name, f"is one of {len(group)} submissions of one person: keep the one that counts")
            )
        if len(people) > 1:
            partners = ", ".join(person.name for person in people)
            gathered.doubtful.append((found.name, f"was handed in by several people: {partners}"))


def _archives_only(group: list[_Candidate], gathered: Gathered) -> list[_Candidate]:
    """Returns one person's archives and folders; or the first file, if there is none of these."""
    wanted = [candidate for candidate in group if candidate.path.is_dir() or _is_archive(candidate.path)] or group[:1]
    for candidate in group:
        if candidate not in wanted:
            gathered.ignored.append((visible(candidate.path.name), "lies beside a file of the same person, which is taken"))
    return wanted


def _latest_attempt(group: list[_Candidate], gathered: Gathered) -> list[_Candidate]:
    """Returns only the latest upload if the names say that these are uploads of one file; else all."""
    attempts = [attempt_of(candidate.named.file) for candidate in group]
    if len(group) == 1 or len({first for first, _ in attempts}) > 1 or len(set(attempts)) < len(attempts):
        return group
    if group[0].named.hints.form is not Form.CANVAS:
        return group
    number, latest = max((number, index) for index, (_, number) in enumerate(attempts))
    for index, candidate in enumerate(group):
        if index != latest:
            gathered.ignored.append((visible(candidate.path.name), "is an earlier upload; the latest is taken"))
    named = group[latest].named
    return [replace(group[latest], named=replace(named, hints=replace(named.hints, attempt=number)))]


def _of_gradescope(hints: Hints, people: Sequence[Submitter]) -> Hints:
    first = people[0]
    return Hints(Form.GRADESCOPE, hints.label, first.name, email=first.email, id=first.sid)


def _label(hints: Hints) -> str:
    """Returns what files about this submission are called. It does not depend on what else is in the folder."""
    if hints.form in (Form.GITHUB, Form.PLAIN):
        return hints.label
    if hints.form is Form.GRADESCOPE:
        return f"{hints.name or 'submission'}-{hints.label.removeprefix('submission_')}"
    return f"{hints.name or hints.login or 'participant'}{'-' if hints.id else ''}{hints.id}"
