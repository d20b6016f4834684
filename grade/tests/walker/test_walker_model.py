"""Random models built into tables: walk() and mappings() must give the model back, and so must a naive reader.

A model is {va: (pa, flags, level)}. Builder writes it; the naive readers below enumerate the tables with the
manuals' bit numbers and none of the walker's code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walker_tables import Builder, Tables

from grade.walker import Mapping, RadixWalker, walker_for

ROOT = 0x1000
FLAGS = ("write", "user", "execute", "global")


@dataclass(frozen=True)
class Format:
    """What a test must know of a format to write its entries, bit by bit."""

    registers: dict[str, int]
    levels: int
    index_bits: int
    top_half: int  # what a va with the top index's upper half has in its upper bits
    block_levels: tuple[int, ...]

    @property
    def top(self) -> int:
        return self.levels - 1


FORMATS = {
    "x86_64": Format({"cr0": 0x8001_0001, "cr3": ROOT, "cr4": 0xA0, "efer": 0xD00}, 4, 9, 0xFFFF << 48, (1, 2)),
    "aarch64": Format(
        {"ttbr0_el1": ROOT, "ttbr1_el1": 0, "tcr_el1": 0x5_8090_0010, "mair_el1": 0xFF, "sctlr_el1": 1}, 4, 9, 0, (1, 2)
    ),
    "riscv64": Format({"satp": 8 << 60 | ROOT >> 12}, 3, 9, 0x1FF_FFFF << 39, (1, 2)),
    "i386": Format({"cr0": 0x8001_0001, "cr3": ROOT, "cr4": 0x90}, 2, 10, 0, (1,)),
}
TABLE_BITS = {"x86_64": 7, "aarch64": 3, "riscv64": 1, "i386": 7}


def table_entry(isa: str, address: int) -> int:
    return (address >> 2 if isa == "riscv64" else address) | TABLE_BITS[isa]


def leaf_entry(isa: str, pa: int, flags: frozenset[str], level: int) -> int:
    """Returns the leaf's entry, written bit by bit as in the manuals' figures."""
    write, user, execute, global_ = (name in flags for name in FLAGS)
    if isa in ("x86_64", "i386"):
        entry = pa | 1 | write << 1 | user << 2 | (level > 0) << 7 | global_ << 8
        return entry | ((not execute) << 63 if isa == "x86_64" else 0)
    if isa == "riscv64":
        return pa >> 2 | 1 | 1 << 1 | write << 2 | execute << 3 | user << 4 | global_ << 5
    kernel_never, user_never = not execute or user, not (execute and user)
    entry = pa | 1 | (level == 0) << 1 | user << 6 | (not write) << 7 | 1 << 10 | (not global_) << 11
    return entry | kernel_never << 53 | user_never << 54


def expected(isa: str, flags: frozenset[str]) -> tuple[bool, ...]:
    """Returns (write, kernel_execute, user_read, user_write, user_execute, global_) of a page with these flags."""
    write, user, execute, global_ = (name in flags for name in FLAGS)
    execute = execute or isa == "i386"
    kernel_execute = execute and not (user and isa in ("aarch64", "riscv64"))
    return write, kernel_execute, user, user and write, user and execute, global_


def found(page: Mapping) -> tuple[bool, ...]:
    return page.write, page.kernel_execute, page.user_read, page.user_write, page.user_execute, page.global_


@st.composite
def models(draw: st.DrawFn, isa: str) -> tuple[Tables, dict[int, tuple[int, frozenset[str], int]]]:
    """Draws tables and the model they hold. Few different indices, so that pages share tables and blocks meet them."""
    layout = FORMATS[isa]
    last = (1 << layout.index_bits) - 1
    tables = Tables(size=0x10_0000, entry_bytes=4 if isa == "i386" else 8)
    builder = Builder(
        tables,
        ROOT,
        layout.top,
        layout.index_bits,
        lambda address: table_entry(isa, address),
        lambda pa, flags, level: leaf_entry(isa, pa, flags, level),
    )
    model = {}
    for _ in range(draw(st.integers(0, 25))):
        indices = [draw(st.sampled_from((0, 1, last // 2, last // 2 + 1, last))) for _ in range(layout.levels)]
        level = draw(st.sampled_from((0, 0, 0, *layout.block_levels)))
        shift = 12 + level * layout.index_bits
        va = sum(index << 12 + n * layout.index_bits for n, index in enumerate(reversed(indices))) >> shift << shift
        pa = draw(st.integers(0, (1 << (32 if isa == "i386" else 44) - shift) - 1)) << shift
        flags = draw(st.frozensets(st.sampled_from(FLAGS)))
        if builder.map(va, pa, flags, level):
            upper = layout.top_half if indices[0] > last // 2 else 0
            model[va | upper] = (pa, flags, level)
    return tables, model


@pytest.mark.parametrize("isa", FORMATS)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_the_model_comes_back(isa, data):
    tables, model = data.draw(models(isa))
    walker = walker_for(isa, tables.memory, FORMATS[isa].registers)
    pages = list(walker.mappings())
    assert [page.va for page in pages] == sorted(model)
    for page in pages:
        pa, flags, level = model[page.va]
        assert (page.pa, page.level, found(page)) == (pa, level, expected(isa, flags))
        assert page.restricted_by == ()
        assert walker.walk(page.va).mapping == walker.walk(page.end - 1).mapping == page
        assert walker.walk(page.end - 1).pa == pa + page.size - 1
    if pages:
        low = data.draw(st.sampled_from(pages)).va
        high = data.draw(st.sampled_from(pages)).end - 1
        within = [page for page in pages if page.end > low and page.va < high]
        assert list(walker.mappings(low=low, high=high)) == (within if low < high else [])


@pytest.mark.parametrize("isa", FORMATS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_a_naive_reader_finds_the_same(isa, data):
    tables, _ = data.draw(models(isa))
    walker = walker_for(isa, tables.memory, FORMATS[isa].registers)
    naive = list(brute_force(isa, tables))
    assert [(page.va, page.pa, page.size, page.entry) for page in walker.mappings()] == naive
    assert walker.tables() == dict(brute_force_tables(isa, tables, ROOT, FORMATS[isa].top))
    assert_gaps_do_not_translate(walker, naive)


def assert_gaps_do_not_translate(walker: RadixWalker, naive: list[tuple[int, int, int, int]]) -> None:
    __tracebackhide__ = True
    taken = {(va, va + size) for va, _, size, _ in naive}
    for va, _, size, _ in naive:
        for beside in (va - 1, va + size):
            if not any(start <= beside < end for start, end in taken):
                assert walker.walk(beside).mapping is None, hex(beside)


def points_to_table(isa: str, entry: int, level: int) -> bool:
    if isa == "riscv64":
        return entry & 0b1111 == 0b0001
    if isa == "aarch64":
        return level > 0 and entry & 0b11 == 0b11
    return level > 0 and entry & 1 == 1 and entry & 0x80 == 0


def target(isa: str, entry: int) -> int:
    if isa == "riscv64":
        return (entry >> 10) % (1 << 44) << 12
    return entry % (1 << 48) >> 12 << 12


def brute_force(isa: str, tables: Tables) -> Iterator[tuple[int, int, int, int]]:
    """Yields (va, pa, size, entry) by reading every entry of every table there is."""
    layout = FORMATS[isa]
    for va, entry, level in _entries(isa, tables, ROOT, layout.top, 0):
        upper = layout.top_half if va >> 12 + layout.levels * layout.index_bits - 1 else 0
        yield va + upper, target(isa, entry), 1 << 12 + level * layout.index_bits, entry


def _entries(isa: str, tables: Tables, table: int, level: int, va: int) -> Iterator[tuple[int, int, int]]:
    bits = FORMATS[isa].index_bits
    for index in range(1 << bits):
        entry = tables.get(table, index)
        here = va + index * (1 << 12 + level * bits)
        if points_to_table(isa, entry, level):
            yield from _entries(isa, tables, target(isa, entry), level - 1, here)
        elif entry & 1:
            yield here, entry, level


def brute_force_tables(isa: str, tables: Tables, table: int, level: int) -> Iterator[tuple[int, int]]:
    yield table, level
    for index in range(1 << FORMATS[isa].index_bits):
        entry = tables.get(table, index)
        if points_to_table(isa, entry, level):
            yield from brute_force_tables(isa, tables, target(isa, entry), level - 1)
