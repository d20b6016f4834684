// The user half of a process: a root of its own, and the pages and tables below it. The kernel half is everybody's.
#pragma once

#include <optional>
#include <utility>

#include "kernel/frames/frame.h"
#include "kernel/map/kernel_regions.h"

struct MemoryMap;

class [[nodiscard]] AddressSpace {
 public:
  // Lab 3, address_space.cc: a root that maps the kernel, and no user page. kNoMemory.
  static Result<AddressSpace> create();

  // The root that is loaded while no process runs. It is never destroyed.
  static AddressSpace of_kernel();

  // From lab 5 on, space_with_map.cc: as create(), with a map that promises nothing yet. kNoMemory.
  static Result<AddressSpace> create_with_map();

  // From lab 5 on, space_with_map.cc: what has been promised in this space. Only spaces with a map have one.
  MemoryMap& memory() const;
  // Where that is kept.
  PhysAddr map_address() const { return map_frame_->address(); }

  AddressSpace(AddressSpace&& other) noexcept
      : root_(other.root_), owned_(std::exchange(other.owned_, false)), map_frame_(std::move(other.map_frame_)) {}
  AddressSpace& operator=(AddressSpace&&) = delete;
  // Gives back the root and everything below its user half. No CPU may be using it.
  ~AddressSpace();

  // Lab 3, address_space.cc: from here on, user addresses are those of this space.
  void load() const;

  // Maps `page`, in the user half; the space owns the frame from now on. kAlreadyMapped, kBadAddress, kNoMemory.
  [[nodiscard]] Result<void> map(Page page, OwnedFrame frame, PageFlags flags);

  // What the user may find at `va`; nothing if there is no page of the user's.
  std::optional<Mapping> lookup(VirtAddr va) const;

  PhysAddr root() const { return root_; }

 private:
  explicit AddressSpace(PhysAddr root) : root_(root) {}

  // Lab 3, address_space.cc: frees all pages and tables of the user half, then the root itself.
  void destroy();

  PhysAddr root_;
  bool owned_ = true;
  std::optional<OwnedFrame> map_frame_;  // of the map, from lab 5 on
};
