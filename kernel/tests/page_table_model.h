// What a page table should mean, kept in the simplest way there is: a std::map from address to leaf. The property
// tests do the same to it and to the engine, thousands of times, and compare.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <iterator>
#include <map>
#include <random>

#include "kernel/tests/page_table_test.h"
#include "kernel/tests/seed.h"

class PageTableModel {
 public:
  explicit PageTableModel(const Hardware& hardware) : hardware_(hardware) {}

  // The leaf that covers `va`, or end().
  auto find(VirtAddr va) const {
    const auto next = leaves_.upper_bound(va);
    if (next == leaves_.begin()) return leaves_.end();
    const auto leaf = std::prev(next);
    return va - leaf->first < leaf->second.size ? leaf : leaves_.end();
  }
  auto end() const { return leaves_.end(); }

  std::optional<Translation> lookup(VirtAddr va) const {
    const auto leaf = find(va);
    if (leaf == end()) return {};
    return Translation{leaf->second.address + (va - leaf->first), leaf->second.size, leaf->second.flags};
  }

  bool is_free(VirtAddr va, std::uint64_t size) const {
    const auto next = leaves_.lower_bound(va);
    return find(va) == end() && (next == end() || next->first - va >= size);
  }

  Result<void> map(VirtAddr va, PhysAddr pa, PageFlags flags, unsigned level) {
    if (!is_free(va, hardware_.level_size(level))) return std::unexpected(Error::kAlreadyMapped);
    leaves_.emplace(va, Translation{pa, hardware_.level_size(level), flags});
    return {};
  }

  Result<void> map_range(VirtAddr va, PhysAddr pa, std::uint64_t size, PageFlags flags) {
    for (std::uint64_t done = 0; done < size;) {
      unsigned level = hardware_.largest_leaf;
      const auto fits = [&](std::uint64_t block) {
        return (va.raw() + done) % block == 0 && (pa.raw() + done) % block == 0 && done + block <= size;
      };
      while (!fits(hardware_.level_size(level))) --level;
      TRY(map(va + done, pa + done, flags, level));
      done += hardware_.level_size(level);
    }
    return {};
  }

  void unmap(VirtAddr va) { leaves_.erase(va); }
  void protect(VirtAddr va, PageFlags flags) { leaves_.at(va).flags = flags; }

  const std::map<VirtAddr, Translation>& leaves() const { return leaves_; }

 private:
  const Hardware& hardware_;
  std::map<VirtAddr, Translation> leaves_;
};

// Numbers and addresses by chance.
class Chance {
 public:
  Chance(const Hardware& hardware, std::uint64_t seed) : hardware_(hardware), generator_(seed) {}

  // One of 0 ... count - 1.
  std::uint64_t below(std::uint64_t count) { return generator_() % count; }

  PageFlags flags() { return flags_from_number(static_cast<unsigned>(below(32))); }

  std::uint64_t half_size() const {
    return std::uint64_t{1} << (kPageBits - 1 + hardware_.levels * hardware_.index_bits);
  }

  // A page whose index at each level is the first, the second or the last: few enough that they often collide.
  // `half` is where its half of the address space begins.
  VirtAddr page(VirtAddr half) {
    const std::uint64_t last = (std::uint64_t{1} << hardware_.index_bits) - 1;
    const std::uint64_t half_index = last / 2;  // the highest bit of the root's index belongs to the half
    VirtAddr va = half;
    for (unsigned level = 0; level < hardware_.levels; ++level) {
      const std::uint64_t highest = level + 1 == hardware_.levels ? half_index : last;
      const std::uint64_t index = std::array{std::uint64_t{0}, std::uint64_t{1}, highest}[below(3)];
      va = va + (index << (kPageBits + level * hardware_.index_bits));
    }
    return va;
  }

  // An address of physical memory, a multiple of `size`; what follows it is below 4 GiB as well.
  PhysAddr physical(std::uint64_t size) { return PhysAddr{round_down(below(0x8000'0000), size)}; }

 private:
  const Hardware& hardware_;
  std::mt19937_64 generator_;
};

// The last operations, for the report of a failure.
class History {
 public:
  struct Operation {
    const char* name;
    VirtAddr va;
    PhysAddr pa = {};
    std::uint64_t detail = 0;  // size or level
    std::string_view outcome = {};
  };

  void add(const Operation& operation) {
    operations_.push_back(operation);
    if (operations_.size() > 12) operations_.pop_front();
  }

  friend std::ostream& operator<<(std::ostream& out, const History& history) {
    out << "The last operations were\n";
    for (const Operation& each : history.operations_) {
      out << "  " << each.name << " va " << testing::PrintToString(each.va) << " pa " << testing::PrintToString(each.pa)
          << " size or level " << each.detail << ": " << each.outcome << "\n";
    }
    return out;
  }

 private:
  std::deque<Operation> operations_;
};
