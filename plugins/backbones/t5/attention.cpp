#include "attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/full.h>
#include <ATen/ops/log.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <atp/error.h>

#include <cmath>
#include <limits>

namespace atp::t5 {

namespace {

at::Tensor lowest(at::ScalarType type, at::Device device) {
  const double value = type == at::kDouble  ? std::numeric_limits<double>::lowest()
                       : type == at::kFloat ? static_cast<double>(std::numeric_limits<float>::lowest())
                                            : static_cast<double>(std::numeric_limits<at::BFloat16>::lowest());
  return at::full({}, value, at::TensorOptions().dtype(type).device(device));
}

// One fused kernel on a CPU. It takes no dropout from a generator, and no bias that needs a gradient.
bool can_fuse(const at::Tensor& queries, const ScoreBias& bias, const Run& run) {
  return queries.is_cpu() && !run.drops() && !(bias.defined() && bias.requires_grad() && at::GradMode::is_enabled());
}

// The scores' softmax, with dropout, in the scores' type.
at::Tensor weights_of(const at::Tensor& scores, const Run& run) {
  return run.drop(at::softmax(scores, -1, exact_type(scores.scalar_type())).to(scores.scalar_type()));
}

at::Tensor attend(const at::Tensor& queries, const KeysValues& seen, const ScoreBias& bias, const Run& run) {
  if (can_fuse(queries, bias, run)) {
    std::optional<at::Tensor> mask;
    if (bias.defined()) mask = bias.expand({-1, -1, queries.size(2), -1});
    return at::scaled_dot_product_attention(queries, seen.keys, seen.values, mask, 0.0, false, 1.0);
  }
  at::Tensor scores = at::matmul(queries, seen.keys.transpose(2, 3));
  if (bias.defined()) scores = scores + bias;
  return at::matmul(weights_of(scores, run), seen.values);
}

// The same for one row: [H, Q, d_kv] for all three, `bias` [H, Q, K].
at::Tensor attend_row(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                      const at::Tensor& bias, const Run& run) {
  if (can_fuse(queries, bias, run))
    return attend(queries.unsqueeze(0), {keys.unsqueeze(0), values.unsqueeze(0)}, bias.unsqueeze(0), run).squeeze(0);
  return at::bmm(weights_of(at::baddbmm(bias, queries, keys.transpose(1, 2)), run), values);
}

}  // namespace

PositionBias::PositionBias(const Builder& builder, const std::string& name)
    : weight_(builder.weights[name + ".weight"]),
      both_ways_(!builder.decoder),
      max_distance_(builder.config.max_distance) {}

// The same float32 operations as Mesh TensorFlow's and transformers', since a distance on the edge of a bucket is
// decided by their rounding.
at::Tensor PositionBias::buckets(std::int64_t length) const {
  const std::lock_guard lock(mutex_);
  std::int64_t capacity = known_.defined() ? (known_.size(0) + 1) / 2 : 0;
  if (length <= capacity) return known_.narrow(0, capacity - length, 2 * length - 1);
  for (capacity = 512; capacity < length;) capacity *= 2;
  at::Tensor distances = at::arange(1 - capacity, capacity, at::kLong);
  std::int64_t count = weight_.size(0);
  at::Tensor first = at::zeros_like(distances);
  if (both_ways_) {
    count /= 2;
    first = distances.gt(0).to(at::kLong) * count;
    distances = distances.abs();
  } else {
    distances = -distances.clamp_max(0);
  }
  const std::int64_t exact = count / 2;  // as many distances have a bucket of their own
  const at::Tensor grown = at::log(distances.to(at::kFloat) / exact) /
                           std::log(static_cast<double>(max_distance_) / static_cast<double>(exact)) * (count - exact);
  const at::Tensor shared = (grown.clamp_min(0).to(at::kLong) + exact).clamp_max(count - 1);
  known_ = (first + at::where(distances.lt(exact), distances, shared)).to(weight_.device());
  return known_.narrow(0, capacity - length, 2 * length - 1);
}

at::Tensor PositionBias::operator()(std::int64_t length) const {
  const at::Tensor values = at::embedding(weight_, buckets(length)).t();  // [H, 2L−1]
  // Row i of the result reads L values from place L−1−i on.
  return values.unfold(1, length, 1).flip(1).unsqueeze(0).contiguous();
}

ScoreBias PositionBias::widen(const ScoreBias& bias, std::int64_t prefix, std::int64_t first) const {
  if (prefix == 0) return bias;
  const std::int64_t queries = bias.size(2);
  const at::Tensor all = (*this)(prefix + first + queries);
  const at::Tensor before = all.narrow(2, prefix + first, queries).narrow(3, 0, prefix);
  return at::concat({before.expand({bias.size(0), -1, -1, -1}), bias}, 3);
}

ScoreBias widen(const ScoreBias& bias, std::int64_t prefix) {
  return prefix == 0 || !bias.defined() ? bias : at::constant_pad_nd(bias, {prefix, 0});
}

at::Tensor open_positions(const Lengths& lengths, std::int64_t length) {
  bool full = true;
  for (const std::int64_t row : lengths.host) full = full && row == length;
  if (full) return {};
  const auto positions = at::arange(length, lengths.device.options().dtype(at::kLong));
  return positions.lt(lengths.device.unsqueeze(1)).unsqueeze(1).unsqueeze(1);
}

ScoreBias close(const ScoreBias& bias, const at::Tensor& open, at::ScalarType type) {
  if (!open.defined()) return bias;
  const at::Tensor base = bias.defined() ? bias : at::zeros({1, 1, 1, 1}, open.options().dtype(type));
  return at::where(open, base, lowest(type, open.device()));
}

ScoreBias close_later(const ScoreBias& bias) {
  const std::int64_t length = bias.size(-1);
  if (length == 1) return bias;
  const auto positions = at::arange(length, bias.options().dtype(at::kLong));
  return at::where(positions.unsqueeze(0).le(positions.unsqueeze(1)), bias, lowest(bias.scalar_type(), bias.device()));
}

Attention::Attention(Builder& builder, const std::string& name)
    : heads_(builder.config.heads),
      q_(builder, name + ".q"),
      k_(builder, name + ".k"),
      v_(builder, name + ".v"),
      o_(builder, name + ".o"),
      keys_(builder.site(name + ".keys", Site::Kind::keys, builder.config.width, builder.config.inner_width())),
      values_(builder.site(name + ".values", Site::Kind::values, builder.config.width, builder.config.inner_width())) {}

at::Tensor Attention::split(const at::Tensor& states) const {
  return states.view({states.size(0), states.size(1), heads_, -1}).transpose(1, 2);
}

KeysValues Attention::look_at(const at::Tensor& states, const Run& run, bool first) const {
  at::Tensor keys = k_(states, run), values = v_(states, run);
  if (run.is_attached(keys_)) keys = run.after(keys_, states, keys);
  if (run.is_attached(values_)) values = run.after(values_, states, values);
  const std::int64_t length = states.size(1), prefix = keys.size(1) - length;
  if (prefix < 0 || keys.size(1) != values.size(1))
    throw PluginError("what is attached to an attention's keys and values leaves " + std::to_string(keys.size(1)) +
                      " and " + std::to_string(values.size(1)) + " positions of " + std::to_string(length) +
                      "; expected as many of both, and no fewer than there were");
  if (prefix > 0 && !first) {
    keys = keys.narrow(1, prefix, length);
    values = values.narrow(1, prefix, length);
  }
  return {split(keys.contiguous()), split(values.contiguous()), first ? prefix : 0};
}

at::Tensor Attention::operator()(const at::Tensor& states, const KeysValues& seen, const ScoreBias& bias,
                                 const Run& run) const {
  const at::Tensor mixed = attend(split(q_(states, run)), seen, bias, run);
  return o_(mixed.transpose(1, 2).reshape({states.size(0), states.size(1), -1}), run);
}

bool Attention::can_absorb(std::int64_t queries, const Run& run) const {
  return queries < k_.weight.size(0) / heads_ && !run.is_attached(k_.site) && !run.is_attached(v_.site) &&
         !run.is_attached(keys_) && !run.is_attached(values_);
}

at::Tensor Attention::absorbed(const at::Tensor& states, const at::Tensor& seen, const ScoreBias& bias,
                               const Run& run) const {
  const std::int64_t rows = states.size(0), queries = states.size(1), width = seen.size(2);
  // One product per head over all rows, [H, B · Q, …], then one per row over all heads, [B, H · Q, …], and back.
  const auto per_row = [&](const at::Tensor& of_heads) {
    return of_heads.view({heads_, rows, queries, width}).transpose(0, 1).reshape({rows, heads_ * queries, width});
  };
  const at::Tensor q = q_(states, run).reshape({rows * queries, heads_, -1}).transpose(0, 1);
  const at::Tensor looking = per_row(at::bmm(q, k_.weight.view({heads_, -1, width})));
  at::Tensor scores = at::bmm(looking, seen.transpose(1, 2));  // [B, H · Q, L]
  if (bias.defined()) scores = scores + bias.squeeze(1);
  const at::Tensor sums = at::bmm(weights_of(scores, run), seen);  // [B, H · Q, d]
  const at::Tensor of_heads =
      sums.view({rows, heads_, queries, width}).transpose(0, 1).reshape({heads_, rows * queries, width});
  const at::Tensor mixed = at::bmm(of_heads, v_.weight.view({heads_, -1, width}).transpose(1, 2));
  return o_(mixed.transpose(0, 1).reshape({rows, queries, -1}), run);
}

at::Tensor Attention::among(const at::Tensor& states, const std::vector<std::int64_t>& lengths, const ScoreBias& bias,
                            const Run& run) const {
  const auto rows_of = [&](const Linear& map) {
    return map(states, run).view({states.size(0), heads_, -1}).split_with_sizes(lengths);
  };
  const auto queries = rows_of(q_), keys = rows_of(k_), values = rows_of(v_);
  std::vector<at::Tensor> mixed;
  for (std::size_t row = 0; row < lengths.size(); ++row) {
    const at::Tensor own = bias.squeeze(0).narrow(1, 0, lengths[row]).narrow(2, 0, lengths[row]);
    mixed.push_back(
        attend_row(queries[row].transpose(0, 1), keys[row].transpose(0, 1), values[row].transpose(0, 1), own, run)
            .transpose(0, 1)
            .reshape({lengths[row], -1}));
  }
  return o_(at::concat(mixed), run);
}

}  // namespace atp::t5
