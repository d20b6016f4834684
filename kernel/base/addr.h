// Physical and virtual addresses as types of their own, so that the one is never taken for the other.
#pragma once

#include <compare>
#include <cstdint>

inline constexpr unsigned kPageBits = 12;
inline constexpr std::uint64_t kPageSize = 1u << kPageBits;
inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;

constexpr bool is_aligned(std::uint64_t value, std::uint64_t alignment) {
  return value % alignment == 0;
}
constexpr std::uint64_t round_down(std::uint64_t value, std::uint64_t alignment) {
  return value - value % alignment;
}
constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t alignment) {
  return round_down(value + alignment - 1, alignment);
}

// An address in the space that `Space` names. Spaces do not mix; .raw() is for where bits meet hardware.
template <typename Space>
class Address {
 public:
  constexpr Address() = default;
  explicit constexpr Address(std::uint64_t raw) : raw_(raw) {}

  constexpr std::uint64_t raw() const { return raw_; }
  constexpr bool is_aligned(std::uint64_t alignment) const { return ::is_aligned(raw_, alignment); }

  constexpr Address operator+(std::uint64_t bytes) const { return Address{raw_ + bytes}; }
  constexpr Address operator-(std::uint64_t bytes) const { return Address{raw_ - bytes}; }
  constexpr std::uint64_t operator-(Address other) const { return raw_ - other.raw_; }
  constexpr auto operator<=>(const Address&) const = default;

 private:
  std::uint64_t raw_ = 0;
};

using PhysAddr = Address<struct PhysicalSpace>;
using VirtAddr = Address<struct VirtualSpace>;

// A page-sized, page-aligned piece of a space: a Frame of physical memory, a Page of virtual memory.
template <typename A>
class PageOf {
 public:
  // The piece that holds `address`.
  static constexpr PageOf containing(A address) { return PageOf{round_down(address.raw(), kPageSize)}; }

  constexpr A start() const { return A{start_}; }
  constexpr auto operator<=>(const PageOf&) const = default;

 private:
  explicit constexpr PageOf(std::uint64_t start) : start_(start) {}
  std::uint64_t start_;
};

using Frame = PageOf<PhysAddr>;
using Page = PageOf<VirtAddr>;

// How many of the `size` bytes from `start` on lie in the page of the first.
constexpr std::uint64_t within_page(VirtAddr start, std::uint64_t size) {
  const std::uint64_t rest = kPageSize - start.raw() % kPageSize;
  return size < rest ? size : rest;
}
