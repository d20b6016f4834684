// The parser of programs: whatever it accepts obeys the rules that the loader relies on.
#include <random>

#include "kernel/tests/elf_file.h"
#include "kernel/tests/fuzz/target.h"

namespace {

constexpr std::size_t kHeadersEnd = kFirstPart + 4 * kOnePart;

std::string bytes_of(ElfFile file) {
  return text_of(reinterpret_cast<const std::uint8_t*>(file.bytes().data()), file.bytes().size());
}

ElfFile with_thread_variables() {
  return ElfFile().add_part(thread_variables());
}

// A field of a header to something at the edge of what is allowed.
void change_field(std::string& file, std::mt19937_64& random) {
  const std::uint64_t edges[] = {
      0, 1, kPageSize, 0x400000, 0x402000, 0x404000, kUserEnd, 0xffff'8000'0000'0000, file.size(), 0x10000'0000};
  const std::uint64_t value = edges[random() % std::size(edges)] + random() % 3 - 1;
  const std::size_t field = random() % (kHeadersEnd / 8) * 8;
  if (field + sizeof value <= file.size()) std::memcpy(file.data() + field, &value, sizeof value);
}

}  // namespace

std::vector<std::string> seeds() {
  ElfFile for_arm = with_thread_variables();
  for_arm.put<std::uint16_t>(kMachine, kElfMachineAarch64);
  ElfFile with_too_many_segments;
  for (std::uint64_t start = 0x500000; start < 0x506000; start += kPageSize) {
    with_too_many_segments.add_part({.start = start, .memory_size = 1});
  }
  return {bytes_of(ElfFile()), bytes_of(with_thread_variables()), bytes_of(for_arm), bytes_of(with_too_many_segments)};
}

// Mostly in the headers: nobody looks at the contents.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t capacity,
                                               unsigned seed) {
  std::mt19937_64 random(seed);
  std::string file = text_of(data, size);
  switch (random() % 4) {
    case 0: return LLVMFuzzerMutate(data, size, capacity);
    case 1: change_field(file, random); break;
    default:
      if (file.empty()) break;
      char& byte = file[random() % std::min(file.size(), kHeadersEnd)];
      byte = static_cast<char>(random() % 2 == 0 ? random() : byte ^ 1 << random() % 8);
  }
  return put_back(file, data, capacity);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  for (const std::uint16_t machine : {kElfMachineX86_64, kElfMachineAarch64}) {
    const auto program = parse_executable(file, machine);
    if (!program) continue;
    ++g_accepted;
    promise(broken_rule(*program, size).empty(), broken_rule(*program, size));
    promise(std::memcmp(data + kMachine, &machine, sizeof machine) == 0, "it is for this machine");
  }
  return 0;
}
