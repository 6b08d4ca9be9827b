#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include "engine/engine.h"

namespace atp {

// What `atp predict` was asked for.
struct PredictionRequest {
  std::string result;            // a step's folder, or a name of it
  std::string input;             // a file of sources; "": a split
  std::string split;             // of the task; "": test
  bool official_splits = false;  // the files' own splits in place of the task's rule
  std::string task;              // of a result that was trained on several
  std::string file;              // where predictions go; "": to `out`
  std::int64_t batch_size = 32;
  bool merge = false;  // as in an evaluate step
  bool json = false;   // JSON Lines {"index", "source", "prediction"}; else one prediction a line
  bool quiet = false;
  std::string data, tasks, models, libtorch;
  EngineSettings engine = {};
};

// Predictions of a trained result for texts that need no answers. Gives the exit status: 0, or 130 where the user
// stopped it; what is wrong is thrown.
int run_predictions(const PredictionRequest& request, std::ostream& out);

}  // namespace atp
