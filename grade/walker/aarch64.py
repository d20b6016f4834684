"""VMSAv8-64 of Arm: stage 1 of EL1&0, 4 KiB granule, 48-bit addresses.

Arm Architecture Reference Manual (DDI 0487), chapter D8: translation process D8.2, descriptor formats D8.3, access
control D8.4, access flag D8.5, memory types D8.6; registers in D19.2. Arm counts levels from the top: its level 3
is the table of pages, our level 0.

     63    62..61  60   59      58..52 51..48 47 ............. 12            1 0
    +-----+-------+----+-------+------+------+-------------------+----------+---+
    |NSTab|APTable|XNTb|PXNTab |  -   |  0   | address of table  |    -     |1 1|   table (our levels 3 to 1)
    +-----+-------+----+-------+------+------+-------------------+----------+---+
     58..55  54  53   52    51..48 47 ......... 12  11  10  9..8 7..6  5  4..2   1 0
    +------+----+---+------+------+----------------+---+---+----+----+---+------+---+
    |  sw  | UXN|PXN|contig|  0   | address of page| nG| AF| SH | AP | NS| Attr |t 1|   t=1: page (level 0 only)
    +------+----+---+------+------+----------------+---+---+----+----+---+------+---+   t=0: block (levels 1, 2)

Registers: ttbr0_el1, ttbr1_el1, tcr_el1, mair_el1, sctlr_el1; optional: id_aa64mmfr0_el1 (the CPU's address size; 48 bits
if not given). Not modelled: TBI (a tagged address is outside),
hardware updates of AF and dirty (HA, HD), HPD0 and HPD1, PAN. A granule other than 4 KiB is not read. QEMU 7.2
takes a block in the topmost table (Arm's level 0) for 512 GiB; the manual does not, and neither does this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from grade.walker.entry import (
    EMPTY,
    KERNEL_EXECUTE,
    LOCAL,
    READ,
    USER,
    USER_EXECUTE,
    WRITE,
    Decoded,
    Field,
    flag,
    mask,
    reserved,
)
from grade.walker.format import PAGE_BITS, Window
from grade.walker.model import Attributes
from grade.walker.radix import RadixWalker

# D19.2, SCTLR_EL1.
SCTLR_M = 1 << 0
SCTLR_WXN = 1 << 19


@dataclass(frozen=True)
class HalfControl:
    """D19.2, TCR_EL1: where the fields of TTBR0 and of TTBR1 are, and which values of TGn mean another granule.

    TG1=0 is reserved: the processor takes a granule it has, QEMU takes 4 KiB, so do we.
    """

    n: int
    size_low: int  # TnSZ, 6 bits
    disable: int  # EPDn, 1 bit
    granule_low: int  # TGn, 2 bits
    other_granules: tuple[int, ...]


CONTROLS = {"low": HalfControl(0, 0, 7, 14, (1, 2)), "high": HalfControl(1, 16, 23, 30, (1, 3))}
TCR_IPS_LOW = 32
BITS_OF_IPS = (32, 36, 40, 42, 44, 48, 48, 48)  # 52 bits need FEAT_LPA2 with this granule; PARange counts alike
LEAST_TSZ, MOST_TSZ = 16, 39  # without FEAT_LPA2 and FEAT_TTST

# D8.3.1.
VALID = 1 << 0
NOT_BLOCK = 1 << 1
ADDRESS = mask(47, 12)
TABLE_PXN = 1 << 59
TABLE_UXN = 1 << 60
TABLE_NO_USER = 1 << 61  # APTable[0]
TABLE_NO_WRITE = 1 << 62  # APTable[1]
ATTRIBUTE_LOW = 2
USER_PAGE = 1 << 6  # AP[1]
READ_ONLY = 1 << 7  # AP[2]
ACCESS_FLAG = 1 << 10
NOT_GLOBAL = 1 << 11
PXN = 1 << 53
UXN = 1 << 54
PAGE_ADDRESS = (mask(47, 12), mask(47, 21), mask(47, 30))  # of a page, of a block of 2 MiB, of one of 1 GiB
BLOCK_LEVELS = (1, 2)

_TYPE = (flag("valid", 0, "not valid", "valid"), flag("type", 1, "block", "table or page"))
TABLE_FIELDS = _TYPE + (
    flag("PXNTable", 59, "-", "the kernel executes nothing below"),
    flag("XNTable", 60, "-", "user mode executes nothing below"),
    Field("APTable", 61, 2, ("-", "no user access below", "no writes below", "no user access, no writes below")),
    flag("NSTable", 63, "-", "non-secure below"),
)
LEAF_FIELDS = _TYPE + (
    Field("AttrIndx", 2, 3, ("number of a byte of MAIR_EL1",)),
    flag("NS", 5, "secure", "non-secure"),
    Field("AP", 6, 2, ("kernel read-write", "both read-write", "kernel read-only", "both read-only")),
    Field("SH", 8, 2, ("non-shareable", "reserved", "outer shareable", "inner shareable")),
    flag("AF", 10, "the first access faults", "accessed"),
    flag("nG", 11, "global", "of one ASID"),
    flag("DBM", 51, "-", "dirty state is managed, if TCR_EL1.HD"),
    flag("contiguous", 52, "-", "one of 16 neighbours with contiguous addresses"),
    flag("PXN", 53, "the kernel may execute", "the kernel never executes"),
    flag("UXN", 54, "user mode may execute", "user mode never executes"),
    Field("software", 55, 4, ("for software",)),
)


class Aarch64Walker(RadixWalker):
    """Reads the low half's tables from TTBR0_EL1 and the high half's from TTBR1_EL1."""

    isa = "aarch64"
    table_names = ("level 3 table", "level 2 table", "level 1 table", "level 0 table")
    halves = ("low", "high")
    outside = "outside-address-size"

    def translation_on(self) -> bool:
        return bool(self.registers["sctlr_el1"] & SCTLR_M)

    def with_root(self, root: int, half: str | None = None) -> Self:
        name = "ttbr1_el1" if half == "high" else "ttbr0_el1"
        return type(self)(self.memory, {**self.registers, name: root})

    def _windows(self) -> tuple[Window, ...]:
        return self._window("low", self.registers["ttbr0_el1"]), self._window("high", self.registers["ttbr1_el1"])

    def _window(self, half: str, ttbr: int) -> Window:
        """Returns one half's window (D8.2): TnSZ gives the bits of the va; these give the root's level and entries.

        The root's table is aligned to its size, at least 64 bytes.
        """
        control = CONTROLS[half]
        size_field = self.registers["tcr_el1"] >> control.size_low & 0x3F
        va_bits = 64 - min(max(size_field, LEAST_TSZ), MOST_TSZ)
        top = (va_bits - PAGE_BITS - 1) // self.index_bits
        entries = 1 << va_bits - self.shift(top)
        root = ttbr & mask(47, 0) & -max(64, entries * self.entry_bytes)
        low = 0 if half == "low" else (1 << 64) - (1 << va_bits)
        fault, detail = self._window_fault(control, size_field, root)
        return Window(half, low, low + (1 << va_bits), root, top, entries, fault, detail)

    def _window_fault(self, control: HalfControl, size_field: int, root: int) -> tuple[str | None, str]:
        """Returns why no address of this half is walked, in a stable word and in the manual's, or (None, "")."""
        tcr, n = self.registers["tcr_el1"], control.n
        if tcr >> control.disable & 1:
            return "walk-disabled", f"TCR_EL1.EPD{n} is 1"
        if not LEAST_TSZ <= size_field <= MOST_TSZ:
            return "outside-address-size", f"TCR_EL1.T{n}SZ is {size_field}, not {LEAST_TSZ} to {MOST_TSZ}"
        if tcr >> control.granule_low & 3 in control.other_granules:
            return "translation-off", f"TCR_EL1.TG{n} is not 4 KiB, the only granule read here"
        if root >> self.physical_bits:
            return "outside-address-size", f"TTBR{n}_EL1 has more than the {self._address_size()}"
        return None, ""

    def entry_name(self, level: int) -> str:
        return f"level {3 - level} descriptor"

    def decode(self, level: int, entry: int) -> Decoded:
        if not entry & VALID:
            return EMPTY
        if not entry & NOT_BLOCK and level not in BLOCK_LEVELS:
            return reserved("bits 1 to 0 are 01, a block", fault="wrong-type")
        if entry & ADDRESS & ~mask(self.physical_bits - 1, 0):
            detail = f"an address of more than the {self._address_size()}"
            return reserved(detail, fault="outside-address-size")
        if entry & NOT_BLOCK and level > 0:
            return Decoded("table", self._let_through(entry))
        return Decoded("leaf", self._granted(entry), None if entry & ACCESS_FLAG else "access-flag")

    def _let_through(self, entry: int) -> int:
        """Returns the permissions that a table entry leaves to the entries below it (D8.4, hierarchical control)."""
        write = 0 if entry & TABLE_NO_WRITE else WRITE
        user = 0 if entry & TABLE_NO_USER else USER
        execute = (0 if entry & TABLE_PXN else KERNEL_EXECUTE) | (0 if entry & TABLE_UXN else USER_EXECUTE)
        return READ | LOCAL | write | user | execute

    def _granted(self, entry: int) -> int:
        """Returns the direct permissions of a block or page (D8.4)."""
        write = 0 if entry & READ_ONLY else WRITE
        user = USER if entry & USER_PAGE else 0
        execute = (0 if entry & PXN else KERNEL_EXECUTE) | (0 if entry & UXN else USER_EXECUTE)
        return READ | (LOCAL if entry & NOT_GLOBAL else 0) | write | user | execute

    def attributes(self, level: int, entry: int, grants: int) -> Attributes:
        """Applies D8.4: EL1 never executes what EL0 can write; with WXN nobody executes what they can write.

        User mode's right to execute does not depend on its right to read.
        """
        user, write = bool(grants & USER), bool(grants & WRITE)
        user_write = user and write
        write_never_execute = bool(self.registers["sctlr_el1"] & SCTLR_WXN)
        kernel_execute = bool(grants & KERNEL_EXECUTE) and not user_write
        return {
            "write": write,
            "kernel_execute": kernel_execute and not (write_never_execute and write),
            "user_read": user,
            "user_write": user_write,
            "user_execute": bool(grants & USER_EXECUTE) and not (write_never_execute and user_write),
            "global_": not grants & LOCAL,
            "memory": self._memory(entry),
            "accessed": bool(entry & ACCESS_FLAG),
            "dirty": None,
        }

    def _memory(self, entry: int) -> str:
        """Reads MAIR_EL1 (D19.2): the byte is 0000dd00 for a device, else outer and inner cacheability of normal memory."""
        number = entry >> ATTRIBUTE_LOW & 7
        outer, inner = divmod(self.registers["mair_el1"] >> 8 * number & 0xFF, 16)
        if outer == 0:
            return "device" if inner & 3 == 0 else "unknown"
        if inner == 0:
            return "unknown"
        return "normal-noncacheable" if 4 in (outer, inner) else "normal"

    def table_address(self, entry: int) -> int:
        return entry & ADDRESS

    def page_address(self, level: int, entry: int) -> int:
        return entry & PAGE_ADDRESS[level]

    def frame_bits(self, level: int) -> int:
        return mask(self.physical_bits - 1, self.shift(level))

    def fields(self, level: int, kind: str) -> tuple[Field, ...]:
        return TABLE_FIELDS if kind == "table" else LEAF_FIELDS

    def _address_size(self) -> str:
        """Returns the bits of a physical address, and who says so, in words."""
        bits = self.physical_bits
        by_cpu = BITS_OF_IPS[self.registers["tcr_el1"] >> TCR_IPS_LOW & 7] > bits
        return f"{bits} bits of {'ID_AA64MMFR0_EL1.PARange' if by_cpu else 'TCR_EL1.IPS'}"

    @property
    def physical_bits(self) -> int:
        """D8.1.6, D19.2: TCR_EL1.IPS, but no more than the CPU has, ID_AA64MMFR0_EL1.PARange."""
        of_cpu = self.registers.get("id_aa64mmfr0_el1", 5) & 0xF
        return BITS_OF_IPS[min(self.registers["tcr_el1"] >> TCR_IPS_LOW & 7, of_cpu)]
