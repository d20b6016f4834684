"""4-level paging against entries computed by hand from the Intel SDM vol. 3A, tables 5-14 to 5-20."""

from __future__ import annotations

import pytest
from walker_tables import Tables

from grade.walker import X86_64Walker

# CR0 = PG (bit 31) + WP (16) + PE (0); CR4 = PGE (7) + PAE (5); EFER = NXE (11) + LMA (10) + LME (8).
REGISTERS = {"cr0": 0x8001_0001, "cr3": 0x1000, "cr4": 0xA0, "efer": 0xD00}
XD = 1 << 63


@pytest.fixture
def tables() -> Tables:
    """Returns PML4 at 0x1000, PDPT at 0x2000, PD at 0x3000, PT at 0x4000, all joined by entry 0 with P, R/W, U/S = 7."""
    tables = Tables()
    tables.put(0x1000, 0, 0x2007)
    tables.put(0x2000, 0, 0x3007)
    tables.put(0x3000, 0, 0x4007)
    return tables


def walker(tables: Tables, **registers: int) -> X86_64Walker:
    return X86_64Walker(tables.memory, {**REGISTERS, **registers})


def test_a_page(tables):
    tables.put(0x4000, 5, 0x1234_5063)  # P + R/W + A (0x20) + D (0x40), page 0x12345000
    walk = walker(tables).walk(0x5ABC)
    page = walk.mapping
    assert walk.fault is None and walk.root == 0x1000 and walk.pa == 0x1234_5ABC
    assert (page.va, page.pa, page.size, page.level) == (0x5000, 0x1234_5000, 0x1000, 0)
    assert (page.read, page.write, page.kernel_execute) == (True, True, True)
    assert (page.user_read, page.user_write, page.user_execute, page.user) == (False, False, False, False)
    assert (page.accessed, page.dirty, page.global_, page.memory) == (True, True, False, "normal")
    assert (page.entry, page.entry_address) == (0x1234_5063, 0x4028)  # 0x4000 + 5 * 8
    assert [(step.level, step.name, step.kind) for step in walk.steps] == [
        (3, "PML4E", "table"),
        (2, "PDPTE", "table"),
        (1, "PDE", "table"),
        (0, "PTE", "leaf"),
    ]


def test_a_2_mib_page_and_a_1_gib_page(tables):
    tables.put(0x3000, 3, 0x0060_0083)  # P + R/W + PS (0x80); 3 * 2 MiB = 0x600000
    tables.put(0x2000, 2, 0x4000_0083)  # 2 * 1 GiB = 0x80000000 -> 0x40000000
    two_mib = walker(tables).walk(0x6A_BCDE)
    assert (two_mib.mapping.va, two_mib.mapping.size, two_mib.mapping.level) == (0x60_0000, 0x20_0000, 1)
    assert two_mib.pa == 0x6A_BCDE
    one_gib = walker(tables).walk(0x8ABC_DEF0)
    assert (one_gib.mapping.va, one_gib.mapping.size, one_gib.mapping.level) == (0x8000_0000, 0x4000_0000, 2)
    assert one_gib.pa == 0x4ABC_DEF0  # 0x40000000 + 0x0abcdef0


def test_first_and_last_entry_of_every_level():
    tables = Tables()
    for index, base in ((0, 0x10000), (511, 0x20000)):
        tables.put(0x1000, index, base + 0x2003)
        tables.put(base + 0x2000, index, base + 0x3003)
        tables.put(base + 0x3000, index, base + 0x4003)
        tables.put(base + 0x4000, index, base + 0x5003)
    assert walker(tables).walk(0).pa == 0x15000
    last = 0xFFFF_FFFF_FFFF_FFFF  # all indices 511, offset 0xfff
    assert walker(tables).walk(last).pa == 0x25FFF
    assert walker(tables).parts(last) == [(3, 511), (2, 511), (1, 511), (0, 511)]
    assert [page.va for page in walker(tables).mappings()] == [0, 0xFFFF_FFFF_FFFF_F000]


