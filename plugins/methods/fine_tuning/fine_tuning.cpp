// Fine-tuning: every weight of the backbone is trained.
//   max_θ p_θ(y | X)
// Trained: θ, in a copy of the backbone that no other step sees. Decay spares layer norms and biases.
#include <atp/error.h>
#include <atp/method.h>
#include <atp/plugin.h>

namespace {

class FineTuning final : public atp::Method {
 public:
  FineTuning(const atp::MethodContext& context, const atp::Params& params) : backbone_(context.backbone) {
    for (const auto& [name, weight] : backbone_->weights()) {
      if (weight.scalar_type() == at::kBFloat16)
        throw atp::RecipeError(
            params.where(),
            "fine_tuning trains the backbone's own weights, and bfloat16 is too coarse for its small "
            "updates; use precision: float32");
      parameter(name, weight.sizes().vec(), "weights", {}, weight.dim() > 1);
    }
  }

  // The trained tensors are the backbone's weights themselves, not copies of them; given values are put into them.
  void initialise(const atp::Start& start) override {
    const auto& weights = backbone_->weights();
    const auto trained = parameters();
    for (std::size_t i = 0; i < trained.size(); ++i) {
      trained[i]->value = weights[i].second;
      const auto given = start.given.find(trained[i]->name);
      if (given != start.given.end()) trained[i]->value.copy_(given->second);
      trained[i]->value.set_requires_grad(true);
    }
  }

  void load(const std::map<std::string, at::Tensor>& tensors, const atp::Start& start) override {
    initialise(start);
    Trainable::load(tensors, start);
  }

  bool changes_backbone() const override { return true; }

 private:
  std::shared_ptr<atp::Backbone> backbone_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::Method>(
      {.name = "fine_tuning",
       .summary = "all weights of the backbone are trained",
       .options = {atp::number("learning_rate", 3e-4)  // the paper's; a prompt's 0.3 is far too much
                       .at_least(0)
                       .help("highest rate of the schedule"),
                   atp::start_from_option()},
       .make = std::make_shared<FineTuning, const atp::MethodContext&, const atp::Params&>});
}
