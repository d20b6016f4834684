"""Merging of neighbours, and the line that shows a range."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grade.walker import Mapping, coalesce

PAGE = Mapping(
    va=0x40_0000, pa=0x9000, size=0x1000, level=0, write=True, kernel_execute=False, user_execute=False, user_read=True,
    user_write=True, global_=False, memory="normal", accessed=True, dirty=False, entry=0x9067, entry_address=0x4000,
    restricted_by=(),
)  # fmt: skip
NEXT = replace(PAGE, va=0x40_1000, pa=0xA000, entry=0xA067, entry_address=0x4008)


def test_neighbours_merge_whatever_their_size_and_use():
    third = replace(NEXT, va=0x40_2000, pa=0xB000, accessed=False, dirty=True, restricted_by=(1,))
    block = replace(third, va=0x40_3000, pa=0xC000, size=0x20_0000, level=1)
    (only,) = coalesce([PAGE, NEXT, third, block])
    assert (only.va, only.pa, only.size, only.end, only.pages) == (0x40_0000, 0x9000, 0x20_3000, 0x60_3000, 4)


@pytest.mark.parametrize(
    "change",
    [
        {"va": 0x40_2000},
        {"pa": 0xB000},
        {"pa": 0x8000},
        {"read": False},
        {"write": False},
        {"kernel_execute": True},
        {"user_read": False},
        {"user_write": False},
        {"user_execute": True},
        {"global_": True},
        {"memory": "device"},
    ],
)
def test_what_keeps_neighbours_apart(change):
    first, second = coalesce([PAGE, replace(NEXT, **change)])
    assert (first.size, second.size) == (0x1000, 0x1000)
    assert second.va == change.get("va", 0x40_1000) and second.pa == change.get("pa", 0xA000)


def test_nothing_and_one():
    assert coalesce([]) == []
    (only,) = coalesce(iter([PAGE]))
    assert (only.va, only.pa, only.size, only.pages) == (PAGE.va, PAGE.pa, PAGE.size, 1)


def test_lines_are_aligned():
    far = replace(PAGE, va=0xFFFF_8000_0020_0000, pa=0xFEC0_0000, size=0x20_0000, memory="normal-noncacheable")
    lines = [str(found) for found in coalesce([PAGE, replace(far, user_read=False, user_write=False, global_=True)])]
    assert lines == [
        "0x0000000000400000-0x0000000000401000 -> 0x000000009000      4 KiB  kernel rw- user rw-  normal               local",
        "0xffff800000200000-0xffff800000400000 -> 0x0000fec00000      2 MiB  kernel rw- user ---  normal-noncacheable  global",
    ]
