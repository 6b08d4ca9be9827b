#include "recipe/plugin_choice.h"

#include <algorithm>
#include <boost/filesystem.hpp>

#include "recipe/table_check.h"
#include "recipe/words.h"

namespace atp {

namespace {

bool is_made_in_place(const Value& task) { return task.find("files") || task.find("source") || task.find("target"); }

// A relative path starts at the folder of the file that says it; where nothing is there it is left as it stands, since
// it may be one below the data root.
void place_file(Value& path, Problems& problems) {
  if (path.is_list() && !path.items().empty()) {
    for (auto& item : path.items()) place_file(item, problems);
    return;
  }
  if (!path.is_text()) return problems.add(path.origin, "'files': found " + found_text(path) + ", expected a path");
  std::string absolute = absolute_path(path.text(), path.origin);
  if (!boost::filesystem::exists(absolute)) return;
  Value placed(std::move(absolute));
  placed.origin = path.origin;
  placed.key_origin = path.key_origin;
  path = std::move(placed);
}

void check_files(Value& files, Problems& problems) {
  static const std::vector<std::string> splits{"train", "validation", "dev", "test"};
  if (files.members().empty()) problems.add(files.origin, "'files' is empty; expected a path for at least one split");
  for (auto& [split, path] : files.members()) {
    if (std::find(splits.begin(), splits.end(), split) == splits.end())
      problems.add(path.key_origin,
                   "unknown split '" + split + "'" + did_you_mean(split, splits) + " (one of: " + joined(splits) + ")");
    place_file(path, problems);
  }
}

void check_metrics(Catalogue& catalogue, const Value& metrics, Problems& problems) {
  const auto offered = catalogue.names("metric");
  if (metrics.items().empty()) problems.add(metrics.origin, "'metrics' is empty; expected at least one");
  for (const auto& metric : metrics.items()) {
    if (!metric.is_text()) {
      problems.add(metric.origin, "'metrics': found " + found_text(metric) + ", expected a metric's name");
    } else if (std::find(offered.begin(), offered.end(), metric.text()) == offered.end()) {
      problems.add(metric.origin, "no metric '" + metric.text() + "'" + did_you_mean(metric.text(), offered) +
                                      " (there are: " + joined(offered) + ")");
    }
  }
}

void check_labels(const Value& labels, Problems& problems) {
  const auto check_label = [&](const Value& label) {
    if (label.is_list() || label.is_map() || label.is_null())
      problems.add(label.origin, "'labels': found " + found_text(label) + ", expected a label");
  };
  if (labels.is_list()) {
    for (const auto& label : labels.items()) check_label(label);
  } else if (labels.is_map()) {
    for (const auto& member : labels.members()) check_label(member.second);
  } else {
    problems.add(labels.origin, "'labels': found " + found_text(labels) +
                                    ", expected a list of labels, or a map from the files' words to the model's");
  }
}

std::optional<TaskChoice> made_in_place(Catalogue& catalogue, const Value& value, Problems& problems) {
  Params checked = in_place_task_params(catalogue, value, problems);
  if (!checked.has("name")) return {};
  const std::string name = checked.text("name");
  const auto offered = catalogue.names("task");
  if (std::find(offered.begin(), offered.end(), name) != offered.end())
    problems.add(
        checked.origin("name"),
        "there is a task '" + name + "' already (atp tasks lists them); give the one that is made here another name");
  return TaskChoice{name, std::move(checked), true, value.origin};
}

// {name, options: {…}, more: …} with the options in one map.
Value options_of(const Value& choice, Problems& problems) {
  Value options = Value::map();
  options.origin = choice.origin;
  if (const Value* inner = choice.find("options")) {
    if (inner->is_map())
      options = *inner;
    else if (!inner->is_null())
      problems.add(inner->origin, "'options': found " + found_text(*inner) + ", expected a map");
  }
  for (const auto& [key, value] : choice.members())
    if (key != "name" && key != "options") options.set(key, value);
  return options;
}

// labels: {0: negative}, which every task takes that has no option of that name.
Value taken_labels(Value& options, Problems& problems) {
  const Value* said = options.find("labels");
  if (!said) return {};
  Value labels = *said;
  options.erase("labels");
  if (!labels.is_map()) {
    problems.add(labels.origin, "'labels': found " + found_text(labels) +
                                    ", expected a map from the task's label words to others, as in {0: negative}");
    return {};
  }
  check_labels(labels, problems);
  return labels;
}

}  // namespace

std::string found_text(const Value& value) {
  if (value.is_null()) return "nothing";
  if (value.is_list() || value.is_map()) return std::string("a ") + value.type_name();
  return "'" + value.scalar_text() + "'";
}

const Registry::Entry* find_entry(Catalogue& catalogue, const std::string& kind, const std::string& name,
                                  const Origin& origin, Problems& problems) {
  try {
    if (const auto* entry = catalogue.find(kind, name)) return entry;
    const auto names = catalogue.names(kind);
    const std::string nearest = did_you_mean(name, names);
    const std::string all = names.empty() ? "; no plugin offers one ('atp plugins' says what is found)"
                                          : "; expected one of: " + joined(names);
    problems.add(origin, "no " + kind + " '" + name + "'" + (nearest.empty() ? all : nearest));
  } catch (const PluginError& error) {
    problems.add(origin, error.what());
  }
  return nullptr;
}

std::optional<NamedPlugin> named_plugin(Catalogue& catalogue, const std::string& kind, const Value& value,
                                        Problems& problems) {
  NamedPlugin plugin;
  plugin.origin = value.origin;
  const Value* name = value.is_map() ? value.find("name") : &value;
  if (!name) {
    problems.add(value.origin, "'" + kind + "': 'name' is missing; expected {name, options}");
    return {};
  }
  if (!name->is_text()) {
    problems.add(name->origin, "'" + kind + "': found " + found_text(*name) + ", expected a name or {name, options}");
    return {};
  }
  plugin.name = name->text();
  if (value.is_map() && value.find("options")) plugin.options = *value.find("options");
  plugin.entry = find_entry(catalogue, kind, plugin.name, name->origin, problems);
  if (!plugin.entry) return {};
  return plugin;
}

Params in_place_task_params(Catalogue& catalogue, const Value& value, Problems& problems) {
  Value values = check_table(in_place_task_options(), value, value.origin, problems).values();
  if (Value* files = values.find("files")) check_files(*files, problems);
  if (const Value* metrics = values.find("metrics")) check_metrics(catalogue, *metrics, problems);
  if (const Value* labels = values.find("labels")) check_labels(*labels, problems);
  return {in_place_task_options(), std::move(values), value.origin};
}

std::optional<TaskChoice> task_choice(Catalogue& catalogue, const Value& value, Problems& problems) {
  if (value.is_map() && is_made_in_place(value)) return made_in_place(catalogue, value, problems);
  if (!value.is_text() && !value.is_map()) {
    problems.add(value.origin, "found " + found_text(value) +
                                   ", expected a task: a name, {name, options}, or one made "
                                   "here: {name, files, source, target, metrics}");
    return {};
  }
  auto plugin = named_plugin(catalogue, "task", value, problems);
  if (!plugin) return {};
  Value options = value.is_map() ? options_of(value, problems) : Value();
  Value labels = value.is_map() && !plugin->entry->options.find("labels") ? taken_labels(options, problems) : Value();
  return TaskChoice{plugin->name, check_table(plugin->entry->options, options, value.origin, problems), false,
                    value.origin, std::move(labels)};
}

std::vector<TaskChoice> task_choices(Catalogue& catalogue, const Value& list, const std::string& key,
                                     Problems& problems) {
  std::vector<TaskChoice> tasks;
  if (!list.is_list()) {
    problems.add(list.origin, "'" + key + "': found " + found_text(list) + ", expected a list of tasks" +
                                  (list.is_text() ? ": write [" + list.text() + "]" : ""));
    return tasks;
  }
  if (list.items().empty()) problems.add(list.origin, "'" + key + "' is empty; expected at least one task");
  for (const auto& item : list.items()) {
    auto task = task_choice(catalogue, item, problems);
    if (!task) continue;
    const bool is_double =
        std::any_of(tasks.begin(), tasks.end(), [&](const TaskChoice& other) { return other.name == task->name; });
    if (is_double) problems.add(item.origin, "'" + key + "' has the task '" + task->name + "' twice");
    tasks.push_back(std::move(*task));
  }
  return tasks;
}

}  // namespace atp
