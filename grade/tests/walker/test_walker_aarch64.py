"""VMSAv8-64 with 4 KiB pages against descriptors computed by hand from the Arm ARM, D8.3 and D8.4.

A page is address | 0x403: valid (1), page (2), AF (0x400); plus nG 0x800, SH 0x300, AP[2] 0x80 (read-only),
AP[1] 0x40 (user), AttrIndx << 2, PXN 1 << 53, UXN 1 << 54. A table is address | 3, a block address | 0x401.
"""

from __future__ import annotations

import pytest
from walker_tables import Tables

from grade.walker import Aarch64Walker

BASE = 0x4000_0000
T0, T1, T2, T3 = (BASE + n * 0x1000 for n in (1, 2, 3, 4))  # Arm's level 0 to 3
HIGH = BASE + 0x8000
PXN, UXN = 1 << 53, 1 << 54
PXN_TABLE, UXN_TABLE, NO_USER_BELOW, NO_WRITE_BELOW = 1 << 59, 1 << 60, 1 << 61, 1 << 62
FIRST_HIGH = 0xFFFF_0000_0000_0000

# TCR: T0SZ = T1SZ = 16, TG0 = 0 (4 KiB), TG1 = 2 (4 KiB, bits 31 to 30), IPS = 5 (48 bits, bits 34 to 32).
TCR = 5 << 32 | 2 << 30 | 16 << 16 | 16
# MAIR: 0 = 0xff normal write-back, 1 = 0x00 device nGnRnE, 2 = 0x44 non-cacheable, 3 = 0x04 device nGnRE, 4 = 0xf0.
MAIR = 0xF0_04_44_00_FF
REGISTERS = {"ttbr0_el1": T0, "ttbr1_el1": HIGH, "tcr_el1": TCR, "mair_el1": MAIR, "sctlr_el1": 1}


@pytest.fixture
def tables() -> Tables:
    """Returns the low half's four tables, joined by entry 0. The high half's root is empty."""
    tables = Tables(base=BASE)
    for table in (T0, T1, T2):
        tables.put(table, 0, table + 0x1000 | 3)
    return tables


def walker(tables: Tables, **registers: int) -> Aarch64Walker:
    return Aarch64Walker(tables.memory, {**REGISTERS, **registers})


def test_a_page(tables):
    tables.put(T3, 5, 0x4567_8F03 | PXN | UXN)  # AF, SH = 3, nG, kernel read-write
    walk = walker(tables).walk(0x5ABC)
    page = walk.mapping
    assert walk.fault is None and (walk.root, walk.pa) == (T0, 0x4567_8ABC)
    assert (page.va, page.pa, page.size, page.level) == (0x5000, 0x4567_8000, 0x1000, 0)
    assert (page.read, page.write, page.kernel_execute, page.user) == (True, True, False, False)
    assert (page.accessed, page.dirty, page.global_, page.memory) == (True, None, False, "normal")
    assert (page.entry_address, page.restricted_by) == (T3 + 40, ())
    assert [(step.level, step.name) for step in walk.steps] == [(3 - n, f"level {n} descriptor") for n in range(4)]


def test_blocks(tables):
    tables.put(T2, 3, 0x4060_0401)
    tables.put(T1, 2, 0x8000_0401)
    two_mib, one_gib = walker(tables).walk(0x61_2345), walker(tables).walk(0x8123_4567)
    assert (two_mib.mapping.va, two_mib.mapping.size, two_mib.pa) == (0x60_0000, 0x20_0000, 0x4061_2345)
    assert (one_gib.mapping.va, one_gib.mapping.size, one_gib.pa) == (0x8000_0000, 0x4000_0000, 0x8123_4567)
    assert (two_mib.mapping.level, one_gib.mapping.level) == (1, 2)


def test_low_address_bits_of_a_block_are_ignored(tables):
    tables.put(T2, 0, 0x4067_8401)  # bits 20 to 12 are RES0: hardware does not look at them
    assert walker(tables).walk(0x1234).pa == 0x4060_1234
    assert next(walker(tables).mappings()).pa == 0x4060_0000


def test_first_and_last_entry_of_every_level_in_both_halves(tables):
    for table in (T0, T1, T2):
        tables.put(table, 511, table + 0x1000 | 3)
    tables.put(HIGH, 0, T1 | 3)
    tables.put(HIGH, 511, T1 | 3)
    tables.put(T3, 0, 0x4444_4403)
    tables.put(T3, 511, 0x5555_5403)
    w = walker(tables)
    assert w.walk(0).pa == w.walk(FIRST_HIGH).pa == 0x4444_4000
    assert w.walk((1 << 48) - 1).pa == w.walk((1 << 64) - 1).pa == 0x5555_5FFF
    assert w.walk(FIRST_HIGH).root == HIGH
    assert w.parts((1 << 64) - 1) == [(3, 511), (2, 511), (1, 511), (0, 511)]
    starts = [page.va for page in w.mappings()]
    assert len(starts) == 32 and starts == sorted(starts) and starts[-1] == 0xFFFF_FFFF_FFFF_F000


