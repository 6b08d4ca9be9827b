#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/task_files.h"
#include "pipeline/plan.h"
#include "plugin_host/plugin_host.h"

namespace atp {

// Plugins and engine of a program; the engine is made when the first question is put to it.
class Workshop {
 public:
  // `tasks`: a folder of tasks in YAML; "": $ATP_TASKS.
  Workshop(EngineSettings settings, const std::string& libtorch, std::vector<ExplicitPlugin> plugins = {},
           const std::string& tasks = {});

  Machinery machinery();

 private:
  Engine& engine();

  EngineSettings settings_;
  LibTorch libtorch_;
  PluginHost host_;
  TaskFiles tasks_;
  DeviceReport device_;
  std::unique_ptr<Engine> engine_;  // last: it goes before the plugins that it uses
};

}  // namespace atp
