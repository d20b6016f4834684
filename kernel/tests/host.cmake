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

# Files of the kernel by their names, without folder and ending: those that are there, for a tree has the files of the
# labs that it has come to.
file(GLOB there RELATIVE ${CMAKE_SOURCE_DIR} CONFIGURE_DEPENDS kernel/*/*.cc)
function(find_sources found)
  string(REPLACE ";" "|" names "${ARGN}")
  list(FILTER there INCLUDE REGEX "/(${names})\\.cc$")
  set(${found} ${there} PARENT_SCOPE)
endfunction()

# Who judges needs no sanitizers: that halves the time to compile it. What runs most of all is optimised as well.
function(spare_sanitizers)
  find_sources(sources ${ARGN})
  set_property(SOURCE ${sources} PROPERTY COMPILE_OPTIONS -fno-sanitize=all)
endfunction()
# Where the variables of a test are judged, AddressSanitizer is to see who reads or writes beyond one.
function(spare_undefined)
  find_sources(sources ${ARGN})
  set_property(SOURCE ${sources} PROPERTY COMPILE_OPTIONS -fno-sanitize=undefined)
endfunction()
set_source_files_properties(kernel/tests/hardware.cc PROPERTIES COMPILE_OPTIONS "-fno-sanitize=all;-O2")
set_source_files_properties(kernel/frames/frame_allocator.cc PROPERTIES COMPILE_OPTIONS -O2)

# A program of the sources and the tests of these names, if one of the tests is there. What has sanitizers comes first:
# of an inline function that several files have the linker keeps the first one.
function(add_tests program)
  cmake_parse_arguments(of "" "" "SOURCES;TESTS" ${ARGN})
  find_sources(sources ${of_SOURCES})
  find_sources(tests ${of_TESTS})
  if(tests)
    add_executable(${program} $<TARGET_OBJECTS:host_machine> ${sources} ${tests})
    target_link_libraries(${program} PRIVATE GTest::gtest_main)
    add_test(NAME ${program} COMMAND ${program} --gtest_brief=1)
  endif()
endfunction()

# What a milestone judges is two programs: the tests, and what a student wrote, in a process of its own (apart/). Each is
# made of no more than it needs: so it is the same program in all labs.
function(add_judged program)
  cmake_parse_arguments(of "" "" "STUDENT;SERVES;ASKS;TESTS" ${ARGN})
  find_sources(tests ${of_TESTS})
  if(NOT tests)
    return()
  endif()
  find_sources(student ${of_STUDENT})
  list(TRANSFORM of_SERVES REPLACE "(.+)" "kernel/tests/apart/\\1.cc" OUTPUT_VARIABLE serves)
  list(TRANSFORM of_ASKS REPLACE "(.+)" "kernel/tests/apart/\\1.cc" OUTPUT_VARIABLE asks)
  add_executable(${program}_engine kernel/tests/apart/engine.cc kernel/tests/apart/protocol.cc
    kernel/base/print.cc ${serves} ${student})
  target_compile_options(${program}_engine PRIVATE -g) # for whoever steps through it
  add_executable(${program} $<TARGET_OBJECTS:host_machine> kernel/tests/apart/judge.cc kernel/tests/apart/protocol.cc ${asks} ${tests})
  target_link_libraries(${program} PRIVATE GTest::gtest_main)
  set_property(SOURCE ${tests} PROPERTY COMPILE_OPTIONS -fno-sanitize=all)
  set_property(SOURCE ${asks} kernel/tests/apart/judge.cc kernel/tests/apart/protocol.cc PROPERTY COMPILE_OPTIONS
    -fno-sanitize=all -O1)
  # Built with it, but not before its sources are compiled. Who does not trust the engine builds the judge by itself.
  if(NOT JUDGES_ALONE)
    set_property(TARGET ${program} PROPERTY LINK_DEPENDS ${CMAKE_BINARY_DIR}/${program}_engine)
  endif()
  add_test(NAME ${program} COMMAND ${program} --gtest_brief=1)
endfunction()
find_sources(unmap_engine unmap_engine)
if(unmap_engine) # from lab 3 on; it contains that of lab 1
  set(engine STUDENT unmap_engine SERVES serve_unmap)
else()
  set(engine STUDENT map_engine SERVES serve_map)
endif()
add_judged(page_table_tests ${engine} ASKS judged_table TESTS page_table_map_tests page_table_unmap_test)
add_judged(vma_tests STUDENT vma SERVES serve_vma ASKS judged_vma TESTS vma_tests)

# What no milestone judges, for it takes the work of several labs: user memory, windows and all. The MMU is a judge.
add_tests(user_memory_tests
  SOURCES address_space kernel_half kernel_table kernel_table_cursor kernel_table_copy temp_map user_copy fault memory_map
    space_with_map vma clone mmu
  TESTS address_space_test temp_map_test user_copy_test fault_test clone_test)
find_sources(judge mmu)
set_property(SOURCE ${judge} PROPERTY COMPILE_OPTIONS -fno-sanitize=all -O1)
# The tests in one unit: gtest and the kernel's headers take longer to compile than all of them.
if(TARGET user_memory_tests)
  find_sources(tests address_space_test temp_map_test user_copy_test fault_test clone_test)
  set_property(SOURCE ${tests} PROPERTY UNITY_GROUP tests)
  set_target_properties(user_memory_tests PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endif()

# What no milestone judges, for it is given.
add_tests(given_tests
  SOURCES memory archive elf memory_map cursor_engine copy_engine
  TESTS base_test frame_allocator_test frame_test memory_test archive_test elf_test memory_map_test
    page_table_cursor_test page_table_copy_test)
spare_sanitizers(page_table_cursor_test page_table_copy_test)
spare_undefined(base_test frame_allocator_test frame_test memory_test archive_test elf_test memory_map_test)

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
