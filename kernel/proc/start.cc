#include "kernel/proc/start.h"

#include "arch/user_mode.h"
#include "kernel/mm/kernel_half.h"
#include "kernel/proc/process.h"

void start_processes() {
  prepare_kernel_half();
  UserMode::prepare();
  start_process_zero();
}
