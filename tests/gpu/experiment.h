#pragma once

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "atp/seed.h"
#include "data/token_rows.h"
#include "engine/model_builder.h"
#include "tests/gpu/run.h"
#include "train/batches.h"
#include "train/trainer.h"

// What the tests of the GPU share: models with random weights, the same on every device, and random rows.

const Workplace& workplace();
inline at::Device device() { return workplace().device == "cpu" ? at::Device(at::kCPU) : at::Device(at::kCUDA, 0); }
inline bool on_gpu() { return device().is_cuda(); }

class RandomRows final : public atp::TokenRows {
 public:
  // Sources of `shortest` to `longest` ids, </s> counted, and targets of 2 to 6.
  RandomRows(std::int64_t rows, std::int64_t shortest, std::int64_t longest, std::int32_t vocabulary) {
    auto draw = [state = std::uint64_t{1}](std::int64_t low, std::int64_t high) mutable {
      state = atp::derive_seed(state, "draw");
      return low + static_cast<std::int64_t>(state % static_cast<std::uint64_t>(high - low + 1));
    };
    const auto ids = [&](std::int64_t length) {
      std::vector<std::int32_t> row;
      while (--length > 0) row.push_back(static_cast<std::int32_t>(draw(3, vocabulary - 1)));
      row.push_back(1);
      return row;
    };
    for (std::int64_t row = 0; row < rows; ++row) {
      sources_.push_back(ids(draw(shortest, longest)));
      targets_.push_back(ids(draw(2, 6)));
    }
  }
  std::int64_t size() const override { return static_cast<std::int64_t>(sources_.size()); }
  std::span<const std::int32_t> source(std::int64_t row) const override {
    return sources_[static_cast<std::size_t>(row)];
  }
  std::span<const std::int32_t> target(std::int64_t row) const override {
    return targets_[static_cast<std::size_t>(row)];
  }
  std::int64_t truncated_sources() const override { return 0; }

 private:
  std::vector<std::vector<std::int32_t>> sources_, targets_;
};

inline atp::SplitData random_split(std::int64_t rows, std::int64_t shortest, std::int64_t longest,
                                   std::int32_t vocabulary) {
  atp::SplitData split{
      .task = "random", .rows = std::make_shared<RandomRows>(rows, shortest, longest, vocabulary), .target_length = 6};
  split.decode = [](const std::vector<std::int32_t>& ids) {
    std::string text;
    for (const auto id : ids) text += std::to_string(id) + " ";
    return text;
  };
  split.score = [](const auto&) { return atp::Scores{{"none", 0.0}}; };
  return split;
}

struct Experiment {
  std::string shape = "tiny", precision = "float32", method = "attempt";
  std::int64_t prompt_length = 8;
  std::int32_t vocabulary = 500;
  double dropout = 0;
};

inline atp::Params checked(const std::string& kind, const std::string& name, const atp::Value& given) {
  atp::Problems problems;
  auto params = workplace().registry.find(kind, name)->options.check(given, {}, problems);
  problems.throw_if_any();
  return params;
}

inline atp::ModelJob model_job(const Experiment& experiment) {
  atp::ModelJob job;
  job.backbone.backbone = {"t5", checked("backbone", "t5", {})};
  job.backbone.random_shape = experiment.shape;
  job.backbone.random_seed = 7;
  job.backbone.vocabulary = experiment.vocabulary;
  job.backbone.precision = experiment.precision;
  job.backbone.dropout = experiment.dropout;
  atp::Value options = atp::Value::Map{{"prompt_length", experiment.prompt_length}};
  if (experiment.method == "attempt") {
    options.set("source_prompts", "sources");
    job.combiner = {"attempt", checked("combiner", "attempt", {})};
  }
  job.method = {experiment.method, checked("method", experiment.method, options)};
  job.tasks = {"random"};
  for (std::int32_t id = 3; id < experiment.vocabulary; ++id) job.frequent_pieces.push_back(id);
  job.seed = 42;
  return job;
}

// As an engine would build it, but with source prompts out of the air.
inline atp::Model make_model(const Experiment& experiment, at::Device on) {
  const auto job = model_job(experiment);
  const auto precision = experiment.precision == "bfloat16" ? at::kBFloat16 : at::kFloat;
  atp::Model model{.backbone = nullptr, .method = nullptr, .device = on, .dropout = experiment.dropout};
  model.backbone =
      workplace().registry.make<atp::Backbone>("t5",
                                               atp::BackboneRequest{.checkpoint = {.folder = "",
                                                                                   .random_shape = experiment.shape,
                                                                                   .seed = job.backbone.random_seed,
                                                                                   .vocabulary = experiment.vocabulary},
                                                                    .precision = precision,
                                                                    .device = on},
                                               job.backbone.backbone.options);
  const bool mixes = experiment.method == "attempt";
  const atp::MethodContext context{.backbone = model.backbone,
                                   .tasks = job.tasks,
                                   .inputs = {{"source_prompts", mixes ? 6 : 0}},
                                   .combiner = [&](const atp::PromptShape& shape) {
                                     return workplace().registry.make<atp::PromptCombiner>("attempt", shape,
                                                                                           job.combiner->options);
                                   }};
  model.method = workplace().registry.make<atp::Method>(experiment.method, context, job.method.options);
  atp::Start start{.seed = 42, .device = on, .backbone = model.backbone.get()};
  start.frequent_pieces = job.frequent_pieces;
  for (int j = 0; mixes && j < 6; ++j) {
    const auto name = "source " + std::to_string(j);
    start.prompts["source_prompts"].emplace_back(
        name, at::empty({experiment.prompt_length, model.backbone->shape().width}).normal_(0, 1, start.stream(name)));
  }
  model.method->initialise(start);
  return model;
}

inline atp::Batch batch_of(const atp::SplitData& split, at::Device on) {
  std::vector<atp::ExampleNumber> examples;
  for (std::int64_t row = 0; row < split.rows->size(); ++row) examples.push_back({0, row});
  return atp::make_batch(examples, {split}, on);
}

inline std::vector<double> losses_of(const atp::Model& model, const atp::Batch& batch) {
  const at::NoGradGuard no_gradient;
  const auto encoded = model.backbone->encode(model.embed(batch), {});
  const auto sums = model.backbone->loss(encoded, batch.labels, batch.label_lengths, {}).sums;
  const auto here = sums.to(at::kCPU, at::kDouble).contiguous();
  return {here.const_data_ptr<double>(), here.const_data_ptr<double>() + here.numel()};
}

// Within `tolerance`, relative where the expected number is above 1.
inline bool near(double found, double expected, double tolerance) {
  return std::abs(found - expected) <= tolerance * std::max(1.0, std::abs(expected));
}
