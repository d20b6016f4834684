// The registers of interrupted code, of whichever ISA: for kernel/definitions.cc, the rest of kernel/ knows none.
#pragma once

#if defined(PAGEWALK_ISA_x86_64)
#include "arch/x86_64/trap_frame.h"
#elif defined(PAGEWALK_ISA_aarch64)
#include "arch/aarch64/trap_frame.h"
#endif
