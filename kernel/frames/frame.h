// Ownership of a frame as an object: whoever holds an OwnedFrame holds one share of the frame, and the destructor
// gives it back. Sharing is written out; copying does not compile.
#pragma once

#include <utility>

#include "kernel/base/addr.h"
#include "kernel/base/result.h"
#include "kernel/frames/frame_allocator.h"

class [[nodiscard]] OwnedFrame {
 public:
  // What fills a frame that nobody holds any more, if the kernel can reach it: whoever still uses the frame meets this
  // byte. Tools that explain a fault look for it.
  static constexpr int kPoison = 0xcc;

  // A frame of the window, cleared; as a table, the hardware's walker too sees it so from here on.
  [[nodiscard]] static Result<OwnedFrame> allocate_zeroed();

  // A frame of `zone`, with whatever was in it.
  [[nodiscard]] static Result<OwnedFrame> allocate(Zone zone);

  // Takes over the share that something outside C++ held, such as an entry of a page table.
  static OwnedFrame adopt(Frame frame) { return OwnedFrame(frame); }

  OwnedFrame(OwnedFrame&& other) noexcept : frame_(other.frame_), owned_(std::exchange(other.owned_, false)) {}
  OwnedFrame& operator=(OwnedFrame&& other) noexcept {
    std::swap(frame_, other.frame_);
    std::swap(owned_, other.owned_);
    return *this;
  }
  ~OwnedFrame() {
    if (owned_) give_back();
  }

  // A second owner of the same frame.
  OwnedFrame share() const;

  // Gives the share to something outside C++ that will hold it from now on.
  Frame release() {
    owned_ = false;
    return frame_;
  }

  Frame frame() const { return frame_; }
  PhysAddr address() const { return frame_.start(); }

 private:
  explicit OwnedFrame(Frame frame) : frame_(frame) {}

  void give_back();

  Frame frame_;
  bool owned_ = true;
};