def test_the_upper_half_starts_at_entry_256(tables):
    tables.put(0x1000, 256, 0x2003)
    tables.put(0x4000, 0, 0x5003)
    assert walker(tables).walk(0xFFFF_8000_0000_0000).pa == 0x5000
    assert walker(tables).parts(0xFFFF_8000_0020_3FFF) == [(3, 256), (2, 0), (1, 1), (0, 3)]
    assert walker(tables).page_offset(0xFFFF_8000_0020_3FFF) == 0xFFF


@pytest.mark.parametrize("va", [0x8000_0000_0000, 0xFFFF_7FFF_FFFF_FFFF, 1 << 62, 1 << 64, -1])
def test_non_canonical(tables, va):
    walk = walker(tables).walk(va)
    assert (walk.fault, walk.steps, walk.mapping) == ("non-canonical", (), None)
    assert walker(tables).parts(va) == []


def test_five_levels_with_la57():
    tables = Tables()
    for table in range(0x1000, 0x5000, 0x1000):
        tables.put(table, 1, table + 0x1003)
    tables.put(0x5000, 1, 0x7003)
    # Index 1 at each level: 2^48 + 2^39 + 2^30 + 2^21 + 2^12.
    walk = walker(tables, cr4=0x10A0).walk(0x1_0080_4020_1000)
    assert walk.pa == 0x7000 and walk.steps[0].name == "PML5E" and walk.steps[0].level == 4
    assert walker(tables, cr4=0x10A0).walk(1 << 56).fault == "non-canonical"


@pytest.mark.parametrize(("table", "level"), [(0x1000, 3), (0x2000, 2), (0x3000, 1)])
def test_a_table_entry_takes_write_and_user_away(tables, table, level):
    tables.put(0x4000, 0, 0x9067)  # P + R/W + U/S + A + D
    tables.put(table, 0, tables.get(table, 0) & ~0x2)
    page = walker(tables).walk(0).mapping
    assert (page.write, page.user_read, page.user_write, page.user_execute) == (False, True, False, True)
    assert page.restricted_by == (level,)
    tables.put(table, 0, tables.get(table, 0) & ~0x4 | 0x2)
    page = walker(tables).walk(0).mapping
    assert (page.write, page.user_read, page.user_write, page.user_execute) == (True, False, False, False)
    assert page.restricted_by == (level,)
    assert next(walker(tables).mappings()) == page


@pytest.mark.parametrize(("table", "level"), [(0x1000, 3), (0x2000, 2), (0x3000, 1)])
def test_execute_disable_in_an_upper_entry(tables, table, level):
    tables.put(0x4000, 0, 0x9007)
    tables.put(table, 0, tables.get(table, 0) | XD)
    page = walker(tables).walk(0).mapping
    assert (page.kernel_execute, page.user_execute, page.write) == (False, False, True)
    assert page.restricted_by == (level,) and page.pa == 0x9000


def test_the_same_leaf_below_different_table_entries(tables):
    tables.put(0x3000, 0, 0x4005)
    tables.put(0x3000, 1, 0x4007)
    tables.put(0x3000, 2, 0x4003 | XD)
    tables.put(0x4000, 0, 0x9007)
    pages = list(walker(tables).mappings())
    assert [(page.write, page.user, page.user_execute) for page in pages] == [
        (False, True, True),
        (True, True, True),
        (True, False, False),
    ]
    assert [page.restricted_by for page in pages] == [(1,), (), (1,)]


def test_a_leaf_that_grants_nothing_is_not_restricted(tables):
    tables.put(0x3000, 0, 0x4001 | XD)
    tables.put(0x4000, 0, 0x9001 | XD)
    page = walker(tables).walk(0).mapping
    assert page.restricted_by == () and not page.write and not page.kernel_execute


def test_every_restricting_level_is_listed(tables):
    tables.put(0x1000, 0, 0x2005)
    tables.put(0x3000, 0, 0x4003)
    tables.put(0x4000, 0, 0x9007)
    assert walker(tables).walk(0).mapping.restricted_by == (3, 1)


def test_without_write_protect_the_kernel_writes_anywhere(tables):
    tables.put(0x4000, 0, 0x9005)
    assert walker(tables).would_fault(0, "write", user=False) == "no-write"
    crude = walker(tables, cr0=0x8000_0001)
    assert crude.walk(0).mapping.write and not crude.walk(0).mapping.user_write
    assert crude.would_fault(0, "write", user=False) is None
    assert crude.would_fault(0, "write", user=True) == "no-write"


