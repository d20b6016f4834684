"""Sv39 against entries computed by hand from the RISC-V privileged specification, 4.3.2 and 4.4.

An entry is (physical address >> 12) << 10, that is, physical address >> 2, plus
D = 0x80, A = 0x40, G = 0x20, U = 0x10, X = 8, W = 4, R = 2, V = 1.
"""

from __future__ import annotations

import pytest
from walker_tables import Tables

from grade.walker import Riscv64Walker

BASE = 0x8000_0000
ROOT, MIDDLE, LAST = BASE + 0x1000, BASE + 0x2000, BASE + 0x3000
SV39 = 8 << 60
REGISTERS = {"satp": SV39 | ROOT >> 12}
A_PAGE = 0x8765_4000 >> 2  # = 0x21d95000


@pytest.fixture
def tables() -> Tables:
    """Returns root, middle and last table joined by entry 0."""
    tables = Tables(base=BASE)
    tables.put(ROOT, 0, 0x2000_0801)  # 0x80002000 >> 2 = 0x20000800, V
    tables.put(MIDDLE, 0, 0x2000_0C01)  # 0x80003000 >> 2 = 0x20000c00, V
    return tables


def walker(tables: Tables, **registers: int) -> Riscv64Walker:
    return Riscv64Walker(tables.memory, {**REGISTERS, **registers})


def test_a_page(tables):
    tables.put(LAST, 5, 0x21D9_50C7)  # V + R + W + A + D
    walk = walker(tables).walk(0x5123)
    page = walk.mapping
    assert (page.va, page.pa, page.size, page.level, walk.pa) == (0x5000, 0x8765_4000, 0x1000, 0, 0x8765_4123)
    assert (page.read, page.write, page.kernel_execute, page.user) == (True, True, False, False)
    assert (page.accessed, page.dirty, page.global_, page.memory) == (True, True, False, "unknown")
    assert (page.entry_address, page.restricted_by) == (LAST + 40, ())
    assert [(step.level, step.name) for step in walk.steps] == [(n, f"level {n} PTE") for n in (2, 1, 0)]


def test_large_pages(tables):
    tables.put(MIDDLE, 3, 0x2010_004B)  # 0x80400000 >> 2 = 0x20100000; V + R + X + A
    tables.put(ROOT, 2, 0x3000_000F)  # 0xc0000000 >> 2 = 0x30000000; V + R + W + X
    two_mib, one_gib = walker(tables).walk(0x61_2345), walker(tables).walk(0x8123_4567)
    assert (two_mib.mapping.va, two_mib.mapping.size, two_mib.pa) == (0x60_0000, 0x20_0000, 0x8041_2345)
    assert (one_gib.mapping.va, one_gib.mapping.size, one_gib.pa) == (0x8000_0000, 0x4000_0000, 0xC123_4567)
    assert two_mib.mapping.kernel_execute and not two_mib.mapping.write


def test_first_and_last_entry_of_every_level(tables):
    tables.put(ROOT, 511, 0x2000_0801)
    tables.put(MIDDLE, 511, 0x2000_0C01)
    tables.put(LAST, 0, A_PAGE | 3)
    tables.put(LAST, 511, A_PAGE | 3)
    w = walker(tables)
    assert w.walk(0).pa == w.walk(0xFFFF_FFFF_FFFF_F000).pa == 0x8765_4000
    assert w.parts(0xFFFF_FFFF_FFFF_F000) == [(2, 511), (1, 511), (0, 511)]
    starts = [page.va for page in w.mappings()]
    # Root 0 or 511, middle 0 or 511, last 0 or 511; the upper half starts at 0xffffffc000000000.
    assert starts == [
        0,
        0x1F_F000,
        0x3FE0_0000,
        0x3FFF_F000,
        0xFFFF_FFFF_C000_0000,
        0xFFFF_FFFF_C01F_F000,
        0xFFFF_FFFF_FFE0_0000,
        0xFFFF_FFFF_FFFF_F000,
    ]


