# The host tests: the ISA-free code and all paging formats in one ordinary program, with GoogleTest.
# Included by the top CMakeLists.txt for the preset `host`.
find_package(GTest REQUIRED)
enable_testing()

# Not panic.cc: host_isa.cc stands in for it. memory.cc gets other names, or it would replace the host's own functions.
foreach(function memcpy memmove memset memcmp memchr strlen)
  list(APPEND other_names ${function}=kernel_${function})
endforeach()
set_source_files_properties(kernel/base/memory.cc PROPERTIES COMPILE_DEFINITIONS "${other_names}")

file(GLOB test_sources CONFIGURE_DEPENDS kernel/tests/*.cc)
add_executable(host_tests ${test_sources}
  kernel/base/boot_parameters.cc kernel/base/memory.cc kernel/base/print.cc
  kernel/mm/frame.cc kernel/mm/frame_allocator.cc)
# @from 3
target_sources(host_tests PRIVATE kernel/proc/archive.cc kernel/proc/elf.cc)
# @end
# @from 5
target_sources(host_tests PRIVATE kernel/mm/memory_map.cc kernel/mm/vma.cc)
# @end
target_link_libraries(host_tests PRIVATE GTest::gtest_main)

# The first error ends the program: a test that went on would test nothing. Optimising would take three times as long
# as it saves.
set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all)
target_compile_options(host_tests PRIVATE -O0 -g1 ${sanitizers})
target_link_options(host_tests PRIVATE ${sanitizers})

add_test(NAME host_tests COMMAND host_tests --gtest_brief=1)
