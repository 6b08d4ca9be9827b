#pragma once

#include <string>

// Where the tests' files are. Functions, and not macros in every command line: what is compiled then is the same in
// every copy of the sources, and one compiler cache serves them all.
namespace tests {

std::string in_source_tree(const std::string& path);  // path: "/tests/goldens/…"
std::string in_build_tree(const std::string& path);

}  // namespace tests
