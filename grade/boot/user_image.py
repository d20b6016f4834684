"""A user program's ELF file: where its variables and functions are, and what its pages must hold."""

from dataclasses import dataclass
from pathlib import Path

from grade.boot.definitions import Definitions, definitions_in
from grade.boot.layout import PAGE
from grade.boot.once_per_file import once_per_file


@dataclass(frozen=True)
class Segment:
    """A part of a program with one set of permissions. `content` ends where zeros begin; `size` includes the zeros."""

    va: int
    size: int
    content: bytes
    write: bool
    execute: bool

    @property
    def end(self) -> int:
        """The first address after it."""
        return self.va + self.size


@dataclass(frozen=True)
class ThreadVariables:
    """The thread-local variables: each process gets a copy. `content` ends where zeros begin; `size` includes the zeros."""

    size: int
    alignment: int
    content: bytes


class UserImage:
    """What the tool chain says about a program. It comes from the build, never from the running guest."""

    def __init__(self, elf: Path) -> None:
        from elftools.elf.elffile import ELFFile  # GDB's Python may lack it

        self.elf = elf
        with elf.open("rb") as file:
            parsed = ELFFile(file)
            table = parsed.get_section_by_name(".symtab")
            symbols = {s.name: (s["st_value"], s["st_size"]) for s in table.iter_symbols() if s.name}
            self.symbols: dict[str, int] = {name: value for name, (value, _) in symbols.items()}
            self._sizes: dict[str, int] = {name: size for name, (_, size) in symbols.items()}
            self.segments = tuple(
                Segment(s["p_vaddr"], s["p_memsz"], s.data(), bool(s["p_flags"] & 2), bool(s["p_flags"] & 1))
                for s in parsed.iter_segments("PT_LOAD")
                if s["p_memsz"]
            )
            self.entry: int = parsed["e_entry"]
            thread = (s for s in parsed.iter_segments("PT_TLS") if s["p_memsz"])
            self.thread: ThreadVariables | None = next(
                (ThreadVariables(s["p_memsz"], max(s["p_align"], 1), s.data()) for s in thread), None
            )

    def va(self, symbol: str) -> int:
        """Returns the address of `symbol`, the same in every process that runs the program. KeyError if there is none."""
        return self.symbols[symbol]

    def size(self, symbol: str) -> int:
        """Returns the size of `symbol` in bytes. KeyError if there is none."""
        return self._sizes[symbol]

    def defined(self, source: str) -> Definitions:
        """Returns what one of its source files defines, as far as the program uses it."""
        return definitions_in(self.elf, source)


class UnknownProgram(LookupError):
    """No program of that name was built with the kernel, whatever that says."""


def user_image(kernel_elf: Path, program: str) -> UserImage:
    """Returns the file of a program that was built with this kernel, with its symbols. UnknownProgram if there is none."""
    file = kernel_elf.parent / "user" / program
    if "/" in program or "\0" in program or not file.is_file():
        raise UnknownProgram(f"no program {program!r} was built with this kernel")
    return _image(file)


_image = once_per_file(UserImage)


def loaded_pages(image: UserImage) -> dict[int, bytes]:
    """Returns what every page of a program's segments must hold before it has run: their parts of the file, and zeros."""
    pages: dict[int, bytes] = {}
    for segment in image.segments:
        for va in range(segment.va & -PAGE, segment.end, PAGE):
            start = max(va, segment.va)
            piece = segment.content[start - segment.va : max(va + PAGE - segment.va, 0)]
            page = pages.get(va, bytes(PAGE))
            pages[va] = page[: start - va] + piece + page[start - va + len(piece) :]
    return pages
