// Prompt tuning (Lester et al. 2021; paper §3.1, Eq. 1): one soft prompt before every input, all else frozen.
//   max_P p_θ(y | [P ; X])
// Trained: P [m, d], shared by all tasks of a mixture.
#include <atp/method.h>
#include <atp/plugin.h>

namespace {

class PromptTuning final : public atp::Method {
 public:
  static atp::Options options() {
    return {atp::integer("prompt_length", 100).at_least(1).unit("tokens").help("m, tokens of the soft prompt"),
            atp::start_from_option()};
  }

  PromptTuning(const atp::MethodContext& context, const atp::Params& params)
      : prompt_(parameter("prompt", {params.integer("prompt_length"), context.backbone->shape().width}, "prompt",
                          atp::initial::vocabulary())) {}

  atp::Embedded embed(const atp::Batch& batch, const atp::Backbone& backbone) const override {
    return atp::prepend(prompt_, Method::embed(batch, backbone));
  }

 private:
  atp::Parameter& prompt_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::Method>({.name = "prompt_tuning",
                             .summary = "one soft prompt before the input (Lester et al. 2021)",
                             .options = PromptTuning::options(),
                             .make = std::make_shared<PromptTuning, const atp::MethodContext&, const atp::Params&>});
}
