#include "atp/attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <numbers>
#include <stdexcept>

#include "atp/error.h"

namespace atp {

namespace {

// The mean of X̂ over the rows that the start shows.
at::Tensor mean_pool(const Start& start, const Parameter& centre) {
  if (start.device.is_meta()) return at::empty(centre.shape, at::TensorOptions(at::kMeta));
  if (!start.training_inputs) throw std::logic_error("'" + centre.name + "' is made of training rows; there are none");
  auto sum = at::zeros(centre.shape, at::TensorOptions(start.device).dtype(at::kDouble));
  std::int64_t rows = 0;
  start.training_inputs([&](const Embedded& input) {
    sum += max_over_tokens(input).to(at::kDouble).sum(0);
    rows += input.values.size(0);
  });
  return sum / static_cast<double>(rows);
}

bool says(const Params& params, const std::string& word) {
  return params.has("temperature") && params.value("temperature") == Value(word);
}

}  // namespace

Options PromptAttention::options() {
  return {
      number("temperature")
          .positive()
          .or_one_of({"learned", "pool_norm"})
          .help("T of the softmax; d·e where not given. learned: d·exp(τ), τ trained from 1; pool_norm: the mean norm "
                "of the source prompts' pools"),
      boolean("centred_pools", false)
          .help("the input's pool less its mean over rows of the tasks that the attention was first trained on")};
}

PromptAttention::PromptAttention(const PromptShape& shape, const Params& params)
    : width_(static_cast<double>(shape.width)),
      temperature_(width_ * std::numbers::e),
      is_pool_norm_(says(params, "pool_norm")) {
  if (params.has_fault("temperature") && params.has("temperature"))
    throw RecipeError(params.origin("temperature"),
                      "'temperature' and the released code's fault of that name (compat) both say what T is; leave one "
                      "of them out");
  if (says(params, "learned"))
    learned_ = &parameter("attention.temperature", {1}, "attention", initial::ones(), false);
  else if (params.has("temperature") && !is_pool_norm_)
    temperature_ = params.number("temperature");
  if (params.has_fault("temperature")) temperature_ = 2087;  // d·e of T5-base, at every width
  if (params.boolean("centred_pools")) centre_ = &buffer("attention.centre", {shape.width}, mean_pool, "attention");
}

at::Tensor PromptAttention::pooled(const Embedded& input, at::ScalarType precision) const {
  const auto pool = max_over_tokens(input).to(precision);
  return centre_ ? pool - centre_->value : pool;
}

at::Tensor PromptAttention::over_prompts(const at::Tensor& sources, const at::Tensor& target,
                                         const at::Tensor& query) const {
  auto scores = at::matmul(query, max_over_prompt(sources).t());  // [B, t]
  if (target.defined()) scores = at::concat({scores, (max_over_prompt(target) * query).sum(1, true)}, 1);
  return softmax(scores, sources);
}

at::Tensor PromptAttention::over_tokens(const at::Tensor& sources, const at::Tensor& target,
                                        const at::Tensor& query) const {
  const auto tokens = at::matmul(query, sources.flatten(0, 1).t());                       // [B, t·m]
  auto scores = tokens.unflatten(1, {sources.size(0), sources.size(1)}).transpose(1, 2);  // [B, m, t]
  if (target.defined()) scores = at::concat({scores, at::matmul(target, query.unsqueeze(2))}, 2);
  return softmax(scores, sources);
}

at::Tensor PromptAttention::softmax(const at::Tensor& scores, const at::Tensor& sources) const {
  if (learned_) return at::softmax(scores / (width_ * learned_->value.clamp(0.005, 5).exp()), -1);
  if (is_pool_norm_) return at::softmax(scores / at::linalg_vector_norm(max_over_prompt(sources), 2, {1}).mean(), -1);
  return at::softmax(scores / temperature_, -1);
}

Options BottleneckQuery::options() { return {integer("rank", 100).at_least(1).help("r, width of the bottleneck")}; }

BottleneckQuery::BottleneckQuery(const PromptShape& shape, const Params& params)
    : width_(shape.width),
      down_(parameter("attention.down.weight", {params.integer("rank"), shape.width}, "attention",
                      initial::normal(0.01))),
      up_(parameter("attention.up.weight", {shape.width, params.integer("rank")}, "attention", initial::normal(0.01))),
      scale_(norm("weight", initial::ones(), params)),
      shift_(norm("bias", initial::zeros(), params)) {}

Parameter& BottleneckQuery::norm(const std::string& part, Parameter::Initial initial, const Params& params) {
  const auto name = "attention.norm." + part;
  if (params.has_fault("attention_norm")) return buffer(name, {width_}, std::move(initial), "attention");
  return parameter(name, {width_}, "attention", std::move(initial), false);
}

at::Tensor BottleneckQuery::operator()(const at::Tensor& pooled) const {
  const auto hidden = at::silu(at::linear(pooled, down_));
  return at::layer_norm(at::linear(hidden, up_), {width_}, scale_.value, shift_.value, 1e-5);
}

Mixture mixture(const at::Tensor& sources, const at::Tensor& target, const at::Tensor& weights) {
  const auto t = sources.size(0);
  const bool per_token = weights.dim() == 3;
  const auto of_sources = weights.narrow(-1, 0, t);
  const auto sum = per_token ? at::matmul(of_sources.transpose(0, 1), sources.transpose(0, 1)).transpose(0, 1)
                             : at::matmul(of_sources, sources.flatten(1)).unflatten(1, sources.sizes().slice(1));
  if (!target.defined()) return {.prompt = sum, .weights = weights};
  const auto own = weights.select(-1, t).unsqueeze(-1);  // [B, 1] or [B, m, 1]
  return {.prompt = target + (sum + (per_token ? own : own.unsqueeze(-1)) * target), .weights = weights};
}

}  // namespace atp
