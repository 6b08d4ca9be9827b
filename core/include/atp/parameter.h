#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "atp/backbone.h"
#include "atp/export.h"

namespace atp {

// What another result holds, by the name that the recipe has for it.
struct NamedResult {
  std::string name;
  std::map<std::string, at::Tensor> tensors;
};

// All that first values may depend on.
struct ATP_EXPORT Start {
  std::uint64_t seed = 0;
  at::Device device = at::kCPU;
  at::ScalarType precision = at::kFloat;  // of trained tensors: float32, or float64 for a float64 backbone
  const Backbone* backbone = nullptr;
  // By the option that names them (Option::Input), in the recipe's order: prompts [m, d] by their names, whole results.
  // On the meta device, for a plan, what is not known yet is missing.
  std::map<std::string, std::vector<NamedTensor>> prompts = {};
  std::map<std::string, std::vector<NamedResult>> results = {};
  std::map<std::string, at::Tensor> given = {};    // values that the recipe takes from other results, by parameter name
  std::vector<std::int32_t> frequent_pieces = {};  // ids that a vocabulary start may draw from (METHODS.md)
  // Shows a sample of the training rows' sources, embedded, batch by batch; empty where a result is read.
  std::function<void(const std::function<void(const Embedded&)>& show)> training_inputs = {};

  // A CPU generator for this purpose alone, so that values do not depend on device, order or other tensors.
  at::Generator stream(const std::string& purpose) const;
};

// A trained tensor. `value` is undefined until the run starts: a plan needs names and shapes alone.
struct ATP_EXPORT Parameter {
  using Initial = std::function<at::Tensor(const Start&, const Parameter&)>;  // a tensor of `shape`, on any device

  std::string name;
  std::vector<std::int64_t> shape;
  std::string group;   // "prompt", "attention", "weights", …: a learning rate may be given for each
  bool decays = true;  // false: layer norms and biases
  Initial initial;
  at::Tensor value = {};
  bool of_tasks = false;  // the first dimension is the task: a task that it was not trained on has none

  std::int64_t count() const;
  bool takes(at::IntArrayRef other) const;  // a value of this shape; of `of_tasks`, one for all tasks too
  operator const at::Tensor&() const { return value; }
};

namespace initial {
ATP_EXPORT Parameter::Initial zeros();
ATP_EXPORT Parameter::Initial ones();
ATP_EXPORT Parameter::Initial normal(double deviation);  // its own stream, by the parameter's name
ATP_EXPORT Parameter::Initial uniform(double bound);     // the same, from -bound to bound
// The backbone's own weight of the parameter's name. Throws PluginError where it has none.
ATP_EXPORT Parameter::Initial weight();
// A prompt [m, d], or several [N, m, d], of embeddings of frequent pieces drawn without replacement: equal rows would
// tie in a max-pool. Throws RecipeError where there are fewer pieces than m, on the meta device (for a plan) too.
ATP_EXPORT Parameter::Initial vocabulary();
}  // namespace initial

// What methods and combiners share: they declare what they train when they are built, and get the values when a run
// starts.
class ATP_EXPORT Trainable {
 public:
  virtual ~Trainable();
  Trainable(const Trainable&) = delete;
  Trainable& operator=(const Trainable&) = delete;

  // Every trained tensor, parts' included, in a fixed order.
  std::vector<Parameter*> parameters();
  std::vector<const Parameter*> parameters() const;
  // What is kept with them and not trained, parts' included, in a fixed order.
  std::vector<const Parameter*> buffers() const;

  // Sets first values: `given` ones where their name is in `start`, else `initial`. One prompt may start those of
  // all tasks. Throws FormatError on another shape.
  virtual void initialise(const Start& start);

  // What a result keeps: the trained tensors and whatever else scoring needs (source prompts), by name.
  virtual std::map<std::string, at::Tensor> save() const;
  // The reverse; throws FormatError naming the tensor, its shape and the one wanted. Values keep their device.
  virtual void load(const std::map<std::string, at::Tensor>& tensors, const Start& start);

 protected:
  Trainable() = default;
  Parameter& parameter(std::string name, std::vector<std::int64_t> shape, std::string group, Parameter::Initial initial,
                       bool decays = true);
  // Kept, not trained. Of a group only where other results may give its first value (`attention`).
  Parameter& buffer(std::string name, std::vector<std::int64_t> shape, Parameter::Initial initial,
                    std::string group = {});
  void part(Trainable& other);  // its parameters are this one's too

 private:
  std::deque<Parameter> own_, buffers_;  // deques: references stay valid
  std::vector<Trainable*> parts_;
};

}  // namespace atp
