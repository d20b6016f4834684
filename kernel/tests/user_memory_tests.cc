// The tests of user memory in one unit: gtest and the kernel's headers take longer to compile than all of them.
#include "kernel/tests/address_space_test.cc"
// @from 4
#include "kernel/tests/temp_map_test.cc"
#include "kernel/tests/user_copy_test.cc"
// @end
// @from 5
#include "kernel/tests/fault_test.cc"
// @end
// @from 6
#include "kernel/tests/clone_test.cc"
// @end
