#include "tests/places.h"

namespace tests {

std::string in_source_tree(const std::string& path) { return ATP_SOURCE_DIR + path; }
std::string in_build_tree(const std::string& path) { return ATP_BINARY_DIR + path; }

}  // namespace tests
