"""SCTLR_EL1, TCR_EL1, TTBR0_EL1 and TTBR1_EL1, as far as they matter to translation (Arm ARM, DDI 0487)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from grade.isa.control import AskedCpu, Control, Problem, Settings

# SCTLR_EL1, D17.2.118. The bits that are always one in Armv8.0: EOS, EIS, TSCXT, SPAN, nTLSMD, LSMAOE where they have names.
_DATA_CACHE, _INSTRUCTION_CACHE, _BIG_ENDIAN = 2, 12, 25
_ALWAYS_ONE = (11, 20, 22, 23, 28, 29)

# TCR_EL1, D17.2.131
_ADDRESS_BITS = 48
_SIZES = ("32", "36", "40", "42", "44", "48")  # IPS and PARange, in bits; more do not fit into an entry
_CACHING = ("non-cacheable", "write-back", "write-through", "write-back")  # IRGN, ORGN; the two differ in hints only
_SHARING = ("non-shareable", "reserved", "outer shareable", "inner shareable")  # SH, also of an entry
_NON_CACHEABLE = _CACHING[0]
_UNUSED = (
    (39, "HA", "hardware sets no access flags"),
    (40, "HD", "hardware makes no page writable"),
    (59, "DS", "addresses have 48 bits"),
)


@dataclass(frozen=True)
class _Half:
    """Where the fields of one half are in TCR_EL1."""

    number: int
    size: int
    no_walks: int
    walks: int
    """The lowest bit of IRGN; ORGN and SH follow, two bits each."""
    granule: int
    small_granule: int
    """The value of TG that means 4 KiB."""
    any_top_byte: int
    no_hierarchy: int


_HALVES = (_Half(0, 0, 7, 8, 14, 0, 37, 41), _Half(1, 16, 23, 24, 30, 2, 38, 42))
_NUMBERED_BY_UPPER, _LARGE_NUMBERS = 22, 36  # A1, AS

# TTBRn_EL1, D17.2.144: the root's table is a page, so below its address there is only CnP
_ROOT = 0x0000_FFFF_FFFF_F000
_BELOW_ROOT, _COMMON, _ADDRESS_SPACE_LOW = 0xFFE, 1 << 0, 48

# ID_AA64MMFR0_EL1.PARange, D17.2.64, and ID_AA64MMFR2_EL1.CnP, D17.2.66
_PHYSICAL_SIZE, _HAS_COMMON = "id_aa64mmfr0_el1", "id_aa64mmfr2_el1"


class ArmControl(Control):
    """What a CPU has is in its identification registers."""

    def features(self, cpu: AskedCpu) -> dict[str, int]:
        """Returns the identification registers."""
        return {name: cpu.read_register(name) for name in (_PHYSICAL_SIZE, _HAS_COMMON)}

    def unseen(self, cpu: AskedCpu) -> dict[str, int]:
        """Returns nothing: QEMU shows them all."""
        del cpu
        return {}

    def problems(self, settings: Settings) -> Iterator[Problem]:
        """Yields problems of SCTLR_EL1, then of TCR_EL1, then of the roots. A half that is not walked has none."""
        yield from _problems_of_system(settings.registers["sctlr_el1"])
        yield from _problems_of_both_halves(settings)
        for half in _HALVES:
            if not settings.registers["tcr_el1"] >> half.no_walks & 1:
                yield from _problems_of_half(half, settings.registers["tcr_el1"])
                yield from _problems_of_walks(half, settings)
                yield from _problems_of_root(half, settings)
        if settings.has_users:
            yield from _problems_of_address_space(settings.registers)

    def without_table(self, settings: Settings) -> Problem | None:
        """Returns the problem of a half without a table that may be walked all the same."""
        return next((problem for half in _HALVES if (problem := _without_table(half, settings.registers))), None)


def _without_table(half: _Half, registers: Mapping[str, int]) -> Problem | None:
    tcr, root = registers["tcr_el1"], registers[f"ttbr{half.number}_el1"]
    if tcr >> half.no_walks & 1 or root & _ROOT:
        return None
    field = f"TCR_EL1.EPD{half.number} (bit {half.no_walks})"
    which = "upper" if half.number else "lower"
    return Problem(
        "walk-control-wrong",
        f"{field} is 1, for the {which} half has no table to walk",
        f"it is 0, and TTBR{half.number}_EL1 holds {root:#x}: TCR_EL1 is {tcr:#x}",
    )


def _problems_of_system(sctlr: int) -> Iterator[Problem]:
    seen = f"SCTLR_EL1 is {sctlr:#x}"
    for bit, field in ((_DATA_CACHE, "C"), (_INSTRUCTION_CACHE, "I")):
        if not sctlr >> bit & 1:
            yield Problem("caches-off", f"SCTLR_EL1.{field} (bit {bit}) is 1: normal memory is cached", f"it is 0: {seen}")
    if cleared := [bit for bit in _ALWAYS_ONE if not sctlr >> bit & 1]:
        which = "bits " + ", ".join(map(str, cleared)) if len(cleared) > 1 else f"bit {cleared[0]}"
        yield Problem("reserved-ones-cleared", f"{which} of SCTLR_EL1, always one, is written as one", f"as zero: {seen}")
    if sctlr >> _BIG_ENDIAN & 1:
        yield Problem("walk-control-wrong", "SCTLR_EL1.EE (bit 25) is 0: tables are little-endian", f"it is 1: {seen}")


def _problems_of_both_halves(settings: Settings) -> Iterator[Problem]:
    tcr = settings.registers["tcr_el1"]
    for bit, field, meaning in _UNUSED:
        if tcr >> bit & 1:
            yield _wrong_control(f"TCR_EL1.{field} (bit {bit}) is 0: {meaning}", "1", tcr)
    if settings.features is not None:
        wanted, seen = min(settings.features[_PHYSICAL_SIZE] & 0xF, len(_SIZES) - 1), tcr >> 32 & 7
        if seen != wanted:
            field = f"TCR_EL1.IPS (bits 34:32) is {wanted}, the {_SIZES[wanted]} bits of this CPU's physical addresses"
            yield _wrong_control(field, f"{seen}", tcr)


def _problems_of_half(half: _Half, tcr: int) -> Iterator[Problem]:
    n = half.number
    size, granule = tcr >> half.size & 0x3F, tcr >> half.granule & 3
    if size != 64 - _ADDRESS_BITS:
        field = f"TCR_EL1.T{n}SZ (bits {half.size + 5}:{half.size}) is {64 - _ADDRESS_BITS}: {_ADDRESS_BITS}-bit addresses"
        yield _wrong_control(field, f"{size}", tcr)
    if granule != half.small_granule:
        field = f"TCR_EL1.TG{n} (bits {half.granule + 1}:{half.granule}) is {half.small_granule}, a granule of 4 KiB"
        yield _wrong_control(field, f"{granule}", tcr)
    if tcr >> half.any_top_byte & 1:
        field = f"TCR_EL1.TBI{n} (bit {half.any_top_byte}) is 0: an address with another top byte does not translate"
        yield _wrong_control(field, "1", tcr)
    if tcr >> half.no_hierarchy & 1:
        yield _wrong_control(f"TCR_EL1.HPD{n} (bit {half.no_hierarchy}) is 0: tables may restrict what is below", "1", tcr)


def _wrong_control(wanted: str, seen: str, tcr: int) -> Problem:
    return Problem("walk-control-wrong", wanted, f"it is {seen}: TCR_EL1 is {tcr:#x}")


def _problems_of_walks(half: _Half, settings: Settings) -> Iterator[Problem]:
    """Checks B2.8: accesses to one location agree in memory type, cacheability (but for hints) and shareability.

    Here the accesses are the walker's and those of the kernel that writes the tables.
    """
    if settings.table_leaf is None:
        return
    attributes = settings.registers["mair_el1"] >> 8 * (settings.table_leaf >> 2 & 7) & 0xFF
    inner, outer = _caching(attributes & 0xF), _caching(attributes >> 4)
    if attributes >> 4 == 0:
        return  # device memory: the leaf itself is wrong
    tcr, n = settings.registers["tcr_el1"], half.number
    for field, low, wanted in (("IRGN", half.walks, inner), ("ORGN", half.walks + 2, outer)):
        value = tcr >> low & 3
        if _CACHING[value] != wanted:
            where = f"TCR_EL1.{field}{n} (bits {low + 1}:{low})"
            yield _other_walks(f"{where} says {wanted}, as the leaf that maps the tables", f"{value}, {_CACHING[value]}", tcr)
    shared, value = settings.table_leaf >> 8 & 3, tcr >> half.walks + 4 & 3
    if shared != value and {inner, outer} != {_NON_CACHEABLE}:
        where = f"TCR_EL1.SH{n} (bits {half.walks + 5}:{half.walks + 4})"
        wanted = f"{where} is {shared}, {_SHARING[shared]}, as the leaf that maps the tables"
        yield _other_walks(wanted, f"{value}, {_SHARING[value]}", tcr)


def _caching(attribute: int) -> str:
    """Returns the cacheability in one half of a byte of MAIR_EL1 that is about normal memory (D17.2.97)."""
    if attribute == 0b0100:
        return _NON_CACHEABLE
    return "write-back" if attribute & 0b0100 else "write-through"


def _other_walks(wanted: str, seen: str, tcr: int) -> Problem:
    return Problem("walks-not-as-mapped", wanted, f"it is {seen}: TCR_EL1 is {tcr:#x}")


def _problems_of_root(half: _Half, settings: Settings) -> Iterator[Problem]:
    name = f"TTBR{half.number}_EL1"
    root = settings.registers[name.lower()]
    if root & _BELOW_ROOT:
        yield Problem("root-register-wrong", f"bits 11:1 of {name} are 0: the root is a page", f"it is {root:#x}")
    if root & _COMMON and settings.features is not None and not settings.features[_HAS_COMMON] & 0xF:
        wanted = f"{name}.CnP (bit 0) is 0 on a CPU that has no common roots"
        yield Problem("feature-absent", wanted, f"it is 1: {name} is {root:#x}")


def _problems_of_address_space(registers: Mapping[str, int]) -> Iterator[Problem]:
    """Yields a problem if the number of the current address space has more bits than TCR_EL1.AS lets it have."""
    name = f"TTBR{registers['tcr_el1'] >> _NUMBERED_BY_UPPER & 1}_EL1"
    number, bits = registers[name.lower()] >> _ADDRESS_SPACE_LOW, 16 if registers["tcr_el1"] >> _LARGE_NUMBERS & 1 else 8
    if number >> bits:
        wanted = f"{name}.ASID (bits 63:48) has {bits} bits, as TCR_EL1.AS (bit {_LARGE_NUMBERS}) says"
        yield Problem("root-register-wrong", wanted, f"it is {number:#x}")
