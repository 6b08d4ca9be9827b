// Attention whose query is one linear map of the input, where `attempt` has a bottleneck. Named in ATTEMPT's released
// code; no part of the paper.
//   H = LayerNorm(W · X̂),   a = softmax_j(P̂_j · H / T),   P = P_target + Σ_j a_j P_j
// with X̂ and P̂_j the maximum over the tokens of input and prompt, and P_target the last of the P_j; without a target
// prompt, the sum over the sources alone.
// Trained: W [d, d], which starts from N(0, 0.01²), LayerNorm's weight and bias [d], and T where it is learned.
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <atp/attention.h>
#include <atp/plugin.h>

namespace {

class Linear final : public atp::PromptCombiner {
 public:
  Linear(const atp::PromptShape& shape, const atp::Params& params)
      : width_(shape.width),
        map_(parameter("attention.map.weight", {shape.width, shape.width}, "attention", atp::initial::normal(0.01))),
        scale_(parameter("attention.norm.weight", {shape.width}, "attention", atp::initial::ones(), false)),
        shift_(parameter("attention.norm.bias", {shape.width}, "attention", atp::initial::zeros(), false)),
        attention_(shape, params) {
    part(attention_);
  }

  atp::Mixture combine(const at::Tensor& sources, const at::Tensor& target, const atp::Embedded& input) const override {
    const auto mapped = at::linear(attention_.pooled(input, sources.scalar_type()), map_);
    const auto query = at::layer_norm(mapped, {width_}, scale_.value, shift_.value, 1e-5);  // H [B, d]
    return atp::mixture(sources, target, attention_.over_prompts(sources, target, query));
  }

 private:
  std::int64_t width_;
  atp::Parameter &map_, &scale_, &shift_;
  atp::PromptAttention attention_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::PromptCombiner>({.name = "linear",
                                     .summary = "attention through one linear map of the input",
                                     .options = atp::PromptAttention::options(),
                                     .make = std::make_shared<Linear, const atp::PromptShape&, const atp::Params&>});
}
