"""Submissions as archives: whatever is in them, files are taken or an error is clear."""

import io
import os
import random
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree
from grade.submission.entries import MOST_BYTES
from grade.submission.laid_out import LaidOut
from grade.tests.submission.submission_trees import hand_in, laid_file, refused, why

OWNED = ["arch/aarch64/map.cc", "arch/x86_64/map.cc", "kernel/high.cc", "kernel/map.h"]
COURSE = 'lab = 2\nsolved = 0\nisas = ["x86_64", "aarch64"]\n'


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
