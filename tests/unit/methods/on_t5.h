#pragma once

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include "tests/unit/train/experiment.h"
#include "train/batches.h"

// Methods on a T5 of width 16 with two encoder layers and one decoder layer, a checkpoint of transformers' making, and
// a batch that mixes the rows of two tasks.

struct OnT5 {
  std::string method;
  atp::Value options = atp::Value::map();
  std::vector<std::string> tasks = {"one", "two"};
  std::map<std::string, std::int64_t> inputs = {};
  std::string combiner = {};
  atp::Value combiner_options = {};
};

// Options with places, as a recipe's have.
inline atp::Value written(atp::Value::Map members) {
  for (auto& [key, value] : members) value.origin = {.file = "recipe.yaml", .line = 1};
  return atp::Value(std::move(members));
}

// Every method and combiner that the build has, and T5.
inline const atp::Registry& t5_methods() {
  static const atp::Registry registry = [] {
    atp::Registry made;
    for (const auto* kind : {"method", "combiner"})
      for (const auto& library : libraries_of(kind)) load_plugin(made, kind, library);
    load_plugin(made, "backbone", "t5");
    return made;
  }();
  return registry;
}

inline atp::Params t5_options(const std::string& kind, const std::string& name, const atp::Value& given = {}) {
  atp::Problems problems;
  auto params = t5_methods().find(kind, name)->options.check(given, {}, problems);
  problems.throw_if_any();
  return params;
}

inline std::shared_ptr<atp::Backbone> t5(at::ScalarType precision = at::kDouble, at::Device device = at::kCPU) {
  atp::BackboneRequest request{.checkpoint = {}, .precision = precision, .device = device};
  request.checkpoint.folder = tests::in_source_tree("/tests/goldens/training/checkpoint");
  return t5_methods().make<atp::Backbone>("t5", request, t5_options("backbone", "t5"));
}

inline std::shared_ptr<atp::Backbone> t5_outline(const std::string& shape) {
  atp::BackboneRequest request{.checkpoint = {}, .device = at::kMeta};
  request.checkpoint.random_shape = shape;
  request.checkpoint.vocabulary = 32128;  // of the published checkpoints' embeddings
  return t5_methods().make<atp::Backbone>("t5", request, t5_options("backbone", "t5"));
}

inline std::shared_ptr<atp::Method> method_on(const std::shared_ptr<atp::Backbone>& backbone, const OnT5& what,
                                              std::vector<std::string>* notes = nullptr) {
  atp::MethodContext context{.backbone = backbone,
                             .tasks = what.tasks,
                             .inputs = what.inputs,
                             .source_length = 256,
                             .combiner = [&what](const atp::PromptShape& shape) {
                               return t5_methods().make<atp::PromptCombiner>(
                                   what.combiner, shape, t5_options("combiner", what.combiner, what.combiner_options));
                             }};
  if (notes) context.note = [notes](const atp::Origin&, const std::string& text) { notes->push_back(text); };
  return t5_methods().make<atp::Method>(what.method, context, t5_options("method", what.method, what.options));
}

// Two finished results of `adapter` with bottlenecks of 4: `<site>.adapter.{down,up}.{weight,bias}` for one task, and
// the layer norms.
inline std::vector<atp::NamedResult> made_adapters(const atp::Backbone& backbone, const atp::Start& start) {
  std::vector<atp::NamedResult> results;
  for (const std::string name : {"adapters.first", "adapters.second"}) {
    auto& result = results.emplace_back(atp::NamedResult{name, {}});
    const auto add = [&](const std::string& tensor, const std::vector<std::int64_t>& shape) {
      result.tensors[tensor] = at::empty(shape, at::kDouble).normal_(0, 0.5, start.stream(name + tensor));
    };
    for (const auto& site : backbone.sites()) {
      if (site.kind == atp::Site::Kind::norm) add(site.name + ".weight", {16});
      if (site.kind != atp::Site::Kind::sublayer) continue;
      add(site.name + ".adapter.down.weight", {1, 4, 16});
      add(site.name + ".adapter.down.bias", {1, 4});
      add(site.name + ".adapter.up.weight", {1, 16, 4});
      add(site.name + ".adapter.up.bias", {1, 16});
    }
  }
  return results;
}

// First values of what a method's inputs name: source prompts and teachers of 3 tokens, adapters.
inline atp::Start start_on(const atp::Backbone& backbone, at::ScalarType precision = at::kDouble,
                           const OnT5& what = {}) {
  Choices choices;
  choices.precision = precision;
  if (what.inputs.contains("source_prompts")) choices.sources = what.inputs.at("source_prompts");
  auto start = first_values(backbone, choices);
  start.results["adapters"] = made_adapters(backbone, start);
  const auto prompt = [&](const std::string& name) {
    return atp::NamedTensor(name,
                            at::empty({3, backbone.shape().width}, at::kDouble).normal_(0, 1, start.stream(name)));
  };
  start.prompts["similar_to"] = {prompt("own")};
  if (what.inputs.contains("teachers"))
    for (const auto& task : what.tasks) start.prompts["teachers"].push_back(prompt("sources." + task));
  return start;
}

// With N(0, 0.3²) added to first values, so that nothing is zero or hidden by something small.
inline atp::Model model_on_t5(const OnT5& what, at::ScalarType precision = at::kDouble) {
  atp::Model model;
  model.backbone = t5(precision);
  model.method = method_on(model.backbone, what);
  const auto start = start_on(*model.backbone, precision, what);
  model.method->initialise(start);
  const at::NoGradGuard no_gradient;
  for (auto* parameter : model.method->parameters())
    parameter->value.add_(
        at::empty(parameter->shape, at::kDouble).normal_(0, 0.3, start.stream("again:" + parameter->name)));
  return model;
}

inline atp::Batch mixed_batch(const std::vector<atp::ExampleNumber>& examples = {
                                  {0, 0}, {1, 3}, {0, 2}, {1, 1}, {0, 5}}) {
  const std::vector<atp::SplitData> splits = {made_split("one", 0, 6), made_split("two", 1, 4)};
  return atp::make_batch(examples, splits, at::kCPU);
}

// [B]: each example's cross-entropy, summed over its target.
inline at::Tensor losses_on_t5(const atp::Model& model, const atp::Batch& batch) {
  const auto pass = model.pass(batch);
  const auto encoded = model.backbone->encode(model.embed(batch), pass);
  return model.backbone->loss(encoded, batch.labels, batch.label_lengths, pass).sums;
}

// The same with what the method adds to it in training. What a combiner draws or adds there, unit/prompts proves.
inline at::Tensor trained_losses_on_t5(const atp::Model& model, const atp::Batch& batch) {
  const auto pass = model.pass(batch);
  const auto encoded = model.backbone->encode(model.embed(batch), pass);
  const auto losses = model.backbone->loss(encoded, batch.labels, batch.label_lengths, pass).sums;
  const auto extra = model.method->extra_loss(batch, encoded, *model.backbone, pass);
  return extra.defined() ? losses + extra : losses;
}
