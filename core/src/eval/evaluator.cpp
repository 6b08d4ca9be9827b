#include "eval/evaluator.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "atp/error.h"
#include "atp/value.h"
#include "io/durable_file.h"
#include "train/batches.h"
#include "train/metrics_log.h"

namespace atp {

namespace {

std::vector<ExampleNumber> longest_first(const TokenRows& rows) {
  std::vector<ExampleNumber> order;
  for (std::int64_t row = 0; row < rows.size(); ++row) order.push_back({0, row});
  std::stable_sort(order.begin(), order.end(),
                   [&](const auto& a, const auto& b) { return rows.source(a.row).size() > rows.source(b.row).size(); });
  return order;
}

void evaluate_batch(const Model& model, const Batch& batch, const SplitData& split, Evaluation& evaluation) {
  const auto pass = model.pass(batch);
  const auto encoded = model.backbone->encode(model.embed(batch), pass);
  const auto losses = model.backbone->loss(encoded, batch.labels, batch.label_lengths, pass);
  const auto generated = model.backbone->generate(encoded, split.target_length, pass);
  const auto sums = losses.sums.to(at::kCPU, at::kDouble).contiguous();
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    const auto row = static_cast<std::size_t>(batch.rows[i]);
    const auto loss = sums.const_data_ptr<double>()[i];
    if (!std::isfinite(loss))
      throw NumericError("task '" + split.task + "' row " + std::to_string(row) + ": the loss is " +
                         std::to_string(loss) + " when it is evaluated");
    evaluation.losses[row] = loss / static_cast<double>(std::max<std::int64_t>(1, losses.tokens[i]));
    evaluation.predictions[row] = split.decode(generated[i]);
  }
}

}  // namespace

std::optional<Evaluation> evaluate(const Model& model, const SplitData& split, std::int64_t batch_size,
                                   const Control& control, const std::string& phase) {
  const at::NoGradGuard no_gradient;
  const auto rows = split.rows->size();
  if (rows == 0) throw DataError("task '" + split.task + "' has no example to evaluate");
  Evaluation evaluation{.task = split.task, .predictions = {}, .losses = {}, .scores = {}};
  evaluation.predictions.resize(static_cast<std::size_t>(rows));
  evaluation.losses.resize(static_cast<std::size_t>(rows));
  const auto order = longest_first(*split.rows);
  for (std::int64_t begin = 0; begin < rows; begin += batch_size) {
    if (control.stop && *control.stop) return std::nullopt;
    if (control.progress) control.progress({.update = begin, .updates = rows, .loss = 0, .phase = phase});
    const auto size = static_cast<std::size_t>(std::min(batch_size, rows - begin));
    const auto examples = std::span(order).subspan(static_cast<std::size_t>(begin), size);
    evaluate_batch(model, make_batch(examples, {split}, model.device), split, evaluation);
  }
  evaluation.scores = split.score(evaluation.predictions);
  return evaluation;
}

void write_predictions(const std::string& path, const std::vector<Evaluation>& evaluations,
                       const std::vector<SplitData>& splits) {
  std::string lines;
  for (std::size_t i = 0; i < evaluations.size(); ++i) {
    const auto& evaluation = evaluations[i];
    for (std::size_t row = 0; row < evaluation.predictions.size(); ++row) {
      lines += "{";
      if (evaluations.size() > 1) lines += "\"task\": " + to_json(Value(evaluation.task)) + ", ";
      lines += "\"index\": " + std::to_string(row);
      if (splits[i].texts) {
        const auto [source, target] = splits[i].texts(static_cast<std::int64_t>(row));
        lines += ", \"source\": " + to_json(Value(source)) + ", \"target\": " + to_json(Value(target));
      }
      lines += ", \"prediction\": " + to_json(Value(evaluation.predictions[row])) +
               ", \"loss\": " + json_number(evaluation.losses[row]) + "}\n";
    }
  }
  write_durably(path, lines);
}

}  // namespace atp
