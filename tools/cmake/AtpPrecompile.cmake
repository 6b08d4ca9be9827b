# atp_precompile(TARGET), after its target_link_libraries
# atp_add_precompiled_headers(NAME), in a folder whose compiler options are not those of the folder above
#
# Headers of others, parsed once for a whole build instead of once for every source: of the seconds that a source takes
# which sees tensors, these are more than half. Our own are not among them, so that a change of one rebuilds what includes
# it and no more. Every source still includes what it uses: clang++ compiles without (CMakePresets.json), and so do plugins
# outside this tree.
option(ATP_PRECOMPILE "Parse the standard library's and libtorch's headers once" ON)

set(standard_headers <algorithm> <filesystem> <fstream> <functional> <map> <memory> <optional> <set> <sstream>
                     <string> <variant> <vector>)
set(tensor_headers <ATen/CPUGeneratorImpl.h> <ATen/TensorOperators.h> <ATen/core/Tensor.h> <ATen/core/grad_mode.h>
                   <ATen/ops/arange.h> <ATen/ops/concat.h> <ATen/ops/empty.h> <ATen/ops/full.h> <ATen/ops/linear.h>
                   <ATen/ops/matmul.h> <ATen/ops/ones.h> <ATen/ops/stack.h> <ATen/ops/tensor.h> <ATen/ops/zeros.h>)
function(atp_add_precompiled_headers name)
  if(NOT ATP_PRECOMPILE)
    return()
  endif()
  # A target of its own for each: those that use them have definitions of their own, which must not be in here.
  foreach(kind standard tensor)
    add_library(${name}_${kind}_headers OBJECT "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/precompiled.cpp")
    target_compile_features(${name}_${kind}_headers PRIVATE cxx_std_20)
    target_link_libraries(${name}_${kind}_headers PRIVATE atp_warnings)
    target_precompile_headers(${name}_${kind}_headers PRIVATE ${standard_headers})
  endforeach()
  target_link_libraries(${name}_tensor_headers PRIVATE LibTorch::LibTorch)
  target_precompile_headers(${name}_tensor_headers PRIVATE ${tensor_headers})
  set(ATP_PRECOMPILED_HEADERS ${name} PARENT_SCOPE)
endfunction()
atp_add_precompiled_headers(atp)

function(atp_precompile target)
  if(NOT ATP_PRECOMPILE)
    return()
  endif()
  get_target_property(libraries ${target} LINK_LIBRARIES)
  if(libraries MATCHES "atp_core|atp::core|LibTorch::")
    target_precompile_headers(${target} REUSE_FROM ${ATP_PRECOMPILED_HEADERS}_tensor_headers)
  else()
    target_precompile_headers(${target} REUSE_FROM ${ATP_PRECOMPILED_HEADERS}_standard_headers)
  endif()
endfunction()
