#pragma once

#include <boost/filesystem.hpp>
#include <fstream>
#include <iterator>
#include <string>

#include "atp/error.h"
#include "tests/places.h"

// Folders of plugins made for one test, from those that tests/plugins builds, and what is said of them.
namespace atp::test {

namespace fs = boost::filesystem;

inline std::string built(const std::string& plugin) {
  return tests::in_build_tree("/tests/plugins/") + plugin + "/lib" + plugin + ".so";
}

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// What `work` throws as PluginError.
template <class Work>
std::string refusal(const Work& work) {
  try {
    work();
  } catch (const PluginError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

// A folder that is gone at the test's end.
class Folder {
 public:
  Folder() : path_(fs::canonical(fs::temp_directory_path()) / fs::unique_path("atp-plugins-%%%%%%%%")) {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path() const { return path_.string(); }

  // Copies a built plugin to `place`, a file's name in this folder; gives its path.
  std::string add(const std::string& plugin, const std::string& place = {}) const {
    return write(place.empty() ? "lib" + plugin + ".so" : place, bytes_of(built(plugin)));
  }

  std::string write(const std::string& place, const std::string& bytes) const {
    const auto file = path_ / place;
    fs::create_directories(file.parent_path());
    std::ofstream(file.string(), std::ios::binary) << bytes;
    return file.string();
  }

 private:
  fs::path path_;
};

}  // namespace atp::test
