"""Submissions as revisions of git repositories: whatever is in them, files are taken or an error is clear."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree
from grade.tests.submission.submission_trees import hand_in, laid_file, refused, why

OWNED = ["arch/aarch64/map.cc", "arch/x86_64/map.cc", "kernel/high.cc", "kernel/map.h"]

Git = Callable[..., str]


@pytest.fixture
def git(student: Path) -> Git:
    """Runs git in the student's clone, which has one commit."""

    def run(*arguments: str, stdin: bytes = b"") -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
        command = ["git", *identity, *arguments]
        return subprocess.run(command, cwd=student, input=stdin, check=True, capture_output=True).stdout.decode().strip()

    run("init", "-q")
    run("add", "-A")
    run("commit", "-qm", "mine")
    return run


def test_a_revision(main: Tree, student: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is committed counts, by any name of the commit, from any folder."""
    (student / "kernel/map.h").write_text("newer();\n", encoding="utf-8")
    git("tag", "-a", "handed-in", "-m", "x")
    for source in (f"{student}:HEAD", f"{student}:main", f"{student}:handed-in", f"{student}:{git('rev-parse', 'HEAD')[:9]}"):
        found = hand_in(main, source)
        assert (list(found.selections[0].taken), why(found)) == (OWNED, {})
        assert laid_file(found, "kernel/map.h") == "mine();\n"
    monkeypatch.chdir(student / "kernel")
    assert laid_file(hand_in(main, "main"), "kernel/map.h") == "mine();\n"
    bare = student.with_name("bare.git")
    git("clone", "-q", "--bare", ".", str(bare))
    assert laid_file(hand_in(main, f"{bare}:main"), "kernel/map.h") == "mine();\n"


def test_no_such_revision(main: Tree, student: Path, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(student)
    for name in ("nothing", "-h", "--help", "HEAD^{tree}", "HEAD:kernel/map.h", "ma\nin"):
        with pytest.raises(LadderError, match="has no revision|there is no folder"):
            hand_in(main, name)
    assert "has no revision nothing" in refused(main, f"{student}:nothing")
    assert "there is no folder /nowhere" in refused(main, "/nowhere:main")
    # A folder in a repository is not that repository: it would be somebody else's work.
    (student / "bob").mkdir()
    assert "has no revision main" in refused(main, f"{student / 'bob'}:main")


def test_links_and_submodules_in_a_revision(main: Tree, student: Path, git: Git) -> None:
    (student / "kernel/map.h").unlink()
    (student / "kernel/map.h").symlink_to("/etc/passwd")
    (student / "kernel/high.cc").write_bytes(b"x" * (1 << 20) + b"y")
    git("add", "-A")
    git("update-index", "--add", "--cacheinfo", f"160000,{git('rev-parse', 'HEAD')},arch/x86_64/map.cc")
    git("commit", "-qm", "links")
    found = hand_in(main, f"{student}:HEAD")
    assert why(found)["kernel/map.h"].startswith("is a symbolic link")
    assert why(found)["arch/x86_64/map.cc"].startswith("is a submodule")
    assert why(found)["kernel/high.cc"] == "is larger than 1 MiB"
    assert list(found.selections[0].taken) == ["arch/aarch64/map.cc"]


@pytest.mark.parametrize(
    "way",
    [
        "alternates",
        "alternates beside an empty .git",
        "a link below objects",
        "a link below refs",
        "a link for HEAD",
        "a file",
        "a link",
    ],
)
def test_a_repository_that_leads_to_the_instructors(main: Tree, git: Git, student: Path, tmp_path: Path, way: str) -> None:
    """It would be graded with the solutions."""
    course, own = tmp_path / "course", student / ".git"
    git("clone", "-q", "--bare", ".", str(course))
    solution = git("rev-parse", "HEAD")
    if way.startswith("alternates"):
        git("clone", "-q", "--bare", "--shared", str(course), str(tmp_path / "shared"))
        own = tmp_path / "shared"
        if way != "alternates":
            (own / ".git").mkdir()
    elif way.startswith("a link below"):
        folder = own / way.split()[-1]
        folder.rename(tmp_path / "kept")
        folder.mkdir()
        (folder / "x").symlink_to(course / folder.name)
    elif way == "a link for HEAD":
        (own / "HEAD").unlink()
        (own / "HEAD").symlink_to(course / "HEAD")
    else:
        own.rename(tmp_path / "kept")
        own.symlink_to(course) if way == "a link" else own.write_text(f"gitdir: {course}\n")
    handed_in = own if way.startswith("alternates") else student
    with pytest.raises(
        LadderError, match="leads to another folder|takes objects from another repository|has a link in place of"
    ):
        hand_in(main, f"{handed_in}:{solution}")


def test_a_repository_runs_nothing(main: Tree, student: Path, git: Git, tmp_path: Path) -> None:
    """Neither by its configuration, nor hooks, nor filters; and its replacements are not looked at."""
    ran = tmp_path / "ran"
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\necho $0 >> {ran}\ncat\n", encoding="utf-8")
    trap.chmod(0o755)
    (student / ".gitattributes").write_text("* filter=trap diff=trap ident text eol=crlf\n", encoding="utf-8")
    original = git("rev-parse", "HEAD:kernel/map.h")
    forged = git("hash-object", "-w", "--stdin", stdin=b"forged();\n")
    git("replace", original, forged)
    for hook in ("post-checkout", "pre-commit", "post-index-change", "fsmonitor-watchman", "reference-transaction"):
        (student / ".git/hooks").mkdir(exist_ok=True)
        (student / ".git/hooks" / hook).symlink_to(trap)
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "core.alternateRefsCommand", "core.editor",
                "filter.trap.smudge", "filter.trap.process", "diff.trap.textconv", "gpg.program", "credential.helper",
                "core.gitProxy", "uploadpack.packObjectsHook", "alias.rev-parse", "pager.ls-tree"):  # fmt: skip
        git("config", key, str(trap))
    found = hand_in(main, f"{student}:HEAD")
    assert laid_file(found, "kernel/map.h") == "mine();\n"
    assert not ran.exists()


def test_a_repository_that_lacks_objects_fetches_nothing(main: Tree, student: Path, git: Git, tmp_path: Path) -> None:
    """A partial clone gets what is missing by a program that its configuration names."""
    ran = tmp_path / "ran"
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\necho >> {ran}\n", encoding="utf-8")
    trap.chmod(0o755)
    for key, value in (("core.repositoryformatversion", "1"), ("extensions.partialClone", "origin"),
                       ("remote.origin.url", str(tmp_path)), ("remote.origin.promisor", "true"),
                       ("remote.origin.uploadpack", str(trap)), ("protocol.file.allow", "always")):  # fmt: skip
        git("config", key, value)
    name = git("rev-parse", "HEAD:kernel/map.h")
    (student / ".git/objects" / name[:2] / name[2:]).unlink()
    assert "the repository is damaged, or lacks objects" in refused(main, f"{student}:HEAD")
    assert not ran.exists()


def test_a_tree_without_end(main: Tree, student: Path, git: Git) -> None:
    """Ten objects that list a thousand million files."""
    tree = git("mktree", "-z", stdin=b"".join(b"100644 blob %s\tf%d\0" % (git("rev-parse", "HEAD:pagewalk").encode(), n)
                                              for n in range(10)))  # fmt: skip
    for _ in range(8):
        tree = git("mktree", "-z", stdin=b"".join(b"040000 tree %s\td%d\0" % (tree.encode(), n) for n in range(10)))
    commit = git("commit-tree", tree, "-m", "bomb")
    assert "holds more than 100000 files and folders" in refused(main, f"{student}:{commit}")
