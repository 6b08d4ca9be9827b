// ATTEMPT without attention (paper §5.3 b): every source prompt weighs the same, whatever the input.
//   P = P_target + Σ_{j=1}^{t} P_j / t
// Trained: nothing but the target prompt, which the method owns.
#include <ATen/TensorOperators.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/full.h>
#include <atp/combiner.h>
#include <atp/plugin.h>

namespace {

class NoAttention final : public atp::PromptCombiner {
 public:
  static atp::Options options() { return {atp::faults({"constant_weights"})}; }

  NoAttention(const atp::PromptShape&, const atp::Params& params)
      : weighs_target_(params.has_fault("constant_weights")) {}

  atp::Mixture combine(const at::Tensor& sources, const at::Tensor& target, const atp::Embedded& input) const override {
    const auto rows = input.values.size(0), t = sources.size(0);
    // The released code: 1/(t+1) for each, the target among them.
    const auto parts = static_cast<double>(target.defined() && weighs_target_ ? t + 1 : t);
    const auto mixed = sources.sum(0, true) / parts;  // [1, m, d]
    const auto weights = at::full({rows, t}, 1 / parts, sources.options());
    if (!target.defined()) return {.prompt = mixed.expand({rows, -1, -1}), .weights = weights};
    const double own = weighs_target_ ? 1 / parts : 0;
    return {.prompt = target * (1 + own) + mixed,
            .weights = at::concat({weights, at::full({rows, 1}, own, sources.options())}, 1)};
  }

 private:
  bool weighs_target_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::PromptCombiner>(
      {.name = "no_attention",
       .summary = "the mean of the source prompts beside the task's own (paper §5.3 b)",
       .options = NoAttention::options(),
       .make = std::make_shared<NoAttention, const atp::PromptShape&, const atp::Params&>});
}
