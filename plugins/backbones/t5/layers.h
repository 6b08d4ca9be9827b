#pragma once

#include <string>

#include "checkpoint.h"
#include "run.h"

namespace atp::t5 {

// What a module is built from: the checkpoint's tensors, and the table that its places go into.
struct Builder {
  const Config& config;
  const Weights& weights;
  SiteTable& sites;
  bool decoder = false;
  std::int64_t layer = 0;
  Site::Part part = Site::Part::none;

  Builder& in(Site::Part sublayer) { return part = sublayer, *this; }
  // Its number in the table.
  int site(const std::string& name, Site::Kind kind, std::int64_t input_width, std::int64_t output_width);
};

// y = W x. A weight that needs no gradient keeps no input for the backward pass.
struct Linear {
  Linear(Builder& builder, const std::string& name);
  at::Tensor operator()(const at::Tensor& input, const Run& run) const;  // [..., in] → [..., out]

  at::Tensor weight;  // [out, in]
  int site;
};

// T5's layer norm: x / sqrt(mean(x²) + ε) · w, no mean and no bias (RMSNorm, Zhang & Sennrich 2019). What is attached
// sees x / sqrt(mean(x²) + ε) as its input.
struct Norm {
  Norm(Builder& builder, const std::string& name);
  at::Tensor operator()(const at::Tensor& input, const Run& run) const;

  at::Tensor weight;  // [d]
  double epsilon;
  int site;
};

// The type that statistics, softmax and cross-entropy are computed in: float32, or float64 for a float64 backbone.
at::ScalarType exact_type(at::ScalarType precision);

}  // namespace atp::t5
