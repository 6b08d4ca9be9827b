#include "pipeline/workshop.h"

namespace atp {

Workshop::Workshop(EngineSettings settings, const std::string& libtorch, std::vector<ExplicitPlugin> plugins,
                   const std::string& tasks)
    : settings_(std::move(settings)),
      libtorch_(LibTorchSettings::of_this_program(libtorch)),
      host_(SearchPath::of_this_program(std::move(plugins)), libtorch_),
      tasks_(host_, task_folder(tasks)) {}

Machinery Workshop::machinery() {
  return {tasks_, host_.registry(), [this]() -> Engine& { return engine(); }, [this] { return device_; }};
}

Engine& Workshop::engine() {
  if (!engine_) engine_ = libtorch_.make_engine(settings_, host_.registry(), device_);
  return *engine_;
}

}  // namespace atp
