"""Submissions as archives and as revisions of git repositories: whatever is in them, files are taken or an error is clear."""

import io
import os
import random
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree
from grade.submission.entries import MOST_BYTES
from grade.submission.laid_out import LaidOut
from grade.tests.submission.submission_trees import clone, hand_in, laid_file, small_main, why

OWNED = ["arch/aarch64/map.cc", "arch/x86_64/map.cc", "kernel/high.cc", "kernel/map.h"]
COURSE = 'lab = 2\nsolved = 0\nisas = ["x86_64", "aarch64"]\n'


@pytest.fixture
def main(tmp_path: Path) -> Tree:
    return small_main(tmp_path / "main")


@pytest.fixture
def student(main: Tree, tmp_path: Path) -> Path:
    """Returns a clone of lab 2."""
    return clone(main, 2, tmp_path / "alice")


# --- archives ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz", "a.zip"])
@pytest.mark.parametrize("folder", [".", "alice"])
def test_every_kind_of_archive(main: Tree, student: Path, tmp_path: Path, name: str, folder: str) -> None:
    archive, where = tmp_path / name, (student if folder == "." else tmp_path)
    if name == "a.zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
            for path in sorted((where / folder).rglob("*")):
                zipped.write(path, path.relative_to(where))
    else:
        pack(where / folder, archive, "" if folder == "." else folder)
    found = hand_in(main, archive)
    assert (list(found.selections[0].taken), why(found)) == (OWNED, {})
    assert laid_file(found, "kernel/map.h") == "mine();\n"


def pack(folder: Path, archive: Path, name: str = "") -> None:
    """Has tar pack a folder, under that name; compressed as the archive's own name says."""
    kind = archive.name.rpartition(".")[2]
    with tarfile.open(archive, "w" if kind == "tar" else f"w:{kind}", format=tarfile.GNU_FORMAT) as tar:
        tar.add(folder, name or ".")


def tar_of(path: Path, *members: tuple[str, object], pack: str = "w") -> Path:
    """Returns a tar archive of these names; the second is a file's contents, or fields of the TarInfo."""
    with tarfile.open(path, pack, format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        for name, what in (("labs/course.toml", COURSE), *members):
            info = tarfile.TarInfo(name)
            content = what.encode() if isinstance(what, str) else what if isinstance(what, bytes) else b""
            info.size = len(content)
            for key, value in what.items() if isinstance(what, dict) else ():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(content))
    return path


LINK, HARD, PIPE = {"type": tarfile.SYMTYPE}, {"type": tarfile.LNKTYPE}, {"type": tarfile.FIFOTYPE}


@pytest.mark.parametrize(
    ("members", "path", "reason"),
    [
        ([("kernel/map.h", LINK | {"linkname": "/etc/passwd"})], "kernel/map.h", "is a symbolic link"),
        ([("kernel/map.h", HARD | {"linkname": "kernel/high.cc"})], "kernel/map.h", "is a hard link"),
        ([("kernel/map.h", PIPE)], "kernel/map.h", "is a named pipe"),
        ([("kernel/map.h", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5})], "kernel/map.h", "is a device"),
        ([("kernel/map.h", {"type": tarfile.DIRTYPE})], "kernel/map.h", "is a folder"),
        ([("kernel/map.h", {"type": b"Z"})], "kernel/map.h", "is nothing that has contents"),
        ([("kernel", LINK | {"linkname": "/tmp"}), ("kernel/map.h", "x")], "kernel/map.h", "is in kernel, which is a symbolic link"),
        ([("kernel/map.h", "x"), ("kernel/map.h", "y")], "kernel/map.h", "is there more than once, with different contents"),
        ([("kernel/map.h", "x"), ("./kernel/map.h", "y")], "kernel/map.h", "is there more than once"),
        ([("kernel/map.h", "x"), ("kernel/map.h", LINK | {"linkname": "/x"})], "kernel/map.h", "is a symbolic link"),
        ([("KERNEL/MAP.H", "x")], "KERNEL/MAP.H", "is not kernel/map.h: upper and lower case differ"),
        ([("kernel/map.h", b"a\0b")], "kernel/map.h", "holds NUL bytes"),
        ([("kernel/map.h", b"x" * ((1 << 20) + 1))], "kernel/map.h", "is larger than 1 MiB"),
        ([("../kernel/map.h", "x")], "../kernel/map.h", "has a name that climbs out of the tree"),
        ([("x/../kernel/map.h", "x")], "x/../kernel/map.h", "has a name that climbs out"),
        ([("/kernel/map.h", "x")], "/kernel/map.h", "has a name that begins at the root of the file system"),
        ([("C:/kernel/map.h", "x")], "C:/kernel/map.h", "has a name of Windows's"),
        ([("kernel\\map.h", "x")], "kernel\\map.h", "has a name of Windows's"),
        ([("kernel//map.h", "x")], "kernel//map.h", "has a name that is not plain"),
        ([("kernel/./map.h", "x")], "kernel/./map.h", "has a name that is not plain"),
        ([("kernel/m\udcffp.h", "x")], "kernel/m\udcffp.h", "has a name that is not UTF-8"),
        ([("kernel/\x1b[2J.h", "x")], "kernel/\x1b[2J.h", "has characters in its name that are not to be seen"),
        ([("kernel/\u202eh.pam", "x")], "kernel/\u202eh.pam", "has characters in its name that are not to be seen"),
        ([("kernel/spy.h", LINK | {"linkname": "/etc/passwd"})], "kernel/spy.h", "is a symbolic link"),
    ],
)  # fmt: skip
def test_members_that_are_not_taken(main: Tree, tmp_path: Path, members: list, path: str, reason: str) -> None:
    """Each is named, and the starter's file stays."""
    found = hand_in(main, tar_of(tmp_path / "a.tar", *members))
    assert why(found)[path].startswith(reason)
    assert "kernel/map.h" in found.selections[0].missing
    assert "lab_todo" in laid_file(found, "kernel/map.h")
    written = {path.name for path in tmp_path.rglob("*") if not path.is_relative_to(main.root)}
    assert written <= {"a.tar", "main"}


