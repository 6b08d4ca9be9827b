#pragma once

#include <optional>
#include <string>
#include <vector>

#include "recipe/faults.h"
#include "recipe/recipe.h"

// What a recipe says where it names a plugin: a method, a combiner, a backbone, a task.
namespace atp {

// A plugin that was named and found; its options are not checked yet.
struct NamedPlugin {
  const Registry::Entry* entry = nullptr;
  std::string name;
  Value options;  // of {name, options}; null where only a name was said
  Origin origin;

  Options table() const { return without_faults(entry->options); }  // what may be said of it
};

// The entry of a name, or a problem with the nearest name, or with why its library cannot be loaded.
const Registry::Entry* find_entry(Catalogue& catalogue, const std::string& kind, const std::string& name,
                                  const Origin& origin, Problems& problems);

// "name" or {name, options}. Nothing, and a problem, where it is neither or nobody offers it.
std::optional<NamedPlugin> named_plugin(Catalogue& catalogue, const std::string& kind, const Value& value,
                                        Problems& problems);

// The map that makes a task without a plugin, checked against in_place_task_options(); its files' paths are absolute
// where the files are there.
Params in_place_task_params(Catalogue& catalogue, const Value& value, Problems& problems);

// A task by name, {name, options} (its options may stand beside `name` too), or made in place.
std::optional<TaskChoice> task_choice(Catalogue& catalogue, const Value& value, Problems& problems);

// A list of tasks, each once.
std::vector<TaskChoice> task_choices(Catalogue& catalogue, const Value& list, const std::string& key,
                                     Problems& problems);

// `found` in messages: "'7'", "a list".
std::string found_text(const Value& value);

}  // namespace atp
