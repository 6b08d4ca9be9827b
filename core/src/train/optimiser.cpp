#include "train/optimiser.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

#include "atp/error.h"

namespace atp {

at::Tensor clip_gradients(const std::vector<Parameter*>& parameters, double limit) {
  const at::NoGradGuard no_gradient;
  std::vector<at::Tensor> norms;
  for (const auto* parameter : parameters)
    if (parameter->value.grad().defined()) norms.push_back(at::linalg_vector_norm(parameter->value.grad()));
  if (norms.empty()) return at::zeros({}, parameters.empty() ? at::kFloat : parameters.front()->value.options());
  const auto norm = at::linalg_vector_norm(at::stack(norms));
  if (limit > 0) {
    const auto scale = norm.add(1e-6).reciprocal().mul(limit).clamp_max(1.0);
    for (const auto* parameter : parameters)
      if (parameter->value.grad().defined()) parameter->value.mutable_grad().mul_(scale);
  }
  return norm;
}

AdamW::AdamW(std::vector<Parameter*> parameters, Settings settings)
    : parameters_(std::move(parameters)), settings_(std::move(settings)) {
  for (const auto* parameter : parameters_)
    moments_.push_back({at::zeros_like(parameter->value.detach()), at::zeros_like(parameter->value.detach())});
}

double AdamW::Settings::rate(const std::string& group) const {
  const auto found = learning_rates.find(group);
  return found == learning_rates.end() ? learning_rate : found->second;
}

double AdamW::rate(const std::string& group) const { return settings_.rate(group); }

void AdamW::step(double factor) {
  const at::NoGradGuard no_gradient;
  const auto& [learning_rate, learning_rates, decay, beta1, beta2, epsilon] = settings_;
  ++steps_;
  const auto t = static_cast<double>(steps_);
  const auto correction = std::sqrt(1 - std::pow(beta2, t)) / (1 - std::pow(beta1, t));
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    auto& value = parameters_[i]->value;
    const auto gradient = value.grad();
    if (!gradient.defined()) continue;  // the loss does not depend on it
    auto& [first, second] = moments_[i];
    const auto now = rate(parameters_[i]->group) * factor;
    first.mul_(beta1).add_(gradient, 1 - beta1);
    second.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
    value.addcdiv_(first, second.sqrt().add_(epsilon), -now * correction);
    if (decay > 0 && parameters_[i]->decays) value.add_(value, -now * decay);
  }
}

std::map<std::string, at::Tensor> AdamW::save() const {
  std::map<std::string, at::Tensor> tensors;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    tensors.emplace("first_moment/" + parameters_[i]->name, moments_[i].first);
    tensors.emplace("second_moment/" + parameters_[i]->name, moments_[i].second);
  }
  return tensors;
}

void AdamW::restore(const std::map<std::string, at::Tensor>& tensors, std::int64_t steps) {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    for (const auto& [kind, moment] :
         {std::pair("first_moment/", &moments_[i].first), {"second_moment/", &moments_[i].second}}) {
      const auto found = tensors.find(kind + parameters_[i]->name);
      if (found == tensors.end() || found->second.sizes() != moment->sizes())
        throw FormatError("the training state has no '" + (kind + parameters_[i]->name) +
                          "' of the shape that is trained");
      moment->copy_(found->second);
    }
  }
  steps_ = steps;
}

}  // namespace atp
