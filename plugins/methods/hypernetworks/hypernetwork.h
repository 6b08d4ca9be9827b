#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/linear.h>
#include <atp/error.h>
#include <atp/method.h>

#include <string>
#include <utility>
#include <vector>

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
  atp::Embedded embed(const atp::Batch& batch, const atp::Backbone& backbone) const override {
    return {.values = backbone.embed(batch.ids), .lengths = batch.lengths, .weights = {}};
  }
  const atp::Sites* sites() const override { return &sites_; }

 protected:
  using After = decltype(atp::SiteFunction::after);

  void attach(const atp::Site& site, After after) {
    sites_.attach(site.name, {.before = {}, .after = std::move(after)});
  }

  Linear linear(const std::string& name, const std::string& group, std::int64_t in, std::int64_t out,
                atp::Parameter::Initial weight, atp::Parameter::Initial bias = atp::initial::zeros()) {
    auto& weights = parameter(name + ".weight", {out, in}, group, std::move(weight));
    return {weights, parameter(name + ".bias", {out}, group, std::move(bias), false)};
  }

  // A stack's sublayers, block by block: the first of a block is its self-attention, the last its feed-forward network.
  static std::vector<std::vector<atp::Site>> blocks(const atp::Backbone& backbone, bool decoder) {
    std::vector<std::vector<atp::Site>> blocks;
    for (const auto& site : backbone.sites()) {
      if (site.kind != atp::Site::Kind::sublayer || site.decoder != decoder) continue;
      if (blocks.empty() || blocks.back().front().layer != site.layer) blocks.emplace_back();
      blocks.back().push_back(site);
    }
    if (blocks.empty()) throw atp::PluginError("the backbone names no sublayers, which adapters are attached to");
    return blocks;
  }

 private:
  atp::Sites sites_;
};
