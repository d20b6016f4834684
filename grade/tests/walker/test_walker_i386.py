"""32-bit paging against entries computed by hand from the Intel SDM vol. 3A, tables 5-4 to 5-6."""

from __future__ import annotations

import pytest
from walker_tables import Tables

from grade.walker import I386Walker

# CR0 = PG + WP + PE; CR4 = PGE (bit 7) + PSE (4).
REGISTERS = {"cr0": 0x8001_0001, "cr3": 0x1000, "cr4": 0x90}


@pytest.fixture
def tables() -> Tables:
    """Returns page directory at 0x1000, page table at 0x2000 joined by entry 0 with P, R/W, U/S = 7."""
    tables = Tables(entry_bytes=4)
    tables.put(0x1000, 0, 0x2007)
    return tables


def walker(tables: Tables, **registers: int) -> I386Walker:
    return I386Walker(tables.memory, {**REGISTERS, **registers})


def test_a_page(tables):
    tables.put(0x2000, 5, 0xFEC0_011B)  # P + R/W + PWT (8) + PCD (0x10) + G (0x100)
    walk = walker(tables).walk(0x5678)
    page = walk.mapping
    assert (page.va, page.pa, page.size, page.level, walk.pa) == (0x5000, 0xFEC0_0000, 0x1000, 0, 0xFEC0_0678)
    assert (page.write, page.kernel_execute, page.user, page.global_) == (True, True, False, True)
    assert (page.memory, page.accessed, page.dirty) == ("device", False, False)
    assert (page.entry, page.entry_address) == (0xFEC0_011B, 0x2014)  # 0x2000 + 5 * 4
    assert [(step.level, step.name) for step in walk.steps] == [(1, "PDE"), (0, "PTE")]


def test_first_and_last_entry_of_every_level(tables):
    tables.put(0x1000, 1023, 0x3003)
    for table in (0x2000, 0x3000):
        tables.put(table, 0, 0x5003)
        tables.put(table, 1023, 0x6003)
    w = walker(tables)
    assert [(va, w.walk(va).pa) for va in (0, 0x3F_FFFF, 0xFFC0_0000, 0xFFFF_FFFF)] == [
        (0, 0x5000),
        (0x3F_FFFF, 0x6FFF),
        (0xFFC0_0000, 0x5000),
        (0xFFFF_FFFF, 0x6FFF),
    ]
    assert w.parts(0xFFFF_FFFF) == [(1, 1023), (0, 1023)]
    assert [page.va for page in w.mappings()] == [0, 0x3F_F000, 0xFFC0_0000, 0xFFFF_F000]


def test_a_4_mib_page(tables):
    tables.put(0x1000, 768, 0x0040_00E7)  # 768 * 4 MiB = 0xc0000000; P + R/W + U/S + A + D + PS
    walk = walker(tables).walk(0xC012_3456)
    assert (walk.mapping.va, walk.mapping.size, walk.mapping.level) == (0xC000_0000, 0x40_0000, 1)
    assert walk.pa == 0x52_3456  # 0x400000 + 0x123456
    assert walk.mapping.user_write and walk.mapping.dirty


def test_without_pse_the_bit_is_ignored(tables):
    tables.put(0x1000, 1, 0x2083)
    tables.put(0x2000, 0, 0x7003)
    assert walker(tables, cr4=0).walk(0x40_0000).pa == 0x7000


def test_a_4_mib_page_above_4_gib(tables):
    # PSE-36: bits 20 to 13 are bits 39 to 32 of the address: 0x12 << 13 = 0x24000.
    tables.put(0x1000, 1, 0x0082_4083 & ~0x20_0000)
    tables.put(0x1000, 2, 0x00C0_1083)  # bit 12 is PAT, not an address bit
    assert walker(tables).walk(0x40_0000).pa == 0x12_0080_0000
    assert walker(tables).walk(0x80_0000).pa == 0xC0_0000
    assert [page.pa for page in walker(tables).mappings()] == [0x12_0080_0000, 0xC0_0000]


def test_bit_21_of_a_4_mib_page_is_reserved(tables):
    tables.put(0x1000, 1, 0x00A0_0083)
    walk = walker(tables).walk(0x40_0000)
    assert (walk.fault, walk.steps[-1].kind) == ("reserved-bit", "reserved")
    assert list(walker(tables).mappings()) == []


def test_permissions_along_the_walk(tables):
    tables.put(0x1000, 0, 0x2005)  # no R/W
    tables.put(0x2000, 0, 0x9007)
    page = walker(tables).walk(0).mapping
    assert (page.write, page.user_read, page.user_write, page.restricted_by) == (False, True, False, (1,))
    assert walker(tables).would_fault(0, "write", user=False) == "no-write"
    assert walker(tables, cr0=0x8000_0001).would_fault(0, "write", user=False) is None
    assert walker(tables, cr0=0x8000_0001).would_fault(0, "write", user=True) == "no-write"
    tables.put(0x1000, 0, 0x2003)  # no U/S
    page = walker(tables).walk(0).mapping
    assert (page.write, page.user, page.restricted_by) == (True, False, (1,))


def test_would_fault(tables):
    tables.put(0x2000, 1, 0x9003)
    tables.put(0x2000, 2, 0x9005)
    w = walker(tables)
    assert w.would_fault(0x1000, "execute", user=False) is None
    assert w.would_fault(0x1000, "execute", user=True) == "user-denied"
    assert w.would_fault(0x2000, "execute", user=True) is None
    assert w.would_fault(0x2000, "write", user=True) == "no-write"
    assert walker(tables, cr4=0x10_0090).would_fault(0x2000, "execute", user=False) == "kernel-execute-denied"
    assert w.would_fault(0x3000, "read", user=False) == "not-present"
    assert w.would_fault(0x40_0000, "read", user=False) == "not-present"


@pytest.mark.parametrize("va", [1 << 32, 0xFFFF_FFFF_C000_0000])
def test_more_than_32_bits(tables, va):
    assert (walker(tables).walk(va).fault, walker(tables).parts(va)) == ("outside-address-size", [])


@pytest.mark.parametrize("registers", [{"cr0": 0x1_0001}, {"cr4": 0xB0}])
def test_translation_off_or_pae(tables, registers):
    assert walker(tables, **registers).walk(0).fault == "translation-off"


def test_tables_and_another_root(tables):
    tables.put(0x1000, 1023, 0x3003)
    tables.put(0x1000, 5, 0x0140_0083)  # a 4 MiB page is no table
    assert walker(tables).tables() == {0x1000: 1, 0x2000: 0, 0x3000: 0}
    tables.put(0x2000, 7, 0x9003)
    tables.put(0x4000, 1, 0x2003)
    assert walker(tables).with_root(0x4000).walk(0x40_7000).pa == 0x9000
    assert walker(tables).roots() == {"root": 0x1000}
