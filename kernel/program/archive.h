// The programs of user/, found by name. The build packs them into a ustar archive (POSIX.1-2017, pax, "ustar
// Interchange Format") inside the kernel image. The reader trusts none of it: whatever does not look as it must is the
// end of the archive.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

struct ArchiveEntry {
  std::string_view name;
  std::span<const std::byte> content;
};

// Goes through the files of an archive in memory, which must stay where it is: names and contents point into it.
class ArchiveReader {
 public:
  explicit ArchiveReader(std::span<const std::byte> archive) : rest_(archive) {}

  // The next file; nothing at the end, or from the first flaw on. Folders and the like are passed over.
  std::optional<ArchiveEntry> next();

 private:
  std::span<const std::byte> rest_;
};

// The content of the first file called `name`, if there is one and its header is intact.
std::optional<std::span<const std::byte>> find_file(std::span<const std::byte> archive, std::string_view name);

// The archive in the kernel image (kernel/program/archive_image.S).
extern "C" const std::byte archive_start[], archive_end[];

inline std::span<const std::byte> program_archive() {
  return {archive_start, archive_end};
}
