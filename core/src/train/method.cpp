#include "atp/method.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/ge.h>
#include <ATen/ops/masked_fill.h>
#include <ATen/ops/matmul.h>

#include <limits>

#include "atp/combiner.h"
#include "atp/error.h"
#include "atp/tensor_file.h"

namespace atp {

PromptCombiner::~PromptCombiner() = default;

Mixture PromptCombiner::combine_in_training(const at::Tensor& sources, const at::Tensor& target, const Embedded& input,
                                            const at::Generator&) const {
  return combine(sources, target, input);
}

Method::~Method() = default;

Embedded Method::embed(const Batch& batch, const Backbone& backbone) const {
  return {.values = backbone.embed(batch.ids), .lengths = batch.lengths, .weights = {}};
}

std::string Method::prompt() const {
  for (const auto* one : parameters())
    if (one->name == "prompt") return one->name;
  return {};
}

std::vector<NamedTensor> Method::merged(const Backbone&) const { return {}; }

at::Tensor Method::extra_loss(const Batch&, const Encoded&, const Backbone&, const Pass&) const { return {}; }

at::Tensor max_over_prompt(const at::Tensor& prompts) {
  // argmax gives the first of equal maxima, and gather sends the gradient to that element alone.
  return prompts.gather(-2, prompts.argmax(-2, true)).squeeze(-2);
}

namespace {

// Where rows of values [B, l, ...] have no token: [B, l, 1, ...].
at::Tensor padding_of(const at::Tensor& values, const Lengths& lengths) {
  auto padding = at::arange(values.size(1), lengths.device.options()).ge(lengths.device.unsqueeze(1));
  while (padding.dim() < values.dim()) padding = padding.unsqueeze(-1);
  return padding;
}

}  // namespace

at::Tensor max_over_tokens(const Embedded& input) {
  const auto padding = padding_of(input.values, input.lengths);
  return max_over_prompt(input.values.masked_fill(padding, -std::numeric_limits<double>::infinity()));
}

at::Tensor mean_over_tokens(const at::Tensor& values, const Lengths& lengths) {
  auto counts = lengths.device;
  while (counts.dim() < values.dim() - 1) counts = counts.unsqueeze(-1);
  return values.masked_fill(padding_of(values, lengths), 0).sum(1) / counts;
}

Embedded prepend(const at::Tensor& prompts, const Embedded& text) {
  if (prompts.dim() == 2) return prepend(prompts.expand({text.values.size(0), -1, -1}), text);
  const auto tokens = prompts.size(1);
  Lengths lengths{.host = text.lengths.host, .device = text.lengths.device.add(tokens)};
  for (auto& length : lengths.host) length += tokens;
  return {.values = at::concat({prompts.to(text.values.scalar_type()), text.values}, 1),
          .lengths = std::move(lengths),
          .weights = {}};
}

void require_prompt(const std::string& whose, const at::Tensor& prompt, std::int64_t length, std::int64_t width) {
  if (prompt.dim() != 2)
    throw FormatError(whose + " has shape " + shape_text(prompt.sizes()) +
                      "; expected one prompt [m, d]: of a result of several tasks, name one (STEP.TASK)");
  if (prompt.size(1) != width)
    throw FormatError(whose + " has width " + std::to_string(prompt.size(1)) + ", and this step's backbone " +
                      std::to_string(width) + "; give both steps the same backbone");
  if (prompt.size(0) != length)
    throw FormatError(whose + " is " + std::to_string(prompt.size(0)) +
                      " tokens long, and this step's prompt_length is " + std::to_string(length) +
                      "; give both steps the same prompt_length");
}

SiteFunction norm_with(const Parameter& weight) {
  return {.after = [&weight](const at::Tensor& normalised, const at::Tensor&, const SiteContext&) {
    return normalised * weight.value.to(normalised.scalar_type());
  }};
}

at::Tensor of_tasks(const at::Tensor& values, const at::Tensor& tasks) {
  // A product with one-hot rows: unlike an index's, its gradient is summed in a fixed order everywhere.
  const auto chosen = tasks.unsqueeze(1).eq(at::arange(values.size(0), tasks.options())).to(values.scalar_type());
  return at::matmul(chosen, values.flatten(1)).unflatten(1, values.sizes().slice(1));
}

std::vector<Site> find_sites(const Backbone& backbone, const Origin& where, const std::string& wanted,
                             const std::function<bool(const Site&)>& fits) {
  std::vector<Site> found;
  for (const Site& site : backbone.sites())
    if (fits(site)) found.push_back(site);
  if (found.empty()) throw RecipeError(where, "the method attaches to " + wanted + ", and the backbone names none");
  return found;
}

Option combiner_option(const std::string& fallback) {
  return any("combiner", fallback).help("how the prompts are mixed: a combiner by name, or {name, options}");
}

Option source_prompts_option() {
  return any("source_prompts")
      .names(Option::Input::prompts)
      .help("frozen prompts to mix: a step, its results, or files")
      .required();
}

Option start_from_option() {
  return any("start_from")
      .names(Option::Input::first_values)
      .help("a result or file whose prompt, or other trained values, are the first values of this one's");
}

Option attention_from_option() {
  return any("attention_from")
      .names(Option::Input::first_values)
      .help("a result or file whose attention layers are the first values of this one's");
}

}  // namespace atp
