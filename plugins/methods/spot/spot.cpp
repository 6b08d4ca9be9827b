// SPoT (Vu et al. 2022; paper §4.2): prompt tuning that starts from prompts of other tasks.
//   generic (SPoT-g): start_from is one prompt, trained on a mixture of source tasks
//   targeted (SPoT-t): similar_to is a prompt trained on the target task; of the source prompts the k most similar are
//   the start, s_j = cos(mean over tokens of P_target, of P_j): one alone, k > 1 as Σ s_j P_j / Σ s_j over s_j > 0
// Trained: P [m, d], shared by all tasks of a mixture.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cosine_similarity.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/topk.h>
#include <atp/error.h>
#include <atp/log.h>
#include <atp/method.h>
#include <atp/plugin.h>

namespace {

// The start of a targeted transfer, from the `count` prompts that are most similar to the target's.
at::Tensor most_similar(const atp::Start& start, const atp::Parameter& parameter, std::int64_t count) {
  const auto similar = start.prompts.find("similar_to"), sources = start.prompts.find("source_prompts");
  if (similar == start.prompts.end() || sources == start.prompts.end() ||
      similar->second.empty())  // a plan that does not know them yet
    return at::empty(parameter.shape, at::TensorOptions(at::kMeta));
  std::vector<at::Tensor> prompts;
  for (const auto& source : sources->second) {
    atp::require_prompt("source prompt '" + source.first + "'", source.second, parameter.shape[0], parameter.shape[1]);
    prompts.push_back(source.second.to(start.precision));
  }
  const auto& [name, own] = similar->second.front();
  atp::require_prompt("similar_to's prompt '" + name + "'", own, parameter.shape[0], parameter.shape[1]);
  const auto all = at::stack(prompts);  // [t, m, d]
  if (all.is_meta()) return all[0];
  const auto target = own.to(all.options()).mean(0);
  const auto [similarities, places] = at::cosine_similarity(all.mean(1), target.unsqueeze(0), 1).topk(count);
  for (std::int64_t i = 0; i < count; ++i)
    atp::log::info("spot starts from '" +
                   sources->second[static_cast<std::size_t>(places[i].item<std::int64_t>())].first + "', similarity " +
                   std::to_string(similarities[i].item<double>()));
  const auto shares = similarities.clamp_min(0);
  if (count == 1 || shares.sum().item<double>() == 0) return all[places[0].item<std::int64_t>()];
  const auto weights = shares / shares.sum();
  return (weights.view({count, 1, 1}) * all.index_select(0, places)).sum(0);
}

class SPoT final : public atp::Method {
 public:
  static atp::Options options() {
    return {
        atp::integer("prompt_length", 100).at_least(1).unit("tokens").help("m, tokens of the soft prompt"),
        atp::start_from_option(),
        atp::any("similar_to")
            .names(atp::Option::Input::prompt)
            .help("the target task's own prompt, a result or file: the most similar source prompts are the start"),
        atp::any("source_prompts")
            .names(atp::Option::Input::prompts)
            .help("prompts to choose from, with similar_to: a step, its results, or files"),
        atp::integer("top_k", 1).at_least(1).unit("prompts").help("k, how many of the source prompts are the start")};
  }

  SPoT(const atp::MethodContext& context, const atp::Params& params) {
    check(context, params);
    const auto count = params.integer("top_k");
    prompt_ = &parameter("prompt", {params.integer("prompt_length"), context.backbone->shape().width}, "prompt",
                         [count](const atp::Start& start, const atp::Parameter& parameter) {
                           return most_similar(start, parameter, count);
                         });
  }

  atp::Embedded embed(const atp::Batch& batch, const atp::Backbone& backbone) const override {
    return atp::prepend(*prompt_, Method::embed(batch, backbone));
  }

 private:
  static void check(const atp::MethodContext& context, const atp::Params& params) {
    // A finished result has no words for its inputs any more, but still their number.
    const auto count = [&](const char* key) {
      const auto found = context.inputs.find(key);
      return found == context.inputs.end() ? 0 : found->second;
    };
    const auto sources = count("source_prompts");
    const bool generic = count("start_from") > 0, targeted = count("similar_to") > 0;
    if (generic == targeted)
      throw atp::RecipeError(params.where(),
                             std::string("spot starts from prompts of other tasks: give ") +
                                 (generic ? "either start_from or similar_to, not both"
                                          : "start_from (one prompt, trained on a mixture of source tasks), or "
                                            "similar_to and source_prompts (the most similar ones are chosen)"));
    if (targeted != (sources > 0))
      throw atp::RecipeError(params.where(),
                             "spot chooses among source_prompts those that are most similar to the "
                             "prompt that similar_to names; give both");
    if (!targeted && params.said("top_k"))
      context.note(params.origin("top_k"),
                   "'top_k' says how many of source_prompts are the start; here start_from is, and it has no effect");
    if (targeted && params.integer("top_k") > sources)
      throw atp::RecipeError(params.origin("top_k"), "'top_k': found '" + std::to_string(params.integer("top_k")) +
                                                         "', expected at most the number of source prompts, " +
                                                         std::to_string(sources));
  }

  atp::Parameter* prompt_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::Method>({.name = "spot",
                             .summary = "a soft prompt that starts from prompts of other tasks (Vu et al. 2022)",
                             .options = SPoT::options(),
                             .make = std::make_shared<SPoT, const atp::MethodContext&, const atp::Params&>});
}
