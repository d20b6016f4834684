"""A revision of a git repository, read object by object: nothing is checked out, and nothing of the repository is run.

A student's repository has the student's own configuration, and git runs programs that a configuration names: to
watch files, as hooks, as filters, to fetch what is missing. None of the commands here does the first three, and
fetching is forbidden.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grade.ladder.labs import LadderError
from grade.pipes import output_of
from grade.submission.entries import LARGEST_FILE, Budget, Entry, Kind, Wanted

_LIMITS = ("timeout", "600", "prlimit", "--cpu=120", f"--as={4 << 30}", "--core=0")
_LONGEST_LINE = 1 << 16
_SAFE = ("safe.directory=*", "core.fsmonitor=false", f"core.hooksPath={os.devnull}")
_KINDS = {"100": Kind.FILE, "120": Kind.LINK, "160": Kind.SUBMODULE}
"""The kinds by how the mode begins."""


def read_revision(folder: Path, revision: str, wanted: Wanted) -> list[Entry] | None:
    """Returns what is in the revision of the repository at `folder`, with the contents of the wanted files.

    None if there is no such revision. LadderError if it cannot be read, or is too much.
    """
    repository = _Repository(folder)
    commit = repository.commit(revision)
    return None if commit is None else list(repository.entries(commit, wanted))


class _Repository:
    """The git repository of `folder`; for a named folder it must be there, and not in a folder above."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        self._environment = kept | {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C.UTF-8",
        }
        if self._folder != Path.cwd():
            _refuse_what_leads_out(self._folder)
            self._environment["GIT_CEILING_DIRECTORIES"] = str(self._folder.parent)

    def commit(self, revision: str) -> str | None:
        """Returns the name of the commit; None if there is none, or no repository."""
        if revision.startswith("-") or not revision.isprintable():
            return None
        command = self._command("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        run = subprocess.run(command, env=self._environment, capture_output=True, stdin=subprocess.DEVNULL, check=False)
        name = run.stdout.decode(errors="replace").strip()
        return name if run.returncode == 0 and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", name) else None

    def entries(self, commit: str, wanted: Wanted) -> Iterator[Entry]:
        """Yields everything in the commit's tree."""
        budget = Budget()
        for entry in self._listed(commit, budget):
            if entry.kind is Kind.FILE and entry.size <= LARGEST_FILE and wanted(entry.name):
                budget.take_bytes(entry.size)
                yield budget.file_entry(entry.name, self._content(entry.digest), wanted)
            else:
                yield entry

    def _listed(self, commit: str, budget: Budget) -> Iterator[Entry]:
        with self._running("ls-tree", "-r", "-z", "--long", "--full-tree", commit) as git:
            rest, output = b"", output_of(git).fileno()
            while part := os.read(output, _LONGEST_LINE):
                *lines, rest = (rest + part).split(b"\0")
                if len(rest) > _LONGEST_LINE:
                    raise LadderError("holds a name without end")
                for line in lines:
                    budget.take_entry()
                    yield _entry(line)

    def _content(self, digest: str) -> bytes:
        with self._running("cat-file", "blob", digest) as git:
            return output_of(git).read()

    @contextmanager
    def _running(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Runs git, whose output is read. LadderError if git fails; if the reader fails, git is ended."""
        git = subprocess.Popen(
            self._command(*arguments),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        with git:
            try:
                yield git
            except BaseException:
                git.kill()
                raise
        if git.returncode != 0:
            raise LadderError(f"git {arguments[0]} fails: the repository is damaged, or lacks objects (a partial clone)")

    def _command(self, *arguments: str) -> list[str]:
        options = [word for setting in _SAFE for word in ("-c", setting)]
        return [*_LIMITS, "git", "-C", str(self._folder), "--no-pager", *options, *arguments]


def _refuse_what_leads_out(folder: Path) -> None:
    """Raises LadderError if git would read another repository in place of this one: the instructor's, with the solutions."""
    own = folder / ".git"
    if own.is_symlink() or own.is_file():
        raise LadderError("has a .git that leads to another folder: name the repository itself")
    for repository in (own, folder):  # git takes a folder for the repository itself if it finds none in .git
        for name in ("objects/info/alternates", "commondir"):
            if os.path.lexists(repository / name):
                raise LadderError(f"takes objects from another repository ({name}): clone it without --shared and --reference")
        for top in ("HEAD", "packed-refs", "refs", "objects"):
            for path in _all_below(repository / top):
                if path.is_symlink():
                    raise LadderError(f"has a link in place of {path.relative_to(folder)}")


def _all_below(top: Path) -> Iterator[Path]:
    """Yields a path and everything below it, without following links."""
    yield top
    for folder, folders, files in os.walk(top):
        yield from (Path(folder, name) for name in (*folders, *files))


def _entry(line: bytes) -> Entry:
    """Returns the entry of `mode type name size<TAB>path`."""
    facts, _, name = line.partition(b"\t")
    mode, _, digest, size = facts.decode().split()
    kind = _KINDS.get(mode[:3], Kind.OTHER)
    if kind is not Kind.FILE:
        return Entry(os.fsdecode(name), kind)
    count = int(size) if size.isdigit() else 0
    return Entry(os.fsdecode(name), kind, count, digest if count <= LARGEST_FILE else "")
