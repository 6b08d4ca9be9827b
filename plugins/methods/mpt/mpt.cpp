// Multitask prompt tuning (Wang et al. 2023): one prompt shared by all tasks, and for each a matrix of low rank.
//   P_k = P ⊙ (C_k R_k),   C_k [m, r], R_k [r, d], r = 1 in the paper                       (Eq. 1)
// On source tasks with `teachers`, a finished prompt for each, the loss gains
//   λ (KL(p_teacher ‖ p) + |H − H_teacher|²),   λ = 0.9                                      (Eq. 2–4)
// with H the encoder's output. A target task starts from what a result has in common: its P, the means of its C and R
// (§4.1; PEFT's AVERAGE_SOURCE_TASKS). Trained: P, C, R; 77,668 for one task on T5-base, the 77.6k of the paper.
//
// Where the defaults come from: m = 100, λ = 0.9, P from the vocabulary, 0.3 for all on source tasks, 0.3 for P and 0.4
// for C and R on a target task: the paper, §4.1. C and R from N(0, 0.02²): PEFT's MultitaskPromptEmbedding, the
// authors' contribution; the paper does not say. Every task's prompt then starts near 0; `initial: ones`, ours, starts
// C near 1/r and R at 1, and so every task's prompt near P. Ours, too: divergence and squared difference are means over
// an example's own tokens (and widths), so that λ does not depend on lengths.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>
#include <atp/error.h>
#include <atp/method.h>
#include <atp/plugin.h>
#include <atp/words.h>

#include <algorithm>

namespace {

class MPT final : public atp::Method {
 public:
  static atp::Options options() {
    return {atp::integer("prompt_length", 100).at_least(1).unit("tokens").help("m, tokens of the shared prompt"),
            atp::integer("rank", 1).at_least(1).help("r, of each task's own matrix"),
            atp::text("initial", "normal")
                .one_of({"normal", "ones"})
                .help("C and R start from N(0, 0.02²), or so that every task's prompt starts near the shared one"),
            atp::any("teachers")
                .names(atp::Option::Input::prompts)
                .help("finished prompts of the tasks, one each, to distil from: a step or its results; of one task, a "
                      "file too"),
            atp::number("distillation", 0.9).at_least(0).help("λ, the weight of what is distilled"),
            atp::map("learning_rates", atp::Value(atp::Value::Map{{"low_rank", 0.4}}))
                .help("parameter group → its own rate; the groups are prompt and low_rank"),
            atp::any("start_from")
                .names(atp::Option::Input::results)
                .help("a result of mpt, whose shared prompt and mean matrix are the first values, or any prompt")};
  }

  MPT(const atp::MethodContext& context, const atp::Params& params)
      : tasks_(context.tasks), distillation_(params.number("distillation")) {
    const auto tasks = static_cast<std::int64_t>(tasks_.size()), width = context.backbone->shape().width;
    const auto length = params.integer("prompt_length"), rank = params.integer("rank");
    const atp::Parameter::Initial near = [rank](const atp::Start& start, const atp::Parameter& parameter) {
      return atp::initial::normal(0.02)(start, parameter) + 1 / static_cast<double>(rank);
    };
    prompt_ = &parameter("prompt", {length, width}, "prompt", atp::initial::vocabulary());
    const auto small = atp::initial::normal(0.02);
    const bool ones = params.text("initial") == "ones";
    columns_ = &parameter("task_columns", {tasks, length, rank}, "low_rank", ones ? near : small);
    rows_ = &parameter("task_rows", {tasks, rank, width}, "low_rank", ones ? atp::initial::ones() : small);
    columns_->of_tasks = rows_->of_tasks = true;
    if (params.said("distillation") && distillation_ > 0 && !params.has("teachers"))
      context.note(params.origin("distillation"),
                   "'distillation' weighs what is distilled from teachers, and the step names none: it has no effect");
    if (context.inputs.contains("start_from") && context.inputs.at("start_from") > 1)
      throw atp::RecipeError(params.origin("start_from"),
                             "'start_from' names " + std::to_string(context.inputs.at("start_from")) +
                                 " results; expected one: mpt starts from what one result's tasks have in common");
  }

  void initialise(const atp::Start& start) override {
    auto first = start;
    if (const auto from = start.results.find("start_from"); from != start.results.end() && !from->second.empty())
      take(from->second.front(), first.given);
    Trainable::initialise(first);
    if (const auto teachers = start.prompts.find("teachers");
        teachers != start.prompts.end() && !teachers->second.empty())
      teachers_ = in_order(teachers->second).to(start.device, start.precision);
  }

