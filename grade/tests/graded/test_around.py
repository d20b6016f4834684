"""A kernel that does what is asked only around the places where the grader looks gains nothing by it."""

from pathlib import Path

import pytest

from grade.cutting.cutter import cut
from grade.isa import ISAS
from grade.ladder.trees import find_root
from grade.practice.milestones import run_milestones

ROOT = find_root(Path(__file__))
LOADS = {"x86_64": "  cpu::write_cr3(table.root().raw());\n", "aarch64": "  cpu::write_ttbr0(table.root().raw());\n"}
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
# handler changes an entry of the root, which is loaded all the time, for another one.
CHANGES_ENTRIES = {
    "x86_64": r"""
  push %rax
  push %rcx
  mov g_entry(%rip), %rcx
  mov g_other(%rip), %rax
  xchg %rax, (%rcx)
  mov %rax, g_other(%rip)
  mov %cr3, %rax
  mov %rax, %cr3
  orl $0x10000, 32(%rsp)  # RF: the instruction is executed now
  pop %rcx
  pop %rax
  iretq
""",
    "aarch64": r"""
  stp x0, x1, [sp, #-32]!
  stp x2, x3, [sp, #16]
  adrp x0, g_entry
  add x0, x0, :lo12:g_entry
  ldp x1, x2, [x0]  // g_entry, g_other
  ldr x3, [x1]
  str x2, [x1]
  str x3, [x0, #8]
  dsb ish
  tlbi vmalle1
  dsb ish
  mrs x0, dbgbcr0_el1  // the other breakpoint is next
  mrs x1, dbgbcr1_el1
  msr dbgbcr0_el1, x1
  msr dbgbcr1_el1, x0
  isb
  ldp x2, x3, [sp, #16]
  ldp x0, x1, [sp], #32
  eret
""",
}
# The vectors of a CPU that has one for all exceptions of a kind: all but breakpoints go on where they went.
VECTORS = {
    "x86_64": "",
    "aarch64": r"""
extern "C" const char own_vectors[];
asm(R"(
  .balign 2048
own_vectors:
  .set place, 0
  .rept 16
  .balign 128
  .if place == 0x200
  str x0, [sp, #-16]!
  mrs x0, esr_el1
  lsr x0, x0, #26
  cmp x0, #0x31
  ldr x0, [sp], #16
  b.eq change_entry
  .endif
  b trap_vectors + place
  .set place, place + 0x80
  .endr
)");
""",
}
DEBUG_REGISTERS = r"""
extern "C" void checkpoint_reached(const char* name);
namespace { alignas(kPageSize) constinit char g_copy[kPageSize] = {}; }
extern "C" {
[[gnu::used]] constinit struct { std::uint64_t* entry; std::uint64_t other; } g_swapped = {};
extern const char change_entry[];
}
asm(R"(
  .set g_entry, g_swapped
  .set g_other, g_swapped + 8
change_entry:@HANDLER@)");
@VECTORS@
"""
# The first entry of the root is changed for one that leads to a copy of the table below: all is mapped as before.
STOPS_ITSELF = """
  g_swapped.entry = reinterpret_cast<std::uint64_t*>(table.root().raw());
  constexpr std::uint64_t kBelow = 0xffff'ffff'f000;
  __builtin_memcpy(g_copy, reinterpret_cast<const void*>(*g_swapped.entry & kBelow), kPageSize);
  g_swapped.other = *g_swapped.entry;
  *g_swapped.entry = (*g_swapped.entry & ~kBelow) | reinterpret_cast<std::uint64_t>(g_copy);
  const auto target = reinterpret_cast<std::uint64_t>(&checkpoint_reached);
"""
ARMS = {
    "x86_64": """
  const auto* at = reinterpret_cast<const unsigned char*>(0x200000);
  for (; at < reinterpret_cast<unsigned char*>(0x240000); ++at) {
    const auto next = reinterpret_cast<std::uint64_t>(at) + 5;
    if (*at == 0xe8 && next + static_cast<std::int64_t>(*reinterpret_cast<const int*>(at + 1)) == target) break;
  }
  struct [[gnu::packed]] { std::uint16_t limit; std::uint64_t base; } idt;
  asm volatile("sidt %0" : "=m"(idt));
  auto* gate = reinterpret_cast<volatile std::uint64_t*>(idt.base + 16);  // of #DB
  const auto handler = reinterpret_cast<std::uint64_t>(change_entry);
  gate[0] = (gate[0] & ~0xffff'0000'0000'ffffull) | (handler & 0xffff) | (handler & 0xffff'0000) << 32;
  gate[1] = handler >> 32;
  const auto call = reinterpret_cast<std::uint64_t>(at);
  asm volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr7" ::"r"(call), "r"(call + 5), "r"(std::uint64_t{0x40a}));
""",
    "aarch64": """
  std::uint64_t call = 0x40200000;
  for (; call < 0x40240000; call += 4) {
    const auto word = *reinterpret_cast<const std::uint32_t*>(call);
    const std::int64_t distance = static_cast<std::int32_t>(word << 6) >> 4;
    if (word >> 26 == 0x25 && call + static_cast<std::uint64_t>(distance) == target) break;
  }
  asm volatile("msr vbar_el1, %0" ::"r"(own_vectors));
  asm volatile("msr dbgbvr0_el1, %0; msr dbgbvr1_el1, %1" ::"r"(call), "r"(call + 4));
  asm volatile("msr dbgbcr0_el1, %0; msr dbgbcr1_el1, %1" ::"r"(std::uint64_t{0x1e3}), "r"(std::uint64_t{0x1e2}));
  asm volatile("msr oslar_el1, xzr; msr mdscr_el1, %0; msr daifclr, #8; isb" ::"r"(std::uint64_t{0xa000}));
""",
}
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


def results(tree: Path, isa: str, loads: str, around: str, milestones: list[str]) -> dict[str, tuple[str, str]]:
    cut(ROOT, 1, 1, tree, [isa])
    file = tree / f"arch/{isa}/boot_map.cc"
    text = file.read_text(encoding="utf-8")
    assert LOADS[isa] in text
    changed = text.replace("void turn_on_paging() {", around + "void turn_on_paging() {", 1).replace(LOADS[isa], loads)
    file.write_text(changed, encoding="utf-8")
    found = run_milestones(ROOT, tree, 1, [isa], milestones)
    return {result["milestone"]: (result["status"], result["cause"]) for result in found}


def test_its_own_root_at_checkpoints_alone(tmp_path: Path) -> None:
    loads = f"  g_right = table.root().raw();\n{PATCHES}"
    found = results(tmp_path / "tree", "x86_64", loads, AROUND, MILESTONES)
    assert {number for number, (status, _) in found.items() if status == "passed"} == set()
    assert found["1.2"] == ("failed", "code-changed")


@pytest.mark.parametrize("isa", ISAS)
def test_its_own_entries_by_debug_registers(isa: str, tmp_path: Path) -> None:
    around = DEBUG_REGISTERS.replace("@HANDLER@", CHANGES_ENTRIES[isa]).replace("@VECTORS@", VECTORS[isa])
    found = results(tmp_path / "tree", isa, STOPS_ITSELF + ARMS[isa] + LOADS[isa], around, ["1.3", "1.9"])
    assert found == {"1.3": ("failed", "debug-registers-used"), "1.9": ("failed", "debug-registers-used")}


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
    assert results(tmp_path / "tree", "x86_64", spoils + LOADS["x86_64"], "", ["1.2"])["1.2"] == ("failed", "code-changed")
