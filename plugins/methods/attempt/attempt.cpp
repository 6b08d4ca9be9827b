// ATTEMPT (paper §3): each input gets a prompt of its own, mixed from frozen source prompts and its task's prompt.
//   max_{P_target, G} p_θ(y | [P_instance(X) ; X])   (Eq. 2),   P_instance from a combiner
// Trained: P_target [N, m, d], one prompt for each of N tasks (§3.3), and what the combiner trains. The source prompts
// [t, m, d] are kept with the result, without gradient unless they are trained too.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <atp/error.h>
#include <atp/method.h>
#include <atp/plugin.h>

#include <algorithm>

namespace {

at::Tensor stacked_sources(const atp::Start& start, const atp::Parameter& sources) {
  std::vector<at::Tensor> prompts;
  const auto found = start.prompts.find("source_prompts");
  if (found == start.prompts.end()) return at::empty(sources.shape, at::TensorOptions(at::kMeta));  // not known yet
  for (const auto& [name, prompt] : found->second) {
    atp::require_prompt("source prompt '" + name + "'", prompt, sources.shape[1], sources.shape[2]);
    prompts.push_back(prompt.to(start.precision));
  }
  return at::stack(prompts);
}

class Attempt final : public atp::Method {
 public:
  static atp::Options options() {
    return {
        atp::integer("prompt_length", 100).at_least(1).unit("tokens").help("m, tokens of every prompt"),
        atp::text("target_prompt", "trained")
            .one_of({"trained", "zeros", "none"})
            .help("the task's own prompt: trained from start_from or the vocabulary, trained from zeros, or no part "
                  "of the mixture"),
        atp::boolean("train_source_prompts", false)
            .help("the source prompts are trained, too, from what source_prompts gives (the group source_prompts)"),
        atp::combiner_option("attempt"),
        atp::source_prompts_option(),
        atp::start_from_option(),
        atp::attention_from_option(),
        atp::faults({"padding_in_pool"})};
  }

  Attempt(const atp::MethodContext& context, const atp::Params& params)
      : source_length_(context.source_length), pools_padding_(params.has_fault("padding_in_pool")) {
    const atp::PromptShape shape{.sources = context.inputs.at("source_prompts"),
                                 .length = params.integer("prompt_length"),
                                 .width = context.backbone->shape().width,
                                 .target = params.text("target_prompt") != "none"};
    if (shape.sources == 0)
      throw atp::RecipeError(params.where(), "attempt mixes source prompts; source_prompts names none");
    if (params.has("start_from") && params.text("target_prompt") == "zeros")
      throw atp::RecipeError(params.origin("start_from"),
                             "'start_from' and 'target_prompt: zeros' both say what the target prompt starts from; "
                             "leave one of them out");
    const auto tasks = static_cast<std::int64_t>(context.tasks.size());
    if (shape.target) {
      target_ =
          &parameter("prompt", {tasks, shape.length, shape.width}, "prompt",
                     params.text("target_prompt") == "zeros" ? atp::initial::zeros() : atp::initial::vocabulary());
      target_->of_tasks = true;
    }
    const std::vector<std::int64_t> all_sources{shape.sources, shape.length, shape.width};
    sources_ = params.boolean("train_source_prompts")
                   ? &parameter("source_prompts", all_sources, "source_prompts", stacked_sources)
                   : &buffer("source_prompts", all_sources, stacked_sources);
    combiner_ = context.combiner(shape);
    part(*combiner_);
  }

  atp::Embedded embed(const atp::Batch& batch, const atp::Backbone& backbone) const override {
    const auto text = Method::embed(batch, backbone);
    const auto target = target_ ? atp::of_tasks(target_->value, batch.tasks) : at::Tensor();  // [B, m, d]
    const auto seen = pools_padding_ ? padded(text, backbone) : text;
    const auto mixture = batch.generator
                             ? combiner_->combine_in_training(sources_->value, target, seen, *batch.generator)
                             : combiner_->combine(sources_->value, target, seen);
    auto embedded = atp::prepend(mixture.prompt, text);
    embedded.weights = mixture.weights;
    embedded.penalty = mixture.penalty;
    return embedded;
  }

 private:
  // The released code's: sources are padded to one length, and the max-pool sees the padding's embedding. One such
  // token at the end of each row that is shorter has the same maximum.
  atp::Embedded padded(const atp::Embedded& text, const atp::Backbone& backbone) const {
    const auto& lengths = text.lengths;
    const auto padding = backbone.embed(at::zeros({1, 1}, lengths.device.options()));  // [1, 1, d]
    const auto places = at::arange(text.values.size(1) + 1, lengths.device.options());
    const auto is_padding = places.ge(lengths.device.unsqueeze(1)).unsqueeze(2);
    atp::Embedded result{.values = at::where(is_padding, padding, at::constant_pad_nd(text.values, {0, 0, 0, 1})),
                         .lengths = {lengths.host, (lengths.device + 1).clamp_max(source_length_)},
                         .weights = {}};
    for (auto& length : result.lengths.host) length = std::min(length + 1, source_length_);
    return result;
  }

  atp::Parameter* target_ = nullptr;
  atp::Parameter* sources_ = nullptr;
  std::shared_ptr<atp::PromptCombiner> combiner_;
  std::int64_t source_length_;
  bool pools_padding_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::Method>({.name = "attempt",
                             .summary = "instance-wise mixtures of source prompts and the task's prompt",
                             .options = Attempt::options(),
                             .make = std::make_shared<Attempt, const atp::MethodContext&, const atp::Params&>});
}
