#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "atp/backbone.h"
#include "atp/parameter.h"
#include "atp/registry.h"

namespace atp {

struct PromptShape {
  std::int64_t sources = 0;  // t
  std::int64_t length = 0;   // m
  std::int64_t width = 0;    // d
  bool target = true;        // false: no target prompt takes part (paper §5.3 a)
};

struct Mixture {
  at::Tensor prompt;  // [B, m, d]
  at::Tensor
      weights;  // what each prompt weighed, [B, t+1] or [B, m, t+1], the target last; for analysis, never recomputed
  at::Tensor penalty = {};  // [B]: what training adds to each example's loss; undefined: nothing
};

// Makes each example's prompt from frozen source prompts, the task's own prompt and the embedded input.
class ATP_EXPORT PromptCombiner : public Trainable {
 public:
  ~PromptCombiner() override;

  // sources [t, m, d]; target [B, m, d], undefined where none takes part; input: the text alone, [B, l, d] and lengths.
  virtual Mixture combine(const at::Tensor& sources, const at::Tensor& target, const Embedded& input) const = 0;
  // The same while training, for a combiner that draws random numbers there or adds a penalty. Else it is `combine`.
  virtual Mixture combine_in_training(const at::Tensor& sources, const at::Tensor& target, const Embedded& input,
                                      const at::Generator& generator) const;
};

// The maximum over each row's own tokens, padding left out: [B, l, d] → [B, d].
ATP_EXPORT at::Tensor max_over_tokens(const Embedded& input);
// The mean over each row's own tokens: values [B, l, ...] → [B, ...].
ATP_EXPORT at::Tensor mean_over_tokens(const at::Tensor& values, const Lengths& lengths);
// The maximum over a prompt's tokens, [..., m, d] → [..., d]. Where several are equal, the gradient goes to the first.
ATP_EXPORT at::Tensor max_over_prompt(const at::Tensor& prompts);

template <>
struct Interface<PromptCombiner> {
  static constexpr const char* kind = "combiner";
  using Make = std::shared_ptr<PromptCombiner>(const PromptShape&, const Params&);
};

}  // namespace atp
