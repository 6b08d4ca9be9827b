// ATTEMPT's attention with a weight for every prompt token in place of every prompt (paper A.5, Eq. 5).
//   H = LayerNorm(W_up · SiLU(W_down · X̂)),   a_lj = softmax_j(p_lj · H / T),   P[l] = P_target[l] + Σ_j a_lj p_lj
// for the tokens l = 1..m of the prompts P_j, P_target the last of them; without a target prompt, the sum over the
// sources alone. Eq. 5 prints no T; the released code divides by it here too. Trained: what `attempt` trains, W_down
// [r, d], W_up [d, r], LayerNorm's weight and bias [d], and T where it is learned.
#include <atp/plugin.h>

#include "../bottleneck_attention.h"

namespace {

using TokenLevel = BottleneckAttention<&atp::PromptAttention::over_tokens>;

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::PromptCombiner>(
      {.name = "token_level",
       .summary = "attention from the input to every prompt token (paper A.5)",
       .options = TokenLevel::options(),
       .make = std::make_shared<TokenLevel, const atp::PromptShape&, const atp::Params&>});
}
