#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "atp/backbone.h"
#include "atp/batch.h"
#include "atp/combiner.h"
#include "atp/parameter.h"
#include "atp/registry.h"

namespace atp {

// What a method is built for. At plan time the backbone is on the meta device.
struct MethodContext {
  std::shared_ptr<Backbone> backbone;
  std::vector<std::string> tasks;                   // a batch's task numbers point here
  std::map<std::string, std::int64_t> inputs = {};  // how many results or files each input names
  std::int64_t source_length = 0;                   // longest source in tokens, </s> included; longer ones are cut
  // Builds the recipe's combiner for a shape; set where the method's options have `combiner`.
  std::function<std::shared_ptr<PromptCombiner>(const PromptShape&)> combiner = {};
  // Hears of what is allowed and may be a mistake, as an option without effect; a plan says it with its place.
  std::function<void(const Origin&, const std::string&)> note = [](const Origin&, const std::string&) {};
};

// method = how a batch reaches the frozen backbone, and what is trained on the way. It never steps an optimiser and
// never reads a file.
//
// An option that names results of other steps or files (Option::names) is an input: the pipeline resolves it, the
// method hears how many there are when it is built (MethodContext::inputs), and gets their tensors with its first
// values (Start). `combiner` is built by the pipeline too.
//
// A key of every train step (learning_rate, epochs, batch_size …) that the table lists too has the table's default and
// range for this method.
class ATP_EXPORT Method : public Trainable {
 public:
  ~Method() override;

  // Embeds the sources, with whatever stands before them: nothing, where a method does not say otherwise.
  virtual Embedded embed(const Batch& batch, const Backbone& backbone) const;
  // What training adds to the cross-entropy, per example [B]: a distillation, a penalty. Undefined: nothing. `batch`
  // went through `embed` and the backbone in this pass, and gave `encoded`.
  virtual at::Tensor extra_loss(const Batch& batch, const Encoded& encoded, const Backbone& backbone,
                                const Pass& pass) const;
  // What is attached inside the backbone; nullptr: nothing.
  virtual const Sites* sites() const { return nullptr; }
  // The backbone's weights that make all that is attached superfluous, by name, only those that change: they take the
  // places of its own in a copy of it. Empty: what is attached is no linear function, and cannot be merged.
  virtual std::vector<NamedTensor> merged(const Backbone& backbone) const;
  // The saved tensor that other steps may mix or start from as a prompt, [m, d], or [N, m, d] of N tasks; "" where none
  // means anything without the other tensors. Where a method does not say otherwise, the parameter called `prompt`.
  virtual std::string prompt() const;
  // True where the backbone's own weights are trained: it then gets a copy that no other step sees.
  virtual bool changes_backbone() const { return false; }
};

// [P ; X]: prompts [B, m, d], or one [m, d] for all rows, before the embedded text, in the text's precision.
ATP_EXPORT Embedded prepend(const at::Tensor& prompts, const Embedded& text);

// Throws FormatError where an input's tensor is no prompt [length, width]. `whose`: "source prompt 'sources.mnli'".
ATP_EXPORT void require_prompt(const std::string& whose, const at::Tensor& prompt, std::int64_t length,
                               std::int64_t width);

// What belongs to each row's task: values [N, ...] of N tasks, `tasks` [B] → [B, ...].
ATP_EXPORT at::Tensor of_tasks(const at::Tensor& values, const at::Tensor& tasks);

// For a site of kind `norm`: the backbone's layer norm with `weight` [d], which outlives it, in the place of its own.
ATP_EXPORT SiteFunction norm_with(const Parameter& weight);

// The backbone's sites that fit. Throws RecipeError, at `where`, naming what was `wanted`, where there is none.
ATP_EXPORT std::vector<Site> find_sites(const Backbone& backbone, const Origin& where, const std::string& wanted,
                                        const std::function<bool(const Site&)>& fits);

ATP_EXPORT Option combiner_option(const std::string& fallback);
ATP_EXPORT Option source_prompts_option();
// First value of the parameter `prompt`; of a method without a prompt by itself, of all that it trains. What belongs to
// tasks goes to those of the same names, or, where the recipe names one of them (STEP.TASK), from that one to all.
ATP_EXPORT Option start_from_option();
ATP_EXPORT Option attention_from_option();  // first values of the group `attention`

template <>
struct Interface<Method> {
  static constexpr const char* kind = "method";
  using Make = std::shared_ptr<Method>(const MethodContext&, const Params&);
};

}  // namespace atp
