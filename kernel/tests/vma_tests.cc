// All tests of the list of areas as one unit, in the order in which they are to run.
#include "kernel/tests/vma_list_test.cc"
#include "kernel/tests/vma_model_test.cc"
