#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/linear.h>
#include <atp/method.h>

#include <string>
#include <utility>

// What HyperFormer and Hyperdecoders share: networks whose outputs are the weights of adapters, one adapter for each
// row.

struct Linear {
  at::Tensor operator()(const at::Tensor& input) const {  // [..., in] → [..., out], in the input's precision
    const auto type = input.scalar_type();
    return at::linear(input, weight.value.to(type), bias.value.to(type));
  }
  atp::Parameter& weight;  // [out, in]
  atp::Parameter& bias;    // [out]
};

// Each row's own map: input [B, L, in], weight [B, in, out], bias [B, out] → [B, L, out].
inline at::Tensor linear_by_row(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) {
  const auto type = input.scalar_type();
  return at::baddbmm(bias.to(type).unsqueeze(1), input, weight.to(type));
}

class HypernetworkMethod : public atp::Method {
 public:
  const atp::Sites* sites() const override { return &sites_; }

 protected:
  using After = decltype(atp::SiteFunction::after);

  void attach(const atp::Site& site, After after) {
    attach(site, atp::SiteFunction{.before = {}, .after = std::move(after)});
  }
  void attach(const atp::Site& site, atp::SiteFunction function) { sites_.attach(site.name, std::move(function)); }

  Linear linear(const std::string& name, const std::string& group, std::int64_t in, std::int64_t out,
                atp::Parameter::Initial weight, atp::Parameter::Initial bias = atp::initial::zeros()) {
    auto& weights = parameter(name + ".weight", {out, in}, group, std::move(weight));
    return {weights, parameter(name + ".bias", {out}, group, std::move(bias), false)};
  }

 private:
  atp::Sites sites_;
};
