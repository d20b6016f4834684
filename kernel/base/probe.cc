#include "kernel/base/probe.h"

// arch/<isa>/probe.S: the instructions that may fault, and where they go on if they do.
extern "C" const char probe_read_access[], probe_write_access[], probe_failed[], probe_execute_failed[];
extern "C" bool probe_read_at(std::uint64_t va, std::uint32_t* value);
extern "C" bool probe_write_at(std::uint64_t va, std::uint32_t value);
extern "C" bool probe_execute_at(std::uint64_t va);

namespace {

// The address that probe_execute() is calling, or nothing.
constinit std::optional<VirtAddr> g_probed_code;

VirtAddr address_of(const char* label) {
  return VirtAddr{reinterpret_cast<std::uintptr_t>(label)};
}

}  // namespace

std::optional<std::uint32_t> probe_read(VirtAddr va) {
  std::uint32_t value = 0;
  return probe_read_at(va.raw(), &value) ? std::optional(value) : std::nullopt;
}

bool probe_write(VirtAddr va, std::uint32_t value) {
  return probe_write_at(va.raw(), value);
}

bool probe_execute(VirtAddr va) {
  g_probed_code = va;
  const bool ran = probe_execute_at(va.raw());
  g_probed_code.reset();
  return ran;
}

std::optional<Access> probed_access(VirtAddr pc) {
  if (pc == address_of(probe_read_access)) return Access::kRead;
  if (pc == address_of(probe_write_access)) return Access::kWrite;
  if (pc == g_probed_code) return Access::kExecute;
  return std::nullopt;
}

std::optional<VirtAddr> recover_probe(const Fault& fault) {
  const auto access = probed_access(fault.pc);
  if (!access) return std::nullopt;
  print_fault(fault, Outcome::kGoesOn);
  return address_of(access == Access::kExecute ? probe_execute_failed : probe_failed);
}
