# FindLibTorch: headers and the CPU libraries of the libtorch at ATP_LIBTORCH (an unzipped libtorch, or the torch folder of
# a pip or conda installation). Unlike TorchConfig it wants neither Python nor a CUDA toolkit.
#
# Gives LibTorch::LibTorch and LibTorch_VERSION. The CUDA library is never linked: atp loads it at run time where a GPU is
# asked for. The headers come after the system's (-idirafter), since libtorch ships a fmt of its own that would shadow the
# one Debian's spdlog was built with.
find_path(LibTorch_INCLUDE_DIR ATen/core/Tensor.h PATHS "${ATP_LIBTORCH}/include" NO_DEFAULT_PATH NO_CACHE)
find_library(LibTorch_CPU_LIBRARY torch_cpu PATHS "${ATP_LIBTORCH}/lib" NO_DEFAULT_PATH NO_CACHE)
find_library(LibTorch_C10_LIBRARY c10 PATHS "${ATP_LIBTORCH}/lib" NO_DEFAULT_PATH NO_CACHE)

if(LibTorch_INCLUDE_DIR)
  file(STRINGS "${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h" _version_lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
  string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*PATCH ([0-9]+).*" "\\1.\\2.\\3" LibTorch_VERSION "${_version_lines}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "no libtorch at '${ATP_LIBTORCH}': tools/setup fetches one, -DATP_LIBTORCH=DIR names another")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  target_compile_options(LibTorch::LibTorch INTERFACE
    "SHELL:-idirafter ${LibTorch_INCLUDE_DIR}" "SHELL:-idirafter ${LibTorch_INCLUDE_DIR}/torch/csrc/api/include")
  # ATen/TensorOperators.h stays small; and the library is a release: without NDEBUG its headers give structs members that
  # it does not know of (ATen/record_function.h, ATen/core/dispatch/Dispatcher.h).
  target_compile_definitions(LibTorch::LibTorch INTERFACE AT_PER_OPERATOR_HEADERS NDEBUG)
  target_link_libraries(LibTorch::LibTorch INTERFACE "${LibTorch_CPU_LIBRARY}" "${LibTorch_C10_LIBRARY}")
  get_filename_component(LibTorch_LIBRARY_DIR "${LibTorch_CPU_LIBRARY}" DIRECTORY)
  target_link_options(LibTorch::LibTorch INTERFACE "LINKER:--allow-shlib-undefined")
endif()
