// The engine's main(), and what it has instead of a machine: frames, and whoever looks on, are the judge's.
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "arch/arch.h"
#include "kernel/base/check.h"
#include "kernel/base/todo.h"
#include "kernel/frames/frame.h"
#include "kernel/paging/stale_tlb.h"
#include "kernel/tests/apart/engine.h"
#include "kernel/tests/hardware.h"
#include "kernel/tests/machine.h"

using apart::Message, apart::Word;

// Writes down which lines have run. Only there if the engine is compiled to count them (./pagewalk coverage).
extern "C" [[gnu::weak]] void __gcov_dump();

namespace {

bool g_is_watched = false;
std::optional<VirtAddr>* g_flushed = nullptr;  // where a flush is noted, instead of told

Message with_text(Word word, std::string_view text) {
  Message message{word};
  text.copy(message.text, sizeof(message.text) - 1);
  return message;
}

// Ends for there is no judge any more. Destructors and LeakSanitizer have no part in the verdict.
[[noreturn]] void end() {
  if (__gcov_dump != nullptr) __gcov_dump();
  std::_Exit(0);
}

// The RAM of the judge. After it nobody may touch anything.
void map_ram() {
  void* const place = reinterpret_cast<void*>(apart::kRamPlace);
  void* const ram =
      mmap(place, layout::kWindowSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, apart::kRam, 0);
  if (ram != place) std::_Exit(2);
}

}  // namespace

// --- what the student's code calls -----------------------------------------------------------------------------------

// By this number linear_offset() leads from kRamBase to the RAM.
const std::uint64_t own_address =
    layout::kRamBase.raw() + (reinterpret_cast<std::uintptr_t>(&own_address) - apart::kRamPlace);

const ImageMap image_map{};

void check_failed(const char*, const char* condition, const char*, int, std::uint64_t, std::uint64_t) {
  throw CheckFailed(condition);
}

void lab_todo(int lab, const char* function) {
  Message todo = with_text(Word::kTodo, function);
  todo.values[0] = static_cast<std::uint64_t>(lab);
  apart::send(apart::kSocket, todo);
  std::_Exit(kTodoStatus);
}

void Arch::console_write(char c) {
  std::fputc(c, stderr);
}

bool Arch::disable_interrupts() {
  return false;
}

void Arch::restore_interrupts(bool) {}

void Arch::power_off() {
  std::abort();
}

void Arch::table_written() {
  if (g_is_watched) apart::ask({Word::kTableWritten});
}

void Arch::flush_page(VirtAddr va) {
  if (g_flushed != nullptr) {
    *g_flushed = va;
    return;
  }
  apart::ask({.word = Word::kFlushed, .values = {va.raw()}});
}

void Arch::flush_all() {
  apart::ask({Word::kFlushedAll});
}

Result<OwnedFrame> OwnedFrame::allocate(Zone zone) {
  const Message reply = apart::ask({.word = Word::kAllocate, .values = {static_cast<std::uint64_t>(zone)}});
  if (reply.values[0] == 0) return std::unexpected(Error::kNoMemory);
  return OwnedFrame(Frame::containing(PhysAddr{reply.values[0]}));
}

Result<OwnedFrame> OwnedFrame::allocate_zeroed() {
  OwnedFrame owned = TRY(allocate(Zone::kWindow));
  std::memset(pointer_to(owned.address()), 0, kPageSize);
  return owned;
}

OwnedFrame OwnedFrame::share() const {
  apart::ask({.word = Word::kShare, .values = {address().raw()}});
  return OwnedFrame(frame_);
}

void OwnedFrame::give_back() {
  apart::ask({.word = Word::kGiveBack, .values = {address().raw()}});
}

unsigned owners_of(PhysAddr frame) {
  return frame >= kFirstFrame && frame < kLastFrameEnd ? owners()[(frame - kFirstFrame) / kPageSize] : 0;
}

void Watch::look() {}  // the judge looks

// --- serving ---------------------------------------------------------------------------------------------------------

Message apart::ask(const Message& request) {
  Message reply;
  if (!send(kSocket, request) || !receive(kSocket, reply)) end();
  if (reply.word == Word::kCheckFailed) throw CheckFailed(reply.text);
  return reply;
}

VirtAddr apart::flushed_by(StaleTlb& token) {
  std::optional<VirtAddr> flushed;
  g_flushed = &flushed;
  token.flush();
  g_flushed = nullptr;
  return flushed.value_or(VirtAddr{});
}

int main() {
  map_ram();
  for (Message command; apart::receive(apart::kSocket, command);) {
    g_is_watched = command.is_watched;
    Message said;
    try {
      said = apart::answer(command);
    } catch (const CheckFailed& failed) {
      said = with_text(Word::kCheckFailed, failed.what());
    }
    if (!apart::send(apart::kSocket, said)) break;
  }
  end();
}
