// The archive of programs: nothing is handed out that is not in it, and both ways to a file lead to the same one.
#include <cstring>
#include <functional>
#include <random>

#include "kernel/program/archive.h"
#include "kernel/tests/archive_file.h"
#include "kernel/tests/fuzz/target.h"

namespace {

using Bytes = std::span<const std::byte>;

// Reads each byte: AddressSanitizer sees one that nobody may.
bool lies_in(Bytes part, Bytes whole) {
  unsigned sum = 0;
  for (const std::byte byte : part) sum += std::to_integer<unsigned>(byte);
  const std::less_equal<> no_later;
  return sum <= 255 * part.size() && no_later(whole.data(), part.data()) &&
         no_later(part.data() + part.size(), whole.data() + whole.size());
}

// Some field of some header to something that could be there; the checksum is right again.
void change_header(std::string& archive, std::mt19937_64& random) {
  const std::size_t blocks = archive.size() / kBlock;
  if (blocks == 0) return;
  const std::size_t start = random() % blocks * kBlock;
  std::string header = archive.substr(start, kBlock);
  const std::size_t offset = random() % 2 == 0 ? 124 + random() % 12 : random() % 345;
  if (offset < 148 || offset >= 156) put(header, offset, std::string(1, "0179\0 /x"[random() % 8]));
  archive.replace(start, kBlock, header);
}

}  // namespace

std::vector<std::string> seeds() {
  const std::string three = file("hello", "text") + file("second", std::string(700, 's')) + file("last", "");
  return {three + kEnd, three, file("twice", "first") + file("twice", "second") + kEnd, kEnd, ""};
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t capacity,
                                               unsigned seed) {
  std::mt19937_64 random(seed);
  if (random() % 3 == 0) return LLVMFuzzerMutate(data, size, capacity);
  std::string archive = text_of(data, size);
  change_header(archive, random);
  return put_back(archive, data, capacity);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes archive = std::as_bytes(std::span(data, size));
  ArchiveReader reader(archive);
  std::vector<ArchiveEntry> entries;
  while (const auto entry = reader.next()) entries.push_back(*entry);
  promise(!reader.next(), "an archive that has ended has ended");
  for (const ArchiveEntry& entry : entries) {
    ++g_accepted;
    promise(entry.name.size() < 100 && lies_in(std::as_bytes(std::span(entry.name)), archive), "a name lies in it");
    promise(lies_in(entry.content, archive), "a content lies in it");
    const auto found = find_file(archive, entry.name);
    const auto first =
        std::find_if(entries.begin(), entries.end(), [&](const auto& each) { return each.name == entry.name; });
    promise(found && found->data() == first->content.data() && found->size() == first->content.size(),
            "the first file of a name is the one that is found by it");
  }
  find_file(archive, "last");
  return 0;
}
