# The user programs, and the archive of them that goes into the kernel image. Each source file is a program: those that
# people run stand in user/, those that tests run in user/tests/ and user/hostile/, those that measure in user/bench/.
# Included by the top CMakeLists.txt; gives it `program_archive`, and `program_archive_folder` to find it in.

# Fixed addresses, and no exception tables: user/user.ld says where things are, user/lib/ is all the library there is.
set(user_options
  ${ISA_FLAGS} -DPAGEWALK_ISA_${ISA} -ffreestanding -fno-pie -fno-stack-protector
  -fno-asynchronous-unwind-tables -fno-unwind-tables # so that GDB's go to .debug_frame: the linker scripts drop .eh_frame
  $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>
  $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>
  $<$<COMPILE_LANGUAGE:CXX>:-fno-threadsafe-statics>)
set(user_script ${CMAKE_SOURCE_DIR}/user/user.ld)
set(program_archive_folder ${CMAKE_BINARY_DIR}/archive)
set(program_archive ${program_archive_folder}/programs.tar)

file(GLOB user_library_sources CONFIGURE_DEPENDS user/lib/*.cc user/lib/${ISA}/*.S)
add_library(user_library OBJECT ${user_library_sources})
target_compile_options(user_library PRIVATE ${user_options})
target_include_directories(user_library PRIVATE user/lib/${ISA})

# Each header compiles alone, as the kernel's do: the top CMakeLists.txt compiles all `probes`.
file(GLOB user_headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} user/lib/*.h user/lib/${ISA}/*.h)
foreach(header ${user_headers})
  set(probe ${CMAKE_BINARY_DIR}/headers/${header}.cc)
  file(CONFIGURE OUTPUT ${probe} CONTENT "#include \"${header}\"\n")
  set_source_files_properties(${probe} PROPERTIES INCLUDE_DIRECTORIES ${CMAKE_SOURCE_DIR}/user/lib/${ISA})
  list(APPEND probes ${probe})
endforeach()

# build/<isa>/user/NAME is for GDB; the archive holds the same without its symbols. A program with a NAME.ld of its own is
# linked by that.
file(GLOB programs CONFIGURE_DEPENDS user/*.cc user/*/*.cc)
list(FILTER programs EXCLUDE REGEX "/user/lib/")
foreach(source ${programs})
  cmake_path(GET source STEM name)
  set(program user_${name})
  cmake_path(REPLACE_EXTENSION source ld OUTPUT_VARIABLE script)
  if(NOT EXISTS ${script})
    set(script ${user_script})
  endif()
  add_executable(${program} ${source} $<TARGET_OBJECTS:user_library>)
  target_compile_options(${program} PRIVATE ${user_options})
  target_include_directories(${program} PRIVATE user/lib/${ISA})
  target_link_options(${program} PRIVATE -nostdlib -static -no-pie -Wl,-T,${script}
    -Wl,-z,max-page-size=4096 -Wl,--build-id=none -Wl,-z,noexecstack
    -Wl,--orphan-handling=error -L${CMAKE_SOURCE_DIR})
  set_target_properties(${program} PROPERTIES OUTPUT_NAME ${name} SUFFIX ""
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/user LINK_DEPENDS "${script};${CMAKE_SOURCE_DIR}/arch/sections.ld")
  add_custom_command(OUTPUT ${program_archive_folder}/${name} DEPENDS ${program}
    COMMAND ${CMAKE_STRIP} -o ${program_archive_folder}/${name} $<TARGET_FILE:${program}>)
  list(APPEND program_names ${name})
  list(APPEND stripped_programs ${program_archive_folder}/${name})
endforeach()

# The same programs give the same bytes: nothing in the archive says who built it, or when.
add_custom_command(OUTPUT ${program_archive} DEPENDS ${stripped_programs}
  COMMAND tar --create --file=${program_archive} --directory=${program_archive_folder} --format=ustar --sort=name
    --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=0755 ${program_names})
