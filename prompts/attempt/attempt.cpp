// ATTEMPT's attention (paper §3.2, Eq. 3–4): a small network reads the input and mixes the prompts.
//   H = LayerNorm(W_up · SiLU(W_down · maxpool X)),   a = softmax_j(maxpool P_j · H / T),   P = P_target + Σ_j a_j P_j
// with P_target the last of the P_j; without a target prompt (§5.3 a), the sum over the sources alone.
// Trained: W_down [r, d], W_up [d, r], LayerNorm's weight and bias [d].
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <atp/combiner.h>
#include <atp/plugin.h>

#include <numbers>

namespace {

class Attempt final : public atp::PromptCombiner {
 public:
  static atp::Options options() {
    return {atp::integer("rank", 100).at_least(1).help("r, width of the bottleneck"),
            atp::number("temperature").positive().help("T of the softmax; d·e where not given")};
  }

  Attempt(const atp::PromptShape& shape, const atp::Params& params)
      : width_(shape.width),
        temperature_(params.optional_number("temperature").value_or(shape.width * std::numbers::e)),
        down_(parameter("attention.down.weight", {params.integer("rank"), shape.width}, "attention",
                        atp::initial::normal(0.01))),
        up_(parameter("attention.up.weight", {shape.width, params.integer("rank")}, "attention",
                      atp::initial::normal(0.01))),
        scale_(parameter("attention.norm.weight", {shape.width}, "attention", atp::initial::ones(), false)),
        shift_(parameter("attention.norm.bias", {shape.width}, "attention", atp::initial::zeros(), false)) {}

  atp::Mixture combine(const at::Tensor& sources, const at::Tensor& target, const atp::Embedded& input) const override {
    const auto query = read(atp::max_over_tokens(input));                // H [B, d]
    auto scores = at::matmul(query, atp::max_over_prompt(sources).t());  // [B, t]
    if (target.defined())
      scores = at::cat({scores, (atp::max_over_prompt(target) * query).sum(1, true)}, 1);  // [B, t+1]
    const auto weights = at::softmax(scores / temperature_, 1);

    const auto mixed =
        at::matmul(weights.narrow(1, 0, sources.size(0)), sources.flatten(1)).unflatten(1, sources.sizes().slice(1));
    if (!target.defined()) return {.prompt = mixed, .weights = weights};
    const auto own = weights.select(1, -1).view({-1, 1, 1});
    return {.prompt = target + (mixed + own * target), .weights = weights};
  }

 private:
  at::Tensor read(const at::Tensor& pooled) const {
    const auto hidden = at::silu(at::linear(pooled.to(down_.value.scalar_type()), down_));
    return at::layer_norm(at::linear(hidden, up_), {width_}, scale_.value, shift_.value, 1e-5);
  }

  std::int64_t width_;
  double temperature_;
  atp::Parameter &down_, &up_, &scale_, &shift_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::PromptCombiner>({.name = "attempt",
                                     .summary = "attention from the input to the prompts (paper §3.2)",
                                     .options = Attempt::options(),
                                     .make = std::make_shared<Attempt, const atp::PromptShape&, const atp::Params&>});
}
