// Where each exception goes, and the probes that may fault without harm.
#include "arch/x86_64/traps.h"

#include "arch/arch.h"
#include "arch/x86_64/decode_trap.h"
#include "kernel/base/clock.h"
#include "kernel/base/trap.h"
#include "kernel/mm/layout.h"

// probe.S: the instructions that may fault, and where they go on if they do.
extern "C" const char probe_read_access[], probe_write_access[], probe_failed[];
extern "C" bool probe_read_at(std::uint64_t va, std::uint32_t* value);
extern "C" bool probe_write_at(std::uint64_t va, std::uint32_t value);
extern "C" void probe_execute_at(std::uint64_t va);

namespace {

// The address that probe_execute() is calling, or nothing.
constinit std::optional<VirtAddr> g_probed_code;

std::uint64_t address_of(const char* label) {
  return reinterpret_cast<std::uint64_t>(label);
}

// If the fault is one that a probe waits for: prints it, makes the probe return false, and says true.
bool handle_probe(TrapFrame& frame, const Fault& fault) {
  if (frame.rip == address_of(probe_read_access) || frame.rip == address_of(probe_write_access)) {
    print_fault(fault, Outcome::kGoesOn);
    frame.rip = address_of(probe_failed);
    return true;
  }
  if (g_probed_code == VirtAddr{frame.rip}) {
    print_fault(fault, Outcome::kGoesOn);
    frame.rip = *reinterpret_cast<const std::uint64_t*>(frame.rsp);  // as if the code had returned at once...
    frame.rsp += sizeof(std::uint64_t);
    g_probed_code.reset();  // ...but probe_execute() sees that it had not
    return true;
  }
  return false;
}

// A non-canonical address is not a page fault but a general protection fault, which does not say the address.
Fault decode_non_canonical(const TrapFrame& frame) {
  const bool is_fetch = g_probed_code == VirtAddr{frame.rip};
  const Access access = is_fetch                                      ? Access::kExecute
                        : frame.rip == address_of(probe_write_access) ? Access::kWrite
                                                                      : Access::kRead;
  return {VirtAddr{frame.rdi}, access, FaultCause::kNonCanonical, VirtAddr{frame.rip}, mode_of(frame)};
}

// A double fault right below a stack is a page fault whose own frame found no room.
[[noreturn]] void handle_double_fault(const TrapFrame& frame) {
  if (VirtAddr{frame.rsp} - VirtAddr{cpu::read_cr2()} <= kPageSize) {
    fatal_stack_overflow(VirtAddr{frame.rsp}, VirtAddr{frame.rip});
  }
  fatal_exception(exception_name(frame.vector), frame.error, VirtAddr{frame.rip}, mode_of(frame));
}

}  // namespace

extern "C" void handle_trap(TrapFrame& frame) {
  // @from 3
  if (mode_of(frame) == Mode::kUser) return handle_user_trap(frame);
  // @end
  switch (frame.vector) {
    case kTimerVector:
      end_of_interrupt();
      timer_tick();
      return;
    case kSpuriousVector:  // needs no end of interrupt (10.9)
    case kBreakpointVector: return;
    case kPageFaultVector: {
      const Fault fault = decode_page_fault(frame);
      if (!handle_probe(frame, fault)) fatal_fault(fault);
      return;
    }
    case kGeneralProtectionVector: {
      const Fault fault = decode_non_canonical(frame);
      if (!can_translate<Arch::Paging>(fault.address) && handle_probe(frame, fault)) return;
      break;
    }
    case kDoubleFaultVector: handle_double_fault(frame);
    default: break;
  }
  fatal_exception(exception_name(frame.vector), frame.error, VirtAddr{frame.rip}, mode_of(frame));
}

std::optional<std::uint32_t> Arch::probe_read(VirtAddr va) {
  std::uint32_t value = 0;
  return probe_read_at(va.raw(), &value) ? std::optional(value) : std::nullopt;
}

bool Arch::probe_write(VirtAddr va, std::uint32_t value) {
  return probe_write_at(va.raw(), value);
}

bool Arch::probe_execute(VirtAddr va) {
  g_probed_code = va;
  probe_execute_at(va.raw());
  const bool ran = g_probed_code.has_value();
  g_probed_code.reset();
  return ran;
}
