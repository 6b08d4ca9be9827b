#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "atp/metric.h"
#include "atp/registry.h"
#include "data/task_data.h"
#include "engine/engine.h"

namespace atp {

// The metrics of a task, applied to one split's rows.
class Scorer {
 public:
  // Metrics are built from the registry with their default options; the first is the primary one. Throws PluginError
  // naming a metric that nobody offers, RecipeError where there is none.
  Scorer(const Registry& registry, const std::vector<std::string>& metrics, std::vector<std::string> labels,
         std::vector<std::vector<std::string>> references, std::vector<std::string> groups);
  Scorer(const Registry& registry, const TaskData& data, Split split);  // whose answers stay in their store

  // One prediction per row, in the split's order; white space around one does not count. Throws DataError naming both
  // numbers where there are more or fewer than rows.
  Scores score(const std::vector<std::string>& predictions) const;

 private:
  std::vector<std::pair<std::string, std::shared_ptr<const Metric>>> metrics_;
  Predictions rows_;
  std::optional<Split> split_;
};

}  // namespace atp
