#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "atp/method.h"
#include "atp/testing.h"

// What tests of plugins that see tensors need beside atp/testing.h: a tiny model in float64, a batch of made-up ids,
// and gradients that are compared with finite differences.
namespace atp::testing {

using Rows = std::vector<std::vector<std::int64_t>>;

inline Lengths lengths_of(const Rows& rows) {
  Lengths lengths;
  for (const auto& row : rows) lengths.host.push_back(static_cast<std::int64_t>(row.size()));
  lengths.device = at::tensor(lengths.host, at::kLong);
  return lengths;
}

// [B, l] int64, padded on the right with 0.
inline at::Tensor padded(const Rows& rows) {
  const auto lengths = lengths_of(rows).host;
  const auto ids =
      at::zeros({static_cast<std::int64_t>(rows.size()), *std::max_element(lengths.begin(), lengths.end())}, at::kLong);
  for (std::size_t b = 0; b < rows.size(); ++b)
    ids[static_cast<std::int64_t>(b)].narrow(0, 0, lengths[b]).copy_(at::tensor(rows[b], at::kLong));
  return ids;
}

inline Batch batch_of(const Rows& sources, const Rows& targets) {
  Batch batch{.ids = padded(sources),
              .lengths = lengths_of(sources),
              .labels = padded(targets),
              .label_lengths = lengths_of(targets),
              .tasks = at::zeros({static_cast<std::int64_t>(sources.size())}, at::kLong),
              .rows = std::vector<std::int64_t>(sources.size())};
  std::iota(batch.rows.begin(), batch.rows.end(), 0);
  return batch;
}

// A backbone with random weights of the shape `tiny` and 16 pieces, in float64 so that finite differences are exact.
inline std::shared_ptr<Backbone> tiny_backbone(const Registry& registry, const std::string& name = "t5") {
  const BackboneRequest request{.checkpoint = {.folder = "", .random_shape = "tiny", .seed = 1, .vocabulary = 16},
                                .precision = at::kDouble};
  return registry.make<Backbone>(name, request, options(registry, "backbone", name));
}

// All that first values may depend on, for that backbone.
inline Start first_values(const Backbone& backbone) {
  Start start{.seed = 1, .precision = at::kDouble, .backbone = &backbone};
  start.frequent_pieces.resize(static_cast<std::size_t>(backbone.shape().vocabulary) - 3);
  std::iota(start.frequent_pieces.begin(), start.frequent_pieces.end(), 3);
  return start;
}

// The sum of a batch's losses on the way that training takes, without dropout.
inline at::Tensor loss_of(const Method& method, const Backbone& backbone, const Batch& batch) {
  const Pass pass{.sites = method.sites(), .tasks = batch.tasks};
  const auto encoded = backbone.encode(method.embed(batch, backbone), pass);
  return backbone.loss(encoded, batch.labels, batch.label_lengths, pass).sums.sum();
}

// Compares the gradient of `loss` in `tensor` (float64, requires a gradient) with central differences, at up to
// `places` places spread over the tensor. Throws where they differ by more than 1e-6 of their size or of 1.
inline void check_gradient(const std::function<at::Tensor()>& loss, at::Tensor tensor, std::int64_t places = 12) {
  if (tensor.grad().defined()) tensor.mutable_grad().zero_();
  loss().backward();
  expect(tensor.grad().defined(), "the loss depends on the tensor");
  const auto gradient = tensor.grad().flatten();
  const at::NoGradGuard no_gradient;
  auto values = tensor.detach().view({-1});  // shares the tensor's memory
  for (std::int64_t i = 0; i < values.numel(); i += std::max<std::int64_t>(1, values.numel() / places)) {
    const auto before = values[i].item<double>(), step = 1e-5;
    values[i].fill_(before + step);
    const auto above = loss().item<double>();
    values[i].fill_(before - step);
    const auto below = loss().item<double>();
    values[i].fill_(before);
    const auto expected = (above - below) / (2 * step), found = gradient[i].item<double>();
    expect(std::abs(found - expected) <= 1e-6 * std::max(1.0, std::abs(expected)),
           "gradient " + std::to_string(found) + " at " + std::to_string(i) + " is the finite difference " +
               std::to_string(expected));
  }
}

}  // namespace atp::testing