def test_smep_keeps_the_kernel_from_executing_user_pages(tables):
    tables.put(0x4000, 0, 0x9005)
    assert walker(tables).would_fault(0, "execute", user=False) is None
    smep = walker(tables, cr4=0x10_00A0)  # bit 20
    assert smep.would_fault(0, "execute", user=False) == "kernel-execute-denied"
    assert smep.would_fault(0, "execute", user=True) is None
    tables.put(0x3000, 0, 0x4003)  # now a supervisor page, whatever the leaf says
    assert smep.would_fault(0, "execute", user=False) is None


def test_would_fault(tables):
    tables.put(0x4000, 1, 0x9003)  # kernel rwx
    tables.put(0x4000, 2, 0x9005 | XD)  # user r--
    w = walker(tables)
    assert [w.would_fault(0x1000, access, False) for access in ("read", "write", "execute")] == [None] * 3
    assert [w.would_fault(0x1000, access, True) for access in ("read", "write", "execute")] == ["user-denied"] * 3
    expected = [None, "no-write", "no-execute"]
    assert [w.would_fault(0x2000, access, False) for access in ("read", "write", "execute")] == expected
    assert [w.would_fault(0x2000, access, True) for access in ("read", "write", "execute")] == expected
    assert w.would_fault(0x3000, "read", True) == "not-present"
    with pytest.raises(ValueError):
        w.would_fault(0, "fetch", False)


@pytest.mark.parametrize("table", [0x1000, 0x2000, 0x3000, 0x4000])
def test_execute_disable_is_reserved_without_nxe(tables, table):
    tables.put(0x4000, 0, 0x9003)
    tables.put(table, 0, tables.get(table, 0) | XD)
    walk = walker(tables, efer=0x500).walk(0)
    assert walk.fault == "reserved-bit" and walk.mapping is None and walk.steps[-1].kind == "reserved"
    assert walk.steps[-1].bit("XD").value == 1 and "EFER.NXE" in walk.detail
    assert list(walker(tables, efer=0x500).mappings()) == []


def test_an_entry_that_is_not_present_has_no_reserved_bits(tables):
    tables.put(0x4000, 0, XD | 0x12_3456_7000 | 0xFFE)
    assert walker(tables, efer=0x500).walk(0).fault == "not-present"
    assert list(walker(tables).mappings()) == []


def test_page_size_bit_in_a_pml4e_is_reserved(tables):
    tables.put(0x1000, 0, 0x2087)
    walk = walker(tables).walk(0)
    assert (walk.fault, len(walk.steps), walk.detail) == ("reserved-bit", 1, "PS, bit 7, in a PML4E")
    tables.put(0x1000, 0, 0x2007)
    tables.put(0x5000, 0, 0x1083)
    assert walker(tables, cr3=0x5000, cr4=0x10A0).walk(0).detail == "PS, bit 7, in a PML5E"


@pytest.mark.parametrize("bit", range(13, 21))
def test_a_misaligned_2_mib_page(tables, bit):
    tables.put(0x3000, 0, 0x20_0083 | 1 << bit)
    assert walker(tables).walk(0).fault == "reserved-bit"


@pytest.mark.parametrize("bit", range(13, 30))
def test_a_misaligned_1_gib_page(tables, bit):
    tables.put(0x2000, 0, 0x4000_0083 | 1 << bit)
    assert walker(tables).walk(0).fault == "reserved-bit"


def test_address_bits_beyond_the_processors(tables):
    tables.put(0x4000, 0, 1 << 40 | 0x9003)
    assert walker(tables).walk(0).pa == 1 << 40 | 0x9000
    assert walker(tables, physical_bits=40).walk(0).fault == "reserved-bit"
    assert list(walker(tables, physical_bits=40).mappings()) == []
    assert [walk.va for walk in walker(tables, physical_bits=40).defects()] == [0]
    assert (walker(tables).physical_bits, walker(tables, physical_bits=40).physical_bits) == (52, 40)


def test_a_table_beyond_the_processors_address_bits(tables):
    tables.put(0x2000, 0, 1 << 45 | 0x3007)
    walk = walker(tables, physical_bits=40).walk(0)
    assert (walk.fault, walk.detail) == ("reserved-bit", "an address of more than 40 bits")
    assert walker(tables).walk(0).fault == "table-outside-memory"


