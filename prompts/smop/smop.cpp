// SMoP's routing (Sparse Mixture-of-Prompts, Choi et al., EMNLP 2023): a linear router picks k of the prompts for an
// input.
//   g = softmax(L · x̄),   P = P_target + Σ_{j in top-k of g} g_j P_j
// with x̄ the mean of the input's embedded tokens and j = 1..t. As published the chosen g_j are not made to sum to 1,
// and L starts with orthonormal rows. P_target, which is always there and not routed to, is what the released code
// calls the central prompt; without a target prompt, the sum alone is the published method, where P_j and L are trained
// together (train_source_prompts: true).
//
// While training, two things keep the router from always taking the same prompts:
//   noise     g = softmax(s + σ δ ⊙ s),   s = L · x̄,   δ ~ N(0, 1) for each input and prompt      (§2.3: σ = 1)
//   balancing λ t Σ_j f_j g_j is added to an example's loss, f_j the share of the (micro-)batch's choices that fell on
//             P_j: over the batch it is Switch Transformer's λ t Σ_j f_j · mean(g_j) (Fedus et al. 2022, Eq. 4: λ =
//             0.01)
// As in the released code σ δ ⊙ s is noise alone: no gradient goes through it. That code works out f_j · mean(g_j),
// too, and does not use it. Both are off by default, ours: the P_j are prompts that other steps trained, so that the
// router starts between prompts that differ already. Trained: L [t, d], so that a further source prompt needs another
// router.
#include <ATen/TensorOperators.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/scatter.h>
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

class Smop final : public atp::PromptCombiner {
 public:
  static atp::Options options() {
    return {
        atp::integer("top_k", 1).at_least(1).help("k, source prompts that an input is routed to"),
        atp::number("noise", 0.0).at_least(0).help("σ, of the noise on the router's scores while training; SMoP's: 1"),
        atp::number("balancing", 0.0).at_least(0).help("λ, the weight of the loss for choices that are not spread")};
  }

  Smop(const atp::PromptShape& shape, const atp::Params& params)
      : top_k_(params.integer("top_k")),
        noise_(params.number("noise")),
        balancing_(params.number("balancing")),
        router_(parameter("attention.router.weight", {shape.sources, shape.width}, "attention", orthonormal)) {
    if (top_k_ > shape.sources)
      throw atp::RecipeError(params.origin("top_k"), "'top_k' is " + std::to_string(top_k_) + ", and there are " +
                                                         std::to_string(shape.sources) +
                                                         " source prompts to choose from; give at most that");
  }

  atp::Mixture combine(const at::Tensor& sources, const at::Tensor& target, const atp::Embedded& input) const override {
    return mixture(at::softmax(scores(input, sources.scalar_type()), 1), sources, target);
  }

  atp::Mixture combine_in_training(const at::Tensor& sources, const at::Tensor& target, const atp::Embedded& input,
                                   const at::Generator& generator) const override {
    auto noisy = scores(input, sources.scalar_type());
    if (noise_ > 0) noisy = noisy + noisy.detach() * at::empty_like(noisy).normal_(0, noise_, generator);
    const auto gates = at::softmax(noisy, 1);
    auto mixed = mixture(gates, sources, target);
    if (balancing_ > 0) {
      const auto shares =
          at::zeros_like(gates).scatter(1, chosen(gates), 1).mean(0) / static_cast<double>(top_k_);  // f [t]
      mixed.penalty = at::matmul(gates, shares) * (balancing_ * static_cast<double>(gates.size(1)));
    }
    return mixed;
  }

 private:
  at::Tensor scores(const atp::Embedded& input, at::ScalarType precision) const {
    return at::linear(atp::mean_over_tokens(input.values.to(precision), input.lengths), router_);
  }

  at::Tensor chosen(const at::Tensor& gates) const {  // [B, k] numbers of prompts
    return std::get<1>(at::topk(gates.detach(), top_k_, 1));
  }

  atp::Mixture mixture(const at::Tensor& gates, const at::Tensor& sources, const at::Tensor& target) const {
    const auto places = chosen(gates);
    const auto weights = at::zeros_like(gates).scatter(1, places, gates.gather(1, places));  // [B, t]
    const auto mixed = at::matmul(weights, sources.flatten(1)).unflatten(1, sources.sizes().slice(1));
    if (!target.defined()) return {.prompt = mixed, .weights = weights};
    const auto beside = at::zeros({weights.size(0), 1}, weights.options());  // it has no weight of its own
    return {.prompt = target + mixed, .weights = at::concat({weights, beside}, 1)};
  }

  std::int64_t top_k_;
  double noise_, balancing_;
  atp::Parameter& router_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::PromptCombiner>({.name = "smop",
                                     .summary = "a router picks a few of the source prompts for each input (SMoP)",
                                     .options = Smop::options(),
                                     .make = std::make_shared<Smop, const atp::PromptShape&, const atp::Params&>});
}
