#pragma once

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <stdlib.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "atp/plugin.h"
#include "atp/value.h"
#include "io/durable_file.h"
#include "tests/places.h"

// What the tests of the data part share.
namespace test {

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "atp-data-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path(const std::string& name = {}) const { return name.empty() ? path_ : path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& contents) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << contents;
    return path(name);
  }

 private:
  std::string path_;
};

// Real data and files, which are no part of the repository. "" where they are not here; the test then says so and ends.
inline std::string shared(const std::string& name) {
  const char* given = std::getenv("ATP_SHARED");
  const std::string root = given ? given : tests::in_source_tree("/../shared");
  const std::string path = root + "/" + name;
  if (std::filesystem::exists(path)) return path;
  MESSAGE("skipped: no " << path << " (ATP_SHARED says where shared/ is)");
  return "";
}

inline atp::Value golden(const std::string& name) {
  const std::string path = tests::in_source_tree("/tests/goldens/") + name;
  return atp::parse_json(atp::read_file(path), path);
}

// FNV-1a, 64 bits, over numbers as four bytes each, low byte first: as the goldens' scripts have it.
template <class Numbers>
std::string fnv(const Numbers& numbers) {
  std::uint64_t value = 0xcbf29ce484222325;
  for (const auto number : numbers) {
    for (int shift = 0; shift < 32; shift += 8) {
      value = (value ^ (static_cast<std::uint64_t>(number) >> shift & 0xff)) * 0x100000001b3;
    }
  }
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

// The tasks and metrics of the tree, from their libraries.
inline const atp::Registry& plugins() {
  static const atp::Registry registry = [] {
    atp::Registry loaded;
    for (const std::string library : {"task/libglue.so", "task/libsuperglue.so", "task/libmrqa.so", "task/libothers.so",
                                      "task/libgeneration.so", "task/libtoy.so", "metric/libmetrics.so"}) {
      const std::string path = tests::in_build_tree("/lib/atp/plugins/") + library;
      void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
      REQUIRE_MESSAGE(handle, dlerror());
      const auto* plugin = static_cast<const atp::PluginDescriptor*>(dlsym(handle, "atp_plugin"));
      REQUIRE(plugin);
      loaded.set_plugin(plugin->name, plugin->version, path);
      plugin->register_plugin(loaded);
    }
    return loaded;
  }();
  return registry;
}

inline atp::Params defaults(const atp::Options& options, const atp::Value& given = {}) {
  atp::Problems problems;
  auto params = options.check(given, {"recipe.yaml", 1, 1}, problems);
  problems.throw_if_any();
  return params;
}

// The message of what `action` throws; a test's failure where it throws nothing.
template <class Exception, class Action>
std::string message(Action&& action) {
  try {
    action();
  } catch (const Exception& error) {
    return error.what();
  }
  FAIL("nothing was thrown");
  return "";
}

inline bool has(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("no '" << part << "' in: " << text);
  return found;
}

}  // namespace test
