#include "atp/registry.h"

namespace atp {

void Registry::set_plugin(std::string plugin, std::string version, std::string library) {
  plugin_ = std::move(plugin);
  version_ = std::move(version);
  library_ = std::move(library);
}

const Registry::Entry* Registry::find(const std::string& kind, const std::string& name) const {
  for (const auto& entry : entries_)
    if (entry.kind == kind && entry.name == name) return &entry;
  return nullptr;
}

void Registry::add_entry(Entry entry) {
  entry.plugin = plugin_;
  entry.version = version_;
  entry.library = library_;
  take(std::move(entry));
}

void Registry::take(Entry entry) {
  if (const auto* other = find(entry.kind, entry.name))
    throw PluginError("two plugins offer " + entry.kind + " '" + entry.name + "'\n  first   " + other->library +
                      "\n  second  " + entry.library + "\n  fix     remove one of them, or rename what it offers");
  entries_.push_back(std::move(entry));
}

const Registry::Entry& Registry::require(const std::string& kind, const std::string& name, std::type_index type) const {
  const auto* entry = find(kind, name);
  if (!entry) {
    std::vector<std::string> names;
    for (const auto& other : entries_)
      if (other.kind == kind) names.push_back(other.name);
    throw PluginError("no " + kind + " '" + name + "' is registered" + did_you_mean(name, names));
  }
  if (entry->type != type)
    throw PluginError(kind + " '" + name + "' of plugin '" + entry->plugin + "' was registered for another interface");
  return *entry;
}

}  // namespace atp
