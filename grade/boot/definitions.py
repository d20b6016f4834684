"""What a program's source defines, read from its debug information: layouts of records, constants and enumerators.

The kernel has one source file that includes all headers in question (kernel/definitions.cc) and is compiled so that
nothing in them is left out. The file is given, so a student's definition of the same name is not mistaken for it.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from grade.boot.once_per_file import once_per_file
from grade.ladder.records import Records
from grade.ladder.trees import find_root

if TYPE_CHECKING:
    from elftools.dwarf.compileunit import CompileUnit
    from elftools.dwarf.die import DIE
    from elftools.dwarf.dwarfinfo import DWARFInfo

KERNEL_DEFINITIONS = "kernel/definitions.cc"

# The parts of a compile unit that are read without pyelftools: DWARF 5, 7.5.
_UNIT, _VERSION = struct.Struct("<IHBBI"), 5  # length, version, type, size of addresses, where its abbreviations are
_NAME = b"\x03"  # DW_AT_name
_STRING, _STRINGS = b"\x08", (b"\x0e", b"\x1f")  # DW_FORM_string; DW_FORM_strp and DW_FORM_line_strp
_SIZES = {b"\x0b": 1, b"\x05": 2, b"\x06": 4, b"\x07": 8, b"\x17": 4, b"\x19": 0, b"": 0} | dict.fromkeys(_STRINGS, 4)
_LEB128 = rb"[\x80-\xff]*[\x00-\x7f]"
_NUMBER = re.compile(_LEB128)
_IMPLICIT = rb"%b\x21%b" % (_LEB128, _LEB128)  # an attribute of DW_FORM_implicit_const, with its value
_ATTRIBUTE = rb"(?!\x00\x00)(?:%b|%b(?!\x21)%b)" % (_IMPLICIT, _LEB128, _LEB128)
_DECLARATION = re.compile(rb"(%b)%b[\x00\x01]((?:%b)*)\x00\x00" % (_LEB128, _LEB128, _ATTRIBUTE))
"""An abbreviation: its code, its tag, whether its entries have children, and its attributes with their forms."""
_PAIR = re.compile(rb"%b|(%b)(%b)" % (_IMPLICIT, _LEB128, _LEB128))
_RECORDS = ("DW_TAG_structure_type", "DW_TAG_class_type", "DW_TAG_union_type")
_SAME_TYPE = ("DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type")
_OF_THE_LIBRARY = "_M_"  # begins the names of members of libstdc++'s classes
_SAID_OTHERWISE = {"_M_engaged": "has_value", "_M_ptr": "data", "_M_extent_value": "size"}  # of std::optional and std::span


@dataclass(frozen=True)
class Field:
    """A part of a record, in bytes from its start. An array has `count` elements; `size` is that of the whole array."""

    offset: int
    size: int
    count: int = 1

    def read(self, data: bytes, at: int = 0) -> int:
        """Returns the number in this field of the record that begins at `at`, little-endian and unsigned."""
        return int.from_bytes(self.bytes_in(data, at), "little")

    def read_signed(self, data: bytes, at: int = 0) -> int:
        """Returns the same number, read as two's complement."""
        return int.from_bytes(self.bytes_in(data, at), "little", signed=True)

    def bytes_in(self, data: bytes, at: int = 0) -> bytes:
        """Returns the bytes of this field of the record that begins at `at`."""
        return data[at + self.offset : at + self.offset + self.size]

    def places(self) -> range:
        """Returns the offsets at which the elements of the array begin."""
        return range(self.offset, self.offset + self.size, self.size // self.count)


@dataclass(frozen=True)
class Record:
    """A structure. A field has the name that C++ gives it: `space.root_`.

    In classes of the library, `space.has_value` says whether a std::optional has a value; a std::span has `data` and `size`.
    """

    name: str
    size: int
    fields: Mapping[str, Field]

    def __getitem__(self, field: str) -> Field:
        """Returns the field of that name. KeyError if there is none."""
        return self.fields[field]


@dataclass(frozen=True)
class Definitions:
    """Records, constants and enumerations by qualified name: `layout::kTempSlots`, `FrameAllocator::ZoneState`."""

    records: Mapping[str, Record]
    constants: Mapping[str, int]
    enumerations: Mapping[str, Mapping[str, int]]

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """Returns the definitions that dataclasses.asdict() turned into a dictionary and JSON gives back."""
        records = {
            name: Record(name, record["size"], {field: Field(**place) for field, place in record["fields"].items()})
            for name, record in document["records"].items()
        }
        return cls(records, document["constants"], document["enumerations"])

    def record(self, name: str) -> Record:
        """Returns the layout of a structure. KeyError if there is none."""
        return self.records[name]

    def constant(self, name: str) -> int:
        """Returns the value of a constant. KeyError if there is none."""
        return self.constants[name]

    def enumerators(self, name: str) -> dict[int, str]:
        """Returns the names of an enumeration's values as facts write them: `kReady` is ready. KeyError if there is none."""
        return {value: name.removeprefix("k").lower() for name, value in self.enumerations[name].items()}


def definitions_in(elf: Path, source: str) -> Definitions:
    """Returns what a source file, named from the tree's root, defines or includes. KeyError if it is not in the program."""
    return _read(elf)[source]


class _Sources(dict[str, Definitions]):
    """Definitions by source file; each file is read when it is first asked for."""

    def __init__(self, elf: Path) -> None:
        super().__init__()
        self._elf = elf

    def __missing__(self, source: str) -> Definitions:
        content, reader = self._elf.read_bytes(), Path(__file__)
        records = Records(find_root(reader) / "build" / "definitions")  # the grader's own: no sealed submission writes there
        key = source, *(sha256(data).hexdigest() for data in (content, reader.read_bytes()))
        if (kept := records.read(*key)) is None:
            kept = json.dumps(asdict(_defined(self._elf, content, source)))
            records.write(kept, *key)
        self[source] = Definitions.from_dict(json.loads(kept))
        return self[source]


_read = once_per_file(_Sources)


def _defined(elf: Path, content: bytes, source: str) -> Definitions:
    """Reads the definitions, which takes as long as many milestones. KeyError if the source is not in the program."""
    from elftools.elf.elffile import ELFFile  # GDB's Python may lack it

    try:
        units = _units_of(ELFFile(BytesIO(content)).get_dwarf_info(), source)
    except (struct.error, ValueError) as error:
        raise KeyError(f"the debug information of {elf} cannot be read to its end") from error
    if len(units) != 1:
        raise KeyError(f"{source} is in the debug information of {elf} {len(units)} times")
    found = _Unit()
    found.gather(units[0].get_top_DIE(), "")
    return Definitions(found.records, found.constants, found.enumerations)


def _units_of(debug: DWARFInfo, source: str) -> list[CompileUnit]:
    """Returns the compile units of a source file. Of the others it reads only the start, which holds the file's name.

    ValueError or struct.error if the section cannot be read to its end: the true one may follow what hides it.

    pyelftools would first read the abbreviations of all the others, which takes ten times as long as the rest.
    """
    sections = (debug.debug_info_sec, debug.debug_abbrev_sec, debug.debug_str_sec, debug.debug_line_str_sec)
    info, *others = (section.stream.getvalue() if section is not None else b"" for section in sections)
    found, at = [], 0
    while at < len(info):
        length, version, _, _, abbreviations = _UNIT.unpack_from(info, at)
        if version == _VERSION and _source_of(info, at + _UNIT.size, abbreviations, *others) == source:
            found.append(debug.get_CU_at(at))
        at += 4 + length
    if at != len(info):
        raise ValueError("the last unit does not end where the section does")
    return found


def _source_of(info: bytes, at: int, abbreviations: int, forms: bytes, strings: bytes, line_strings: bytes) -> str:
    """Returns the file, named from the tree's root, of the compile unit whose first entry is at `at`."""
    if (code := _NUMBER.match(info, at)) is None:
        return ""
    declaration = _DECLARATION.match(forms, abbreviations)
    while declaration is not None and declaration[1] != code[0]:
        declaration = _DECLARATION.match(forms, declaration.end())
    at = code.end()
    for attribute, form in _PAIR.findall(declaration[2]) if declaration is not None else ():
        text = b""
        if form in _STRINGS:
            start = int.from_bytes(info[at : at + 4], "little")
            table = strings if form == _STRINGS[0] else line_strings
            text = table[start : table.index(0, start)]
        elif form == _STRING:
            text = info[at : info.index(0, at)]
        if attribute == _NAME:
            return text.decode()
        if form not in _SIZES and form != _STRING:
            break
        at += len(text) + 1 if form == _STRING else _SIZES[form]
    return ""


class _Unit:
    """The definitions found in a compile unit."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.constants: dict[str, int] = {}
        self.enumerations: dict[str, dict[str, int]] = {}

    def gather(self, scope: DIE, prefix: str) -> None:
        """Adds the definitions in a namespace or a class, except the library's."""
        for die in scope.iter_children():
            name = _name(die)
            if die.tag == "DW_TAG_namespace" and not name:
                self.gather(die, prefix)
            if not name or name.startswith("_") or (not prefix and name == "std"):
                continue
            if die.tag == "DW_TAG_namespace":
                self.gather(die, f"{prefix}{name}::")
            elif die.tag in ("DW_TAG_variable", "DW_TAG_member") and "DW_AT_const_value" in die.attributes:
                self.constants[prefix + name] = _number(die)
            elif die.tag == "DW_TAG_enumeration_type":
                self.enumerations[prefix + name] = {_name(one): _number(one) for one in die.iter_children()}
            elif die.tag in _RECORDS and "DW_AT_byte_size" in die.attributes:
                self.records[prefix + name] = Record(prefix + name, _size(die), _by_name(_fields(die, 0, "")))
                self.gather(die, f"{prefix}{name}::")


def _fields(record: DIE, base: int, prefix: str) -> Iterator[tuple[str, Field]]:
    """Yields the fields of a record at `base`, and those of nested records; outer ones first, because the first name wins."""
    for die in record.iter_children():
        if die.tag not in ("DW_TAG_member", "DW_TAG_inheritance") or "DW_AT_external" in die.attributes:
            continue
        offset = base + (
            die.attributes["DW_AT_data_member_location"].value if "DW_AT_data_member_location" in die.attributes else 0
        )
        name, kind = _SAID_OTHERWISE.get(_name(die), _name(die)), _type(die)
        is_transparent = not name or name.startswith(_OF_THE_LIBRARY)
        path = prefix.removesuffix(".") if is_transparent else prefix + name
        if path:
            yield path, Field(offset, _size(kind), _count(kind))
        if kind.tag in _RECORDS:
            yield from _fields(kind, offset, f"{path}." if path else "")


def _by_name(fields: Iterable[tuple[str, Field]]) -> dict[str, Field]:
    """Returns the first field of each name; of a std::array the library's own array, which knows the number of elements."""
    found: dict[str, Field] = {}
    for name, field in fields:
        if name not in found or (field.count > 1 and field.size == found[name].size):
            found[name] = field
    return found


def _type(die: DIE) -> DIE:
    kind = die.get_DIE_from_attribute("DW_AT_type")
    while kind.tag in _SAME_TYPE:
        kind = kind.get_DIE_from_attribute("DW_AT_type")
    return kind


def _size(kind: DIE) -> int:
    if "DW_AT_byte_size" in kind.attributes:
        return int(kind.attributes["DW_AT_byte_size"].value)
    return _count(kind) * _size(_type(kind)) if kind.tag == "DW_TAG_array_type" else 0


def _count(kind: DIE) -> int:
    count = 1
    if kind.tag == "DW_TAG_array_type":
        for bound in kind.iter_children():
            count *= bound.attributes["DW_AT_upper_bound"].value + 1
    return count


def _name(die: DIE) -> str:
    attribute = die.attributes.get("DW_AT_name")
    return bytes(attribute.value).decode(errors="replace") if attribute is not None else ""


def _number(die: DIE) -> int:
    value = die.attributes["DW_AT_const_value"].value
    return value if isinstance(value, int) else int.from_bytes(bytes(value), "little")
