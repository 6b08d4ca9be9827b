#include <cstdio>
#include <ostream>
#include <set>

#include "data/inspection.h"
#include "data/prediction_file.h"
#include "data/scoring.h"

namespace atp {

namespace {

// Without a task: all answers that the file's references name, in their alphabet's order.
std::vector<std::string> labels_of(const PredictionFile& file) {
  std::set<std::string> labels;
  for (const auto& references : file.references) labels.insert(references.front());
  return {labels.begin(), labels.end()};
}

void take_references(const TaskData* data, const ScoreRequest& request, PredictionFile& file) {
  if (!data) {
    throw DataError({request.predictions},
                    "without a task the answers must be in the file: JSON Lines with "
                    "{\"prediction\", \"references\"}");
  }
  const Split examples = data->split(request.split);
  if (examples.size() != file.predictions.size()) {
    throw DataError({request.predictions}, std::to_string(file.predictions.size()) + " predictions; split '" +
                                               request.split + "' of task '" + data->task().name + "' has " +
                                               std::to_string(examples.size()) +
                                               " examples, and one for each is expected");
  }
  for (std::size_t row = 0; row < examples.size(); ++row) {
    file.references.push_back(examples.references(row));
    file.groups.emplace_back(examples.group(row));
  }
}

}  // namespace

void score_predictions(const TaskData* data, const ScoreRequest& request, const Registry& registry, std::ostream& out) {
  auto metrics = request.metrics;
  if (metrics.empty() && data) metrics = data->task().metrics;
  if (metrics.empty()) throw RecipeError("without a task a metric must be named: --metric NAME");
  PredictionFile file = read_predictions(request.predictions);
  if (file.predictions.empty()) throw DataError({request.predictions}, "no predictions; expected one a line");
  if (file.references.empty()) take_references(data, request, file);
  auto labels = request.labels;
  if (labels.empty()) labels = data ? data->labels() : labels_of(file);
  const Scorer scorer(registry, metrics, labels, file.references, file.groups);
  const Scores scores = scorer.score(file.predictions);
  if (request.json) {
    Value result = Value::map();
    for (const auto& [name, score] : scores) result.set(name, score);
    out << to_json(result, 2) << "\n";
    return;
  }
  for (const auto& [name, score] : scores) {
    char number[32];
    std::snprintf(number, sizeof number, "%.2f", score);
    out << name << "  " << number << "\n";
  }
}

}  // namespace atp
