#pragma once

#include <atp/attention.h>

// What `attempt` and `token_level` share: the paper's network makes a query of the input, and prompts are weighed by
// it.
//   H = LayerNorm(W_up · SiLU(W_down · X̂)),   a = softmax(… H / T),   P = P_target + Σ_j a_j P_j
// `Weights`: PromptAttention's weights for whole prompts, or for each of their tokens.
template <auto Weights>
class BottleneckAttention final : public atp::PromptCombiner {
 public:
  static atp::Options options() {
    return atp::BottleneckQuery::options()
        .add(atp::PromptAttention::options())
        .add(atp::faults({"attention_norm", "temperature"}));
  }

  BottleneckAttention(const atp::PromptShape& shape, const atp::Params& params)
      : query_(shape, params), attention_(shape, params) {
    part(query_);
    part(attention_);
  }

  atp::Mixture combine(const at::Tensor& sources, const at::Tensor& target, const atp::Embedded& input) const override {
    const auto query = query_(attention_.pooled(input, sources.scalar_type()));  // H [B, d]
    return atp::mixture(sources, target, (attention_.*Weights)(sources, target, query));
  }

 private:
  atp::BottleneckQuery query_;
  atp::PromptAttention attention_;
};
