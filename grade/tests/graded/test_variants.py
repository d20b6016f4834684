"""The grader is no stickler: each right solution, however it is written, passes all milestones that it is to pass."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from grade.course.graded import Kind, Outcome
from grade.course.variants import Variant, asked_of, grade, load_variants
from grade.isa import ISAS
from grade.ladder.trees import Tree, find_root
from grade.patches.patch import PatchError
from grade.run_plan import graded_labs

ROOT = find_root(Path(__file__))
VARIANTS = load_variants(ROOT)


@pytest.mark.parametrize("variant", [pytest.param(variant, id=variant.name) for variant in VARIANTS])
def test_variant_passes(variant: Variant, record: Callable[[Outcome], None]) -> None:
    outcomes = {isa: Outcome(Kind.VARIANT, variant.lab, isa, variant.name, is_right=False) for isa in variant.isas}
    for outcome in outcomes.values():
        record(outcome)
    graded = grade(ROOT, variant)
    for isa, marks in graded.items():
        record(replace(outcomes[isa], is_right=marks.ran == marks.asked and marks.failed == set(variant.loses)))
    for isa, marks in graded.items():
        assert marks.ran == marks.asked
        failed = ", ".join(sorted(marks.failed)) or "nothing"
        assert marks.failed == set(variant.loses), f"{isa}: {failed} failed\n\n{marks.messages}"


def test_there_are_variants_of_every_lab() -> None:
    for isa in ISAS:
        assert {variant.lab for variant in VARIANTS if isa in variant.isas} == set(graded_labs(Tree(ROOT)))
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS)


def read(folder: Path, header: str) -> Variant:
    """Returns the one variant of a tree that has one lab and a patch with this header."""
    lab = folder / "labs" / "1-map"
    (lab / "variants").mkdir(parents=True)
    (lab / "lab.toml").write_text('number = 1\ntitle = "Map"\nowned = []\nadds = []\nretires = []\n', encoding="utf-8")
    (lab / "variants" / "other.patch").write_text(f"{header}\ndiff --git a/kernel/x.h b/kernel/x.h\n", encoding="utf-8")
    [variant] = load_variants(folder)
    return variant


def test_a_header_is_read(tmp_path: Path) -> None:
    variant = read(tmp_path, "Variant: Another\n    way.\nISAs: aarch64\nLoses: 1.9\n")
    assert (variant.name, variant.sentence) == ("other", "Another way.")
    assert (variant.isas, variant.loses) == (("aarch64",), ("1.9",))
    assert variant.changed_files() == {"kernel/x.h"}


@pytest.mark.parametrize(
    ("header", "line", "problem"),
    [
        ("ISAs: x86_64\n", 1, "no Variant:"),
        ("Variant: x\nISAs: vax\n", 2, "vax is none of"),
        ("Variant: x\nISAs: x86_64\nLoses: 2.1\n", 3, "2.1 is not a milestone of lab 1"),
        ("Variant: x\nISAs: x86_64\nFails: 1.9\n", 3, "neither a field"),
    ],
)
def test_a_wrong_header_is_named_with_its_line(tmp_path: Path, header: str, line: int, problem: str) -> None:
    with pytest.raises(PatchError, match=problem) as caught:
        read(tmp_path, header)
    assert caught.value.line == line


def test_host_tests_are_asked_only_where_they_can_tell() -> None:
    variants = {variant.name: variant for variant in VARIANTS}

    def asked(name: str) -> set[str]:
        return asked_of(ROOT, variants[name]) & {"1.1", "1.3", "3.9", "4.1", "5.1"}

    assert asked("list-rebuilt") == {"1.1", "3.9", "4.1", "5.1"}, "1.3 is retired by lab 2"
    assert asked("slots-in-turn") == {"4.1"}, "no host test knows of windows"
    assert asked("freed-without-recursion") == {"3.9"}
    assert asked("registers-first") == {"1.1", "1.3"}


def test_milestones_are_asked_that_can_meet_the_change() -> None:
    """What forks are made with is met by lab 6 alone, what processes are made with by labs 3 to 6, all else by every lab."""
    variants = {variant.name: variant for variant in VARIANTS}
    met = {name: {number.split(".")[0] for number in asked_of(ROOT, variants[name])} for name in variants}
    assert met["pages-one-by-one"] == {"6"}
    assert met["slots-in-turn"] == set("34") and met["list-rebuilt"] - {"1"} == set("345")
    assert met["helper-in-the-first-header"] == set("123")
    assert met["nothing-where-it-was"] == met["labs-in-another-style"] | set("12") == set("123456")


def test_a_whole_set_is_graded_on_each_lab_with_what_is_written_by_then(tmp_path: Path) -> None:
    lab = tmp_path / "labs" / "1-map"
    mine = lab / "variants" / "mine"
    mine.mkdir(parents=True)
    (lab / "lab.toml").write_text(
        'number = 1\ntitle = "Map"\nowned = ["kernel/x.h"]\nadds = []\nretires = []\n', encoding="utf-8"
    )
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel/x.h").write_text("// ours\n", encoding="utf-8")
    (mine / "variant.txt").write_text("Variant: By hand.\nISAs: x86_64\nLabs: 1\n", encoding="utf-8")
    with pytest.raises(PatchError, match="variant.txt:3: Labs: lab 1 has kernel/x.h written, which is not here"):
        load_variants(tmp_path)
    (mine / "kernel").mkdir()
    (mine / "kernel/x.h").write_text("// mine\n", encoding="utf-8")
    [whole] = load_variants(tmp_path)
    assert (whole.name, whole.lab, whole.changed_files()) == ("mine-1", 1, {"kernel/x.h"})
    (tmp_path / "into/kernel").mkdir(parents=True)
    whole.apply(tmp_path / "into")
    assert (tmp_path / "into/kernel/x.h").read_text(encoding="utf-8") == "// mine\n"
