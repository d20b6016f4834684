# The standard headers, precompiled for the target `kernel`. Included by the top CMakeLists.txt; sets `not_precompiled` to
# the sources that cannot have them.

set(standard_headers <cstdint> <cstddef> <array> <string_view> <algorithm> <optional> <span> <utility> <cstring> <concepts>
  <expected> <type_traits> <atomic>)
# memory.cc defines what <cstring> declares as built in, standard_library.cc what the library throws; definitions.cc is
# compiled with other options.
set(not_precompiled kernel/base/memory.cc kernel/base/standard_library.cc kernel/definitions.cc)

set_source_files_properties(${not_precompiled} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
list(APPEND CMAKE_CXX_COMPILE_OPTIONS_USE_PCH ${hidden})
target_precompile_headers(kernel PRIVATE ${standard_headers})
target_compile_options(kernel PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>) # without it ccache stands aside

# A precompiled header takes 40 MB, and ccache would read them for each file. With CCACHE_PCH_EXTSUM it reads a checksum
# instead, of all that has gone into the header; it is made anew when one of these files changes.
if(CCACHE)
  list(TRANSFORM standard_headers PREPEND "#include " OUTPUT_VARIABLE lines)
  list(JOIN lines "\n" lines)
  file(CONFIGURE OUTPUT standard_headers.cc CONTENT "${lines}\n")
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} ${ISA_FLAGS} -std=gnu++2b -ffreestanding -M standard_headers.cc
    WORKING_DIRECTORY ${CMAKE_BINARY_DIR} OUTPUT_VARIABLE files COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "/[^ \n\\]+" files "${files}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${files})
  set(checksums "")
  foreach(file ${files})
    file(SHA256 ${file} checksum)
    string(APPEND checksums ${checksum})
  endforeach()
  file(CONFIGURE OUTPUT CMakeFiles/kernel.dir/cmake_pch.hxx.gch.sum CONTENT "${checksums}\n")
endif()
