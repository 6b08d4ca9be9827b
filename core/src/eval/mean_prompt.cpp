#include "eval/mean_prompt.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "atp/error.h"
#include "train/batches.h"

namespace atp {

namespace {

[[noreturn]] void refuse(const std::string& method, const std::string& reason) {
  throw RecipeError("method '" + method + "' " + reason + ", and one prompt would not stand for that");
}

// The prompts [B, m, d] in front of `text`, in float64.
at::Tensor prompts_of(const std::string& method, const Embedded& embedded, const Embedded& text) {
  const auto tokens = embedded.values.size(1) - text.values.size(1);
  for (std::size_t row = 0; row < text.lengths.host.size(); ++row)
    if (embedded.lengths.host[row] - text.lengths.host[row] != tokens)
      refuse(method, "puts prompts of several lengths before its inputs");
  if (tokens < 1) refuse(method, "puts no prompt before its inputs");
  const auto places = at::arange(text.values.size(1), text.lengths.device.options());
  const auto is_text = places.lt(text.lengths.device.unsqueeze(1)).unsqueeze(2);  // [B, l, 1]
  if (embedded.values.narrow(1, tokens, text.values.size(1)).ne(text.values).logical_and(is_text).any().item<bool>())
    refuse(method, "changes the embedded inputs, too");
  return embedded.values.narrow(1, 0, tokens).to(at::kDouble);
}

// Over a batch's rows: each row's mean over its target tokens.
double sum_of_losses(const Model& model, const Batch& batch, const Embedded& embedded) {
  const auto pass = model.pass(batch);
  const auto losses =
      model.backbone->loss(model.backbone->encode(embedded, pass), batch.labels, batch.label_lengths, pass);
  const auto sums = losses.sums.to(at::kCPU, at::kDouble).contiguous();
  double sum = 0;
  for (std::size_t i = 0; i < losses.tokens.size(); ++i)
    sum += sums.const_data_ptr<double>()[i] / static_cast<double>(std::max<std::int64_t>(1, losses.tokens[i]));
  return sum;
}

// Batches in the split's order; false where `control` says stop.
bool for_each_batch(const Model& model, const SplitData& split, std::int64_t batch_size, const Control& control,
                    const std::string& phase, const std::function<void(const Batch&, const Embedded&)>& see) {
  const auto rows = split.rows->size();
  for (std::int64_t begin = 0; begin < rows; begin += batch_size) {
    if (control.stop && *control.stop) return false;
    if (control.progress) control.progress({.update = begin, .updates = rows, .loss = 0, .phase = phase});
    std::vector<ExampleNumber> examples;
    for (auto row = begin; row < std::min(begin + batch_size, rows); ++row) examples.push_back({0, row});
    const auto batch = make_batch(examples, {split}, model.device);
    see(batch, {.values = model.backbone->embed(batch.ids), .lengths = batch.lengths, .weights = {}});
  }
  return true;
}

}  // namespace

std::optional<MeanPrompt> mean_prompt(const Model& model, const std::string& method, const SplitData& split,
                                      std::int64_t batch_size, const Control& control) {
  const at::NoGradGuard no_gradient;
  const auto rows = static_cast<double>(split.rows->size());
  if (rows == 0) throw DataError("task '" + split.task + "' has no example to take a mean over");
  if (model.method->changes_backbone()) refuse(method, "trains the backbone's own weights");
  if (const auto* sites = model.method->sites(); sites && !sites->empty()) refuse(method, "acts inside the backbone");

  MeanPrompt mean{.prompt = {}, .cost = {.rows = split.rows->size()}};
  const auto add = [&](const Batch& batch, const Embedded& text) {
    const auto embedded = model.embed(batch);
    const auto prompts = prompts_of(method, embedded, text);
    if (mean.cost.tokens != 0 && mean.cost.tokens != prompts.size(1))
      refuse(method, "puts prompts of several lengths before its inputs");
    mean.cost.tokens = prompts.size(1);
    mean.prompt = mean.prompt.defined() ? mean.prompt + prompts.sum(0) : prompts.sum(0);
    mean.cost.loss += sum_of_losses(model, batch, embedded) / rows;
  };
  if (!for_each_batch(model, split, batch_size, control, "mean", add)) return {};
  mean.prompt = mean.prompt / rows;

  double squares = 0;
  const auto compare = [&](const Batch& batch, const Embedded& text) {
    squares += (prompts_of(method, model.embed(batch), text) - mean.prompt).square().sum().item<double>() / rows;
    const auto embedded = prepend(mean.prompt.expand({batch.size(), -1, -1}), text);
    mean.cost.loss_of_mean += sum_of_losses(model, batch, embedded) / rows;
  };
  if (!for_each_batch(model, split, batch_size, control, "losses", compare)) return {};
  const auto norm = mean.prompt.norm().item<double>();
  mean.cost.deviation = norm > 0 ? std::sqrt(squares) / norm : 0;
  const bool is_double = model.backbone->weights().front().second.scalar_type() == at::kDouble;
  mean.prompt = mean.prompt.to(at::kCPU, is_double ? at::kDouble : at::kFloat).contiguous();
  return mean;
}

}  // namespace atp
