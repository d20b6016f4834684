"""A kernel that does what is asked only around the places where the grader looks gains nothing by it."""

from pathlib import Path

import pytest

from grade.cutting.cutter import cut
from grade.isa import ISAS
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
# The call of checkpoint_reached is found, and not changed: debug registers stop the CPU before it and after it, and the
# handler changes over to the other root.
DEBUG_REGISTERS = r"""
extern "C" void checkpoint_reached(const char* name);
extern "C" { [[gnu::used]] std::uint64_t g_other_root = 0; }
extern "C" const char change_root[];
asm(R"(
change_root:
  push %rax
  push %rcx
  mov %cr3, %rax
  mov g_other_root(%rip), %rcx
  mov %rax, g_other_root(%rip)
  mov %rcx, %cr3
  orl $0x10000, 32(%rsp)  # RF: the instruction is executed now
  pop %rcx
  pop %rax
  iretq
)");
"""
STOPS_ITSELF = """
  g_other_root = table.root().raw();
  const auto* at = reinterpret_cast<const unsigned char*>(0x200000);
  const auto target = reinterpret_cast<std::uint64_t>(&checkpoint_reached);
  for (; at < reinterpret_cast<unsigned char*>(0x240000); ++at) {
    const auto next = reinterpret_cast<std::uint64_t>(at) + 5;
    if (*at == 0xe8 && next + static_cast<std::int64_t>(*reinterpret_cast<const int*>(at + 1)) == target) break;
  }
  struct [[gnu::packed]] { std::uint16_t limit; std::uint64_t base; } idt;
  asm volatile("sidt %0" : "=m"(idt));
  auto* gate = reinterpret_cast<volatile std::uint64_t*>(idt.base + 16);  // of #DB
  const auto handler = reinterpret_cast<std::uint64_t>(change_root);
  gate[0] = (gate[0] & ~0xffff'0000'0000'ffffull) | (handler & 0xffff) | (handler & 0xffff'0000) << 32;
  gate[1] = handler >> 32;
  const auto call = reinterpret_cast<std::uint64_t>(at);
  asm volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr7" ::"r"(call), "r"(call + 5), "r"(std::uint64_t{0x40a}));
"""
# A command that goes on with a copy of the root.
COUNTS = "void count_frames(const Arguments&) {\n"
LOADS_A_COPY = {
    "x86_64": 'asm volatile("mov %0, %%cr3" ::"r"(copy) : "memory");',
    "aarch64": 'asm volatile("dsb sy; msr ttbr0_el1, %0; isb" ::"r"(copy) : "memory");',
}
COPIES = """  alignas(kPageSize) static char copy[kPageSize];
  __builtin_memcpy(copy, pointer_to(Arch::active_root(VirtAddr{})), kPageSize);
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


def test_its_own_root_by_debug_registers(tmp_path: Path) -> None:
    found = results(tmp_path / "tree", STOPS_ITSELF, DEBUG_REGISTERS, ["1.3", "1.9"])
    assert found == {"1.3": ("failed", "root-strays"), "1.9": ("failed", "root-strays")}


@pytest.mark.parametrize("isa", ISAS)
def test_another_root_while_the_monitor_runs(isa: str, tmp_path: Path) -> None:
    cut(ROOT, 1, 1, tmp_path / "tree", [isa])
    file = tmp_path / "tree/kernel/monitor/memory_commands.cc"
    text = file.read_text(encoding="utf-8")
    assert COUNTS in text
    file.write_text(text.replace(COUNTS, f"{COUNTS}{COPIES}  {LOADS_A_COPY[isa]}\n", 1), encoding="utf-8")
    [result] = run_milestones(ROOT, tmp_path / "tree", 1, [isa], ["1.2"])
    assert (result["status"], result["cause"]) == ("failed", "root-strays"), result["message"]
    assert "count_frames(" in result["message"] and "kernel/monitor/memory_commands.cc:" in result["message"]


@pytest.mark.parametrize("place", ["0x206fff", "0x207010"], ids=["code", "constant"])
def test_what_a_kernel_has_overwritten(tmp_path: Path, place: str) -> None:
    """Even if nothing else depends on it: the end of the last page of code, a note of the linker's."""
    spoils = f'  asm volatile("xorb $1, {place}" ::: "memory");\n'
    assert results(tmp_path / "tree", spoils + LOADS, "", ["1.2"])["1.2"] == ("failed", "code-changed")
