// What tools look up in the debug information of the kernel: where the members of records lie, and what constants are.
// There is no code here. The compiler leaves out nothing that these headers define (CMakeLists.txt).
#include "arch/trap_frame.h"
#include "kernel/base/boot_parameters.h"
#include "kernel/base/layout.h"
#include "kernel/frames/frame.h"
#include "kernel/frames/frame_allocator.h"
// @from 3
#include "kernel/calls/descriptions.h"
#include "kernel/calls/error_numbers.h"
#include "kernel/calls/system_call_numbers.h"
#include "kernel/map/kernel_half.h"
#include "kernel/process/process.h"
#include "kernel/space/user_layout.h"
// @end
// @from 4
#include "kernel/map/temp_map.h"
// @end
// @from 5
#include "kernel/space/memory_map.h"
// @end

static_assert(sizeof(Guarded<FrameAllocator>) > 0);  // or the compiler would not make that class
