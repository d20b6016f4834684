"""Tables no kernel should leave behind: loops, addresses outside memory, noise. Every walk ends with a stable word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walker_tables import Tables

from grade.walker import FAULTS, REFUSALS, MappedMemory, OutsideMemory, RadixWalker, TooManyTables, explain, walker_for

ROOT = 0x1000
# Per ISA: registers, the entry of a table at `address`, the shift of the top index, entries in a table.
REGISTERS = {
    "x86_64": {"cr0": 0x8001_0001, "cr3": ROOT, "cr4": 0xA0, "efer": 0xD00},
    "aarch64": {"ttbr0_el1": ROOT, "ttbr1_el1": ROOT, "tcr_el1": 0x5_8010_0010, "mair_el1": 0xFF, "sctlr_el1": 1},
    "riscv64": {"satp": 8 << 60 | ROOT >> 12},
    "i386": {"cr0": 0x8001_0001, "cr3": ROOT, "cr4": 0x90},
}
TABLE_ENTRY = {"x86_64": 7, "aarch64": 3, "riscv64": 1, "i386": 7}
LEVELS = {"x86_64": 4, "aarch64": 4, "riscv64": 3, "i386": 2}
ISAS = tuple(REGISTERS)


def table_entry(isa: str, address: int) -> int:
    return (address >> 2 if isa == "riscv64" else address) | TABLE_ENTRY[isa]


def tables_of(isa: str) -> tuple[Tables, RadixWalker]:
    tables = Tables(entry_bytes=4 if isa == "i386" else 8)
    return tables, walker_for(isa, tables.memory, REGISTERS[isa])


@pytest.mark.parametrize("isa", ISAS)
def test_a_self_referencing_entry(isa):
    tables, walker = tables_of(isa)
    tables.put(ROOT, 1, table_entry(isa, ROOT))
    va = sum(1 << walker.shift(level) for level in range(LEVELS[isa]))  # index 1 at every level
    walk = walker.walk(va)
    assert len(walk.steps) == LEVELS[isa] and {step.table for step in walk.steps} == {ROOT}
    assert walker.tables() == {ROOT: LEVELS[isa] - 1}
    if isa == "x86_64":  # the root is its own page: the recursive mapping some kernels want
        assert [(page.va, page.pa) for page in walker.mappings()] == [(va, ROOT)]
    if isa == "riscv64":
        assert walk.fault == "wrong-type" and list(walker.mappings()) == []


@pytest.mark.parametrize("isa", ["x86_64", "aarch64", "riscv64"])
def test_a_table_full_of_self_references(isa):
    tables, walker = tables_of(isa)
    for index in range(512):
        tables.put(ROOT, index, table_entry(isa, ROOT))
    assert len(walker.walk(0).steps) == LEVELS[isa]
    assert walker.tables() == {ROOT: LEVELS[isa] - 1}
    with pytest.raises(TooManyTables):
        for _ in walker.mappings():
            pass
    with pytest.raises(TooManyTables):
        list(walker.defects())


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("address", [0x4_0000, 0x7FFF_F000])
def test_a_table_outside_memory(isa, address):
    tables, walker = tables_of(isa)  # RAM is 0 to 0x40000
    tables.put(ROOT, 1, table_entry(isa, address))
    va = 1 << walker.shift(LEVELS[isa] - 1)
    walk = walker.walk(va)
    assert (walk.fault, walk.mapping, len(walk.steps)) == ("table-outside-memory", None, 2)
    step = walk.steps[-1]
    assert (step.kind, step.entry, step.bits, step.table) == ("unreadable", None, (), address)
    assert list(walker.mappings()) == [] and walker.tables() == {ROOT: LEVELS[isa] - 1}
    assert va in [defect.va for defect in walker.defects()]
    assert walker.would_fault(va, "read", False) == "table-outside-memory"


@pytest.mark.parametrize("isa", ISAS)
def test_a_root_outside_memory(isa):
    walker = tables_of(isa)[1].with_root(0x7FFF_F000)
    assert walker.walk(0).fault == "table-outside-memory" and len(walker.walk(0).steps) == 1
    assert [page for page in walker.mappings() if page.va < 1 << 48] == []
    assert 0x7FFF_F000 not in walker.tables()
    assert next(walker.defects()).va == 0


@pytest.mark.parametrize("isa", ISAS)
@settings(max_examples=60, deadline=None)
@given(noise=st.binary(min_size=64, max_size=512), va=st.integers(0, (1 << 64) - 1), small=st.booleans())
def test_noise(isa, noise, va, small):
    tables, _ = tables_of(isa)
    tables.ram[:] = (noise * (len(tables.ram) // len(noise) + 1))[: len(tables.ram)]
    if small:  # entries that point into RAM, so that walks get deeper
        width = tables.entry_bytes
        for table in range(ROOT, 0x8000, 0x1000):
            for index in range(0, 512, 7):
                some = int.from_bytes(noise[index % 50 : index % 50 + width], "little")
                tables.put(table, index, some & 0xF | 0x3001)
    walker = walker_for(isa, tables.memory, REGISTERS[isa])
    for address in (va, va & 0x7FFF_FFFF_FFFF, va & 0x3F_FFFF_FFFF, va & 0xFFFF_FFFF):
        walk = walker.walk(address)
        assert walk.fault is None or walk.fault in FAULTS
        assert (walk.mapping is None) == (walk.fault not in (None, "access-flag"))
        assert explain(walk).count("\n") == len(walk.steps) + 1
        assert walker.would_fault(address, "execute", True) in (None, *FAULTS, *REFUSALS)
    walker.tables()
    try:
        for page in walker.mappings():
            assert page.va % page.size == 0
            if page.entry_address % 0x400 == 0:  # a sample of them
                assert walker.walk(page.va).mapping == page
    except TooManyTables:
        pass


def test_the_ends_of_memory():
    memory = MappedMemory(bytes(range(16)), base=0x100)
    assert memory.read(0x100, 16) == bytes(range(16)) and memory.read(0x10F, 1) == b"\x0f"
    for pa, size in ((0xFF, 1), (0x10F, 2), (0x110, 1), (-1, 1)):
        with pytest.raises(OutsideMemory) as caught:
            memory.read(pa, size)
        assert caught.value.pa == pa
