#include "data/task_files.h"

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cctype>
#include <cstdlib>

#include "atp/file.h"
#include "data/digest.h"
#include "data/task_data.h"
#include "recipe/plugin_choice.h"

namespace atp {

namespace fs = boost::filesystem;

namespace {

bool is_name(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-' || c == '.';
  });
}

std::string name_of(const std::string& path) { return fs::path(path).stem().string(); }

// What the file says, with its name filled in; a fault of form is thrown.
Value read_task(const std::string& path) {
  Value task = parse_yaml(read_file(path), path);
  if (!task.is_map()) {
    throw RecipeError({path}, std::string("found ") + (task.is_null() ? "nothing" : task.type_name()) +
                                  ", expected a task: a map of files, source, target, metrics");
  }
  const Value* name = task.find("name");
  if (name && !(name->is_text() && name->text() == name_of(path))) {
    throw RecipeError(name->origin, "'name': found " + found_text(*name) +
                                        ", but a task is found by its file's name, '" + name_of(path) +
                                        "'; leave 'name' out, or rename the file");
  }
  if (!name) {
    Value own(name_of(path));
    own.origin = task.origin;
    task.set("name", std::move(own));
  }
  return task;
}

// What decides the examples beside the data files' contents.
std::string version_of(Value values) {
  for (const char* key : {"name", "files", "summary"}) values.erase(key);
  const std::string text = canonical_json(values);
  return digest_text(XXH3_128bits(text.data(), text.size()));
}

}  // namespace

std::string task_folder(const std::string& given) {
  if (!given.empty()) return given;
  const char* environment = std::getenv("ATP_TASKS");
  return environment ? environment : "";
}

TaskFiles::TaskFiles(PluginHost& plugins, const std::string& folder) : plugins_(plugins) {
  if (folder.empty()) return;
  boost::system::error_code error;
  if (!fs::is_directory(folder, error)) {
    throw RecipeError("no folder of tasks '" + folder +
                      "': --tasks DIR, or $ATP_TASKS, names one that holds NAME.yaml");
  }
  Problems problems;
  for (const auto& file : fs::directory_iterator(fs::absolute(folder))) {
    const std::string path = file.path().lexically_normal().string(), name = name_of(path);
    if (file.path().extension() != ".yaml" || name.starts_with('.')) continue;
    if (!is_name(name)) {
      problems.add({path}, "the file's name is the task's; expected letters, digits, _, - and .");
    } else if (const auto library = plugins_.library_of("task", name); !library.empty()) {
      problems.add({path},
                   "a plugin offers a task '" + name + "' already: " + library + "; give the file another name");
    }
    files_[name] = path;
  }
  problems.throw_if_any();
}

const Registry::Entry* TaskFiles::find(const std::string& kind, const std::string& name) {
  const auto file = kind == "task" ? files_.find(name) : files_.end();
  if (file == files_.end()) return plugins_.find(kind, name);
  if (read_.insert(name).second) read(name, file->second);
  return plugins_.registry().find(kind, name);
}

std::vector<std::string> TaskFiles::names(const std::string& kind) {
  auto names = plugins_.names(kind);
  if (kind != "task") return names;
  for (const auto& [name, path] : files_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

void TaskFiles::read(const std::string& name, const std::string& path) try {
  Problems problems;
  const Params params = in_place_task_params(plugins_, read_task(path), problems);
  problems.throw_if_any();
  const TextTask task = in_place_task(name, params);
  Registry apart;
  apart.set_plugin("task file", version_of(params.values()), path);
  apart.add(offer(task));
  plugins_.take(apart.entries().front());
} catch (const RecipeError& error) {
  read_.erase(name);
  throw PluginError(error.what());
}

}  // namespace atp
