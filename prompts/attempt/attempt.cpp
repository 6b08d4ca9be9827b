// ATTEMPT's attention (paper §3.2, Eq. 3–4): a small network reads the input and mixes the prompts.
//   H = LayerNorm(W_up · SiLU(W_down · X̂)),   a = softmax_j(P̂_j · H / T),   P = P_target + Σ_j a_j P_j
// with X̂ and P̂_j the maximum over the tokens of input and prompt, and P_target the last of the P_j; without a target
// prompt (§5.3 a), the sum over the sources alone.
// Trained: W_down [r, d], W_up [d, r], LayerNorm's weight and bias [d], and T where it is learned.
//
// `single_prompt` (§5.3 c) is the same with one source prompt.
#include <atp/attention.h>
#include <atp/error.h>
#include <atp/plugin.h>

namespace {

class Attempt final : public atp::PromptCombiner {
 public:
  static atp::Options options() {
    return atp::BottleneckQuery::options()
        .add(atp::PromptAttention::options())
        .add(atp::faults({"attention_norm", "temperature"}));
  }

  Attempt(const atp::PromptShape& shape, const atp::Params& params) : query_(shape, params), attention_(shape, params) {
    part(query_);
    part(attention_);
  }

  atp::Mixture combine(const at::Tensor& sources, const at::Tensor& target, const atp::Embedded& input) const override {
    const auto query = query_(attention_.pooled(input, sources.scalar_type()));  // H [B, d]
    return atp::mixture(sources, target, attention_.over_prompts(sources, target, query));
  }

 private:
  atp::BottleneckQuery query_;
  atp::PromptAttention attention_;
};

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
