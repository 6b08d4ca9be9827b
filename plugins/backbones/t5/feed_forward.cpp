#include "feed_forward.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/relu.h>

namespace atp::t5 {

FeedForward::FeedForward(Builder& builder, const std::string& name)
    : in_(builder, name + (builder.config.gated ? ".wi_0" : ".wi")),
      gate_(builder.config.gated ? std::optional<Linear>(Linear(builder, name + ".wi_1")) : std::nullopt),
      out_(builder, name + ".wo") {}

at::Tensor FeedForward::operator()(const at::Tensor& states, const Run& run) const {
  const at::Tensor hidden =
      gate_ ? at::gelu(in_(states, run), "tanh") * (*gate_)(states, run) : at::relu(in_(states, run));
  return out_(run.drop(hidden), run);
}

}  // namespace atp::t5
