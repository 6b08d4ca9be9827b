# How atp's own code is compiled; nothing of it reaches the installed package.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_COMPILE_OPTIONS_PIE -fPIC)  # programs as libraries: one set of precompiled headers serves both
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
string(REPLACE "-O3" "-O2" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")  # the time is spent in libtorch's kernels
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options("SHELL:--param ggc-min-heapsize=400000")  # KiB: g++ collects no garbage below it, and takes less time
endif()

# Headers in place of libtorch's: why, each says itself.
include_directories(BEFORE SYSTEM "${PROJECT_SOURCE_DIR}/tools/cmake/lean")

# The build tree has the shape of the installed one, so that the search order for plugins is the same in both.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib/static")
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)  # each target's INSTALL_RPATH, $ORIGIN-relative: the same before and after installing

find_program(ATP_CCACHE ccache)
if(ATP_CCACHE)
  # Without the two sloppinesses it compiles anew whatever uses precompiled headers; no source of ours has __DATE__ or
  # __TIME__. The other two spare every source that is compiled a run of the preprocessor, and the hash of the precompiled
  # headers' 160 MB: a tenth of a clean build.
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_DEPEND=1 CCACHE_INODECACHE=1
                                  "${ATP_CCACHE}")
endif()
find_program(ATP_MOLD mold)
if(ATP_MOLD)
  execute_process(COMMAND "${ATP_MOLD}" --version OUTPUT_VARIABLE mold_version)
  string(REGEX MATCH "[0-9]+[0-9.]*" mold_version "${mold_version}")
  # 1.10.1 keeps unwind entries of functions that it merged with another copy: an exception that passes their place ends
  # the program (std::terminate), seen in libatp_sdk.
  if(mold_version VERSION_GREATER_EQUAL 2.0)
    set(ATP_LINKER mold)
  endif()
endif()
find_program(ATP_GOLD ld.gold)
if(NOT ATP_LINKER AND ATP_GOLD)
  set(ATP_LINKER gold)  # a third of the time that ld takes
endif()
if(ATP_LINKER)
  add_link_options(-fuse-ld=${ATP_LINKER})
endif()

# Sources that work once a recipe or a file, and not once a row or an update: compiled a quarter faster.
function(atp_works_once)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "$<$<CONFIG:Release>:-Og>")
endfunction()

add_library(atp_warnings INTERFACE)
target_compile_options(atp_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # "text" + std::string sets them off wrongly (GCC bug 105651), the last two with precompiled headers alone.
  target_compile_options(atp_warnings INTERFACE -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow)
endif()
if(ATP_SANITIZE)
  # vptr would want the types of libatp_core, which the host does not link.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
  add_compile_definitions(_GLIBCXX_ASSERTIONS)  # an index beyond a vector's end is inside its memory often enough
endif()
if(ATP_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
# A symbol that no library has is an error of the linker; clang++ gives the sanitizers' own to the programs alone.
set(ATP_NO_UNDEFINED_SYMBOLS -Wl,-z,defs)
if(ATP_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  set(ATP_NO_UNDEFINED_SYMBOLS)
endif()
