#include "atp/backbone.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cross_entropy_loss.h>

#include <utility>

#include "atp/error.h"

namespace atp {

Backbone::~Backbone() = default;

Losses Backbone::loss(const Encoded& encoded, const at::Tensor& labels, const Lengths& lengths,
                      const Pass& pass) const {
  constexpr std::int64_t ignored = -100;
  at::Tensor scores = logits(encoded, labels, pass);
  if (scores.scalar_type() != at::kDouble) scores = scores.to(at::kFloat);
  const auto places = at::arange(labels.size(1), labels.options());
  const at::Tensor targets = labels.masked_fill(places.ge(lengths.device.unsqueeze(1)), ignored);
  const at::Tensor losses =
      at::cross_entropy_loss(scores.flatten(0, 1), targets.flatten(), {}, at::Reduction::None, ignored);
  return {.sums = losses.view(labels.sizes()).sum(1), .tokens = lengths.host};
}

const at::Tensor& named_weight(const Backbone& backbone, const std::string& name) {
  for (const auto& [known, weight] : backbone.weights())
    if (known == name) return weight;
  throw PluginError("the backbone has no weight '" + name + "'");
}

void Sites::attach(const std::string& site, SiteFunction function) {
  for (auto& [name, functions] : functions_)
    if (name == site) return functions.push_back(std::move(function));
  functions_.emplace_back(site, std::vector<SiteFunction>{std::move(function)});
}

const std::vector<SiteFunction>* Sites::find(const std::string& site) const {
  for (const auto& [name, functions] : functions_)
    if (name == site) return &functions;
  return nullptr;
}

std::vector<std::string> Sites::names() const {
  std::vector<std::string> names;
  for (const auto& [name, functions] : functions_) names.push_back(name);
  return names;
}

}  // namespace atp
