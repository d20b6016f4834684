"""What a walk of page tables finds. Values only: nothing here reads memory or knows a format.

Levels count down to 0, the table of pages. Sizes are in bytes, addresses are plain unsigned integers.
"""

from __future__ import annotations

from collections.abc import Mapping as Fields
from dataclasses import dataclass
from typing import Any, NotRequired, Protocol, TypedDict

from grade.walker.entry import Bit, Field

# Why a walk ends without a page; these words are stable, tests and post-mortems compare them.
FAULTS = (
    "not-present",  # the entry says that nothing is here
    "reserved-bit",  # the entry has a bit or a combination of bits that the manual reserves
    "non-canonical",  # x86_64, RISC-V: the upper bits of the va do not repeat its top translated bit
    "outside-address-size",  # the va is outside TnSZ (Arm) or 32 bits; or an Arm address is wider than TCR.IPS
    "translation-off",  # the registers do not turn on the paging mode that this walker reads
    "walk-disabled",  # Arm: TCR_EL1.EPD0 or EPD1 forbids walks of this half
    "wrong-type",  # the entry's type is not allowed at its level (a block in the table of pages, ...)
    "access-flag",  # Arm: AF is 0. The only fault that comes with a mapping
    "table-outside-memory",  # the entry points to a table that is not in memory
)

# What would_fault() can add: the page is mapped, the access is refused.
REFUSALS = ("no-read", "no-write", "no-execute", "user-denied", "kernel-execute-denied")


class TooManyTables(Exception):
    """An enumeration visited more tables than any sane set of tables holds: they loop or share without end."""


@dataclass(frozen=True)
class Step:
    """One entry that a walk read. `entry` is None when kind is 'unreadable'."""

    level: int
    table: int
    index: int
    entry_address: int
    entry: int | None
    kind: str  # 'empty' | 'table' | 'leaf' | 'reserved' | 'unreadable'
    fields: tuple[Field, ...]
    name: str = ""  # the manual's name of an entry at this level, such as PDPTE

    @property
    def bits(self) -> tuple[Bit, ...]:
        """The entry's fields with their values, made only when asked for: most walks are only followed."""
        return tuple(field.of(self.entry or 0) for field in self.fields)

    @property
    def word(self) -> int:
        """Returns the entry as it was read; ValueError if the step is 'unreadable'."""
        if self.entry is None:
            raise ValueError(f"the entry at {self.entry_address:#x} is not in memory")
        return self.entry

    def bit(self, name: str) -> Bit:
        """Returns the field called `name`; KeyError if entries of this kind have none."""
        for bit in self.bits:
            if bit.name == name:
                return bit
        raise KeyError(name)


class Attributes(TypedDict):
    """What a format finds in a leaf and on the way to it: these fields of a Mapping, with these meanings."""

    read: NotRequired[bool]  # True if not given
    write: bool
    kernel_execute: bool
    user_read: bool
    user_write: bool
    user_execute: bool
    global_: bool
    memory: str
    accessed: bool
    dirty: bool | None


class Permissions(Protocol):
    """What kernel and user may do, as a Mapping and a Range state it."""

    @property
    def read(self) -> bool:
        ...

    @property
    def write(self) -> bool:
        ...

    @property
    def kernel_execute(self) -> bool:
        ...

    @property
    def user_read(self) -> bool:
        ...

    @property
    def user_write(self) -> bool:
        ...

    @property
    def user_execute(self) -> bool:
        ...


@dataclass(frozen=True)
class Mapping:
    """One page or block: `size` bytes at virtual `va` and physical `pa` (both its first byte).

    The permissions are effective: what the leaf grants and no table entry above it takes away, as the control
    registers have it. `restricted_by` lists the levels whose table entry took away what the leaf grants.
    A fact the format does not keep is None (dirty on Arm).
    """

    va: int
    pa: int
    size: int
    level: int
    write: bool  # by the kernel
    kernel_execute: bool
    user_execute: bool
    user_read: bool
    user_write: bool
    global_: bool
    memory: str  # 'normal' | 'device' | 'normal-noncacheable' | 'unknown'
    accessed: bool
    dirty: bool | None
    entry: int
    entry_address: int
    restricted_by: tuple[int, ...]
    read: bool = True  # by the kernel; False only for RISC-V's execute-only pages

    @property
    def end(self) -> int:
        """The first virtual address after the page."""
        return self.va + self.size

    def pa_of(self, va: int) -> int:
        """Returns the physical address of `va`, an address in the page."""
        return self.pa + va - self.va

    @property
    def user(self) -> bool:
        """Whether user mode can do something with this page."""
        return self.user_read or self.user_write or self.user_execute

    @classmethod
    def stamped(cls, shape: Fields[str, Any], va: int, pa: int, entry: int, entry_address: int) -> Mapping:
        """Returns a mapping with all other fields taken from `shape`.

        It fills the object's dictionary directly: a frozen dataclass's own constructor, one guarded assignment per
        field, is five times slower, and a table holds 512 pages that differ only in these four fields.
        """
        mapping = object.__new__(cls)
        mapping.__dict__.update(shape, va=va, pa=pa, entry=entry, entry_address=entry_address)
        return mapping


@dataclass(frozen=True)
class Walk:
    """How one virtual address translates: the entries read, and the page or the fault they end in."""

    va: int
    root: int | None  # None if the registers choose no root for this address
    steps: tuple[Step, ...]
    mapping: Mapping | None
    fault: str | None  # None or one of FAULTS
    detail: str = ""  # the fault in the manual's terms, such as "XD is reserved while EFER.NXE is 0"

    @property
    def page(self) -> Mapping:
        """Returns the page; ValueError if the walk found none."""
        if self.mapping is None:
            raise ValueError(f"no page maps {self.va:#x}: {self.fault}")
        return self.mapping

    @property
    def pa(self) -> int | None:
        """The physical address of exactly `va`, or None if no page maps it."""
        return None if self.mapping is None else self.mapping.pa_of(self.va)
