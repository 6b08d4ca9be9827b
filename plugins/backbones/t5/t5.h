#pragma once

#include <atp/backbone.h>

#include "checkpoint.h"
#include "stack.h"

namespace atp::t5 {

// T5 (Raffel et al. 2020) of every size and version, from a checkpoint or from random weights. The way of a batch:
// embed → encode → logits or generate; embed's and the decoder's tokens share one embedding.
class T5 final : public Backbone {
 public:
  // `logits`: how many rows of the head count; 0: all.
  explicit T5(const BackboneRequest& request, std::int64_t logits = 0);

  const BackboneShape& shape() const override { return shape_; }
  at::Tensor embed(const at::Tensor& ids) const override;
  Encoded encode(const Embedded& input, const Pass& pass) const override;
  at::Tensor logits(const Encoded& encoded, const at::Tensor& labels, const Pass& pass) const override;
  std::vector<std::vector<std::int32_t>> generate(const Encoded& encoded, std::int64_t max_tokens,
                                                  const Pass& pass) const override;
  const std::vector<NamedTensor>& weights() const override { return weights_.all(); }
  std::vector<Site> sites() const override { return sites_.all(); }

 private:
  T5(Loaded loaded, std::int64_t logits);
  at::Tensor head(const at::Tensor& states, const Run& run) const;  // [B, U, d] → [B, U, V]

  Config config_;
  Weights weights_;
  BackboneShape shape_;
  SiteTable sites_;  // the modules below put their places into it
  Encoder encoder_;
  Decoder decoder_;
  at::Tensor head_;      // [V, d]
  std::int64_t logits_;  // rows of it that count
  int head_site_;
};

}  // namespace atp::t5
