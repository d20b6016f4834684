"""docs/paging.md shows what the walker reads, and its exercises have the answers that it gives."""

import re
from pathlib import Path

import pytest

from grade.course.figures import FOLDER, figures
from grade.ladder.trees import find_root
from grade.walker import RadixWalker, explain
from grade.walker.example import ADDRESS, FRAME, examples
from grade.walker.format import PAGE_BITS

ROOT = find_root(Path(__file__))
CHAPTER = (ROOT / "docs" / "paging.md").read_text(encoding="utf-8")
EXAMPLES = {walker.isa: walker for walker in examples()}
FIRST = EXAMPLES["x86_64"]


def answer(number: int) -> str:
    found = re.search(
        rf"^\*\*{number}\.\*\*.*?<summary>Answer</summary>\n\n(.*?)\n\n</details>", CHAPTER, re.DOTALL | re.MULTILINE
    )
    assert found is not None
    return found[1]


def index(walker: RadixWalker, va: int, level: int) -> int:
    return va >> walker.shift(level) & (1 << walker.index_bits) - 1


@pytest.mark.parametrize("isa", EXAMPLES)
def test_each_walk_is_as_the_walker_writes_it(isa: str) -> None:
    walker = EXAMPLES[isa]
    walk = walker.walk(ADDRESS)
    assert walk.mapping is not None and walk.mapping.pa == FRAME
    assert f"\n```\n{explain(walk)}\n```\n" in CHAPTER
    indices = [step.index for step in walk.steps if step.index]
    assert len(set(indices)) == len(indices), "who takes one index for another must see it"


def test_the_walk_by_hand_names_each_entry_and_what_it_says() -> None:
    by_hand = CHAPTER[CHAPTER.index("## A walk by hand") : CHAPTER.index("That is all that a walk is.")]
    for step in FIRST.walk(ADDRESS).steps:
        assert f"{step.entry_address:#x}" in by_hand and f"{step.word:#x}" in by_hand
    riscv = EXAMPLES["riscv64"].walk(ADDRESS).steps[0]
    assert f"{riscv.word:#x} >> 10 << 12 = {EXAMPLES['riscv64'].table_address(riscv.word):#x}" in CHAPTER


def test_each_figure_is_shown_once() -> None:
    shown = [f"{FOLDER}/{name}" for name in re.findall(r"\]\(figures/([^)]+)\)", CHAPTER)]
    assert sorted(shown) == sorted(figures())


def test_an_entry_is_drawn_from_its_fields() -> None:
    """Each of its names is in the figure, and the bits that it holds of the address."""
    for isa, walker in EXAMPLES.items():
        drawn = figures()[f"{FOLDER}/entry-{isa}.svg"](ROOT)
        leaf = walker.walk(ADDRESS).steps[-1]
        assert all(f">{field.name} " in drawn for field in leaf.fields) and f"address {FRAME >> PAGE_BITS:#x}" in drawn


def test_exercise_1_indices() -> None:
    words = ". ".join(f"Level {level}: {index(FIRST, 0x7F1234567000, level)}" for level in (3, 2, 1, 0))
    assert answer(1) == f"{words}. Offset 0."


def test_exercise_2_the_second_entry_of_the_root() -> None:
    starts = [1 << walker.shift(walker.windows[0].top) for walker in (FIRST, EXAMPLES["riscv64"], EXAMPLES["i386"])]
    assert [int(word, 16) for word in re.findall(r"0x\w+", answer(2))] == starts


def test_exercise_3_tables() -> None:
    pages = (0x400000, 0x7FFFFFFFE000)
    tables = {(level, va >> FIRST.shift(level) + FIRST.index_bits) for va in pages for level in range(3)} | {(3, 0)}
    assert answer(3).startswith(f"{len(tables)}: ")


def test_exercise_4_what_an_entry_of_level_1_spans() -> None:
    spans = [1 << EXAMPLES[isa].shift(1) >> 20 for isa in ("x86_64", "i386")]
    assert [int(number) for number in re.findall(r"(\d+) MiB", answer(4))] == spans


def test_exercise_5_a_table_entry_takes_a_right_away() -> None:
    [example] = [walker for walker in examples() if walker.isa == "x86_64"]
    ram = bytearray(example.memory.read(0, 0x40000))
    at = example.walk(ADDRESS).steps[1].entry_address
    assert f"the entry at {at:#x}" in CHAPTER
    ram[at] &= ~(1 << 1)
    mapping = type(example)(type(example.memory)(ram, 0), example.registers).walk(ADDRESS).mapping  # type: ignore[call-arg]
    assert mapping is not None and (mapping.user_read, mapping.user_write) == (True, False)
    assert "Read it." in answer(5) and f"leads to {1 << example.shift(2) >> 30} GiB" in answer(5)
