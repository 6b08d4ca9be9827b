#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include "atp/backbone.h"
#include "atp/registry.h"
#include "atp/seed.h"

// An encoder–decoder small enough to be checked by hand, for tests of everything around a backbone:
//   h_i = tanh(x_i A + mean_j x_j B) over a row's own tokens,  logits_k = tanh(e(y_{k−1}) + mean_i h_i C) Eᵀ
class SmallBackbone final : public atp::Backbone {
 public:
  static constexpr std::int64_t width = 6, vocabulary = 12;

  explicit SmallBackbone(const atp::BackboneRequest& request) {
    shape_ = {.width = width, .vocabulary = vocabulary, .encoder_layers = 1, .decoder_layers = 1, .dropout = 0.1};
    for (const auto& [name, rows] : {std::pair("embedding", vocabulary), {"A", width}, {"B", width}, {"C", width}}) {
      const auto options = at::TensorOptions(request.device).dtype(request.precision);
      if (request.device.is_meta()) {
        weights_.emplace_back(name, at::empty({rows, width}, options));
        continue;
      }
      const auto stream = at::make_generator<at::CPUGeneratorImpl>(atp::derive_seed(request.checkpoint.seed, name));
      weights_.emplace_back(name, at::empty({rows, width}, at::kDouble).normal_(0, 0.7, stream).to(options));
    }
  }

  const atp::BackboneShape& shape() const override { return shape_; }
  at::Tensor embed(const at::Tensor& ids) const override {
    return weight(0).index_select(0, ids.flatten()).unflatten(0, ids.sizes());
  }

  atp::Encoded encode(const atp::Embedded& input, const atp::Pass& pass) const override {
    ++encoded_batches;
    auto values = input.values;
    if (pass.dropout > 0) {
      const auto kept = at::empty_like(values.detach()).bernoulli_(1 - pass.dropout, pass.generator);
      values = values * kept / (1 - pass.dropout);
    }
    const auto context = mean(values, input.lengths);
    return {.states = (at::matmul(values, weight(1)) + at::matmul(context, weight(2)).unsqueeze(1)).tanh(),
            .lengths = input.lengths};
  }

  at::Tensor logits(const atp::Encoded& encoded, const at::Tensor& labels, const atp::Pass&) const override {
    const auto first = at::zeros({labels.size(0), 1}, labels.options());
    return after(encoded, at::concat({first, labels.narrow(1, 0, labels.size(1) - 1)}, 1));
  }

  std::vector<std::vector<std::int32_t>> generate(const atp::Encoded& encoded, std::int64_t max_tokens,
                                                  const atp::Pass&) const override {
    std::vector<std::vector<std::int32_t>> rows;
    for (std::int64_t b = 0; b < encoded.states.size(0); ++b) {
      const atp::Encoded row{
          .states = encoded.states.narrow(0, b, 1),
          .lengths = {{encoded.lengths.host[static_cast<std::size_t>(b)]}, encoded.lengths.device.narrow(0, b, 1)}};
      auto last = at::zeros({1, 1}, at::kLong);
      auto& ids = rows.emplace_back();
      for (std::int64_t k = 0; k < max_tokens; ++k) {
        last = after(row, last).argmax(2);
        const auto id = last.item<std::int64_t>();
        if (id == 1) break;
        ids.push_back(static_cast<std::int32_t>(id));
      }
    }
    return rows;
  }

  const std::vector<atp::NamedTensor>& weights() const override { return weights_; }
  std::vector<atp::Site> sites() const override { return {}; }

  mutable int encoded_batches = 0;

 private:
  const at::Tensor& weight(std::size_t i) const { return weights_[i].second; }

  static at::Tensor mean(const at::Tensor& values, const atp::Lengths& lengths) {  // [B, L, d] → [B, d]
    const auto real = at::arange(values.size(1), lengths.device.options()).lt(lengths.device.unsqueeze(1));
    return (values * real.unsqueeze(2)).sum(1) / lengths.device.unsqueeze(1);
  }

  at::Tensor after(const atp::Encoded& encoded, const at::Tensor& before) const {
    const auto context = at::matmul(mean(encoded.states, encoded.lengths), weight(3)).unsqueeze(1);
    return at::matmul((embed(before) + context).tanh(), weight(0).t());
  }

  atp::BackboneShape shape_;
  std::vector<atp::NamedTensor> weights_;
};

inline atp::Offer<atp::Backbone> small_backbone() {
  return {.name = "small",
          .summary = "for tests",
          .options = {},
          .make = [](const atp::BackboneRequest& request, const atp::Params&) {
            return std::make_shared<SmallBackbone>(request);
          }};
}
