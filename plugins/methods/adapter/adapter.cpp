// Adapters (Houlsby et al. 2019; the paper's baseline): a bottleneck with a residual of its own after the
// self-attention and after the feed-forward of every block of both stacks, none after the cross-attention,
//   y + W_up gelu(W_down y + b_down) + b_up,   W_down [d/reduction, d],
// on the sublayer's output y, before dropout and the block's residual; and the backbone's own layer norms are trained.
// AdapterDrop (Rücklé et al. 2021) leaves the first n layers of each stack without bottlenecks.
// Over N tasks each has bottlenecks of its own, [N, …]; the layer norms are shared.
#include <ATen/TensorOperators.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>
#include <atp/error.h>
#include <atp/method.h>
#include <atp/plugin.h>

#include <algorithm>

namespace {

// x W_kᵀ + b_k for rows [B, L, in] of tasks k; weight [N, out, in], bias [N, out].
at::Tensor linear_of_task(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                          const at::Tensor& tasks) {
  const auto w = weight.to(input.scalar_type()), b = bias.to(input.scalar_type());
  if (weight.size(0) == 1) return at::linear(input, w[0], b[0]);
  return at::baddbmm(atp::of_tasks(b, tasks).unsqueeze(1), input, atp::of_tasks(w, tasks).transpose(1, 2));
}

class Adapter final : public atp::Method {
 public:
  static atp::Options options() {
    return {atp::integer("reduction", 32).at_least(1).help("the bottleneck is this many times narrower than d"),
            atp::number("learning_rate", 3e-4).at_least(0).help("highest rate of the schedule"),
            atp::start_from_option()};
  }

  static atp::Options options_of_drop() {
    return atp::Options(options()).add(
        atp::integer("dropped_layers")
            .at_least(0)
            .unit("layers")
            .help("n, layers without adapters at the bottom of each stack; 5/12 of them where not given"));
  }

  Adapter(const atp::MethodContext& context, const atp::Params& params, bool drops)
      : tasks_(static_cast<std::int64_t>(context.tasks.size())), width_(bottleneck(context, params)) {
    const auto& shape = context.backbone->shape();
    const auto dropped = drops ? params.optional_integer("dropped_layers") : 0;
    const auto most = std::max(shape.encoder_layers, shape.decoder_layers);
    if (dropped && *dropped >= most)
      throw atp::RecipeError(params.origin("dropped_layers"),
                             "'dropped_layers': found '" + std::to_string(*dropped) + "', and the deeper stack has " +
                                 std::to_string(most) + " layers; expected fewer, so that some keep their adapters");
    const auto first_layer = [&](bool decoder) {
      return dropped.value_or(5 * (decoder ? shape.decoder_layers : shape.encoder_layers) / 12);
    };
    if (drops && !dropped && first_layer(false) + first_layer(true) == 0)
      context.note(params.where(),
                   "nothing is dropped: where 'dropped_layers' is not given it is 5/12 of a stack's layers, "
                   "which of " +
                       std::to_string(most) + " is none");
    const auto takes_adapter = [&](const atp::Site& site) {
      return site.kind == atp::Site::Kind::sublayer && site.part != atp::Site::Part::cross_attention &&
             site.layer >= first_layer(site.decoder);
    };
    for (const auto& site : atp::find_sites(*context.backbone, params.where(), "sublayers", takes_adapter))
      add_bottleneck(site);
    for (const auto& site : context.backbone->sites())
      if (site.kind == atp::Site::Kind::norm)
        sites_.attach(site.name, atp::norm_with(parameter(site.name + ".weight", {site.output_width}, "layer_norm",
                                                          atp::initial::weight(), false)));
  }

  const atp::Sites* sites() const override { return &sites_; }

 private:
  static std::int64_t bottleneck(const atp::MethodContext& context, const atp::Params& params) {
    const auto width = context.backbone->shape().width, reduction = params.integer("reduction");
    if (reduction > width)
      throw atp::RecipeError(params.origin("reduction"), "'reduction': found '" + std::to_string(reduction) +
                                                             "', expected at most the backbone's width, " +
                                                             std::to_string(width));
    return width / reduction;
  }

  void add_bottleneck(const atp::Site& site) {
    const auto own = [&](const char* which, std::vector<std::int64_t> shape) -> const atp::Parameter& {
      const bool is_weight = shape.size() == 3;
      auto& made = parameter(site.name + ".adapter." + which, std::move(shape), "adapter",
                             is_weight ? atp::initial::normal(0.01) : atp::initial::zeros(), is_weight);
      made.of_tasks = true;
      return made;
    };
    const auto d = site.output_width;
    const auto &down = own("down.weight", {tasks_, width_, d}), &down_bias = own("down.bias", {tasks_, width_});
    const auto &up = own("up.weight", {tasks_, d, width_}), &up_bias = own("up.bias", {tasks_, d});
    sites_.attach(site.name, {.after = [&down, &down_bias, &up, &up_bias](const at::Tensor&, const at::Tensor& output,
                                                                          const atp::SiteContext& row) {
                    const auto hidden = at::gelu(linear_of_task(output, down, down_bias, row.tasks), "tanh");
                    return output + linear_of_task(hidden, up, up_bias, row.tasks);
                  }});
  }

  std::int64_t tasks_, width_;
  atp::Sites sites_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::Method>({.name = "adapter",
                             .summary = "bottlenecks in every block, and the layer norms (Houlsby et al. 2019)",
                             .options = Adapter::options(),
                             .make = [](const atp::MethodContext& context, const atp::Params& params) {
                               return std::make_shared<Adapter>(context, params, false);
                             }});
  registry.add<atp::Method>({.name = "adapter_drop",
                             .summary = "adapters in the upper layers alone (Rücklé et al. 2021)",
                             .options = Adapter::options_of_drop(),
                             .make = [](const atp::MethodContext& context, const atp::Params& params) {
                               return std::make_shared<Adapter>(context, params, true);
                             }});
}
