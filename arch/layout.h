// Where things are on the ISA that is compiled for: all that kernel/ takes from an ISA about addresses.
#pragma once

#if defined(PAGEWALK_ISA_x86_64)
#include "arch/x86_64/layout.h"
#elif defined(PAGEWALK_ISA_aarch64)
#include "arch/aarch64/layout.h"
#else
#include "kernel/tests/host_layout.h"
#endif
