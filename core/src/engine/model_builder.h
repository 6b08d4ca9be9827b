#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "atp/export.h"
#include "atp/registry.h"
#include "engine/engine.h"
#include "exchange/adapter.h"
#include "train/model.h"

namespace atp {

// From a ModelJob to a Model: makes the backbone (one frozen copy is shared by all steps that ask for the same), the
// method and its combiner, and their first values.
class ATP_EXPORT ModelBuilder {
 public:
  ModelBuilder(const Registry& registry, at::Device device) : registry_(registry), device_(device) {}

  // Throws FormatError where a file of the checkpoint's tensors is cut short or not one at all.
  static void check_files(const BackboneJob& job);
  // Hears what a method notes of its options (MethodContext::note).
  using Listener = std::function<void(const Origin&, const std::string&)>;

  // On the meta device: names and shapes, nothing allocated.
  Model outline(const ModelJob& job, const Listener& listener = {}) const;
  // Throws what drawing first values would throw, as far as a plan can know: a prompt longer than the vocabulary that
  // it starts from, results of other shapes than the model's.
  void try_first_values(const ModelJob& job, const Model& outline) const;
  // Ready to be trained on these splits: source prompts, given values and random first values are in place.
  Model fresh(const ModelJob& job, const std::vector<SplitData>& train);
  // Ready to be scored: the values of a result, or of an adapter. Without a method, the untouched backbone.
  Model trained(const EvaluateJob& job);
  // What the method attaches goes into the weights of a backbone of the model's own. Throws RecipeError where it
  // cannot.
  void merge(const ModelJob& job, Model& model);
  // Throws what the two above would throw, as far as shapes tell.
  void check(const EvaluateJob& job) const;
  // Ready to be saved: the values of an adapter, the backbone as an outline. `path`, for messages: where it is from.
  Model adopted(const ModelJob& job, const Adapter& adapter, const std::string& path) const;

 private:
  BackboneRequest request(const BackboneJob& job, at::Device device) const;
  std::shared_ptr<Method> method(const ModelJob& job, std::shared_ptr<Backbone> backbone,
                                 const Listener& listener = {}) const;
  std::shared_ptr<Backbone> backbone(const ModelJob& job, bool own_copy);
  Model model(const ModelJob& job);
  Start start(const ModelJob& job, const Model& model) const;
  void load(const EvaluateJob& job, const Model& model) const;
  void load(const Adapter& adapter, const std::string& path, const ModelJob& job, const Model& model) const;

  const Registry& registry_;
  at::Device device_;
  std::string shared_key_;  // of the backbone that is shared
  std::shared_ptr<Backbone> shared_;
};

TrainedCount count_of(const Model& model, const ModelJob& job);

}  // namespace atp
