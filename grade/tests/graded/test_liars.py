"""Kernels that lie, hang, flood, reset or leave: none gains a point, and each failure says what happened."""

import re
import shutil
from pathlib import Path

import pytest

from grade.cutting.cutter import cut
from grade.isa import ISAS
from grade.ladder.labs import load_labs
from grade.ladder.trees import find_root
from grade.milestones import milestones_of
from grade.practice.milestones import run_milestones

ROOT = find_root(Path(__file__))
LIARS = Path(__file__).with_name("liars")
STAYS_LOW = "        .text\n        .global move_to_high_half\nmove_to_high_half:\n        ret\n"
# The crude map of boot.S, seen at the high addresses too: entry 256 of the root is entry 0 once more.
ALIAS = """
        .text
        .global move_to_high_half
move_to_high_half:
        leaq    boot_page_table(%rip), %rax
        movq    (%rax), %rcx
        movq    %rcx, 256 * 8(%rax)
        movabsq $kernel_offset, %rax
        addq    %rax, (%rsp)
        addq    %rax, %rsp
        ret
"""


def liar(name: str, lab: int, isa: str) -> Path:
    """Returns the solved tree of `lab` whose kernel/main.cc is liars/<name>.cc."""
    tree = ROOT / "build" / "liars" / f"{name}-lab{lab}-{isa}"
    cut(ROOT, lab, lab, tree, [isa])
    shutil.copy(LIARS / f"{name}.cc", tree / "kernel" / "main.cc")
    return tree


def boot_milestones(lab: int) -> tuple[str, ...]:
    """Returns the milestones of `lab` that boot a kernel: all whose witness is not the host alone."""
    of_lab = next(known for known in load_labs(ROOT) if known.number == lab)
    return tuple(known.number for known in milestones_of([of_lab]) if known.witness != "H")


def expect_no_points(tree: Path, lab: int, isa: str) -> dict[str, str]:
    """Grades all boot milestones; every one must fail. Returns their causes."""
    wanted = boot_milestones(lab)
    results = {result["milestone"]: result for result in run_milestones(ROOT, tree, lab, [isa], wanted)}
    assert set(results) == set(wanted)
    passed = [number for number, result in results.items() if result["points"] or result["status"] != "failed"]
    assert not passed, [results[number] for number in passed]
    return {number: result["cause"] for number, result in results.items()}


@pytest.mark.parametrize("isa", ISAS)
def test_forged_facts_gain_nothing_in_lab_1(isa: str) -> None:
    causes = expect_no_points(liar("forger", 1, isa), 1, isa)
    truth = {"x86_64": "boot-root-still-active", "aarch64": "translation-off"}[isa]
    assert causes["1.2"] == causes["1.3"] == causes["1.6"] == truth


@pytest.mark.parametrize("isa", ISAS)
def test_forged_facts_gain_nothing_in_lab_2(isa: str) -> None:
    tree = liar("forger", 2, isa)
    main = tree / "kernel" / "main.cc"
    main.write_text("#define LIAR_IS_HIGH\n" + main.read_text(encoding="utf-8"), encoding="utf-8")
    (tree / "arch" / isa / "boot_high.S").write_text(STAYS_LOW, encoding="utf-8")
    expect_no_points(tree, 2, isa)


def test_the_crude_map_is_not_the_higher_half() -> None:
    tree = ROOT / "build" / "liars" / "alias-lab2-x86_64"
    cut(ROOT, 2, 2, tree, ["x86_64"])
    for name, text in LIAR_STEPS.items():
        (tree / name).write_text(text, encoding="utf-8")
    (tree / "arch" / "x86_64" / "boot_high.S").write_text(ALIAS, encoding="utf-8")
    assert expect_no_points(tree, 2, "x86_64")["2.1"] == "boot-root-still-active"


LIAR_STEPS = {
    "kernel/map/map_kernel.cc": """
#include "arch/boot.h"
Result<void> map_kernel(KernelTable&, std::uint64_t) { return {}; }
""",
    "arch/x86_64/boot_map.cc": """
#include "arch/boot.h"
void turn_on_paging() {}
""",
    "arch/x86_64/boot_high.cc": """
#include "arch/boot.h"
void map_high_half() {}
""",
    "kernel/map/leave_low_half.cc": """
#include "arch/arch.h"
#include "arch/boot.h"
void leave_low_half() { Arch::install_traps(); }
""",
}

ENDS = {
    "hang": {"x86_64": "hang", "aarch64": "hang"},
    "sleep": {"x86_64": "hang", "aarch64": "hang"},
    "flood": {"x86_64": "serial-flood", "aarch64": "serial-flood"},
    "reset": {"x86_64": "triple-fault", "aarch64": "early-exit"},
    "power_off": {"x86_64": "early-exit", "aarch64": "early-exit"},
}


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", ENDS)
def test_each_end_has_its_cause(name: str, isa: str) -> None:
    [result] = run_milestones(ROOT, liar(name, 1, isa), 1, [isa], ["1.2"])
    assert (result["status"], result["cause"]) == ("failed", ENDS[name][isa]), result["message"]
    assert result["duration"] < 30, "the limits count CPU time, or sleep; this leaves room for a busy machine"
    lines = result["message"].splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["expected", "seen"]
    assert len(lines) < 30 and max(map(len, lines)) < 400, "a person reads this"
    assert re.search(r" at (kernel|arch)/\S+:\d+", result["message"]), "where the kernel was"
