// What fork does with each page of its parent: a reference to a function, or to any object that can be called like one.
// It is no template, so that the engine, which calls it, need not be one either: it is compiled once.
#pragma once

#include <concepts>
#include <type_traits>

#include "kernel/base/result.h"
#include "kernel/frames/frame.h"
#include "kernel/paging/paging_format.h"

// Gives a frame of its own to a copy of the page that an entry maps. What it refers to must outlive it.
class PageCopier {
 public:
  template <typename Callable>
  requires(!std::same_as<std::remove_cvref_t<Callable>, PageCopier> &&
           std::is_invocable_r_v<Result<OwnedFrame>, Callable&, const Decoded&>) PageCopier(Callable&& callable)
      : callable_((void*)&callable), call_(call<std::remove_reference_t<Callable>>) {}

  // The frame with the copy, or what the callable fails with.
  Result<OwnedFrame> operator()(const Decoded& page) const { return call_(callable_, page); }

 private:
  template <typename Callable>
  static Result<OwnedFrame> call(void* callable, const Decoded& page) {
    return (*(Callable*)callable)(page);
  }

  void* callable_;
  Result<OwnedFrame> (*call_)(void* callable, const Decoded& page);
};
