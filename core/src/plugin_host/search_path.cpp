#include "plugin_host/search_path.h"

#include <algorithm>
#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/filesystem.hpp>
#include <cstdlib>

#include "plugin_host/stamp.h"

namespace atp {
namespace {

namespace fs = boost::filesystem;

// The libraries of one folder. A folder that cannot be listed holds none: a place of the search path that is not there
// is no mistake.
void add_libraries(const fs::path& folder, std::vector<std::string>& libraries) {
  boost::system::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".so") libraries.push_back(entry->path().string());
}

Place folder_place(std::string title, const fs::path& folder) {
  boost::system::error_code error;
  auto absolute = fs::absolute(folder).lexically_normal();
  if (absolute.filename() == ".") absolute = absolute.parent_path();  // it was written with a slash at its end
  Place place{std::move(title), absolute.string()};
  place.exists = fs::is_directory(absolute, error);
  add_libraries(absolute, place.libraries);
  for (const auto& kind : plugin_kinds()) add_libraries(absolute / kind, place.libraries);
  std::sort(place.libraries.begin(), place.libraries.end());
  return place;
}

Place explicit_place(const ExplicitPlugin& plugin) {
  fs::path path = plugin.path;
  if (path.is_relative() && plugin.origin.known()) path = fs::path(plugin.origin.file).parent_path() / path;
  path = fs::absolute(path).lexically_normal();
  boost::system::error_code error;
  if (!fs::exists(path, error))
    throw PluginError(plugin.origin, "no such plugin: " + path.string() +
                                         "\n  fix   name a library that atp_add_plugin built, or a folder of such");
  Place place{"the recipe", path.string()};
  if (fs::is_directory(path, error))
    place = folder_place("the recipe", path);
  else
    place.libraries = {path.string()};
  place.exists = true;
  place.origin = plugin.origin;
  return place;
}

}  // namespace

SearchPath SearchPath::of_this_program(std::vector<ExplicitPlugin> explicit_plugins) {
  const char* environment = std::getenv("ATP_PLUGIN_PATH");
  return {std::move(explicit_plugins), environment ? environment : "",
          fs::canonical(boost::dll::program_location()).string()};
}

std::vector<Place> search_places(const SearchPath& path) {
  std::vector<Place> places;
  for (const auto& plugin : path.explicit_plugins) places.push_back(explicit_place(plugin));
  for (std::size_t begin = 0; begin < path.environment.size();) {
    const auto end = std::min(path.environment.find(':', begin), path.environment.size());
    if (end > begin) places.push_back(folder_place("$ATP_PLUGIN_PATH", path.environment.substr(begin, end - begin)));
    begin = end + 1;
  }
  if (!path.program.empty())
    places.push_back(
        folder_place("atp's own", fs::path(path.program).parent_path() / ".." / "lib" / "atp" / "plugins"));
  return places;
}

}  // namespace atp