def test_the_same_file_twice_is_taken(main: Tree, tmp_path: Path) -> None:
    found = hand_in(main, tar_of(tmp_path / "a.tar", ("kernel/map.h", "x"), ("./kernel/map.h", "x")))
    assert found.selections[0].taken["kernel/map.h"] == b"x" and why(found) == {}


def test_a_sparse_file(main: Tree, tmp_path: Path) -> None:
    """It is small in the archive, and claims to be any size."""
    (tmp_path / "in/kernel").mkdir(parents=True)
    with (tmp_path / "in/kernel/map.h").open("wb") as file:
        file.truncate(1 << 40)
    subprocess.run(["tar", "-cSf", tmp_path / "a.tar", "-C", tmp_path / "in", "kernel"], check=True)
    assert why(hand_in(main, tmp_path / "a.tar", 1)) == {"kernel/map.h": "is a file with gaps, and not a file"}


def zip_of(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in (("labs/course.toml", COURSE.encode()), *members):
            zipped.writestr(name, content)
    return path


def unix_member(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([(unix_member("kernel/map.h", stat.S_IFLNK | 0o777), b"/etc/passwd")], "is a symbolic link"),
        ([(unix_member("kernel/map.h", stat.S_IFIFO), b"")], "is nothing that has contents"),
        ([("kernel/map.h/", b"")], "is a folder"),
        ([("kernel/map.h", b"x"), ("kernel/map.h", b"y")], "is there more than once"),
        ([("kernel/map.h", bytes(200 << 20))], "is larger than 1 MiB"),
    ],
)
def test_members_of_a_zip_that_are_not_taken(main: Tree, tmp_path: Path, members: list, reason: str) -> None:
    found = hand_in(main, zip_of(tmp_path / "a.zip", *members))
    assert why(found)["kernel/map.h"].startswith(reason)
    assert "kernel/map.h" in found.selections[0].missing