def test_memory_types(tables):
    # PAT after reset: 0 WB, 1 WT, 2 UC-, 3 UC. Page: PWT = 0x8, PCD = 0x10, PAT = 0x80; 2 MiB page: PAT = 0x1000.
    for index, attributes in enumerate((0x00, 0x08, 0x10, 0x18, 0x80)):
        tables.put(0x4000, index, 0x9001 | attributes)
    tables.put(0x3000, 1, 0x20_0081 | 0x1000)
    types = [walker(tables).walk(index << 12).mapping.memory for index in range(5)]
    assert types == ["normal", "normal", "device", "device", "normal"]
    combining = 0x0007_0401_0007_0406  # PAT 4 (bits 34 to 32) = 1, write-combining
    assert walker(tables, pat=combining).walk(0x4000).mapping.memory == "normal-noncacheable"
    assert walker(tables, pat=combining).walk(0x20_0000).mapping.memory == "normal-noncacheable"
    assert walker(tables, pat=combining).walk(0x20_0000).pa == 0x20_0000
    assert walker(tables, pat=0x2).walk(0).mapping.memory == "unknown"  # type 2 is reserved


def test_global_needs_pge(tables):
    tables.put(0x4000, 0, 0x9101)
    assert walker(tables).walk(0).mapping.global_
    assert not walker(tables, cr4=0x20).walk(0).mapping.global_


@pytest.mark.parametrize("registers", [{"cr0": 0x1_0001}, {"cr4": 0x80}, {"efer": 0x800}])
def test_translation_off(tables, registers):
    tables.put(0x4000, 0, 0x9003)
    off = walker(tables, **registers)
    assert (off.walk(0).fault, off.walk(0).steps) == ("translation-off", ())
    assert off.would_fault(0, "read", False) == "translation-off"
    assert (list(off.mappings()), off.tables(), off.roots()) == ([], {}, {"root": 0x1000})


def test_cr3_flags_are_no_address(tables):
    tables.put(0x4000, 0, 0x9003)
    assert walker(tables, cr3=0x1018).walk(0).pa == 0x9000  # PWT and PCD of CR3
    assert walker(tables, cr3=0x1018).roots() == {"root": 0x1000}


def test_another_root(tables):
    tables.put(0x4000, 0, 0x9003)
    tables.put(0x7000, 1, 0x2003)
    other = walker(tables).with_root(0x7000)
    assert other.walk(1 << 39).pa == 0x9000 and other.roots() == {"root": 0x7000}
    assert [page.va for page in walker(tables).mappings(root=0x7000)] == [1 << 39]
    assert walker(tables).tables(root=0x7000) == {0x7000: 3, 0x2000: 2, 0x3000: 1, 0x4000: 0}
    with pytest.raises(ValueError):
        list(walker(tables).mappings(half="high"))


def test_tables_and_a_range_of_mappings(tables):
    for index in (0, 1, 2, 511):
        tables.put(0x4000, index, 0x9003)
    tables.put(0x3000, 1, 0x20_0083)
    tables.put(0x3000, 2, 0x5003)
    w = walker(tables)
    assert w.tables() == {0x1000: 3, 0x2000: 2, 0x3000: 1, 0x4000: 0, 0x5000: 0}
    assert [page.va for page in w.mappings()] == [0, 0x1000, 0x2000, 0x1F_F000, 0x20_0000]
    assert [page.va for page in w.mappings(low=0x1000, high=0x2000)] == [0x1000]
    assert [page.va for page in w.mappings(low=0x1FFF, high=0x2001)] == [0x1000, 0x2000]
    assert [page.va for page in w.mappings(low=0x3F_FFFF)] == [0x20_0000]
    assert list(w.mappings(low=0x40_0000)) == []


def test_named_bits(tables):
    tables.put(0x4000, 0, 0x9003 | XD | 5 << 9 | 0xA << 59)
    step = walker(tables).walk(0).steps[-1]
    assert (step.bit("AVL").value, step.bit("PK").value, step.bit("XD").meaning) == (5, 0xA, "never executed")
    with pytest.raises(KeyError):
        step.bit("PS")
