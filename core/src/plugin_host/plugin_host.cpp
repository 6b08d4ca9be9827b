#include "plugin_host/plugin_host.h"

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <boost/filesystem.hpp>
#include <iterator>
#include <memory>
#include <set>
#include <utility>

#include "atp/error.h"
#include "atp/log.h"
#include "atp/plugin.h"

namespace atp {
namespace {

namespace fs = boost::filesystem;
namespace dll = boost::dll;

using Names = std::set<std::pair<std::string, std::string>>;  // kind, name

std::string file_name(const std::string& path) { return fs::path(path).filename().string(); }

// Loads a library for good: it is never unloaded, since code and types of it may live in objects until the very end.
const dll::shared_library& load_for_good(const std::string& path) {
  static auto& libraries = *new std::vector<std::unique_ptr<dll::shared_library>>;
  auto library = std::make_unique<dll::shared_library>();
  library->load(fs::canonical(path), dll::load_mode::rtld_now | dll::load_mode::rtld_local);
  libraries.push_back(std::move(library));
  return *libraries.back();
}

// The loader's own words out of Boost.DLL's message "… (dlerror system message: WORDS): Bad file descriptor".
std::string loader_words(const std::string& message) {
  const std::string begin = "dlerror system message: ";
  const auto from = message.find(begin);
  const auto to = message.rfind("):");
  if (from == std::string::npos || to == std::string::npos || to < from) return message;
  return message.substr(from + begin.size(), to - from - begin.size());
}

// A symbol version that no library here has: "version `GLIBCXX_3.4.32' not found (required by …)".
bool wants_newer_library(const std::string& words) {
  return words.find("version `") != std::string::npos && words.find("' not found") != std::string::npos;
}

Fault loader_fault(const std::string& words) {
  if (wants_newer_library(words))
    return {"it was built by a newer compiler, or on a newer system, than this one: " + words, how_to_rebuild()};
  return {words, "link what is missing (atp_add_plugin makes the linker complain of it), or rebuild it"};
}

Fault check_descriptor(const PluginDescriptor& descriptor, const Stamp& stamp) {
  if (descriptor.size != sizeof(PluginDescriptor))
    return {"its descriptor has " + std::to_string(descriptor.size) + " bytes, atp-run's " +
                std::to_string(sizeof(PluginDescriptor)),
            how_to_rebuild()};
  if (descriptor.abi != abi_version)
    return {"its descriptor is of plugin interface (ABI) " + std::to_string(descriptor.abi) + ", atp-run has " +
                std::to_string(abi_version),
            how_to_rebuild()};
  if (descriptor.stamp != stamp.text || descriptor.name != stamp.name || !descriptor.register_plugin)
    return {"its descriptor does not fit the stamp in its file", how_to_rebuild()};
  return {};
}

std::string listed(const Names& names) {
  std::string text;
  for (const auto& [kind, name] : names) text += (text.empty() ? "" : ", ") + kind + " '" + name + "'";
  return text;
}

// What is registered must be what the stamp offers.
Fault compare_names(const Registry& registered, const Stamp& stamp) {
  Names said(stamp.offers.begin(), stamp.offers.end()), done, missing, surplus;
  for (const auto& entry : registered.entries()) done.emplace(entry.kind, entry.name);
  std::set_difference(said.begin(), said.end(), done.begin(), done.end(), std::inserter(missing, missing.end()));
  std::set_difference(done.begin(), done.end(), said.begin(), said.end(), std::inserter(surplus, surplus.end()));
  std::string why;
  if (!missing.empty()) why = "its stamp offers " + listed(missing) + ", which it does not register";
  if (!surplus.empty())
    why += (why.empty() ? "it" : "; it") + std::string(" registers ") + listed(surplus) +
           ", which its stamp does not offer";
  if (why.empty()) return {};
  return {why, "make NAMES of atp_add_plugin say what ATP_PLUGIN(registry) { … } adds"};
}

Fault register_apart(const PluginDescriptor& descriptor, const std::string& library, Registry& apart) {
  const std::string remedy = "repair the plugin: ATP_PLUGIN(registry) { … } must only add what it offers";
  apart.set_plugin(descriptor.name, descriptor.version, library);
  try {
    descriptor.register_plugin(apart);
  } catch (const std::exception& error) {
    return {"its register function threw: " + std::string(error.what()), remedy};
  } catch (...) {
    return {"its register function threw something that is no std::exception", remedy};
  }
  return {};
}

}  // namespace

PluginHost::PluginHost(const SearchPath& path, LibTorch& libtorch) : places_(search_places(path)), libtorch_(libtorch) {
  std::set<std::string> seen;  // the same file by two ways is one plugin
  for (std::size_t place = 0; place < places_.size(); ++place)
    for (const auto& library : places_[place].libraries) {
      boost::system::error_code error;
      const auto resolved = fs::canonical(library, error);
      if (!error && !seen.insert(resolved.string()).second) continue;
      files_.push_back({library, place, {}, {}, {}});
      check_file(files_.back());
    }
  note_conflicts();
  for (const auto& file : files_)
    if (file.place < path.explicit_plugins.size() && !file.error.empty())
      throw PluginError(places_[file.place].origin, file.error);
}

PluginHost::~PluginHost() = default;

void PluginHost::check_file(PluginFile& file) {
  auto read = read_stamp(file.library);
  file.stamp = std::move(read.stamp);
  if (!read.fault) read.fault = check_stamp(file.stamp, libtorch_.version());
  if (read.fault) file.error = message(file, read.fault);
}

// Two libraries of one place that offer the same are both useless; one of an earlier place hides that of a later one.
void PluginHost::note_conflicts() {
  std::map<std::pair<std::string, std::string>, PluginFile*> first;
  for (auto& file : files_)
    for (const auto& offer : file.stamp.offers) {
      const auto [found, is_first] = first.emplace(offer, &file);
      auto& other = *found->second;
      if (is_first || &other == &file) continue;
      const auto what = offer.first + " '" + offer.second + "'";
      if (other.place != file.place) {
        file.notes.push_back(what + " is shadowed by " + other.library);
        continue;
      }
      const auto from = "   (from " + places_[file.place].title + ")";
      const auto text = what + " is offered by two plugins of one place\n  file  " + other.library + from +
                        "\n  file  " + file.library + from + "\n  why   neither is before the other" +
                        "\n  fix   remove one of them, or rename what it offers";
      for (auto* each : {&other, &file})
        if (each->error.empty()) each->error = text;
    }
}

// The library that a name comes from: the first on the search path that offers it. A file that cannot say what it
// offers stands for what a later file of the same name offers.
PluginFile* PluginHost::offering(const std::string& kind, const std::string& name) {
  const auto offers = std::find_if(files_.begin(), files_.end(),
                                   [&](const PluginFile& file) { return file.stamp.offers_one(kind, name); });
  const auto wanted = offers == files_.end() ? "lib" + name + ".so" : file_name(offers->library);
  const auto silent = std::find_if(files_.begin(), offers, [&](const PluginFile& file) {
    return !file.stamp.known() && file_name(file.library) == wanted;
  });
  if (silent != offers) return &*silent;
  return offers == files_.end() ? nullptr : &*offers;
}

const Registry::Entry* PluginHost::find(const std::string& kind, const std::string& name) {
  if (const auto* entry = registry_.find(kind, name)) return entry;
  auto* file = offering(kind, name);
  if (!file) {
    warn_of_missing_places();
    return nullptr;
  }
  load(*file);
  return registry_.find(kind, name);
}

// A folder of the search path may be missing; that is worth a word when something is not found.
void PluginHost::warn_of_missing_places() {
  if (std::exchange(told_missing_places_, true)) return;
  for (const auto& place : places_)
    if (!place.exists && place.title == "$ATP_PLUGIN_PATH")
      log::warn("$ATP_PLUGIN_PATH names " + place.folder + ", and there is no such folder");
}

std::vector<std::string> PluginHost::names(const std::string& kind) {
  std::set<std::string> names;
  for (const auto& file : files_)
    for (const auto& [offered_kind, name] : file.stamp.offers)
      if (offered_kind == kind) names.insert(name);
  return {names.begin(), names.end()};
}

std::string PluginHost::library_of(const std::string& kind, const std::string& name) {
  const auto* file = offering(kind, name);
  return file ? file->library : "";
}

void PluginHost::load(PluginFile& file) {
  if (!file.error.empty()) throw PluginError(file.error);
  if (!file.stamp.torch.empty()) libtorch_.load();
  if (!loaded_.insert(file.library).second) return;
  Registry apart;
  const auto fault = register_library(file, apart);
  if (fault) {
    file.error = message(file, fault);
    throw PluginError(file.error);
  }
  for (const auto& entry : apart.entries())
    if (offering(entry.kind, entry.name) == &file) registry_.take(entry);
}

Fault PluginHost::register_library(const PluginFile& file, Registry& apart) const {
  const PluginDescriptor* descriptor = nullptr;
  try {
    const auto& library = load_for_good(file.library);
    if (!library.has("atp_plugin"))
      return {"it has a stamp but not the symbol atp_plugin", "build it with atp_add_plugin, which adds both"};
    descriptor = &library.get<const PluginDescriptor>("atp_plugin");
  } catch (const std::exception& error) {
    return loader_fault(loader_words(error.what()));
  }
  if (auto fault = check_descriptor(*descriptor, file.stamp)) return fault;
  if (auto fault = register_apart(*descriptor, file.library, apart)) return fault;
  return compare_names(apart, file.stamp);
}

std::string PluginHost::message(const PluginFile& file, const Fault& fault) const {
  const auto& place = places_[file.place];
  const std::string what = file.stamp.known()
                               ? file.stamp.offers.front().first + " plugin '" + file.stamp.name + "' cannot be loaded"
                               : "'" + file_name(file.library) + "' cannot be loaded as a plugin";
  return what + "\n  file  " + file.library + "   (from " + place.title + ")\n  why   " + fault.why + "\n  fix   " +
         fault.fix;
}

}  // namespace atp
