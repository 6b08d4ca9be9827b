#pragma once

#include <ATen/core/Tensor.h>

#include "atp/backbone.h"
#include "atp/combiner.h"
#include "atp/options.h"
#include "atp/parameter.h"

// Attention from an input to prompts: what combiners that score each prompt with a query H [B, d] have in common. How H
// comes from the input is the combiner's own.
namespace atp {

// X̂ before the query, T of the softmax, and the weights. All that is trained is in the group `attention`.
class ATP_EXPORT PromptAttention : public Trainable {
 public:
  static Options options();  // temperature, centred_pools; the fault temperature, where the table lists it

  PromptAttention(const PromptShape& shape, const Params& params);

  // X̂ [B, d]: `max_over_tokens`, in the prompts' precision; with centred_pools less `attention.centre` [d], the mean of
  // X̂ over rows of the tasks that the attention was first trained on (kept, and taken over by attention_from).
  at::Tensor pooled(const Embedded& input, at::ScalarType precision) const;
  // softmax_j(P̂_j · H / T), one weight a prompt (paper Eq. 3): [B, t+1], the target's last; without a target [B, t].
  at::Tensor over_prompts(const at::Tensor& sources, const at::Tensor& target, const at::Tensor& query) const;
  // softmax_j(p_lj · H / T), one weight for each of a prompt's tokens (Eq. 5): [B, m, t+1], or [B, m, t].
  at::Tensor over_tokens(const at::Tensor& sources, const at::Tensor& target, const at::Tensor& query) const;

 private:
  at::Tensor softmax(const at::Tensor& scores, const at::Tensor& sources) const;

  double width_;
  double temperature_;            // where it is a number
  bool is_pool_norm_;             // T is the mean norm of the sources' pools P̂_j
  Parameter* learned_ = nullptr;  // τ of T = d · exp(τ), from 1, within [0.005, 5]
  Parameter* centre_ = nullptr;
};

// The network of paper §3.2.1: H = LayerNorm(W_up · SiLU(W_down · X̂)), eps 1e-5. W_down [r, d] and W_up [d, r] start
// from N(0, 0.01²), LayerNorm's weight and bias [d] from 1 and 0 (with the fault attention_norm, where the table lists
// it, they stay so).
class ATP_EXPORT BottleneckQuery : public Trainable {
 public:
  static Options options();  // rank

  BottleneckQuery(const PromptShape& shape, const Params& params);

  at::Tensor operator()(const at::Tensor& pooled) const;  // X̂ [B, d] → H [B, d]

 private:
  Parameter& norm(const std::string& part, Parameter::Initial initial, const Params& params);

  std::int64_t width_;
  Parameter &down_, &up_, &scale_, &shift_;
};

// P_target + Σ_j a_j P_j, the target prompt inside the sum too (Eq. 4); without a target the sum over the sources
// alone. `weights` are what `over_prompts` or `over_tokens` gave.
ATP_EXPORT Mixture mixture(const at::Tensor& sources, const at::Tensor& target, const at::Tensor& weights);

}  // namespace atp
