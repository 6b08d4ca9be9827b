#pragma once

#include <iosfwd>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "plugin_host/libtorch.h"
#include "plugin_host/search_path.h"
#include "plugin_host/stamp.h"
#include "recipe/recipe.h"

// Finds plugins by what their files say of themselves, and loads the few that are asked for.
namespace atp {

// A library on the search path.
struct PluginFile {
  std::string library;
  std::size_t place = 0;  // index into PluginHost::places()
  Stamp stamp;
  std::string error;               // the whole message; empty: nothing is known against it
  std::vector<std::string> notes;  // what of it is shadowed, and by which library
};

class PluginHost final : public Catalogue {
 public:
  // Looks through the search path and reads the stamps; loads nothing. Throws PluginError for a library that a recipe
  // names and that cannot be used. `libtorch` must outlive the host.
  PluginHost(const SearchPath& path, LibTorch& libtorch);
  ~PluginHost() override;

  // Loads the library that offers it, once. Throws PluginError (file, why, fix) where that library cannot be loaded or
  // registers anything but what its stamp says, or where two in one place offer it.
  const Registry::Entry* find(const std::string& kind, const std::string& name) override;
  std::vector<std::string> names(const std::string& kind) override;

  // Takes in what is offered without a library (a task in a file of YAML).
  void take(Registry::Entry entry) { registry_.take(std::move(entry)); }
  // The library that offers a name; "" where none does. Loads nothing.
  std::string library_of(const std::string& kind, const std::string& name);

  // What was loaded so far.
  const Registry& registry() const { return registry_; }
  const std::vector<PluginFile>& files() const { return files_; }
  const std::vector<Place>& places() const { return places_; }

 private:
  void check_file(PluginFile& file);
  void note_conflicts();
  void warn_of_missing_places();
  PluginFile* offering(const std::string& kind, const std::string& name);
  void load(PluginFile& file);
  Fault register_library(const PluginFile& file, Registry& apart) const;
  std::string message(const PluginFile& file, const Fault& fault) const;

  std::vector<Place> places_;
  std::vector<PluginFile> files_;  // in the search's order
  LibTorch& libtorch_;
  Registry registry_;
  std::set<std::string> loaded_;  // by library
  bool told_missing_places_ = false;
};

// `atp plugins`: every library, what it offers, what is shadowed, what cannot be loaded and why.
void print_plugins(const PluginHost& host, bool json, std::ostream& out);

}  // namespace atp
