#include "atp/parameter.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include "atp/error.h"
#include "atp/seed.h"
#include "atp/tensor_file.h"

namespace atp {

namespace {

// A value of the parameter's shape on the run's device, with storage of its own.
at::Tensor placed(const at::Tensor& value, const Parameter& parameter, const Start& start) {
  const auto type = value.is_floating_point() ? start.precision : value.scalar_type();
  return at::empty(parameter.shape, at::TensorOptions(start.device).dtype(type)).copy_(value.detach());
}

at::Tensor first_value(const Parameter& parameter, const Start& start) {
  const auto given = start.given.find(parameter.name);
  if (given == start.given.end()) {
    const auto value = parameter.initial(start, parameter);
    if (value.sizes() != parameter.shape)
      throw FormatError("first value of '" + parameter.name + "' has shape " + shape_text(value.sizes()) +
                        "; expected " + shape_text(parameter.shape));
    return value;
  }
  if (!parameter.takes(given->second.sizes()))
    throw FormatError("the value given for '" + parameter.name + "' has shape " + shape_text(given->second.sizes()) +
                      "; expected " + shape_text(parameter.shape) +
                      "; give both steps the same options (prompt_length, rank, …) and the same backbone");
  return given->second;
}

}  // namespace

at::Generator Start::stream(const std::string& purpose) const {
  return at::make_generator<at::CPUGeneratorImpl>(derive_seed(seed, purpose));
}

std::int64_t Parameter::count() const {
  std::int64_t count = 1;
  for (const auto size : shape) count *= size;
  return count;
}

bool Parameter::takes(at::IntArrayRef other) const {
  return other == at::IntArrayRef(shape) || (of_tasks && other == at::IntArrayRef(shape).slice(1));
}

namespace initial {

namespace {
Parameter::Initial constant(double number) {
  return [number](const Start& start, const Parameter& parameter) {
    if (start.device.is_meta()) return at::empty(parameter.shape, at::TensorOptions(at::kMeta));
    return at::full(parameter.shape, number, at::TensorOptions().dtype(start.precision));
  };
}
}  // namespace

Parameter::Initial zeros() { return constant(0); }
Parameter::Initial ones() { return constant(1); }

namespace {
// Drawn in float64, so that a run in float32 starts from the rounded values of a run in float64. A plan draws nothing.
Parameter::Initial drawn(std::function<at::Tensor(at::Tensor, const at::Generator&)> draw) {
  return [draw = std::move(draw)](const Start& start, const Parameter& parameter) {
    if (start.device.is_meta()) return at::empty(parameter.shape, at::TensorOptions(at::kMeta));
    return draw(at::empty(parameter.shape, at::TensorOptions().dtype(at::kDouble)),
                start.stream("initial:" + parameter.name));
  };
}
}  // namespace

Parameter::Initial normal(double deviation) {
  return drawn(
      [deviation](at::Tensor values, const at::Generator& stream) { return values.normal_(0, deviation, stream); });
}

Parameter::Initial uniform(double bound) {
  return drawn(
      [bound](at::Tensor values, const at::Generator& stream) { return values.uniform_(-bound, bound, stream); });
}

Parameter::Initial weight() {
  return [](const Start& start, const Parameter& parameter) { return named_weight(*start.backbone, parameter.name); };
}

Parameter::Initial vocabulary() {
  return [](const Start& start, const Parameter& parameter) {
    const auto length = parameter.shape.at(parameter.shape.size() - 2);
    const auto pieces = static_cast<std::int64_t>(start.frequent_pieces.size());
    if (pieces < length)
      throw RecipeError(
          "'" + parameter.name + "' is " + std::to_string(length) +
          " tokens long and starts from that many different pieces of the vocabulary; the tokenizer has " +
          std::to_string(pieces) +
          " frequent ones; give a prompt_length of at most that, or start_from another prompt");
    if (start.device.is_meta()) return at::empty(parameter.shape, at::TensorOptions(at::kMeta));
    const auto stream = start.stream("initial:" + parameter.name);
    const auto ids = at::tensor(start.frequent_pieces, at::kLong);
    std::vector<at::Tensor> draws;
    for (auto left = parameter.count(); left > 0; left -= length * parameter.shape.back())
      draws.push_back(ids.index_select(0, at::randperm(pieces, stream, at::kLong).narrow(0, 0, length)));
    return start.backbone->embed(at::stack(draws).to(start.device)).reshape(parameter.shape);
  };
}

}  // namespace initial

Trainable::~Trainable() = default;

std::vector<Parameter*> Trainable::parameters() {
  std::vector<Parameter*> all;
  for (auto& own : own_) all.push_back(&own);
  for (auto* other : parts_)
    for (auto* theirs : other->parameters()) all.push_back(theirs);
  return all;
}

std::vector<const Parameter*> Trainable::parameters() const {
  const auto all = const_cast<Trainable*>(this)->parameters();
  return {all.begin(), all.end()};
}

std::vector<const Parameter*> Trainable::buffers() const {
  std::vector<const Parameter*> all;
  for (const auto& kept : buffers_) all.push_back(&kept);
  for (const auto* other : parts_)
    for (const auto* theirs : other->buffers()) all.push_back(theirs);
  return all;
}

void Trainable::initialise(const Start& start) {
  const at::NoGradGuard no_gradient;
  for (auto& own : own_) own.value = placed(first_value(own, start), own, start).set_requires_grad(true);
  for (auto& kept : buffers_) kept.value = placed(first_value(kept, start), kept, start);
  for (auto* other : parts_) other->initialise(start);
}

std::map<std::string, at::Tensor> Trainable::save() const {
  std::map<std::string, at::Tensor> tensors;
  for (const auto* kept : {&own_, &buffers_})
    for (const auto& one : *kept) tensors.emplace(one.name, one.value.detach());
  for (const auto* other : parts_) tensors.merge(other->save());
  return tensors;
}

void Trainable::load(const std::map<std::string, at::Tensor>& tensors, const Start& start) {
  const at::NoGradGuard no_gradient;
  for (auto* kept : {&own_, &buffers_}) {
    for (auto& one : *kept) {
      const auto found = tensors.find(one.name);
      if (found == tensors.end())
        throw FormatError("there is no tensor '" + one.name + "'; expected one of shape " + shape_text(one.shape));
      if (found->second.sizes() != one.shape)
        throw FormatError("tensor '" + one.name + "' has shape " + shape_text(found->second.sizes()) + "; expected " +
                          shape_text(one.shape));
      if (one.value.defined())
        one.value.copy_(found->second);  // in place: whoever holds the tensor sees the new values
      else
        one.value = placed(found->second, one, start).set_requires_grad(kept == &own_);
    }
  }
  for (auto* other : parts_) other->load(tensors, start);
}

Parameter& Trainable::parameter(std::string name, std::vector<std::int64_t> shape, std::string group,
                                Parameter::Initial initial, bool decays) {
  own_.push_back({.name = std::move(name),
                  .shape = std::move(shape),
                  .group = std::move(group),
                  .decays = decays,
                  .initial = std::move(initial)});
  return own_.back();
}

Parameter& Trainable::buffer(std::string name, std::vector<std::int64_t> shape, Parameter::Initial initial,
                             std::string group) {
  buffers_.push_back({.name = std::move(name),
                      .shape = std::move(shape),
                      .group = std::move(group),
                      .decays = false,
                      .initial = std::move(initial)});
  return buffers_.back();
}

void Trainable::part(Trainable& other) { parts_.push_back(&other); }

}  // namespace atp
