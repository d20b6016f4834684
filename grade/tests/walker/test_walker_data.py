"""A walk as JSON is the walk, and comes back as it was."""

from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_walker_corrupt import ISAS, LEVELS, ROOT, table_entry, tables_of

from grade.walker import RadixWalker, Walk, explain
from grade.walker.data import walk_as_data, walk_from_data


def there_and_back(walk: Walk) -> Walk:
    return walk_from_data(json.loads(json.dumps(walk_as_data(walk))))


def walker_with(isa: str, leaf: int) -> tuple[RadixWalker, int]:
    """Tables with `leaf` at index 1 of the last level, and the address that leads there."""
    tables, walker = tables_of(isa)
    for level in range(LEVELS[isa] - 1):
        tables.put(ROOT + 0x1000 * level, 1, table_entry(isa, ROOT + 0x1000 * (level + 1)))
    tables.put(ROOT + 0x1000 * (LEVELS[isa] - 1), 1, leaf)
    return walker, sum(1 << walker.shift(level) for level in range(LEVELS[isa]))


@pytest.mark.parametrize("isa", ISAS)
@given(leaf=st.integers(0, (1 << 64) - 1), bits=st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_it_comes_back_as_it_was(isa: str, leaf: int, bits: int) -> None:
    """Whatever the last entry is, `bits` being where an ISA says that it is valid."""
    leaf = leaf & ~7 | bits
    walker, va = walker_with(isa, leaf & (1 << (32 if isa == "i386" else 64)) - 1)
    for walk in (walker.walk(va), walker.walk(0), walker.walk(1 << 70)):
        again = there_and_back(walk)
        assert explain(again) == explain(walk)
        assert (again.va, again.root, again.mapping, again.fault, again.detail) == (
            walk.va, walk.root, walk.mapping, walk.fault, walk.detail,
        )  # fmt: skip
        assert [step.bits for step in again.steps] == [step.bits for step in walk.steps]
        assert walk_as_data(again) == walk_as_data(walk)


@pytest.mark.parametrize("isa", ISAS)
def test_a_program_finds_what_it_asks_for(isa: str) -> None:
    """Numbers that 53 bits may not hold are text; levels count down to 0."""
    walker, va = walker_with(isa, 0)
    data = walk_as_data(walker.walk(va))
    assert (data["va"], data["root"], data["pa"], data["page"], data["fault"]) == (
        hex(va),
        hex(ROOT),
        None,
        None,
        "not-present",
    )
    assert [level["level"] for level in data["levels"]] == [*range(LEVELS[isa] - 1, -1, -1)]
    last = data["levels"][-1]
    assert (last["entry"], last["index"], last["kind"]) == ("0x0", 1, "empty")
    assert int(last["at"], 16) == int(last["table"], 16) + (4 if isa == "i386" else 8)


@pytest.mark.parametrize(("name", "value"), product(("va", "levels", "page"), ("nonsense", 3)))
def test_what_is_no_walk_is_refused(name: str, value: object) -> None:
    walker, va = walker_with("x86_64", 0x5003)
    data = walk_as_data(walker.walk(va))
    with pytest.raises((LookupError, TypeError, ValueError)):
        walk_from_data({**data, name: value})
    with pytest.raises(LookupError):
        walk_from_data({key: value for key, value in data.items() if key != name})
