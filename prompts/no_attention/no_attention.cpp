// ATTEMPT without attention (paper §5.3 b): every source prompt weighs the same, whatever the input.
//   P = P_target + Σ_{j=1}^{t} P_j / t
// Trained: nothing but the target prompt, which the method owns.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <atp/combiner.h>
#include <atp/plugin.h>

namespace {

class NoAttention final : public atp::PromptCombiner {
 public:
  NoAttention(const atp::PromptShape&, const atp::Params&) {}

  atp::Mixture combine(const at::Tensor& sources, const at::Tensor& target, const atp::Embedded& input) const override {
    const auto rows = input.values.size(0), t = sources.size(0);
    const auto mean = sources.mean(0, true);  // [1, m, d]
    const auto weights = at::full({rows, t}, 1.0 / static_cast<double>(t), sources.options());
    if (!target.defined()) return {.prompt = mean.expand({rows, -1, -1}), .weights = weights};
    return {.prompt = target + mean, .weights = at::cat({weights, at::zeros({rows, 1}, sources.options())}, 1)};
  }
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::PromptCombiner>(
      {.name = "no_attention",
       .summary = "the mean of the source prompts beside the task's own (paper §5.3 b)",
       .options = {},
       .make = std::make_shared<NoAttention, const atp::PromptShape&, const atp::Params&>});
}