@pytest.mark.parametrize("va", [1 << 48, FIRST_HIGH - 1, 0x8000_0000_0000_0000])
def test_between_the_halves(tables, va):
    walk = walker(tables).walk(va)
    assert (walk.fault, walk.steps, walker(tables).parts(va)) == ("outside-address-size", (), [])


def test_a_tagged_address_is_outside_even_with_tbi(tables):
    tables.put(T3, 0, 0x4444_4403)
    assert walker(tables, tcr_el1=TCR | 1 << 37).walk(0xAB << 56).fault == "outside-address-size"


def test_39_bit_addresses_start_one_level_lower(tables):
    tcr = TCR & ~0x3F_003F | 25 << 16 | 25
    tables.put(T3, 1, 0x4444_4403)
    w = walker(tables, tcr_el1=tcr, ttbr0_el1=T1, ttbr1_el1=T1)
    assert w.walk(0x1000).pa == 0x4444_4000 and len(w.walk(0x1000).steps) == 3
    assert w.walk(0xFFFF_FF80_0000_1000).pa == 0x4444_4000
    assert w.walk(1 << 39).fault == w.walk(0xFFFF_FF7F_FFFF_FFFF).fault == "outside-address-size"
    assert w.parts((1 << 39) - 1) == [(2, 511), (1, 511), (0, 511)]
    assert w.tables() == {T1: 2, T2: 1, T3: 0}
    assert [page.va for page in w.mappings()] == [0x1000, 0xFFFF_FF80_0000_1000]


@pytest.mark.parametrize(
    ("size", "top", "entries"),
    [(16, 3, 512), (17, 3, 256), (20, 3, 32), (24, 3, 2), (25, 2, 512), (33, 2, 2), (34, 1, 512), (39, 1, 16)],
)
def test_every_size_of_address(tables, size, top, entries):
    # 64 - size bits; the root of Arm level 0, 1, 2 has what is left of them above bit 39, 30, 21.
    root = {3: T0, 2: T1, 1: T2}[top]
    below = {T0: T1 | 3, T1: 0x4000_0401, T2: 0x4000_0401}  # a table where no block is allowed
    tables.put(root, entries - 1, below[root])
    tables.put(T1, 511, below[T1])
    if entries < 512:
        tables.put(root, entries, below[root])  # after the table, so never seen
    w = walker(tables, tcr_el1=TCR & ~0x3F | size, ttbr0_el1=root)
    last = (1 << 64 - size) - 1
    assert w.parts(last)[0] == (top, entries - 1)
    assert w.walk(last).fault is None and w.walk(last + 1).fault == "outside-address-size"
    assert list(w.mappings(half="low"))[-1].end == last + 1


@pytest.mark.parametrize("size", [0, 15, 40, 63])
def test_illegal_sizes_of_address(tables, size):
    w = walker(tables, tcr_el1=TCR & ~0x3F | size)
    assert w.walk(0).fault == "outside-address-size" and f"T0SZ is {size}" in w.walk(0).detail
    assert list(w.mappings(half="low")) == []


def test_a_small_root_need_not_be_page_aligned(tables):
    tables.put(T0 + 0x840, 7, T1 | 3)  # T0SZ = 22: 42 bits, 8 entries, 64 bytes
    tables.put(T3, 0, 0x4444_4403)
    w = walker(tables, tcr_el1=TCR & ~0x3F | 22, ttbr0_el1=0xFFFF << 48 | T0 + 0x840 | 1)  # with ASID and CnP
    assert w.roots()["low"] == T0 + 0x840 and w.walk(7 << 39).pa == 0x4444_4000


@pytest.mark.parametrize(("bit", "va", "half"), [(7, 0, "low"), (23, FIRST_HIGH, "high")])
def test_disabled_walks(tables, bit, va, half):
    tables.put(T3, 0, 0x4444_4403)
    tables.put(HIGH, 0, T1 | 3)
    w = walker(tables, tcr_el1=TCR | 1 << bit)
    assert (w.walk(va).fault, w.walk(va).steps) == ("walk-disabled", ())
    assert list(w.mappings(half=half)) == [] and len(list(w.mappings())) == 1
    assert w.would_fault(va, "read", False) == "walk-disabled"
    assert w.roots() == {"low": T0, "high": HIGH}


