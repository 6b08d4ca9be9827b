#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "atp/batch.h"
#include "atp/export.h"
#include "atp/registry.h"

namespace atp {

// The sizes that methods and plans need; a backbone's own file has the rest.
struct BackboneShape {
  std::int64_t width = 0;       // d
  std::int64_t vocabulary = 0;  // rows of the embedding
  std::int64_t encoder_layers = 0;
  std::int64_t decoder_layers = 0;
  std::int64_t heads = 0;
  std::int64_t head_width = 0;          // d_kv
  std::int64_t feed_forward_width = 0;  // d_ff
  double dropout = 0;                   // the checkpoint's own rate
};

// Embedded sources on their way into the encoder: a prompt, where there is one, stands before the text.
struct Embedded {
  at::Tensor values;  // [B, L, d]
  Lengths lengths;    // prompt and text together
  // What each prompt weighed in a combiner's mixture: [B, t+1], the t source prompts' in the recipe's order and the
  // target prompt's last; [B, t] where no target prompt takes part; [B, m, t+1] or [B, m, t] where each of a prompt's m
  // tokens has a weight of its own. For analysis alone; undefined where nothing is mixed.
  at::Tensor weights;
  at::Tensor penalty = {};  // [B]: what training adds to each example's loss; undefined: nothing
};

struct Encoded {
  at::Tensor states;  // [B, L, d]
  Lengths lengths;
};

// Per example, so that the caller may reduce as it likes: mean over all target tokens of an update, per task, per
// trial.
struct Losses {
  at::Tensor sums;  // [B] float32 (float64 backbones: float64): cross-entropy summed over the target tokens
  std::vector<std::int64_t> tokens;  // B target token counts
};

// A place inside a backbone where a method may attach a function of the last dimension.
struct Site {
  enum class Kind {
    linear,  // input [B, L, in] and output [B, L, out] of a linear map
    keys,    // an attention's keys [B, L, heads · d_kv]; may grow in front (a prefix: positions before the first, open
             // to all)
    values,  // the same for its values
    sublayer,  // a sublayer's output [B, L, d] before dropout and the residual addition, from what it is added to
    norm,      // a layer norm's input, normalised but not yet weighted, and its output, both [B, L, d]
  };
  // The sublayer that it is, or stands in; none: a stack's last norm, the head.
  enum class Part { none, self_attention, cross_attention, feed_forward };
  std::string name;  // the checkpoint's name of the module: "encoder.block.0.layer.0.SelfAttention.q"
  Kind kind;
  bool decoder = false;
  std::int64_t layer = 0;
  std::int64_t input_width = 0;
  std::int64_t output_width = 0;
  Part part = Part::none;

  std::string module() const { return name.substr(name.rfind('.') + 1); }  // the name's last part: "q"
};

// What an attached function sees beside its tensor.
struct SiteContext {
  at::Tensor tasks;                             // [B]: each row's task
  const Encoded* encoded = nullptr;             // in the decoder: the encoder's output
  std::optional<at::Generator> generator = {};  // while training, for what is random at a site (`drop_out`)
};

// Functions that a method attaches, by site name. `before` changes a linear map's input, `after` sees input and output
// and gives the new output; either may be empty. Keys and values are given as output.
struct SiteFunction {
  std::function<at::Tensor(const at::Tensor& input, const SiteContext&)> before = {};
  std::function<at::Tensor(const at::Tensor& input, const at::Tensor& output, const SiteContext&)> after = {};
};

class ATP_EXPORT Sites {
 public:
  void attach(const std::string& site, SiteFunction function);  // several at one place run in the order of attaching
  const std::vector<SiteFunction>* find(const std::string& site) const;
  bool empty() const { return functions_.empty(); }
  std::vector<std::string> names() const;

 private:
  std::vector<std::pair<std::string, std::vector<SiteFunction>>> functions_;
};

// How one pass is run. With dropout, the default generator, for operators that take none, is seeded as `generator` is.
struct Pass {
  double dropout = 0;                           // 0 when evaluating
  std::optional<at::Generator> generator = {};  // while training, of this pass alone; needed where dropout > 0
  const Sites* sites = nullptr;                 // what the method attached
  at::Tensor tasks = {};                        // [B], for the sites
};

// Inverted dropout: each element is zeroed with probability `rate`, the others are divided by 1 − rate. The choice
// comes from the generator alone, and on a CPU does not depend on the number of threads. With rate 0 nothing is drawn.
ATP_EXPORT at::Tensor drop_out(const at::Tensor& values, double rate, const at::Generator& generator);

// Where a backbone's weights and sizes come from.
struct Checkpoint {
  std::string folder;           // Hub layout; empty: random weights
  std::string random_shape;     // a shape's name ("tiny", "small", "base", …) or a config.json's path
  std::uint64_t seed = 0;       // of the random weights
  std::int64_t vocabulary = 0;  // of the tokenizer, for random weights
};

struct BackboneRequest {
  Checkpoint checkpoint;
  at::ScalarType precision = at::kFloat;  // float32, bfloat16 or float64
  at::Device device = at::kCPU;  // at::kMeta: sizes and names only, nothing is allocated or read but the config
};

using NamedTensor = std::pair<std::string, at::Tensor>;

// An encoder–decoder whose weights are frozen unless a method makes them require a gradient. Every function is
// differentiable in its floating-point inputs; none keeps state between calls.
class ATP_EXPORT Backbone {
 public:
  virtual ~Backbone();

  virtual const BackboneShape& shape() const = 0;
  virtual at::Tensor embed(const at::Tensor& ids) const = 0;  // [B, l] → [B, l, d]
  virtual Encoded encode(const Embedded& input, const Pass& pass) const = 0;
  // Scores of the vocabulary for each target token, those before it given: [B, u] labels → [B, u, vocabulary].
  virtual at::Tensor logits(const Encoded& encoded, const at::Tensor& labels, const Pass& pass) const = 0;
  // The logits' cross-entropy, unless a backbone has a faster way to it.
  virtual Losses loss(const Encoded& encoded, const at::Tensor& labels, const Lengths& lengths, const Pass& pass) const;
  // Greedy decoding: per row the ids before </s>, at most `max_tokens` of them, </s> counted.
  virtual std::vector<std::vector<std::int32_t>> generate(const Encoded& encoded, std::int64_t max_tokens,
                                                          const Pass& pass) const = 0;

  virtual const std::vector<NamedTensor>& weights() const = 0;  // every weight once, by the checkpoint's names
  virtual std::vector<Site> sites() const = 0;
};

// A weight by its checkpoint's name. Throws PluginError where there is none: a tied head, for example, is the
// embedding.
ATP_EXPORT const at::Tensor& named_weight(const Backbone& backbone, const std::string& name);

template <>
struct Interface<Backbone> {
  static constexpr const char* kind = "backbone";
  using Make = std::shared_ptr<Backbone>(const BackboneRequest&, const Params&);
};

}  // namespace atp
