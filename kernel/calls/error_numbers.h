// Linux's error numbers, for the kernel and for user programs. A system call that fails returns one of them, negated.
#pragma once

#include <cstdint>

namespace error_numbers {

inline constexpr std::int64_t kEPERM = 1;        // page 0 is nobody's
inline constexpr std::int64_t kENOENT = 2;       // there is no program of this name
inline constexpr std::int64_t kE2BIG = 7;        // more arguments than fit
inline constexpr std::int64_t kENOEXEC = 8;      // the program is not one that the kernel can load
inline constexpr std::int64_t kEBADF = 9;        // no open file has this number
inline constexpr std::int64_t kECHILD = 10;      // there is no such child to wait for
inline constexpr std::int64_t kEAGAIN = 11;      // there are too many processes already
inline constexpr std::int64_t kENOMEM = 12;      // no memory is left
inline constexpr std::int64_t kEACCES = 13;      // memory that may be written and executed
inline constexpr std::int64_t kEFAULT = 14;      // an address that the process itself could not have used
inline constexpr std::int64_t kEEXIST = 17;      // something is mapped there already
inline constexpr std::int64_t kENODEV = 19;      // this file cannot be mapped
inline constexpr std::int64_t kEINVAL = 22;      // an argument makes no sense
inline constexpr std::int64_t kENOSYS = 38;      // there is no system call of this number
inline constexpr std::int64_t kEOPNOTSUPP = 95;  // memory that processes share

}  // namespace error_numbers