  atp::Embedded embed(const atp::Batch& batch, const atp::Backbone& backbone) const override {
    const auto own = at::matmul(columns_->value, rows_->value);  // [N, m, d]
    return atp::prepend(prompt_->value * atp::of_tasks(own, batch.tasks), Method::embed(batch, backbone));
  }

  at::Tensor extra_loss(const atp::Batch& batch, const atp::Encoded& encoded, const atp::Backbone& backbone,
                        const atp::Pass& pass) const override {
    if (!teachers_.defined() || distillation_ == 0) return {};
    const auto [taught, teacher_states] = teach(batch, backbone);
    const auto learnt = log_probabilities(backbone.logits(encoded, batch.labels, pass));
    const auto divergence = taught.exp() * (taught - learnt);  // [B, u, vocabulary]
    const auto distance = (encoded.states - teacher_states).to(learnt.scalar_type()).square();
    return distillation_ * (atp::mean_over_tokens(divergence.sum(2), batch.label_lengths) +
                            atp::mean_over_tokens(distance.mean(2), encoded.lengths));
  }

  std::string prompt() const override { return {}; }  // none without its task's matrix

 private:
  // The shared prompt, or the only prompt that there is, and what the matrices of all tasks have in common.
  void take(const atp::NamedResult& from, std::map<std::string, at::Tensor>& given) const {
    const auto shared = from.tensors.size() == 1 ? from.tensors.begin() : from.tensors.find("prompt");
    if (shared == from.tensors.end())
      throw atp::FormatError("'start_from': '" + from.name + "' has no tensor 'prompt'; expected a result of mpt, or " +
                             "a prompt");
    auto prompt = shared->second;
    if (prompt.dim() == 3 && prompt.size(0) == 1) prompt = prompt[0];
    atp::require_prompt("'start_from': the prompt of '" + from.name + "'", prompt, prompt_->shape[0],
                        prompt_->shape[1]);
    given.insert_or_assign("prompt", prompt);
    for (const auto* matrix : {columns_, rows_})
      if (const auto found = from.tensors.find(matrix->name); found != from.tensors.end())
        given.insert_or_assign(matrix->name, found->second.dim() == 3 ? found->second.mean(0) : found->second);
  }

  static at::Tensor log_probabilities(const at::Tensor& logits) {
    return at::log_softmax(logits.scalar_type() == at::kDouble ? logits : logits.to(at::kFloat), -1);
  }

  // The teachers' log-probabilities and encoder output, without dropout.
  std::pair<at::Tensor, at::Tensor> teach(const atp::Batch& batch, const atp::Backbone& backbone) const {
    const at::NoGradGuard no_gradient;
    const auto prompts = teachers_.index_select(0, batch.tasks);
    const auto encoded = backbone.encode(atp::prepend(prompts, Method::embed(batch, backbone)), {});
    return {log_probabilities(backbone.logits(encoded, batch.labels, {})), encoded.states};
  }

  // [N, m, d], by the tasks that end the results' names (sources.mnli is mnli's). One task's may be a file, or the
  // result of a step whose name has no task.
  at::Tensor in_order(const std::vector<atp::NamedTensor>& given) const {
    std::vector<at::Tensor> prompts;
    std::vector<std::string> names;
    for (const auto& [name, prompt] : given) names.push_back(name);
    const bool nameless =
        given.size() == 1 && (names[0].find('.') == names[0].npos || names[0].find('/') != names[0].npos);
    for (const auto& task : tasks_) {
      const auto found = std::find_if(given.begin(), given.end(), [&](const auto& one) {
        return one.first == task || one.first.ends_with("." + task) || (nameless && tasks_.size() == 1);
      });
      if (found == given.end())
        throw atp::FormatError("no teacher for task '" + task + "'; there are: " + atp::joined(names) +
                               "; a teacher's name ends with its task's (STEP.TASK), unless it is a file");
      atp::require_prompt("teacher '" + found->first + "'", found->second, prompt_->shape[0], prompt_->shape[1]);
      prompts.push_back(found->second);
    }
    return at::stack(prompts);
  }

  std::vector<std::string> tasks_;
  double distillation_;
  atp::Parameter* prompt_;
  atp::Parameter* columns_;
  atp::Parameter* rows_;
  at::Tensor teachers_;  // [N, m, d]; for training alone, no part of the result
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::Method>({.name = "mpt",
                             .summary = "a shared prompt times a low-rank matrix per task (Wang et al. 2023)",
                             .options = MPT::options(),
                             .make = std::make_shared<MPT, const atp::MethodContext&, const atp::Params&>});
}
