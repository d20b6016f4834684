"""Programs made by hand, good and bad, and the archive that the kernel finds them in."""

import io
import struct
import tarfile
from dataclasses import dataclass

from grade.guest.guest import Guest

MACHINES = {"x86_64": 62, "aarch64": 183}
TEXT = 0x400000
PAGE = 4096
_HEADER_SIZE, _PART_SIZE = 64, 56

# exit(0), by the numbers of kernel/calls/system_call_numbers.h.
EXIT = {
    "x86_64": bytes.fromhex("b85d000000" "31ff" "cd80"),  # mov $93, %eax; xor %edi, %edi; int $0x80
    "aarch64": struct.pack("<3I", 0xD2800BA8, 0xD2800000, 0xD4000001),  # mov x8, #93; mov x0, #0; svc #0
}


@dataclass(frozen=True)
class Part:
    """A program header and what it describes. What is None is as it should be."""

    address: int
    content: bytes
    flags: str = "rx"
    type: int = 1  # PT_LOAD
    offset: int | None = None
    file_size: int | None = None
    memory_size: int | None = None


def program(isa: str, parts: list[Part], entry: int = TEXT, **changed: int) -> bytes:
    """Returns an ELF file (System V ABI, chapters 4 and 5). `changed` names fields of its header that are to be wrong."""
    at = _HEADER_SIZE + len(parts) * _PART_SIZE
    headers, contents = b"", b""
    for part in parts:
        gap = (part.address - at) % PAGE
        contents += b"\0" * gap + part.content
        at += gap
        flags = sum({"r": 4, "w": 2, "x": 1}[letter] for letter in part.flags)
        file_size = len(part.content) if part.file_size is None else part.file_size
        memory_size = len(part.content) if part.memory_size is None else part.memory_size
        offset = at if part.offset is None else part.offset
        headers += struct.pack("<2I6Q", part.type, flags, offset, part.address, 0, file_size, memory_size, PAGE)
        at += len(part.content)
    fields = {
        "magic": 0x464C457F, "bits": 2, "order": 1, "ident_version": 1, "type": 2, "machine": MACHINES[isa], "version": 1,
        "entry": entry, "headers": _HEADER_SIZE, "header_size": _HEADER_SIZE, "part_size": _PART_SIZE, "count": len(parts),
    } | changed  # fmt: skip
    return (
        struct.pack("<I3B9x2HI3QI6H", *(fields[name] for name in (
            "magic", "bits", "order", "ident_version", "type", "machine", "version", "entry", "headers")),
            0, 0, fields["header_size"], fields["part_size"], fields["count"], 0, 0, 0)
        + headers
        + contents
    )  # fmt: skip


def give_programs(guest: Guest, files: dict[str, bytes]) -> None:
    """Puts other programs into the place of a stopped guest's own; `hello` stays."""
    hello = guest.image.elf.parent / "archive" / "hello"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in (files | {"hello": hello.read_bytes()}).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    start, end = guest.image.pa("archive_start"), guest.image.pa("archive_end")
    packed = buffer.getvalue()
    assert len(packed) <= end - start, "the files are larger than all programs together"
    guest.machine.write_physical(start, packed)
