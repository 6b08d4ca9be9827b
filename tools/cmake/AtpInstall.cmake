# The installed tree: bin/, lib/, lib/atp/plugins/<kind>/, include/atp/, lib/cmake/atp/, share/atp/. It works from any
# place: programs find their libraries and plugins beside themselves, the CMake package its files beside itself. In-tree
# plugins are installed where atp_add_plugin builds them.
include(CMakePackageConfigHelpers)

set(package_folder "lib/cmake/atp")
set_target_properties(atp_sdk PROPERTIES EXPORT_NAME sdk)
set_target_properties(atp_core PROPERTIES EXPORT_NAME core)
install(TARGETS atp-run atp RUNTIME DESTINATION bin)
install(TARGETS atp_sdk EXPORT atp_sdk LIBRARY DESTINATION lib)
install(TARGETS atp_core EXPORT atp_core LIBRARY DESTINATION lib)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/core/include/atp" DESTINATION include FILES_MATCHING PATTERN "*.h")

# As the stamp of a plugin spells it; a plugin that is built with another one is refused while it is compiled.
include(CheckCXXSourceCompiles)
check_cxx_source_compiles("#include <version>\n#ifndef _LIBCPP_VERSION\n#error\n#endif\nint main() {}" ATP_HAS_LIBCXX)
check_cxx_source_compiles("#include <version>\n#if !_GLIBCXX_USE_CXX11_ABI\n#error\n#endif\nint main() {}" ATP_HAS_CXX11_ABI)
set(ATP_STANDARD_LIBRARY "libstdc++/cxx11=0")
if(ATP_HAS_LIBCXX)
  set(ATP_STANDARD_LIBRARY "libc++")
elseif(ATP_HAS_CXX11_ABI)
  set(ATP_STANDARD_LIBRARY "libstdc++/cxx11=1")
endif()
install(EXPORT atp_sdk FILE atpSdkTargets.cmake NAMESPACE atp:: DESTINATION ${package_folder})
install(EXPORT atp_core FILE atpCoreTargets.cmake NAMESPACE atp:: DESTINATION ${package_folder})
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/atpConfig.cmake.in" "${PROJECT_BINARY_DIR}/package/atpConfig.cmake"
                              INSTALL_DESTINATION ${package_folder} NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/atpConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/package/atpConfig.cmake" "${PROJECT_BINARY_DIR}/package/atpConfigVersion.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/AtpAddPlugin.cmake" "${CMAKE_CURRENT_LIST_DIR}/plugin_descriptor.cpp.in"
              "${CMAKE_CURRENT_LIST_DIR}/FindLibTorch.cmake"
        DESTINATION ${package_folder})

# The tokenizer that atp brings lies in the build tree as it will in the installed one.
install(DIRECTORY "${PROJECT_BINARY_DIR}/share/atp/" DESTINATION share/atp OPTIONAL)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/recipes" DESTINATION share/atp OPTIONAL)
# bash finds the completion of a command by the command's name.
foreach(program atp atp-run)
  install(FILES "${PROJECT_SOURCE_DIR}/tools/completion/atp.bash" DESTINATION share/bash-completion/completions RENAME ${program})
endforeach()
install(PROGRAMS "${PROJECT_SOURCE_DIR}/tools/new-plugin" DESTINATION share/atp/tools)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/tools/templates" DESTINATION share/atp/tools)
