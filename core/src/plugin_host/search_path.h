#pragma once

#include <string>
#include <vector>

#include "atp/error.h"

// Where plugins are looked for.
namespace atp {

// A plugin's file, or a folder of plugins, that a recipe names. Relative paths start at the folder of the origin's
// file, or at the current one where there is none.
struct ExplicitPlugin {
  std::string path;
  Origin origin = {};
};

struct SearchPath {
  std::vector<ExplicitPlugin> explicit_plugins = {};
  std::string environment;  // $ATP_PLUGIN_PATH: folders with ':' between
  std::string program;      // the running program's file; its ../lib/atp/plugins/<kind> comes last

  static SearchPath of_this_program(std::vector<ExplicitPlugin> explicit_plugins = {});
};

// One place of the search path, with the libraries (*.so) that stand there, sorted by name.
struct Place {
  std::string title;   // "the recipe", "$ATP_PLUGIN_PATH", "atp's own"
  std::string folder;  // absolute; for a single file that file
  bool exists = false;
  Origin origin = {};
  std::vector<std::string> libraries = {};
};

// Explicit paths, then each folder of $ATP_PLUGIN_PATH (the folder itself and its <kind> subfolders), then
// <program>/../lib/atp/plugins/<kind>. Empty entries are skipped: they never mean the current folder. Throws
// PluginError where an explicit path does not exist.
std::vector<Place> search_places(const SearchPath& path);

}  // namespace atp
