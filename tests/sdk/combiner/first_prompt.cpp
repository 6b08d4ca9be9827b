// A combiner of an outsider: the first source prompt, whatever the input. P = P_1.
#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <atp/combiner.h>
#include <atp/plugin.h>

namespace {

class FirstPrompt final : public atp::PromptCombiner {
 public:
  atp::Mixture combine(const at::Tensor& sources, const at::Tensor& target, const atp::Embedded& input) const override {
    const auto rows = input.values.size(0), prompts = sources.size(0) + (target.defined() ? 1 : 0);
    auto weights = at::zeros({rows, prompts}, sources.options());
    weights.select(1, 0).fill_(1);
    return {.prompt = sources.select(0, 0).expand({rows, -1, -1}), .weights = weights};
  }
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::PromptCombiner>(
      {.name = "first_prompt",
       .summary = "the first source prompt alone",
       .options = {},
       .make = [](const atp::PromptShape&, const atp::Params&) { return std::make_shared<FirstPrompt>(); }});
}
