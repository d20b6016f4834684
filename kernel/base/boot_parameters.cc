#include "kernel/base/boot_parameters.h"

#include "kernel/base/layout.h"

namespace {

const BootParameters* find() {
  const auto* found = static_cast<const BootParameters*>(pointer_to(layout::kBootParameters));
  return found->magic == kBootParametersMagic ? found : nullptr;
}

}  // namespace

BootParameters boot_parameters() {
  constexpr BootParameters kDefaults{.magic = kBootParametersMagic,
                                     .nonce = 0,
                                     .ram_bytes = layout::kSmallestRam,
                                     .fail_allocation = 0,
                                     .script_bytes = 0};
  const BootParameters* found = find();
  return found != nullptr ? *found : kDefaults;
}

std::string_view boot_script() {
  const BootParameters* found = find();
  if (found == nullptr || found->script_bytes > kBootParametersSize - sizeof(BootParameters)) return {};
  return {reinterpret_cast<const char*>(found + 1), found->script_bytes};
}
