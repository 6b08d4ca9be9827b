#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "atp/export.h"
#include "engine/engine.h"

namespace atp {

// The best evaluation so far.
struct Best {
  std::int64_t update = 0;
  double epoch = 0;
  double score = 0;
  std::vector<std::pair<std::string, Scores>> scores = {};  // by task
};

// All that a half-done training is, between two updates. A file FOLDER/state/state.safetensors: tensors "value/…",
// "first_moment/…", "second_moment/…" and "best/…", the rest as JSON in its metadata.
struct TrainingState {
  std::string identity;  // of the step
  std::string device;    // its class, "cpu" or "cuda": a half-done step goes on on the same
  int threads = 0;       // a resumed step takes the number over
  std::int64_t done = 0;
  std::int64_t evaluated = 0;  // the update of the last evaluation
  std::int64_t without_better = 0;
  std::optional<Best> best = {};
  std::size_t metrics_length = 0;
  std::map<std::string, at::Tensor> tensors = {};
};

ATP_EXPORT void save_state(const std::string& folder, const TrainingState& state);  // one rename
// Nothing where there is no state, or where it is damaged: then a warning says so, and training starts over, which
// costs time and gives the same result. Throws FormatError for the state of another step.
ATP_EXPORT std::optional<TrainingState> load_state(const std::string& folder, const std::string& identity);

}  // namespace atp