@pytest.mark.parametrize(("low", "value", "va"), [(14, 1, 0), (14, 2, 0), (30, 1, FIRST_HIGH), (30, 3, FIRST_HIGH)])
def test_other_granules_are_not_read(tables, low, value, va):
    # TG0: 1 = 64 KiB, 2 = 16 KiB; TG1: 3 = 64 KiB, 1 = 16 KiB.
    assert walker(tables, tcr_el1=TCR & ~(3 << low) | value << low).walk(va).fault == "translation-off"


def test_mmu_off(tables):
    w = walker(tables, sctlr_el1=0)
    assert w.walk(0).fault == "translation-off" and list(w.mappings()) == [] and w.tables() == {}


def test_permissions_of_a_leaf(tables):
    rights = {
        0: (True, False, False),  # AP=00: kernel read-write
        0x40: (True, True, True),  # AP=01: both read-write
        0x80: (False, False, False),  # AP=10: kernel read-only
        0xC0: (False, True, False),  # AP=11: both read-only
    }
    for bits, expected in rights.items():
        tables.put(T3, 0, 0x4444_4403 | bits | PXN | UXN)
        page = walker(tables).walk(0).mapping
        assert (page.write, page.user_read, page.user_write) == expected
        assert not page.kernel_execute and not page.user_execute


def test_execution(tables):
    def executes(bits: int, **registers: int) -> tuple[bool, bool]:
        tables.put(T3, 0, 0x4444_4403 | bits)
        page = walker(tables, **registers).walk(0).mapping
        return page.kernel_execute, page.user_execute

    assert executes(0x80) == (True, True)  # user mode may execute what it may not read
    assert executes(0x80 | UXN) == (True, False)
    assert executes(0xC0 | PXN) == (False, True)
    assert executes(0x40) == (False, True)  # writable by EL0: never executable at EL1
    assert executes(0x00 | UXN) == (True, False)
    wxn = {"sctlr_el1": 1 | 1 << 19}
    assert executes(0x00, **wxn) == (False, True)
    assert executes(0x40, **wxn) == (False, False)
    assert executes(0x80, **wxn) == (True, True)


@pytest.mark.parametrize(("table", "level"), [(T0, 3), (T1, 2), (T2, 1)])
def test_table_entries_take_permissions_away(tables, table, level):
    tables.put(T3, 0, 0x4444_4443 | 0x400)  # user and kernel read-write, user executes
    plain = tables.get(table, 0)

    def page(bits: int):
        tables.put(table, 0, plain | bits)
        found = walker(tables).walk(0).mapping
        assert next(walker(tables).mappings()) == found and found.pa == 0x4444_4000
        assert found.restricted_by == (level,)
        return found

    read_only = page(NO_WRITE_BELOW)
    assert (read_only.write, read_only.user_read, read_only.user_write) == (False, True, False)
    assert read_only.kernel_execute  # no longer writable by EL0, so EL1 may
    kernel_only = page(NO_USER_BELOW)
    assert (kernel_only.write, kernel_only.user_read, kernel_only.user_write) == (True, False, False)
    assert not page(UXN_TABLE).user_execute
    tables.put(T3, 0, 0x4444_4403 | 0xC0)
    assert (page(PXN_TABLE).kernel_execute, page(PXN_TABLE).user_execute) == (False, True)


def test_restrictions_of_what_the_leaf_does_not_grant(tables):
    tables.put(T2, 0, T3 | 3 | PXN_TABLE | UXN_TABLE | NO_WRITE_BELOW | NO_USER_BELOW)
    tables.put(T3, 0, 0x4444_4483 | 0x400 | PXN | UXN)
    assert walker(tables).walk(0).mapping.restricted_by == ()


def test_would_fault(tables):
    kinds = {
        "kernel text": 0x80 | UXN,
        "kernel data": PXN | UXN,
        "user text": 0xC0 | PXN,
        "user data": 0x40 | PXN | UXN,
        "user executes only": PXN,
    }
    for index, bits in enumerate(kinds.values()):
        tables.put(T3, index, 0x4444_4403 | bits)
    w = walker(tables)
    accesses = ("read", "write", "execute")
    kernel = {name: [w.would_fault(n << 12, access, False) for access in accesses] for n, name in enumerate(kinds)}
    user = {name: [w.would_fault(n << 12, access, True) for access in accesses] for n, name in enumerate(kinds)}
    assert kernel == {
        "kernel text": [None, "no-write", None],
        "kernel data": [None, None, "no-execute"],
        "user text": [None, "no-write", "kernel-execute-denied"],
        "user data": [None, None, "no-execute"],
        "user executes only": [None, None, "kernel-execute-denied"],
    }
    assert user == {
        "kernel text": ["user-denied"] * 3,
        "kernel data": ["user-denied"] * 3,
        "user text": [None, "no-write", None],
        "user data": [None, None, "no-execute"],
        "user executes only": ["user-denied", "user-denied", None],
    }


