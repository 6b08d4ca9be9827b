#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "plugin_host/plugin_host.h"
#include "recipe/recipe.h"

namespace atp {

// The folder of tasks in YAML: `given` (--tasks) or else $ATP_TASKS; "" where nobody said.
std::string task_folder(const std::string& given);

// Plugins, and the tasks of a folder: DIR/my_task.yaml holds what a recipe says of a task that it makes itself
// (in_place_task_options(); `name` may be left out, the file has it) and is found by the file's name, like a task of a
// plugin. The files are read when their task is asked for.
class TaskFiles final : public Catalogue {
 public:
  // `folder` "": plugins alone. Throws RecipeError where the folder is not there, a file's name is no name for a task,
  // or a plugin offers a task of that name too. `plugins` must outlive this.
  TaskFiles(PluginHost& plugins, const std::string& folder);

  // Throws PluginError with everything that is wrong with the file.
  const Registry::Entry* find(const std::string& kind, const std::string& name) override;
  std::vector<std::string> names(const std::string& kind) override;

 private:
  void read(const std::string& name, const std::string& path);

  PluginHost& plugins_;
  std::map<std::string, std::string> files_;  // task → file
  std::set<std::string> read_;
};

}  // namespace atp
