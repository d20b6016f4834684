#include "arch/user_mode.h"

#include <algorithm>

#include "arch/x86_64/trap_frame.h"

extern "C" const char trap_return[];  // trap_entry.S

namespace {

// CR0 and CR4 (Intel SDM vol. 3, 2.5). With TS set, any use of the FPU or of SSE registers is exception 7.
constexpr std::uint64_t kCr0MonitorCoprocessor = 1 << 1;
constexpr std::uint64_t kCr0TaskSwitched = 1 << 3;
constexpr std::uint64_t kCr4SseEnabled = 1 << 9;         // without it, SSE is an invalid opcode
constexpr std::uint64_t kCr4NoUserTableReads = 1 << 11;  // UMIP: no sgdt, sidt, str for users
constexpr std::uint64_t kCr4NoUserExecution = 1 << 20;   // SMEP: the kernel executes no user page...
constexpr std::uint64_t kCr4NoUserAccess = 1 << 21;      // SMAP: ...and touches none
constexpr std::uint64_t kFlagsOfNewProcess = cpu::kFlagInterrupts | 1 << 1;  // bit 1 is always one

constexpr std::uint64_t kCr4OfLab1 = 1 << 5 | cpu::kCr4GlobalPages;  // PAE, PGE
constexpr std::uint64_t kEferSystemCalls = 1 << 0;                   // SCE: the instruction `syscall`

// CPUID leaf 7: EBX, EBX, ECX (Intel SDM vol. 2, CPUID).
constexpr std::uint32_t kHasSmep = 1 << 7;
constexpr std::uint32_t kHasSmap = 1 << 20;
constexpr std::uint32_t kHasUmip = 1 << 2;

struct Features {
  std::uint32_t ebx, ecx;
};

// The structured extended features (Intel SDM vol. 2, CPUID, leaf 7).
Features extended_features() {
  std::uint32_t leaf = 0, ebx, ecx = 0, edx;
  asm volatile("cpuid" : "+a"(leaf), "=b"(ebx), "+c"(ecx), "=d"(edx));
  if (leaf < 7) return {};
  leaf = 7;
  ecx = 0;
  asm volatile("cpuid" : "+a"(leaf), "=b"(ebx), "+c"(ecx), "=d"(edx));
  return {ebx, ecx};
}

// The base of FS (Intel SDM vol. 3, 3.4.4). User code has no instruction to write it: CR4.FSGSBASE is clear.
constexpr std::uint32_t kFsBase = 0xc000'0100;

// What a stack holds before its first switch_stacks(), below the trap frame: see the picture in switch.S.
struct FirstContext {
  std::uint64_t r15, r14, r13, r12, rbp, rbx;
  std::uint64_t return_address;
};

TrapFrame& frame_under(VirtAddr top) {
  return *(reinterpret_cast<TrapFrame*>(top.raw()) - 1);
}

}  // namespace

void UserMode::prepare() {
  const Features features = extended_features();
  std::uint64_t cr4 = (cpu::read_cr4() & kCr4OfLab1) | kCr4SseEnabled;  // whatever else may be on opens something
  if ((features.ebx & kHasSmep) != 0) cr4 |= kCr4NoUserExecution;
  if ((features.ebx & kHasSmap) != 0) cr4 |= kCr4NoUserAccess;
  if ((features.ecx & kHasUmip) != 0) cr4 |= kCr4NoUserTableReads;
  cpu::write_cr4(cr4);
  cpu::write_msr(cpu::kEfer, cpu::read_msr(cpu::kEfer) & ~kEferSystemCalls);
  cpu::write_cr0(cpu::read_cr0() | kCr0MonitorCoprocessor | kCr0TaskSwitched);
}

void UserMode::enter_at(VirtAddr top, VirtAddr pc, VirtAddr sp) {
  TrapFrame& frame = frame_under(top);
  frame = {};
  frame.rip = pc.raw();
  frame.cs = kUserCodeSelector;
  frame.rflags = kFlagsOfNewProcess;
  frame.rsp = sp.raw();
  frame.ss = kUserDataSelector;
}

void UserMode::copy_frame(VirtAddr top, VirtAddr top_of_other) {
  frame_under(top) = frame_under(top_of_other);
}

void UserMode::set_result(VirtAddr top, std::uint64_t value) {
  frame_under(top).rax = value;
}

void* UserMode::prepare_stack(VirtAddr top) {
  auto* context = reinterpret_cast<FirstContext*>(&frame_under(top)) - 1;
  *context = {};
  context->return_address = reinterpret_cast<std::uint64_t>(trap_return);
  return context;
}

void UserMode::save_registers(Registers& registers) {
  asm volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
               : "=m"(registers.ds), "=m"(registers.es), "=m"(registers.fs), "=m"(registers.gs));
  registers.thread_pointer = cpu::read_msr(kFsBase);
}

// The base comes last: a load of FS changes it.
void UserMode::load_registers(const Registers& registers) {
  asm volatile("mov %0, %%ds; mov %1, %%es; mov %2, %%fs; mov %3, %%gs" ::"m"(registers.ds), "m"(registers.es),
               "m"(registers.fs), "m"(registers.gs));
  cpu::write_msr(kFsBase, registers.thread_pointer);
}

// The variables end where the thread pointer points (System V ABI, "Thread-Local Storage", variant II).
ThreadLayout UserMode::thread_layout(std::uint64_t size, std::uint64_t alignment) {
  const std::uint64_t pointer = round_up(size, std::max(alignment, sizeof(std::uint64_t)));
  return {
      .variables = pointer - round_up(size, alignment), .pointer = pointer, .size = pointer + sizeof(std::uint64_t)};
}

std::array<Vital, 3> UserMode::vitals() {
  const char* here = nullptr;
  asm("lea 0(%%rip), %0" : "=r"(here));
  return {Vital{"vectors", descriptor_tables()}, Vital{"code", VirtAddr{reinterpret_cast<std::uint64_t>(here)}},
          Vital{"stack", VirtAddr{reinterpret_cast<std::uint64_t>(__builtin_frame_address(0))}}};
}