@pytest.mark.parametrize("va", [0x40_0000_0000, 0xFFFF_FFBF_FFFF_FFFF, 1 << 63])
def test_non_canonical(tables, va):
    assert walker(tables).walk(va).fault == "non-canonical"


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (0x21D9_5000, "not-present"),
        (0x21D9_50FE, "not-present"),  # all but V
        (0x21D9_5005, "reserved-bit"),  # W without R
        (0x21D9_500D, "reserved-bit"),  # W and X without R
        (1 << 54 | 0x21D9_5003, "reserved-bit"),
        (1 << 61 | 0x21D9_5003, "reserved-bit"),  # PBMT without Svpbmt
        (1 << 63 | 0x21D9_5003, "reserved-bit"),  # N without Svnapot
        (0x21D9_5001, "wrong-type"),  # a pointer in the table of pages
    ],
)
def test_entries_that_end_the_walk(tables, entry, fault):
    tables.put(LAST, 0, entry)
    assert walker(tables).walk(0).fault == fault
    assert list(walker(tables).mappings()) == []


@pytest.mark.parametrize("bit", [0x10, 0x40, 0x80])
def test_user_accessed_dirty_are_reserved_in_a_table_entry(tables, bit):
    tables.put(MIDDLE, 0, 0x2000_0C01 | bit)
    assert walker(tables).walk(0).fault == "reserved-bit"


@pytest.mark.parametrize(("table", "lowest_missing"), [(MIDDLE, 18), (ROOT, 27)])
def test_misaligned_large_pages(tables, table, lowest_missing):
    # A level 1 page's number has 9 zero bits: entry bits 18 to 10; level 2: bits 27 to 10.
    for bit in range(10, lowest_missing + 1):
        tables.put(table, 0, 1 << 30 | 1 << bit | 3)
        assert walker(tables).walk(0).fault == "reserved-bit"
    tables.put(table, 0, 1 << lowest_missing + 1 | 3)
    assert walker(tables).walk(0).fault is None


def test_would_fault(tables):
    modes = {"kernel rw": 0x7, "kernel rx": 0xB, "kernel x": 0x9, "user r": 0x13, "user rwx": 0x1F, "user x": 0x19}
    for index, bits in enumerate(modes.values()):
        tables.put(LAST, index, A_PAGE | bits)
    w = walker(tables)
    accesses = ("read", "write", "execute")
    kernel = {name: [w.would_fault(n << 12, access, False) for access in accesses] for n, name in enumerate(modes)}
    user = {name: [w.would_fault(n << 12, access, True) for access in accesses] for n, name in enumerate(modes)}
    assert kernel == {
        "kernel rw": [None, None, "no-execute"],
        "kernel rx": [None, "no-write", None],
        "kernel x": ["no-read", "no-write", None],
        "user r": [None, "no-write", "no-execute"],
        "user rwx": [None, None, "kernel-execute-denied"],
        "user x": ["no-read", "no-write", "kernel-execute-denied"],
    }
    assert user == {
        "kernel rw": ["user-denied"] * 3,
        "kernel rx": ["user-denied"] * 3,
        "kernel x": ["user-denied"] * 3,
        "user r": [None, "no-write", "no-execute"],
        "user rwx": [None, None, None],
        "user x": ["no-read", "no-write", None],
    }


def test_global_in_any_entry_of_the_walk(tables):
    tables.put(LAST, 0, A_PAGE | 0x23)
    tables.put(LAST, 1, A_PAGE | 3)
    assert [page.global_ for page in walker(tables).mappings()] == [True, False]
    tables.put(ROOT, 0, 0x2000_0821)
    assert [page.global_ for page in walker(tables).mappings()] == [True, True]
    assert walker(tables).walk(0x1000).mapping.restricted_by == ()


def test_translation_off_and_more_levels(tables):
    tables.put(LAST, 0, A_PAGE | 3)
    assert walker(tables, satp=ROOT >> 12).walk(0).fault == "translation-off"
    assert list(walker(tables, satp=ROOT >> 12).mappings()) == []
    top = BASE + 0x4000
    tables.put(top, 1, ROOT >> 2 | 1)
    sv48 = walker(tables, satp=9 << 60 | top >> 12)
    assert sv48.walk(1 << 39).pa == 0x8765_4000 and sv48.walk(1 << 47).fault == "non-canonical"


def test_asid_is_no_address_and_another_root(tables):
    tables.put(LAST, 0, A_PAGE | 3)
    w = walker(tables, satp=SV39 | 0xFFFF << 44 | ROOT >> 12)
    assert w.roots() == {"root": ROOT} and w.walk(0).pa == 0x8765_4000
    other = w.with_root(MIDDLE)
    assert other.roots() == {"root": MIDDLE} and other.registers["satp"] == SV39 | 0xFFFF << 44 | MIDDLE >> 12
    assert w.tables() == {ROOT: 2, MIDDLE: 1, LAST: 0}
