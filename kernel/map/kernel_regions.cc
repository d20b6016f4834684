#include "kernel/map/kernel_regions.h"

#include "kernel/base/boot_parameters.h"

std::array<Region, kRegionCount> kernel_regions() {
  constexpr PageFlags kText{.execute = true, .global = true};
  constexpr PageFlags kReadOnly{.global = true};
  constexpr PageFlags kData{.write = true, .global = true};
  constexpr PageFlags kDevice{.write = true, .global = true, .memory = MemoryType::kDevice};
  const ImageMap& image = image_map;

  std::array<Region, kRegionCount> regions{
      Region{"text", image.text, image.text_end - image.text, kText},
      Region{"rodata", image.rodata, image.rodata_end - image.rodata, kReadOnly},
      Region{"data", image.data, image.data_end - image.data, kData},
      Region{"boot-stack", image.boot_stack, image.boot_stack_end - image.boot_stack, kData},
      Region{"emergency-stack", image.emergency_stack, image.emergency_stack_end - image.emergency_stack, kData},
      Region{"parameters", layout::kBootParameters, kBootParametersSize, kReadOnly},
      Region{"frames", image.end, layout::kWindowEnd - image.end, kData},
  };
  for (unsigned i = 0; i < layout::kDevices.size(); ++i) {
    const DeviceRegion& device = layout::kDevices[i];
    regions[kRegionCount - layout::kDevices.size() + i] = {device.name, device.start, device.size, kDevice};
  }
  return regions;
}
