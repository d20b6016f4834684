// All tests of map() and lookup() as one unit: most of the time in which one of these files is compiled goes into
// GoogleTest's header. Each rests on what those before it test.
#include "kernel/tests/page_table_lookup_test.cc"

#include "kernel/tests/page_table_map_test.cc"

#include "kernel/tests/page_table_range_test.cc"

#include "kernel/tests/page_table_memory_test.cc"

#include "kernel/tests/page_table_model_test.cc"
