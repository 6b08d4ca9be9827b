// SMoP's routing (Sparse Mixture-of-Prompts, Choi et al., EMNLP 2023): a linear router picks k of the prompts for an
// input.
//   g = softmax(L · x̄),   P = P_target + Σ_{j in top-k of g} g_j P_j
// with x̄ the mean of the input's embedded tokens and j = 1..t. As published the chosen g_j are not made to sum to 1,
// and L starts with orthonormal rows. P_target, which is always there and not routed to, is what the released code
// calls the central prompt; without a target prompt, the sum alone is the published method, where P_j and L are trained
// together (train_source_prompts: true). Ours: the P_j are prompts that other steps trained, so that the router starts
// between prompts that differ already. There is neither noise on the router's scores nor a loss that balances its
// choices, both of which serve prompts that start alike. Trained: L [t, d], so that a further source prompt needs
// another router.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <atp/combiner.h>
#include <atp/error.h>
#include <atp/plugin.h>

#include <algorithm>

namespace {

// Orthonormal rows, or columns where there are more rows than columns.
at::Tensor orthonormal(const atp::Start& start, const atp::Parameter& parameter) {
  if (start.device.is_meta()) return at::empty(parameter.shape, at::TensorOptions(at::kMeta));
  const auto [least, most] = std::minmax(parameter.shape[0], parameter.shape[1]);
  const auto drawn = at::empty({most, least}, at::TensorOptions().dtype(at::kDouble))
                         .normal_(0, 1, start.stream("initial:" + parameter.name));
  const auto columns = std::get<0>(at::linalg_qr(drawn));
  return parameter.shape[0] == least ? columns.t() : columns;
}

// The mean over each row's own tokens, [B, l, d] → [B, d].
at::Tensor mean_over_tokens(const atp::Embedded& input, at::ScalarType precision) {
  const auto values = input.values.to(precision);
  const auto places = at::arange(input.values.size(1), input.lengths.device.options());
  const auto padding = places.ge(input.lengths.device.unsqueeze(1)).unsqueeze(2);
  return values.masked_fill(padding, 0).sum(1) / input.lengths.device.unsqueeze(1);
}

class Smop final : public atp::PromptCombiner {
 public:
  static atp::Options options() {
    return {atp::integer("top_k", 1).at_least(1).help("k, source prompts that an input is routed to")};
  }

  Smop(const atp::PromptShape& shape, const atp::Params& params)
      : chosen_(params.integer("top_k")),
        router_(parameter("attention.router.weight", {shape.sources, shape.width}, "attention", orthonormal)) {
    if (chosen_ > shape.sources)
      throw atp::RecipeError(params.origin("top_k"), "'top_k' is " + std::to_string(chosen_) + ", and there are " +
                                                         std::to_string(shape.sources) +
                                                         " source prompts to choose from; give at most that");
  }

  atp::Mixture combine(const at::Tensor& sources, const at::Tensor& target, const atp::Embedded& input) const override {
    const auto gates = at::softmax(at::linear(mean_over_tokens(input, sources.scalar_type()), router_), 1);
    const auto [values, places] = at::topk(gates, chosen_, 1);
    const auto weights = at::zeros_like(gates).scatter(1, places, values);  // [B, t]
    const auto mixed = at::matmul(weights, sources.flatten(1)).unflatten(1, sources.sizes().slice(1));
    if (!target.defined()) return {.prompt = mixed, .weights = weights};
    const auto beside = at::zeros({weights.size(0), 1}, weights.options());  // it has no weight of its own
    return {.prompt = target + mixed, .weights = at::concat({weights, beside}, 1)};
  }

 private:
  std::int64_t chosen_;
  atp::Parameter& router_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::PromptCombiner>({.name = "smop",
                                     .summary = "a router picks a few of the source prompts for each input (SMoP)",
                                     .options = Smop::options(),
                                     .make = std::make_shared<Smop, const atp::PromptShape&, const atp::Params&>});
}
