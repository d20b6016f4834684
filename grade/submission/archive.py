"""An archive that a student submitted, made with any tool: tar, plain or packed by gzip, bzip2 or xz, or zip.

Python's readers of archives cannot cope with everything that somebody may think up: headers that take hours to read,
or all memory. So a separate process reads the archive, within limits, and returns what it found:

    python -m grade.submission.archive FILE     the names that are wanted on its input, entries on its output, as JSON
"""

import base64
import bz2
import gzip
import json
import lzma
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self

from grade.ladder.labs import LadderError
from grade.submission.entries import LARGEST_FILE, Budget, Entry, Kind, Wanted

_LIMITS = ("prlimit", "--cpu=60", f"--as={1 << 30}", "--core=0")
_BACKSTOP_SECONDS = 600
_UNREADABLE = 3
_MOST_REMEMBERED = 1 << 16  # more than Python's reader of tar archives reads ahead
_PACKED: tuple[tuple[bytes, Callable[[BinaryIO], "_Unpacked"]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\0", lzma.open),
)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.AREGTYPE: Kind.FILE,
    tarfile.CONTTYPE: Kind.FILE,
    tarfile.DIRTYPE: Kind.FOLDER,
    tarfile.SYMTYPE: Kind.LINK,
    tarfile.LNKTYPE: Kind.HARD_LINK,
    tarfile.CHRTYPE: Kind.DEVICE,
    tarfile.BLKTYPE: Kind.DEVICE,
    tarfile.FIFOTYPE: Kind.PIPE,
    tarfile.GNUTYPE_SPARSE: Kind.SPARSE,
}


def read_archive(archive: Path, wanted: Sequence[str]) -> list[Entry]:
    """Returns what is in the archive, with the contents of the files whose names end in one of `wanted`.

    Raises LadderError, without the archive's name, if it is damaged, too large, or no archive.
    """
    command = [*_LIMITS, sys.executable, "-P", "-m", "grade.submission.archive", str(archive.resolve())]
    try:
        run = subprocess.run(
            command,
            input=json.dumps(wanted).encode(),
            capture_output=True,
            check=False,
            cwd=Path(__file__).parents[2],
            env={"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"},
            timeout=_BACKSTOP_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise LadderError(f"cannot be read in {_BACKSTOP_SECONDS} seconds") from None
    if run.returncode == _UNREADABLE:
        raise LadderError(f"{run.stderr.decode(errors='replace').strip()}")
    if run.returncode != 0:
        last = (run.stderr.decode(errors="replace").strip().splitlines() or [f"status {run.returncode}"])[-1]
        raise LadderError(f"cannot be read within the limits of time and memory ({last[:200]})")
    return [_decoded(fields) for fields in json.loads(run.stdout)]


def _decoded(fields: dict[str, Any]) -> Entry:
    content = fields.pop("content")
    fields["kind"] = Kind(fields["kind"])
    return Entry(**fields, content=None if content is None else base64.b64decode(content))


def _encoded(entry: Entry) -> dict[str, Any]:
    content = None if entry.content is None else base64.b64encode(entry.content).decode()
    return asdict(entry) | {"content": content}


# --- in the process that reads ------------------------------------------------------------------------------


def main() -> None:
    """Reads the archive that the command line names."""
    archive, wanted = Path(sys.argv[1]), tuple(json.load(sys.stdin))
    try:
        entries = list(_entries(archive, lambda name: name.endswith(wanted)))
    except LadderError as error:
        _give_up(str(error))
    except PermissionError as error:
        _give_up(f"cannot be read: {error.strerror}")
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, EOFError, OSError, ValueError) as error:
        _give_up(f"is damaged, or was not copied to its end ({error})")
    except (RecursionError, MemoryError, NotImplementedError, RuntimeError, LookupError, ArithmeticError) as error:
        _give_up(f"cannot be read ({type(error).__name__}: {error})")
    except Exception as error:  # noqa: BLE001 a reader may fail in any way: zlib.error, struct.error...
        _give_up(f"is damaged ({type(error).__name__}: {error})")
    json.dump([_encoded(entry) for entry in entries], sys.stdout)


