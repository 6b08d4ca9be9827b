#pragma once

#include <optional>
#include <string>
#include <vector>

#include "atp/export.h"
#include "engine/engine.h"
#include "train/model.h"

namespace atp {

// One split, scored: what was generated and what the targets cost, in the split's order.
struct Evaluation {
  std::string task;
  std::vector<std::string> predictions;
  std::vector<double> losses;  // mean over the row's target tokens
  Scores scores;               // the task's metrics
};

// Encodes each row once, for its loss and for greedy generation. Rows of similar length go together; results come in
// the split's order. Nothing where `control` says stop. Throws DataError for an empty split, NumericError naming a row
// whose loss is NaN or infinite.
ATP_EXPORT std::optional<Evaluation> evaluate(const Model& model, const SplitData& split, std::int64_t batch_size,
                                              const Control& control, const std::string& phase);

// predictions.jsonl of these evaluations, their task in each line where there are several; written as one act.
ATP_EXPORT void write_predictions(const std::string& path, const std::vector<Evaluation>& evaluations,
                                  const std::vector<SplitData>& splits);

}  // namespace atp
