// The numbers of the system calls, for the kernel and for user programs. Where Linux has the call, the number is that
// of its generic table (include/uapi/asm-generic/unistd.h), on every ISA.
//
//            number   arguments                    instruction   result
//   x86_64   rax      rdi rsi rdx r10 r8 r9        int $0x80     rax
//   aarch64  x8       x0  x1  x2  x3  x4 x5        svc #0        x0
//
// The result is a value, or a negative error number (kernel/calls/error_numbers.h). All other registers are kept.
#pragma once

#include <cstdint>

namespace system_calls {

inline constexpr std::uint64_t kRead = 63;
inline constexpr std::uint64_t kWrite = 64;
inline constexpr std::uint64_t kExit = 93;
inline constexpr std::uint64_t kNanosleep = 101;
inline constexpr std::uint64_t kSchedYield = 124;
inline constexpr std::uint64_t kGetpid = 172;
inline constexpr std::uint64_t kBrk = 214;
inline constexpr std::uint64_t kMunmap = 215;
inline constexpr std::uint64_t kExecve = 221;
inline constexpr std::uint64_t kMmap = 222;
inline constexpr std::uint64_t kMprotect = 226;
inline constexpr std::uint64_t kWait4 = 260;

// Ours.
inline constexpr std::uint64_t kSpawn = 1000;            // starts a program of the archive as a child
inline constexpr std::uint64_t kFork = 1001;             // the generic table has none, only a clone that does much more
inline constexpr std::uint64_t kDescribeProgram = 1002;  // what there is (kernel/calls/descriptions.h)
inline constexpr std::uint64_t kDescribeProcess = 1003;
inline constexpr std::uint64_t kDescribeArea = 1004;
inline constexpr std::uint64_t kIgnoreInterrupt = 1005;  // 1: Ctrl-C does not end this process; 0: it does

}  // namespace system_calls

// An option of wait4: do not wait for a child that still runs (Linux's WNOHANG).
inline constexpr std::uint64_t kWaitNoHang = 1;

// What mmap and mprotect take, with Linux's values.
namespace memory_options {

inline constexpr std::uint64_t kProtRead = 1, kProtWrite = 2, kProtExec = 4;
inline constexpr std::uint64_t kMapShared = 1, kMapPrivate = 2, kMapTypeMask = 0xf;
inline constexpr std::uint64_t kMapFixed = 0x10;               // exactly there, in place of what was there
inline constexpr std::uint64_t kMapAnonymous = 0x20;           // zeros, no file
inline constexpr std::uint64_t kMapFixedNoReplace = 0x100000;  // exactly there, or not at all

}  // namespace memory_options
