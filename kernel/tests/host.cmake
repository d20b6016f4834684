# The host tests: the ISA-free code and all paging formats in ordinary programs, with GoogleTest.
# Included by the top CMakeLists.txt for the preset `host`.
find_package(GTest REQUIRED)
enable_testing()

# The first error ends a program: a test that went on would test nothing. Optimising would take three times as long
# as it saves.
set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all CACHE STRING "none, to count which lines run")
add_compile_options(-O0 -g1 ${sanitizers})
add_link_options(${sanitizers})

# Not panic.cc: host_isa.cc stands in for it. memory.cc gets other names, or it would replace the host's own functions.
foreach(function memcpy memmove memset memcmp memchr strlen)
  list(APPEND other_names ${function}=kernel_${function})
endforeach()
set_source_files_properties(kernel/base/memory.cc PROPERTIES COMPILE_DEFINITIONS "${other_names}")

# What programs have in common is compiled once: the machine, which is all given. What a student writes belongs to the
# programs that judge it, and to no other.
add_library(host_machine OBJECT kernel/tests/hardware.cc kernel/tests/host_isa.cc kernel/base/boot_parameters.cc
  kernel/base/print.cc kernel/frames/frame.cc kernel/frames/frame_allocator.cc)

# Who judges needs no sanitizers: that halves the time to compile it. What runs most of all is optimised, too.
function(spare_sanitizers)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -fno-sanitize=all)
endfunction()
# Where the variables of a test are judged, AddressSanitizer is to see who reads or writes beyond one.
function(spare_undefined)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -fno-sanitize=undefined)
endfunction()
set_source_files_properties(kernel/tests/hardware.cc PROPERTIES COMPILE_OPTIONS "-fno-sanitize=all;-O2")
set_source_files_properties(kernel/frames/frame_allocator.cc PROPERTIES COMPILE_OPTIONS -O2)

# What has sanitizers comes first: of an inline function that several files have the linker keeps the first one.
function(add_tests program)
  add_executable(${program} $<TARGET_OBJECTS:host_machine> ${ARGN})
  target_link_libraries(${program} PRIVATE GTest::gtest_main)
  add_test(NAME ${program} COMMAND ${program} --gtest_brief=1)
endfunction()

# A program for what one milestone judges, made of no more than it needs: so it is the same program in all labs.
add_tests(page_table_map_tests kernel/tests/map_engine.cc kernel/tests/page_table_map_tests.cc)
spare_sanitizers(kernel/tests/page_table_map_tests.cc)
# @from 3
add_tests(page_table_unmap_tests kernel/tests/unmap_engine.cc kernel/tests/page_table_unmap_test.cc)
spare_sanitizers(kernel/tests/page_table_unmap_test.cc)
# @end
# @from 5
add_tests(vma_tests kernel/space/vma.cc kernel/tests/vma_tests.cc)
spare_undefined(kernel/tests/vma_tests.cc)
# @end

# @from 3
# What no milestone judges, for it takes the work of several labs: user memory, windows and all. The MMU is a judge.
set(user_memory kernel/space/address_space.cc kernel/map/kernel_half.cc kernel/map/kernel_table.cc)
set_source_files_properties(kernel/tests/mmu.cc PROPERTIES COMPILE_OPTIONS "-fno-sanitize=all;-O1")
spare_undefined(kernel/tests/user_memory_tests.cc)
# @end
# @from 4
list(APPEND user_memory kernel/map/temp_map.cc kernel/space/user_copy.cc)
# @end
# @from 5
list(APPEND user_memory kernel/space/fault.cc kernel/space/memory_map.cc kernel/space/space_with_map.cc kernel/space/vma.cc)
# @end
# @from 6
list(APPEND user_memory kernel/space/clone.cc)
# @end
# @from 3
add_tests(user_memory_tests ${user_memory} kernel/tests/user_memory_tests.cc kernel/tests/mmu.cc)
# @end

# What no milestone judges, for it is given.
set(given kernel/base/memory.cc kernel/tests/base_test.cc kernel/tests/frame_allocator_test.cc
  kernel/tests/frame_test.cc kernel/tests/memory_test.cc)
spare_undefined(kernel/tests/base_test.cc kernel/tests/frame_allocator_test.cc kernel/tests/frame_test.cc kernel/tests/memory_test.cc)
# @from 3
list(APPEND given kernel/program/archive.cc kernel/program/elf.cc kernel/tests/archive_test.cc kernel/tests/elf_test.cc)
spare_undefined(kernel/tests/archive_test.cc kernel/tests/elf_test.cc)
# @end
# @from 5
list(APPEND given kernel/tests/cursor_engine.cc kernel/tests/page_table_cursor_test.cc kernel/space/memory_map.cc
  kernel/tests/memory_map_test.cc)
spare_sanitizers(kernel/tests/page_table_cursor_test.cc)
spare_undefined(kernel/tests/memory_map_test.cc)
# @end
# @from 6
list(APPEND given kernel/tests/copy_engine.cc kernel/tests/page_table_copy_test.cc)
spare_sanitizers(kernel/tests/page_table_copy_test.cc)
# @end
add_tests(given_tests ${given})

# @main

# Fuzz targets for what parses bytes. LLVM's libFuzzer drives them as well (CONTRIBUTING.md).
add_library(fuzz_driver OBJECT kernel/tests/fuzz/driver.cc)
spare_sanitizers(kernel/tests/fuzz/driver.cc)
function(add_fuzz_target name rounds)
  add_executable(fuzz_${name} ${ARGN} kernel/tests/fuzz/${name}_target.cc $<TARGET_OBJECTS:fuzz_driver>)
  target_compile_definitions(fuzz_${name} PRIVATE _GLIBCXX_ASSERTIONS) # no index of an array or a span out of range
  spare_undefined(kernel/tests/fuzz/${name}_target.cc)
  add_test(NAME fuzz_${name} COMMAND fuzz_${name} --rounds ${rounds})
endfunction()
add_fuzz_target(elf 10000 kernel/program/elf.cc)
add_fuzz_target(archive 10000 kernel/program/archive.cc)
add_fuzz_target(script 5000 kernel/monitor/monitor.cc kernel/base/console.cc $<TARGET_OBJECTS:host_machine>)
# @end
