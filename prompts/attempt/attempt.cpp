// ATTEMPT's attention (paper §3.2, Eq. 3–4): a small network reads the input and mixes the prompts.
//   H = LayerNorm(W_up · SiLU(W_down · X̂)),   a = softmax_j(P̂_j · H / T),   P = P_target + Σ_j a_j P_j
// with X̂ and P̂_j the maximum over the tokens of input and prompt, and P_target the last of the P_j; without a target
// prompt (§5.3 a), the sum over the sources alone.
// Trained: W_down [r, d], W_up [d, r], LayerNorm's weight and bias [d], and T where it is learned.
//
// `single_prompt` (§5.3 c) is the same with one source prompt.
#include <atp/error.h>
#include <atp/plugin.h>

#include "../bottleneck_attention.h"

namespace {

using Attempt = BottleneckAttention<&atp::PromptAttention::over_prompts>;

std::shared_ptr<atp::PromptCombiner> single_prompt(const atp::PromptShape& shape, const atp::Params& params) {
  if (shape.sources != 1)
    throw atp::RecipeError(params.where(), "single_prompt takes one source prompt, and source_prompts has " +
                                               std::to_string(shape.sources) +
                                               "; name one of them (step.task), or take combiner: attempt");
  return std::make_shared<Attempt>(shape, params);
}

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::PromptCombiner>({.name = "attempt",
                                     .summary = "attention from the input to the prompts (paper §3.2)",
                                     .options = Attempt::options(),
                                     .make = std::make_shared<Attempt, const atp::PromptShape&, const atp::Params&>});
  registry.add<atp::PromptCombiner>({.name = "single_prompt",
                                     .summary = "attempt with one source prompt (paper §5.3 c)",
                                     .options = Attempt::options(),
                                     .make = single_prompt});
}
