// The step of start-up after which there can be processes.
#include "arch/boot.h"
#include "arch/user_mode.h"
#include "kernel/map/kernel_half.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"

void start_processes() {
  prepare_kernel_half();
  UserMode::prepare();
  set_current(start_process_zero());
}
