// The numbers of the system calls, for the kernel and for user programs. Where Linux has the call, the number is that
// of its generic table (include/uapi/asm-generic/unistd.h), on every ISA.
//
//            number   arguments                    instruction   result
//   x86_64   rax      rdi rsi rdx r10 r8 r9        int $0x80     rax
//   aarch64  x8       x0  x1  x2  x3  x4 x5        svc #0        x0
//
// The result is a value, or a negative error number (kernel/proc/error_numbers.h). All other registers are kept.
#pragma once

#include <cstdint>

namespace system_calls {

inline constexpr std::uint64_t kRead = 63;
inline constexpr std::uint64_t kWrite = 64;
inline constexpr std::uint64_t kExit = 93;
inline constexpr std::uint64_t kNanosleep = 101;
inline constexpr std::uint64_t kSchedYield = 124;
inline constexpr std::uint64_t kGetpid = 172;
inline constexpr std::uint64_t kWait4 = 260;

// Ours: starts a program of the archive as a child. There is no fork before lab 6.
inline constexpr std::uint64_t kSpawn = 1000;

}  // namespace system_calls

// An option of wait4: do not wait for a child that still runs (Linux's WNOHANG).
inline constexpr std::uint64_t kWaitNoHang = 1;
