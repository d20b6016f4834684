"""The terms in which a format describes its entries to the walk: rights, kinds, named fields."""

from __future__ import annotations

from dataclasses import dataclass

# What an entry lets through, as plain integers that are ANDed along the walk. LOCAL is no permission: it means
# "of this address space only", and a RISC-V table entry with G takes it away.
READ = 1 << 0
WRITE = 1 << 1
USER = 1 << 2
KERNEL_EXECUTE = 1 << 3
USER_EXECUTE = 1 << 4
LOCAL = 1 << 5
EXECUTE = KERNEL_EXECUTE | USER_EXECUTE
EVERYTHING = READ | WRITE | USER | EXECUTE | LOCAL
PERMISSIONS = EVERYTHING & ~LOCAL


@dataclass(frozen=True)
class Decoded:
    """The meaning of one entry. `grants` is what a leaf grants, or what a table entry lets through.

    `fault` says why a walk ends here: always for 'empty' and 'reserved', for a leaf only 'access-flag'.
    """

    kind: str  # 'empty' | 'table' | 'leaf' | 'reserved'
    grants: int = 0
    fault: str | None = None
    detail: str = ""


EMPTY = Decoded("empty", fault="not-present")


def reserved(detail: str, fault: str = "reserved-bit") -> Decoded:
    """Returns an entry that is present but ends the walk, and why in the manual's terms."""
    return Decoded("reserved", fault=fault, detail=detail)


@dataclass(frozen=True)
class Bit:
    """One named field of an entry: `width` bits from bit `low` on, its value, and what that value means."""

    name: str
    low: int
    width: int
    value: int
    meaning: str


@dataclass(frozen=True)
class Field:
    """A named field of an entry. `meanings` has a text for each value; the last one also serves all larger values."""

    name: str
    low: int
    width: int
    meanings: tuple[str, ...]

    def of(self, entry: int) -> Bit:
        """Returns this field with its value in `entry`."""
        value = entry >> self.low & (1 << self.width) - 1
        meaning = self.meanings[min(value, len(self.meanings) - 1)]
        return Bit(self.name, self.low, self.width, value, meaning)


def flag(name: str, low: int, clear: str, set_: str) -> Field:
    """Returns a field of one bit, with the meanings of 0 and of 1."""
    return Field(name, low, 1, (clear, set_))


def mask(high: int, low: int) -> int:
    """Returns a mask of bits `high` to `low`, both included, as manuals count them."""
    return (1 << high + 1) - (1 << low)
