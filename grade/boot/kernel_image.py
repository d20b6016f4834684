"""The kernel's ELF file: its symbols, its offset, and the source line of an address."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from grade.boot.definitions import KERNEL_DEFINITIONS, Definitions, definitions_in
from grade.boot.once_per_file import once_per_file
from grade.ladder.build_errors import DEBUG_ROOT

_SECONDS = 20
_EXECUTABLE, _WRITABLE = 1, 2  # PF_X, PF_W (System V ABI, 5)
_DEFINITIONS = tuple(Path("CMakeFiles", "kernel.dir", f"{KERNEL_DEFINITIONS}{suffix}") for suffix in (".obj", ".o"))
"""The object of that source, from the folder in which the kernel is linked: CMake calls it one or the other."""


Symbols = dict[str, tuple[int, int]]
"""Address and size, by name."""


class NameTaken(LookupError):
    """A name of a given file is also that of something else in the kernel, so it is not known which of them is meant."""


@dataclass(frozen=True)
class SourceCall:
    """A place in the source. `file` is a path from the tree's root; an absolute one is a library's. `line` 0: not known."""

    function: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.function} at {self.where}"

    @property
    def where(self) -> str:
        """The file and the line."""
        return f"{self.file}:{self.line or '?'}"


@once_per_file
def _read(elf: Path) -> tuple[int, int, Symbols, Symbols, frozenset[str]]:
    """Reads where the kernel is loaded, where it stays, its symbols, and the symbols local to one source file.

    The last have the file's name before theirs: `process.cc:g_slots`. Names that occur twice in a file come last. A name
    that is local to one file and global in another stands for the global one, which comes later (System V ABI, 4.19).
    """
    from elftools.elf.elffile import ELFFile  # GDB's Python, which may lack it, has image_of() instead

    symbols: Symbols = {}
    hidden: Symbols = {}
    twins, file_name = set(), ""
    with elf.open("rb") as file:
        parsed = ELFFile(file)
        load = next(segment for segment in parsed.iter_segments() if segment["p_type"] == "PT_LOAD")
        for symbol in parsed.get_section_by_name(".symtab").iter_symbols():
            kind, place = symbol["st_info"], (symbol["st_value"], symbol["st_size"])
            if kind["type"] == "STT_FILE":
                file_name = symbol.name  # of the local symbols that follow (System V ABI, 4.18)
            elif symbol.name:
                symbols[symbol.name] = place
                if kind["bind"] == "STB_LOCAL":
                    name = f"{file_name}:{symbol.name}"
                    twins |= {name} & hidden.keys()
                    hidden[name] = place
    return load["p_paddr"], load["p_vaddr"], symbols, {name: hidden[name] for name in hidden.keys() - twins}, frozenset(twins)


@dataclass(frozen=True)
class Segment:
    """A part of the kernel that nothing may write to, as it was linked."""

    pa: int
    content: bytes
    is_code: bool


@once_per_file
def _constant_segments(elf: Path) -> tuple[Segment, ...]:
    from elftools.elf.elffile import ELFFile

    with elf.open("rb") as file:
        segments = [segment for segment in ELFFile(file).iter_segments("PT_LOAD") if not segment["p_flags"] & _WRITABLE]
        return tuple(Segment(each["p_paddr"], each.data(), bool(each["p_flags"] & _EXECUTABLE)) for each in segments)


class KernelImage:
    """What the tool chain says about a kernel. It comes from the build, never from the running guest."""

    def __init__(self, isa: str, elf: Path) -> None:
        self.isa = isa
        self.elf = elf
        self.load_address, va, symbols, hidden, twins = _read(elf)
        self.set_symbols(symbols, hidden, twins)
        self.offset: int = va - self.load_address
        """va - pa of the kernel where it stays: 0 for lab 1's, the start of the higher half from lab 2 on."""

    def set_symbols(self, symbols: Symbols, hidden: Symbols, twins: frozenset[str] = frozenset()) -> None:
        """Sets the symbols; `hidden` are those local to one source file, `twins` what two of them are called."""
        self.symbols = {name: value for name, (value, _) in symbols.items()}
        self._sizes = {name: size for name, (_, size) in symbols.items()}
        self.hidden_symbols = hidden
        self._twins = twins

    @cached_property
    def defined(self) -> Definitions:
        """What the given headers define: layouts of records, constants, enumerations.

        They are read from the object of that one source, which nothing of a student's is compiled into. A linked kernel has
        the debug information of all its files, and assembly in any of them can add a unit of that name, or hide the true one.
        """
        compiled = (self.elf.parent / name for name in _DEFINITIONS)
        return definitions_in(next((path for path in compiled if path.exists()), self.elf), KERNEL_DEFINITIONS)

    def system_call(self, name: str) -> int:
        """Returns the number of a system call by its name: `sched_yield`. KeyError if there is none."""
        words = "".join(word.capitalize() for word in name.split("_"))
        return self.defined.constant(f"system_calls::k{words}")

    def hidden(self, source: str, name: str) -> tuple[int, int] | None:
        """Returns address and size of a variable in the unnamed namespace of a source file (Itanium C++ ABI, 5.1), or None.

        NameTaken if there are two in files of that name.
        """
        symbol = f"{Path(source).name}:_ZN12_GLOBAL__N_1{len(name)}{name}E"
        if symbol in self._twins:
            raise NameTaken(f"the kernel has two variables {name} of a file {Path(source).name}: rename any that is not given")
        return self.hidden_symbols.get(symbol)

    def hidden_place(self, source: str, name: str) -> tuple[int, int]:
        """Returns address and size of a variable in the unnamed namespace of a source file. KeyError if there is none."""
        if (place := self.hidden(source, name)) is None:
            raise KeyError(f"{source} has no variable {name}")
        return place

    def va(self, symbol: str) -> int:
        """Returns the address of `symbol` where the kernel stays. KeyError if there is none."""
        return self.symbols[symbol]

    def size(self, symbol: str) -> int:
        """Returns the size of `symbol` in bytes. KeyError if there is none."""
        return self._sizes[symbol]

    def function(self, name: str) -> int:
        """Returns the address of the C++ function `name` outside any class, whatever its parameters (Itanium C++ ABI, 5.1).

        NameTaken if there is not one.
        """
        return self._only(f"_Z{len(name)}{name}", f"functions {name}")

    def destructor(self, name: str) -> int:
        """Returns the address of the destructor of the class `name`. NameTaken if there is not one."""
        return self._only(f"_ZN{len(name)}{name}D", f"destructors of {name}")

    def _only(self, prefix: str, what: str) -> int:
        """Returns the address of the only function whose symbol begins so."""
        # The parts that a compiler splits off (`.cold`) have a dot.
        found = {value for symbol, value in self.symbols.items() if symbol.startswith(prefix) and "." not in symbol}
        if len(found) != 1:
            raise NameTaken(f"the kernel has {len(found)} {what}, and must have one: rename any that is not given")
        return found.pop()

    def pa(self, symbol: str) -> int:
        """Returns the physical address of `symbol`."""
        return self.symbols[symbol] - self.offset

    def word(self, symbol: str) -> int:
        """Returns the 8 bytes at `symbol` as they were linked. KeyError if there is none."""
        from elftools.elf.elffile import ELFFile

        va = self.symbols[symbol]
        with self.elf.open("rb") as file:
            for segment in ELFFile(file).iter_segments("PT_LOAD"):
                if segment["p_vaddr"] <= va < segment["p_vaddr"] + segment["p_filesz"]:
                    file.seek(segment["p_offset"] + va - segment["p_vaddr"])
                    return int.from_bytes(file.read(8), "little")
        raise KeyError(f"{symbol} has no contents in {self.elf}")

    @property
    def constant_segments(self) -> tuple[Segment, ...]:
        """The kernel's code, and its constants with the programs that it brings along."""
        return _constant_segments(self.elf)

    @cached_property
    def _sorted(self) -> list[tuple[int, str]]:
        low, high = self.va("image_start"), self.va("image_end")
        return sorted((value, name) for name, value in self.symbols.items() if low <= value < high)

    def place(self, pc: int) -> str:
        """Returns `function at file:line` for a code address, high or low; '' if it is not in the image."""
        call, high = self.source(pc), self._high(pc)
        return str(call) if call is not None else "" if high is None else self.nearest(high)

    def source(self, pc: int) -> SourceCall | None:
        """Returns the function, file and line of a code address, high or low; None if the debug information has none.

        Of the last instructions of a function the compiler may know only the library's line: then it is where it begins.
        """
        found = self.calls([pc])
        if found and all(_is_librarys(call) for call in found):
            found = self.calls([self.symbols[self.symbol_of(self._high(pc) or pc)]])
        return next((call for call in found if not _is_librarys(call)), None)

    def source_line(self, pc: int) -> str:
        """Returns the file and line of a code address, high or low; '' if the debug information has none."""
        call = self.source(pc)
        return call.where if call is not None else ""

    def calls(self, addresses: Iterable[int]) -> list[SourceCall]:
        """Returns the functions that these code addresses are in, those that are inlined first; none for what is unknown."""
        known = [hex(high) for pc in addresses if (high := self._high(pc)) is not None]
        if not known:
            return []
        # Within limits: the debug information is only as good as the code it was made from.
        tool = ["prlimit", f"--cpu={_SECONDS}", f"--as={4 << 30}", f"{self.isa}-linux-gnu-addr2line"]
        try:
            run = subprocess.run(
                [*tool, "-f", "-i", "-C", "-e", str(self.elf), *known],
                capture_output=True, text=True, errors="replace", check=True,
            )  # fmt: skip
        except (OSError, subprocess.CalledProcessError):
            return []
        lines = run.stdout.splitlines()
        pairs = zip(lines[::2], lines[1::2], strict=False)
        return [_source_call(function, place) for function, place in pairs if not place.startswith("??")]

    def _high(self, pc: int) -> int | None:
        """Returns the address of code where the kernel stays, for its high or low alias; None if it is not in the image."""
        high = pc if pc >= self.offset else pc + self.offset
        return high if self.va("image_start") <= high < self.va("text_end") else None

    def nearest(self, va: int) -> str:
        """Returns the closest symbol at or below `va`, with the distance."""
        name = self.symbol_of(va)
        distance = va - self.symbols[name] if name else 0
        return f"{name}+{distance:#x}" if distance else name

    def symbol_of(self, va: int) -> str:
        """Returns the closest symbol at or below `va`; '' if there is none."""
        return max((entry for entry in self._sorted if entry[0] <= va), default=(0, ""))[1]


def _is_librarys(call: SourceCall) -> bool:
    return call.file.startswith("/")


def _source_call(function: str, place: str) -> SourceCall:
    """Reads what addr2line says: the function, and `file:line`, perhaps with a remark after it."""
    file, _, line = place.partition(" ")[0].rpartition(":")
    return SourceCall(function, file.removeprefix(DEBUG_ROOT + "/"), int(line) if line.isdigit() else 0)
