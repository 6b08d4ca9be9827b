#include "layers.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>

namespace atp::t5 {

int Builder::site(const std::string& name, Site::Kind kind, std::int64_t input_width, std::int64_t output_width) {
  return sites.add({name, kind, decoder, layer, input_width, output_width, part});
}

Linear::Linear(Builder& builder, const std::string& name)
    : weight(builder.weights[name + ".weight"]),
      site(builder.site(name, Site::Kind::linear, weight.size(1), weight.size(0))) {}

at::Tensor Linear::operator()(const at::Tensor& input, const Run& run) const {
  if (!run.is_attached(site)) return at::linear(input, weight);
  const at::Tensor changed = run.before(site, input);
  return run.after(site, changed, at::linear(changed, weight));
}

Norm::Norm(Builder& builder, const std::string& name)
    : weight(builder.weights[name + ".weight"]),
      epsilon(builder.config.epsilon),
      site(builder.site(name, Site::Kind::norm, builder.config.width, builder.config.width)) {}

at::Tensor Norm::operator()(const at::Tensor& input, const Run& run) const {
  const at::Tensor exact = input.to(exact_type(input.scalar_type()));
  const at::Tensor scale = exact.square().mean(-1, true).add(epsilon).rsqrt();
  const at::Tensor normalised = (exact * scale).to(input.scalar_type());
  const at::Tensor output = normalised * weight;
  return run.is_attached(site) ? run.after(site, normalised, output) : output;
}

at::ScalarType exact_type(at::ScalarType precision) { return precision == at::kDouble ? at::kDouble : at::kFloat; }

}  // namespace atp::t5