def _give_up(why: str) -> None:
    sys.stderr.buffer.write(why.encode(errors="backslashreplace"))
    sys.exit(_UNREADABLE)


def _entries(archive: Path, wanted: Wanted) -> Iterator[Entry]:
    budget = Budget()
    with archive.open("rb") as file:
        start = file.read(8)
        if start.startswith(_ZIP):
            yield from _zip_entries(archive, budget, wanted)
            return
        file.seek(0)
        packed = next((unpack for magic, unpack in _PACKED if start.startswith(magic)), None)
        with packed(file) if packed else file as unpacked:
            yield from _tar_entries(_Counted(unpacked, budget), budget, wanted)


class _Unpacked(Protocol):
    """A file that is read from beginning to end: as it is, or unpacked on the way."""

    def read(self, size: int, /) -> bytes:
        """Returns at most `size` bytes; none at the end."""

    def __enter__(self) -> Self:
        ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        ...


class _Counted:
    """A file that counts what is read from it, and remembers what was read last."""

    def __init__(self, file: _Unpacked, budget: Budget) -> None:
        self._file, self._budget = file, budget
        self._last, self._last_start = b"", 0

    def read(self, size: int) -> bytes:
        """Reads like a file; never asks the unpacker for more than a MiB at a time."""
        parts = []
        while size > 0 and (part := self._file.read(min(size, 1 << 20))):
            self._budget.take_bytes(len(part))
            parts.append(part)
            size -= len(part)
        kept = self._last[-_MOST_REMEMBERED:]
        self._last_start += len(self._last) - len(kept)
        self._last = kept + b"".join(parts)
        return self._last[len(kept) :]

    def seen_at(self, offset: int, size: int) -> bytes:
        """Returns what was read there, if that was not long ago."""
        return self._last[max(offset - self._last_start, 0) :][:size]


def _tar_entries(file: _Counted, budget: Budget, wanted: Wanted) -> Iterator[Entry]:
    try:
        # For "r|" tarfile only needs read(); typeshed demands all of IO.
        archive = tarfile.open(fileobj=file, mode="r|", errors="surrogateescape", encoding="utf-8")  # type: ignore[arg-type]
    except tarfile.ReadError as error:
        raise LadderError("is no archive: neither tar (plain, .gz, .bz2, .xz) nor zip") from error
    with archive:
        while (member := archive.next()) is not None:
            budget.take_entry()
            archive.members = []  # type: ignore[attr-defined]  # it would keep every member; typeshed lacks the list
            kind = Kind.SPARSE if member.issparse() else _KINDS.get(member.type, Kind.OTHER)
            if kind is Kind.FILE and member.size <= LARGEST_FILE:
                yield budget.file_entry(member.name, _content_of(archive, member), wanted)
            else:
                yield Entry(member.name, kind, member.size if kind is Kind.FILE else 0)
    # Python takes whatever is no header for the end, and the rest of a file for all of it.
    if file.seen_at(archive.offset, tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise EOFError("there is no end mark")
    while file.read(1 << 20):  # at the very end the unpacker compares checksums
        pass


def _content_of(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if (file := archive.extractfile(member)) is None:
        raise tarfile.ReadError(f"{member.name} has no contents")
    return file.read()


def _zip_entries(path: Path, budget: Budget, wanted: Wanted) -> Iterator[Entry]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            budget.take_entry()
            kind = _zip_kind(member)
            if kind is not Kind.FILE:
                yield Entry(member.orig_filename, kind)
                continue
            with archive.open(member) as file:
                content = file.read(LARGEST_FILE + 1)  # what it says about its size may be a lie
            budget.take_bytes(len(content))
            yield budget.file_entry(member.orig_filename, content, wanted)


def _zip_kind(member: zipfile.ZipInfo) -> Kind:
    mode = member.external_attr >> 16
    if member.flag_bits & 1:
        return Kind.ENCRYPTED
    if stat.S_ISLNK(mode):
        return Kind.LINK
    if member.is_dir() or stat.S_ISDIR(mode):
        return Kind.FOLDER
    return Kind.FILE if stat.S_IFMT(mode) in (0, stat.S_IFREG) else Kind.OTHER


if __name__ == "__main__":
    main()
