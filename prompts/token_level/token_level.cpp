// ATTEMPT's attention with a weight for every prompt token in place of every prompt (paper A.5, Eq. 5).
//   H = LayerNorm(W_up · SiLU(W_down · X̂)),   a_lj = softmax_j(p_lj · H / T),   P[l] = P_target[l] + Σ_j a_lj p_lj
// for the tokens l = 1..m of the prompts P_j, P_target the last of them; without a target prompt, the sum over the
// sources alone. Eq. 5 prints no T; the released code divides by it here too. Trained: what `attempt` trains, W_down
// [r, d], W_up [d, r], LayerNorm's weight and bias [d], and T where it is learned.
#include <atp/attention.h>
#include <atp/plugin.h>

namespace {

class TokenLevel final : public atp::PromptCombiner {
 public:
  static atp::Options options() {
    return atp::BottleneckQuery::options()
        .add(atp::PromptAttention::options())
        .add(atp::faults({"attention_norm", "temperature"}));
  }

  TokenLevel(const atp::PromptShape& shape, const atp::Params& params)
      : query_(shape, params), attention_(shape, params) {
    part(query_);
    part(attention_);
  }

  atp::Mixture combine(const at::Tensor& sources, const at::Tensor& target, const atp::Embedded& input) const override {
    const auto query = query_(attention_.pooled(input, sources.scalar_type()));  // H [B, d]
    return atp::mixture(sources, target, attention_.over_tokens(sources, target, query));
  }

 private:
  atp::BottleneckQuery query_;
  atp::PromptAttention attention_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::PromptCombiner>(
      {.name = "token_level",
       .summary = "attention from the input to every prompt token (paper A.5)",
       .options = TokenLevel::options(),
       .make = std::make_shared<TokenLevel, const atp::PromptShape&, const atp::Params&>});
}
