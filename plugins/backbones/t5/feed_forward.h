#pragma once

#include <optional>
#include <string>

#include "layers.h"

namespace atp::t5 {

// T5 1.0: W_o relu(W_i x). T5 1.1: W_o (gelu(W_i0 x) ⊙ W_i1 x), gelu in its tanh form (Shazeer 2020).
class FeedForward {
 public:
  FeedForward(Builder& builder, const std::string& name);
  at::Tensor operator()(const at::Tensor& states, const Run& run) const;  // [B, L, d] → [B, L, d]

 private:
  Linear in_;
  std::optional<Linear> gate_;
  Linear out_;
};

}  // namespace atp::t5
