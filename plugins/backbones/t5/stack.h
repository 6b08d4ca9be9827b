#pragma once

#include <ATen/TensorOperators.h>

#include <string>
#include <vector>

#include "attention.h"
#include "feed_forward.h"

namespace atp::t5 {

// x + dropout(f(norm(x))): the frame around every part of a block.
struct Sublayer {
  Sublayer(Builder& builder, const std::string& name, std::int64_t width);

  template <class Function>
  at::Tensor operator()(const at::Tensor& states, const Run& run, const Function& function) const {
    at::Tensor output = function(norm(states, run));
    if (run.is_attached(site)) output = run.after(site, states, output);
    return states + run.drop(output);
  }

  Norm norm;
  int site;
};

class Encoder {
 public:
  explicit Encoder(Builder builder);
  at::Tensor operator()(const Embedded& input, const Run& run) const;  // [B, L, d] → [B, L, d]

 private:
  at::Tensor without_padding(const Embedded& input, const Run& run) const;

  struct Block {
    Block(Builder& builder, const std::string& name);
    Attention attention;
    Sublayer attends;
    FeedForward feed_forward;
    Sublayer feeds;
  };

  PositionBias bias_;
  std::vector<Block> blocks_;
  Norm final_norm_;
};

// What the decoder remembers of the encoder's output and of the tokens before: [B, H, capacity, d_kv] per layer.
struct DecoderCache {
  explicit DecoderCache(std::int64_t positions) : capacity(positions) {}

  std::vector<KeysValues> seen;    // of the encoder; empty where it is looked at as it is
  std::vector<KeysValues> before;  // of the tokens so far; `length` of them, behind a method's prefix
  std::int64_t length = 0;
  std::int64_t capacity;
  ScoreBias bias;     // [1, H, capacity, capacity]
  ScoreBias padding;  // of the encoder's rows
};

class Decoder {
 public:
  explicit Decoder(Builder builder);
  // All positions at once, for the loss: [B, U, d] → [B, U, d].
  at::Tensor operator()(const at::Tensor& embedded, const Encoded& encoded, const Run& run) const;
  // One position more: [B, 1, d] → [B, 1, d].
  at::Tensor step(const at::Tensor& embedded, const Encoded& encoded, DecoderCache& cache, const Run& run) const;

 private:
  struct Block {
    Block(Builder& builder, const std::string& name);
    Attention self_attention;
    Sublayer attends_self;
    Attention cross_attention;
    Sublayer attends_cross;
    FeedForward feed_forward;
    Sublayer feeds;
  };

  void start(const Encoded& encoded, DecoderCache& cache, const Run& run) const;
  // Whether the cross-attentions do without keys and values for so many queries.
  bool can_absorb(std::int64_t queries, const Run& run) const;

  PositionBias bias_;
  std::vector<Block> blocks_;
  Norm final_norm_;
};

}  // namespace atp::t5
