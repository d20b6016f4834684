# The host tests: the ISA-free code and all paging formats in ordinary programs, with GoogleTest.
# Included by the top CMakeLists.txt for the preset `host`.
find_package(GTest REQUIRED)
enable_testing()

# The first error ends a program: a test that went on would test nothing. Optimising would take three times as long
# as it saves.
set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all)
add_compile_options(-O0 -g1 ${sanitizers})
add_link_options(${sanitizers})

# Not panic.cc: host_isa.cc stands in for it. memory.cc gets other names, or it would replace the host's own functions.
foreach(function memcpy memmove memset memcmp memchr strlen)
  list(APPEND other_names ${function}=kernel_${function})
endforeach()
set_source_files_properties(kernel/base/memory.cc PROPERTIES COMPILE_DEFINITIONS "${other_names}")

# What the tests have in common is compiled once.
add_library(host_kernel OBJECT kernel/tests/hardware.cc kernel/tests/host_isa.cc
  kernel/base/boot_parameters.cc kernel/base/memory.cc kernel/base/print.cc
  kernel/mm/frame.cc kernel/mm/frame_allocator.cc)
# @from 3
target_sources(host_kernel PRIVATE kernel/proc/archive.cc kernel/proc/elf.cc)
# @end
# @from 5
target_sources(host_kernel PRIVATE kernel/mm/memory_map.cc kernel/mm/vma.cc)
# @end

# A program for what one milestone judges, so that no more is built for it; given_tests has what is left.
set(page_table_map_tests page_table_map page_table_memory page_table_model page_table_range)
set(page_table_unmap_tests page_table_unmap)
set(vma_tests vma_list vma_model)
file(GLOB given CONFIGURE_DEPENDS kernel/tests/*_test.cc)
foreach(program page_table_map_tests page_table_unmap_tests vma_tests given_tests)
  set(sources ${given})
  if(NOT program STREQUAL given_tests)
    list(TRANSFORM ${program} REPLACE "(.+)" "/\\1_test.cc$" OUTPUT_VARIABLE own)
    list(JOIN own "|" own)
    list(FILTER sources INCLUDE REGEX "${own}")
    list(FILTER given EXCLUDE REGEX "${own}")
  endif()
  if(sources) # an early lab has not all of them
    add_executable(${program} ${sources})
    target_link_libraries(${program} PRIVATE host_kernel GTest::gtest_main)
    add_test(NAME ${program} COMMAND ${program} --gtest_brief=1)
  endif()
endforeach()
