// Attention without a network: the input itself is the query. Named in ATTEMPT's released code; no part of the paper.
//   a = softmax_j(P̂_j · X̂ / T),   P = P_target + Σ_j a_j P_j
// with X̂ and P̂_j the maximum over the tokens of input and prompt, and P_target the last of the P_j; without a target
// prompt, the sum over the sources alone.
// Trained: nothing but T, where it is learned.
#include <atp/attention.h>
#include <atp/plugin.h>

namespace {

class Dot final : public atp::PromptCombiner {
 public:
  Dot(const atp::PromptShape& shape, const atp::Params& params) : attention_(shape, params) { part(attention_); }

  atp::Mixture combine(const at::Tensor& sources, const at::Tensor& target, const atp::Embedded& input) const override {
    const auto query = attention_.pooled(input, sources.scalar_type());  // X̂ [B, d]
    return atp::mixture(sources, target, attention_.over_prompts(sources, target, query));
  }

 private:
  atp::PromptAttention attention_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::PromptCombiner>({.name = "dot",
                                     .summary = "attention of the input itself to the prompts, without a network",
                                     .options = atp::PromptAttention::options(),
                                     .make = std::make_shared<Dot, const atp::PromptShape&, const atp::Params&>});
}