def test_memory_types(tables):
    expected = ["normal", "device", "normal-noncacheable", "device", "unknown"]
    for index in range(5):
        tables.put(T3, index, 0x4444_4403 | index << 2)
    assert [page.memory for page in walker(tables).mappings()] == expected
    tables.put(T3, 0, 0x4444_4403)
    for attribute, memory in ((0xBB, "normal"), (0x4F, "normal-noncacheable"), (0x01, "unknown"), (0x0C, "device")):
        assert walker(tables, mair_el1=attribute).walk(0).mapping.memory == memory


def test_access_flag(tables):
    tables.put(T3, 0, 0x4444_4003)
    walk = walker(tables).walk(0x10)
    assert (walk.fault, walk.pa, walk.mapping.accessed) == ("access-flag", 0x4444_4010, False)
    assert walker(tables).would_fault(0, "read", False) == "access-flag"
    assert [page.accessed for page in walker(tables).mappings()] == [False]
    assert list(walker(tables).defects()) == []


def test_a_block_where_none_is_allowed(tables):
    tables.put(T3, 0, 0x4444_4401)
    tables.put(HIGH, 0, 0x4000_0401)
    assert walker(tables).walk(0).fault == walker(tables).walk(FIRST_HIGH).fault == "wrong-type"
    assert (len(walker(tables).walk(0).steps), len(walker(tables).walk(FIRST_HIGH).steps)) == (4, 1)
    assert list(walker(tables).mappings()) == []
    assert [walk.va for walk in walker(tables).defects()] == [0, FIRST_HIGH]


def test_not_present_with_any_other_bit(tables):
    tables.put(T3, 0, (1 << 64) - 2)
    assert walker(tables).walk(0).fault == "not-present"


def test_addresses_wider_than_ips(tables):
    tables.put(T3, 0, 1 << 36 | 0x403)
    tables.put(T2, 1, 1 << 36 | 3)
    assert walker(tables).walk(0).pa == 1 << 36
    narrow = walker(tables, tcr_el1=TCR & ~(7 << 32) | 1 << 32)  # IPS = 1: 36 bits
    assert narrow.walk(0).fault == narrow.walk(0x20_0000).fault == "outside-address-size"
    assert list(narrow.mappings()) == [] and len(list(narrow.defects())) == 2
    far = walker(tables, tcr_el1=TCR & ~(7 << 32), ttbr0_el1=1 << 32)
    assert (far.walk(0).fault, far.walk(0).steps) == ("outside-address-size", ())


def test_addresses_wider_than_the_processors(tables):
    """IPS may promise more than the CPU has: then the CPU's own width counts (D19.2, TCR_EL1.IPS)."""
    tables.put(T3, 0, 1 << 44 | 0x403)
    assert walker(tables).walk(0).pa == 1 << 44
    assert walker(tables, id_aa64mmfr0_el1=0x1125).walk(0).pa == 1 << 44
    narrow = walker(tables, id_aa64mmfr0_el1=0x1124)  # PARange = 4: 44 bits
    assert (narrow.walk(0).fault, narrow.physical_bits) == ("outside-address-size", 44)
    assert narrow.walk(0).detail == "an address of more than the 44 bits of ID_AA64MMFR0_EL1.PARange"
    assert list(narrow.mappings()) == [] and len(list(narrow.defects())) == 1
    assert walker(tables, id_aa64mmfr0_el1=0x1124, tcr_el1=TCR & ~(7 << 32) | 1 << 32).physical_bits == 36


def test_named_bits(tables):
    tables.put(T2, 0, T3 | 3 | 3 << 61)
    tables.put(T3, 0, 0x4444_4F03 | 1 << 52 | 2 << 2)
    steps = walker(tables).walk(0).steps
    assert steps[2].bit("APTable").meaning == "no user access, no writes below"
    assert (steps[3].bit("contiguous").value, steps[3].bit("AttrIndx").value, steps[3].bit("SH").value) == (1, 2, 3)
    assert (steps[3].bit("SH").meaning, steps[3].bit("AP").meaning) == ("inner shareable", "kernel read-write")


def test_one_half_and_another_root(tables):
    tables.put(T3, 0, 0x4444_4403)
    w = walker(tables, ttbr1_el1=T1)
    assert list(w.mappings(half="high")) == []  # T1 read as Arm level 0 leads to T3 as level 2: a block of no size
    assert [page.va for page in w.mappings(root=T0, half="high")] == [FIRST_HIGH]
    assert [page.va for page in w.mappings(root=T0)] == [0]
    assert w.with_root(T0, "high").roots() == {"low": T0, "high": T0}
    assert w.with_root(HIGH).roots() == {"low": HIGH, "high": T1}
    assert w.tables(root=T0) == {T0: 3, T1: 2, T2: 1, T3: 0}
    with pytest.raises(ValueError):
        w.tables(half="root")
