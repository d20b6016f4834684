// What tools look up in the debug information of the kernel: where the members of records lie, and what constants are.
// There is no code here. The compiler leaves out nothing that these headers define (CMakeLists.txt).
#include "arch/trap_frame.h"
#include "kernel/base/boot_parameters.h"
#include "kernel/mm/frame_allocator.h"
#include "kernel/mm/layout.h"
// @from 3
#include "kernel/mm/kernel_half.h"
#include "kernel/mm/user_layout.h"
#include "kernel/proc/descriptions.h"
#include "kernel/proc/error_numbers.h"
#include "kernel/proc/process.h"
#include "kernel/proc/system_call_numbers.h"
// @end
// @from 5
#include "kernel/mm/memory_map.h"
// @end

static_assert(sizeof(Guarded<FrameAllocator>) > 0);  // or the compiler would not make that class
