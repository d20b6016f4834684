"""A kernel that does what is asked only around the places where the grader looks gains nothing by it."""

from pathlib import Path

import pytest

from grade.course.cutter import cut
from grade.ladder.trees import find_root
from grade.practice.milestones import run_milestones

ROOT = find_root(Path(__file__))
LOADS = "  cpu::write_cr3(table.root().raw());\n"
AROUND = """
extern "C" void checkpoint_reached(const char* name);
namespace {
constinit std::uint64_t g_right = 0;
void hook(const char* name) {
  const std::uint64_t crude = cpu::read_cr3();
  cpu::write_cr3(g_right);
  checkpoint_reached(name);
  cpu::write_cr3(crude);
}
}
"""
# Of the calls of checkpoint_reached, each is made one of hook.
PATCHES = """
  auto* at = reinterpret_cast<volatile unsigned char*>(0x200000);
  const auto target = reinterpret_cast<std::uint64_t>(&checkpoint_reached), mine = reinterpret_cast<std::uint64_t>(&hook);
  for (; at < reinterpret_cast<unsigned char*>(0x240000); ++at) {
    if (*at != 0xe8 && *at != 0xe9) continue;
    auto* word = reinterpret_cast<volatile int*>(at + 1);
    const std::uint64_t next = reinterpret_cast<std::uint64_t>(at) + 5;
    if (next + static_cast<std::int64_t>(*word) != target || (next > mine && next < mine + 64)) continue;
    *word = static_cast<int>(mine - next);
  }
"""
MILESTONES = ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8", "1.9"]


def results(tree: Path, loads: str, around: str, milestones: list[str]) -> dict[str, tuple[str, str]]:
    cut(ROOT, 1, 1, tree, ["x86_64"])
    file = tree / "arch/x86_64/boot_map.cc"
    text = file.read_text(encoding="utf-8")
    assert LOADS in text
    changed = text.replace("void turn_on_paging() {", around + "void turn_on_paging() {", 1).replace(LOADS, loads)
    file.write_text(changed, encoding="utf-8")
    found = run_milestones(ROOT, tree, 1, ["x86_64"], milestones)
    return {result["milestone"]: (result["status"], result["cause"]) for result in found}


def test_its_own_root_at_checkpoints_alone(tmp_path: Path) -> None:
    loads = f"  g_right = table.root().raw();\n{PATCHES}"
    found = results(tmp_path / "tree", loads, AROUND, MILESTONES)
    assert {number for number, (status, _) in found.items() if status == "passed"} == set()
    assert found["1.2"] == ("failed", "code-changed")


@pytest.mark.parametrize("place", ["0x206fff", "0x207010"], ids=["code", "constant"])
def test_what_a_kernel_has_overwritten(tmp_path: Path, place: str) -> None:
    """Even if nothing else depends on it: the end of the last page of code, a note of the linker's."""
    spoils = f'  asm volatile("xorb $1, {place}" ::: "memory");\n'
    assert results(tmp_path / "tree", spoils + LOADS, "", ["1.2"])["1.2"] == ("failed", "code-changed")
