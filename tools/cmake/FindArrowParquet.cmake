# FindArrowParquet: headers and libraries of the Arrow at ATP_ARROW, the pyarrow folder of a pyarrow wheel.
#
# Gives ArrowParquet::ArrowParquet and ArrowParquet_LIBRARY_DIR. The wheel's libraries have their version in their names and
# no links without it.
file(GLOB _arrow "${ATP_ARROW}/libarrow.so.*")
file(GLOB _parquet "${ATP_ARROW}/libparquet.so.*")
find_path(ArrowParquet_INCLUDE_DIR parquet/arrow/reader.h PATHS "${ATP_ARROW}/include" NO_DEFAULT_PATH NO_CACHE)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ArrowParquet REQUIRED_VARS _arrow _parquet ArrowParquet_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "no Arrow at '${ATP_ARROW}': tools/setup --parquet fetches one, -DATP_ARROW=DIR names another")

if(ArrowParquet_FOUND AND NOT TARGET ArrowParquet::ArrowParquet)
  set(ArrowParquet_LIBRARY_DIR "${ATP_ARROW}")
  add_library(ArrowParquet::ArrowParquet INTERFACE IMPORTED)
  target_include_directories(ArrowParquet::ArrowParquet INTERFACE "${ArrowParquet_INCLUDE_DIR}")
  target_link_libraries(ArrowParquet::ArrowParquet INTERFACE ${_parquet} ${_arrow})
endif()
