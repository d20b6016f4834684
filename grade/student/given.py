"""The tree as it was handed out, which git remembers: an instructor lays a student's files over it."""

from dataclasses import dataclass

from grade.ladder.git import GitError, Repository
from grade.ladder.labs import COURSE_FILE, LadderError
from grade.ladder.trees import Tree
from grade.student.owned import owned_files

_BUILT_FROM = ("kernel/", "arch/", "user/")


@dataclass(frozen=True)
class Given:
    """The commit that brought this lab into the student's repository."""

    repository: Repository
    commit: str

    def files(self) -> dict[str, tuple[bytes, int]]:
        """Returns content and mode of each file of the commit, by path."""
        entries: list[tuple[str, str, int]] = []
        for entry in self.repository.run("ls-tree", "-r", "-z", self.commit).split("\0"):
            fields, _, path = entry.partition("\t")
            mode, kind, blob = fields.split(" ") if path else ("", "", "")
            if kind == "blob" and mode in ("100644", "100755"):
                entries.append((path, blob, int(mode, 8) & 0o777))
        contents = self.repository.blobs([blob for _, blob, _ in entries])
        return {path: (content, mode) for (path, _, mode), content in zip(entries, contents, strict=True)}

    def changed(self) -> list[str]:
        """Returns the files on disk that differ from the commit, including deleted ones."""
        listed = self.repository.run("diff", "--name-only", "--no-renames", "--diff-filter=a", "-z", self.commit, "--")
        return [path for path in listed.split("\0") if path]

    def added(self) -> list[str]:
        """Returns the files of the kernel and its programs that the commit does not have."""
        new = self.repository.run("diff", "--name-only", "--no-renames", "--diff-filter=A", "-z", self.commit, "--")
        unknown = self.repository.run("ls-files", "--others", "--exclude-standard", "-z")
        return sorted(path for path in set((new + "\0" + unknown).split("\0")) if path.startswith(_BUILT_FROM))


def find_given(tree: Tree) -> Given:
    """Returns the commit that brought this lab. LadderError, saying why, if git does not know."""
    repository = Repository(tree.root)
    try:
        top = repository.run("rev-parse", "--show-prefix")
    except GitError as error:
        if "not a git repository" in str(error):
            raise LadderError(f"{tree.root} is not in a git repository") from error
        raise
    if top:
        raise LadderError(f"{tree.root} is only a folder of a git repository")
    trailer = rf"--grep=^Pagewalk-Handout: lab {tree.lab}\(, labs 1 to [0-9]* solved\)\?$"
    form = "--format=%H %T %(trailers:key=Pagewalk-Tree,valueonly,separator=%x2C)"
    # All of them have the same date, so that only the structure shows which is the newest.
    for line in repository.run("log", "--no-show-signature", "--topo-order", form, trailer, "HEAD", "--").splitlines():
        commit, files, files_handed_out = line.split(" ")
        if files_handed_out in ("", files):  # otherwise a student has changed the commit, which keeps its message
            return Given(repository, commit)
    raise LadderError(f"no commit here says `Pagewalk-Handout: lab {tree.lab}` and is as it was handed out")


def changed_given_files(tree: Tree) -> list[str]:
    """Returns the given files that the student changed, removed or added, as far as git can tell."""
    try:
        given = find_given(tree)
        paths = given.changed() + given.added()
    except LadderError:
        return []
    known = {*owned_files(tree), COURSE_FILE}  # which a merge after a catch-up rightly changes
    return sorted(path for path in paths if path not in known)


def uncommitted(tree: Tree) -> list[str]:
    """Returns the owned files that differ from HEAD; none if git does not know."""
    try:
        status = Repository(tree.root).run("status", "--porcelain", "--no-renames", "-z", "--", *owned_files(tree))
    except GitError:
        return []
    return [entry[3:] for entry in status.split("\0") if entry]
