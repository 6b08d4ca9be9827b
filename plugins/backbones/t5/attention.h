#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "layers.h"

namespace atp::t5 {

// What is added to the scores: [1 or B, 1 or H, 1 or Q, K] in the queries' type, closed places at the type's lowest;
// undefined: nothing.
using ScoreBias = at::Tensor;

// T5's relative positions (Raffel et al. 2020, §2.1): a learned number per head and bucket of distances is added to the
// scores. One table serves all layers of a stack.
class PositionBias {
 public:
  PositionBias(const Builder& builder, const std::string& name);
  at::Tensor operator()(std::int64_t length) const;  // [1, H, L, L], row = the query's position
  // `bias` of the queries from position `first` on, with a method's prefix in front of the keys: positions before the
  // first one, open to all, as PEFT and transformers have it.
  ScoreBias widen(const ScoreBias& bias, std::int64_t prefix, std::int64_t first = 0) const;

 private:
  at::Tensor buckets(std::int64_t length) const;  // [2L−1], of the distances −(L−1) … L−1 (key minus query)

  at::Tensor weight_;  // [buckets, H]
  bool both_ways_;     // false: the decoder, which looks back only
  std::int64_t max_distance_;
  mutable std::mutex mutex_;
  // Of the distances −(C−1) … C−1 for the capacity C that was needed so far: indices, not values, which training may
  // change. It grows by doubling, so that a device is waited for a few times in all, and not for each new length.
  mutable at::Tensor known_;
};

// Keys and values as attention wants them: [B, H, K, d_kv]. The first `prefix` ones were put there by a method.
struct KeysValues {
  at::Tensor keys, values;
  std::int64_t prefix = 0;
};

// [B, 1, 1, L], true where a row has a token; undefined where every row is full.
at::Tensor open_positions(const Lengths& lengths, std::int64_t length);
// Closes what `open` says is closed; either may be undefined.
ScoreBias close(const ScoreBias& bias, const at::Tensor& open, at::ScalarType type);
// With a method's prefix in front of the keys of a cross-attention, which knows no positions: open, nothing is added.
ScoreBias widen(const ScoreBias& bias, std::int64_t prefix);
// For the decoder: no position sees a later one. `bias` is [1, H, L, L].
ScoreBias close_later(const ScoreBias& bias);

// softmax(q kᵀ + bias) v with all heads, T5's scale of 1.
class Attention {
 public:
  Attention(Builder& builder, const std::string& name);

  // Keys and values of the states that are looked at, [B, L, d]. `first` is false where earlier ones are known already:
  // a method's prefix then stands before those, and is left out here.
  KeysValues look_at(const at::Tensor& states, const Run& run, bool first = true) const;
  // [B, Q, d] → [B, Q, d]; `bias` covers all keys.
  at::Tensor operator()(const at::Tensor& states, const KeysValues& seen, const ScoreBias& bias, const Run& run) const;

  // The same over states [B, L, d] that have no keys and values: W_k goes to the queries and W_v behind the weighted
  // sum,
  //   q·(W_k x) = (W_kᵀ q)·x   and   Σ a_j W_v x_j = W_v Σ a_j x_j.
  // Worth it while there are fewer queries than d_kv, and possible where nothing is attached to keys and values.
  at::Tensor absorbed(const at::Tensor& states, const at::Tensor& seen, const ScoreBias& bias, const Run& run) const;
  bool can_absorb(std::int64_t queries, const Run& run) const;

  // The same for rows that lie end to end, [N, d] → [N, d], each of which looks at itself: no padding takes part.
  // `bias` is [1, H, L, L] for the longest of `lengths`.
  at::Tensor among(const at::Tensor& states, const std::vector<std::int64_t>& lengths, const ScoreBias& bias,
                   const Run& run) const;

 private:
  at::Tensor split(const at::Tensor& states) const;  // [B, L, H · d_kv] → [B, H, L, d_kv]

  std::int64_t heads_;
  Linear q_, k_, v_, o_;
  int keys_, values_;  // sites
};

}  // namespace atp::t5