def test_an_encrypted_zip(main: Tree, tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", ("kernel/map.h", b"x"))
    raw = bytearray(archive.read_bytes())
    entry = raw.rindex(b"PK\x01\x02")
    raw[entry + 8] |= 1  # the flag of the last file in the directory
    archive.write_bytes(raw)
    assert why(hand_in(main, archive))["kernel/map.h"].startswith("is an encrypted file")


def refused(main: Tree, source: object, *labs: int) -> str:
    """Returns the clear line that it is refused with."""
    with pytest.raises(LadderError) as caught:
        hand_in(main, source, *labs)
    assert str(caught.value).startswith(f"{source}: ") and "\n" not in str(caught.value)
    assert not (main.root / "build/submissions").exists() or not list((main.root / "build/submissions").glob("*/"))
    return str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK", b"hello\n" * 1000, b"7z\xbc\xaf\x27\x1c", bytes(range(256)) * 40])
def test_no_archive(main: Tree, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar.gz").write_bytes(content)
    assert "is no archive: neither tar" in refused(main, tmp_path / "a.tar.gz")


def test_archives_that_are_cut_off_or_damaged(main: Tree, student: Path, tmp_path: Path) -> None:
    """Never a part of the files as if it were all of them: a missing file would cost its points."""
    for name in ("a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz", "a.zip"):
        whole = tmp_path / name
        if name == "a.zip":
            zip_of(whole, *((path, os.urandom(3000)) for path in OWNED))
        else:
            pack(student, whole)
        content = whole.read_bytes()
        size = len(content.rstrip(b"\0")) if name == "a.tar" else len(content)
        for at in (size // 2, size * 3 // 4, size // 1024 * 512, size - 1):
            (tmp_path / "cut").write_bytes(content[:at])
            message = refused(main, tmp_path / "cut")
            assert "is damaged, or was not copied to its end" in message or "is no archive" in message


def test_random_damage_gives_files_or_a_clear_error(main: Tree, student: Path, tmp_path: Path) -> None:
    rng = random.Random(5)
    outcomes = set()
    for kind in ("tar", "zip"):
        whole = tmp_path / f"a.{kind}"
        if kind == "zip":
            zip_of(whole, *((path, b"mine();") for path in OWNED))
        else:
            subprocess.run(["tar", "-cf", whole, "-C", student, "kernel", "arch", "labs"], check=True)
        for _ in range(15):
            content = bytearray(whole.read_bytes())
            for _ in range(rng.choice((1, 10, 100))):
                content[rng.randrange(len(content))] = rng.randrange(256)
            (tmp_path / "b").write_bytes(content)
            try:
                outcomes.add(type(hand_in(main, tmp_path / "b", 2)))
            except LadderError as error:
                assert str(error).startswith(f"{tmp_path / 'b'}: ")
                outcomes.add(LadderError)
    assert outcomes == {LaidOut, LadderError}


def test_bombs_end_early(main: Tree, tmp_path: Path) -> None:
    gibibyte = tmp_path / "a.tar.gz"
    with tarfile.open(gibibyte, "w:gz", compresslevel=1) as tar:
        for number in range((MOST_BYTES >> 26) + 1):
            info = tarfile.TarInfo(f"file{number}")
            info.size = 1 << 26
            with Path("/dev/zero").open("rb") as zeros:
                tar.addfile(info, zeros)
    assert "unpacks to more than 512 MiB: not read any further" in refused(main, gibibyte)
    many = tar_of(tmp_path / "b.tar.gz", *((f"f{number}", "") for number in range(100_001)), pack="w:gz")
    assert "holds more than 100000 files and folders: not read any further" in refused(main, many)
    again = tar_of(tmp_path / "c.tar.gz", *((f"{n}/kernel/map.h", "x") for n in range(1001)), pack="w:gz")
    assert "holds the files that students own again and again" in refused(main, again)


def test_headers_that_lie(main: Tree, tmp_path: Path) -> None:
    """Python's own reader runs out of stack, or reads a name of as many bytes as it is told."""
    plain = tar_of(tmp_path / "plain.tar").read_bytes()
    longer = tarfile.TarInfo("././@LongLink")
    longer.type, longer.size = tarfile.GNUTYPE_LONGNAME, 8
    chain = (longer.tobuf(tarfile.GNU_FORMAT) + b"name".ljust(512, b"\0")) * 5000
    (tmp_path / "a.tar").write_bytes(chain + plain)
    assert "cannot be read (RecursionError" in refused(main, tmp_path / "a.tar")
    longer.size = 1 << 62
    (tmp_path / "b.tar").write_bytes(longer.tobuf(tarfile.GNU_FORMAT) + plain)
    assert refused(main, tmp_path / "b.tar")
    pax = tarfile.TarInfo("pax")
    pax.type, digits = tarfile.XHDTYPE, b"1" * 300_000  # hours, for the regular expression that reads them
    pax.size = len(digits)
    (tmp_path / "c.tar").write_bytes(pax.tobuf() + digits.ljust(-(-len(digits) // 512) * 512, b"\0") + plain)
    assert refused(main, tmp_path / "c.tar")


# --- git ----------------------------------------------------------------------------------------------------------------


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
