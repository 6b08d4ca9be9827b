#include "t5.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>

#include <algorithm>
#include <cmath>

namespace atp::t5 {

namespace {

BackboneShape shape_of(const Config& config) {
  return {.width = config.width,
          .vocabulary = config.vocabulary,
          .encoder_layers = config.encoder_layers,
          .decoder_layers = config.decoder_layers,
          .heads = config.heads,
          .head_width = config.head_width,
          .feed_forward_width = config.feed_forward_width,
          .dropout = config.dropout};
}

}  // namespace

T5::T5(const BackboneRequest& request, std::int64_t logits) : T5(load(request), logits) {}

T5::T5(Loaded loaded, std::int64_t logits)
    : config_(loaded.config),
      weights_(std::move(loaded.weights)),
      shape_(shape_of(config_)),
      encoder_(Builder{config_, weights_, sites_}),
      decoder_(Builder{config_, weights_, sites_}),
      head_(weights_[config_.has_own_head ? "lm_head.weight" : "shared.weight"]),
      logits_(logits > 0 ? std::min(logits, config_.vocabulary) : config_.vocabulary),
      head_site_(sites_.add({"lm_head", Site::Kind::linear, true, config_.decoder_layers, config_.width, logits_})) {}

at::Tensor T5::embed(const at::Tensor& ids) const { return at::embedding(weights_["shared.weight"], ids); }

Encoded T5::encode(const Embedded& input, const Pass& pass) const {
  const Run run(pass, sites_, nullptr);
  Embedded converted = input;  // prompts are trained in float32 whatever the backbone's precision
  converted.values = input.values.to(head_.scalar_type());
  return {encoder_(converted, run), input.lengths};
}

at::Tensor T5::head(const at::Tensor& states, const Run& run) const {
  const at::Tensor scaled =
      config_.scales_output ? states * std::pow(static_cast<double>(config_.width), -0.5) : states;
  const at::Tensor rows = head_.narrow(0, 0, logits_);
  if (!run.is_attached(head_site_)) return at::linear(scaled, rows);
  const at::Tensor input = run.before(head_site_, scaled);
  return run.after(head_site_, input, at::linear(input, rows));
}

at::Tensor T5::logits(const Encoded& encoded, const at::Tensor& labels, const Pass& pass) const {
  const Run run(pass, sites_, &encoded);
  const at::Tensor first = at::full({labels.size(0), 1}, config_.start_token, labels.options());
  const at::Tensor inputs = at::concat({first, labels.narrow(1, 0, labels.size(1) - 1)}, 1);
  return head(decoder_(embed(inputs), encoded, run), run);
}

}  // namespace atp::t5
