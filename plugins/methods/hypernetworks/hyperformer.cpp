// HyperFormer (Mahabadi et al. 2021b): hypernetworks make the adapters of each task from an embedding of it. An adapter
// stands after self-attention and after the feed-forward network of every block of both stacks, on their output y:
//   A(y) = γ ⊙ LayerNorm(U · GeLU(D · y + b_D) + b_U) + β + y          (Eq. 1, 3; GeLU as T5 v1.1's)
//   D, b_D, U, b_U, γ, β = linear maps of I                             (Eq. 2, 4), every adapter with its own;
//   I = h(z_task),   h two layers with a ReLU between                   (§3.2)
// HyperFormer++ (§3.4): one hypernetwork makes all adapters of a stack, told which by embeddings of layer and position:
//   I = LayerNorm(h([z_task ; e_layer ; e_position]))
// Trained: z, e, h, the linear maps, and the backbone's layer norms, shared by all tasks. On T5-base with 8 tasks, as
// configured by the authors: 5,211,056 for HyperFormer++, 122,343,744 for HyperFormer.
#include <ATen/ops/concat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/relu.h>
#include <atp/error.h>
#include <atp/plugin.h>

#include <functional>

#include "hypernetwork.h"

namespace {

class HyperFormer final : public HypernetworkMethod {
 public:
  static atp::Options options() {
    return {atp::integer("reduction", 32).at_least(1).help("an adapter's bottleneck is d / reduction wide"),
            atp::integer("task_width", 64).at_least(1).help("of the embeddings of tasks, layers and positions"),
            atp::integer("hidden", 128).at_least(1).help("width between the two layers of h"),
            atp::integer("projected_width", 64).at_least(1).help("of I, which the adapters are made of"),
            atp::number("learning_rate", 3e-4).at_least(0).help("highest rate of the schedule"),
            atp::start_from_option()};
  }

  HyperFormer(const atp::MethodContext& context, const atp::Params& params, bool shared)
      : width_(context.backbone->shape().width),
        bottleneck_(width_ / params.integer("reduction")),
        task_width_(params.integer("task_width")),
        hidden_(params.integer("hidden")),
        projected_(params.integer("projected_width")),
        tasks_(embedding("tasks", static_cast<std::int64_t>(context.tasks.size()))) {
    if (bottleneck_ < 1)
      throw atp::RecipeError(params.origin("reduction"),
                             "'reduction': found '" + std::to_string(params.integer("reduction")) +
                                 "', expected at most the backbone's width, " + std::to_string(width_));
    tasks_.of_tasks = true;
    const auto takes_adapter = [](const atp::Site& site) {
      return site.kind == atp::Site::Kind::sublayer && site.part != atp::Site::Part::cross_attention;
    };
    const auto places = atp::find_sites(*context.backbone, params.where(), "sublayers", takes_adapter);
    if (shared)
      share(context.backbone->shape(), places);
    else
      separate(places);
    for (const auto& site : context.backbone->sites())
      if (site.kind == atp::Site::Kind::norm)
        attach(site,
               atp::norm_with(parameter(site.name + ".weight", {width_}, "layer_norm", atp::initial::weight(), false)));
  }

 private:
  using Embedding = std::function<at::Tensor()>;  // I of every task, [N, p]

  struct Generators {
    Linear down, down_bias, up, up_bias, scale, shift;
  };

  atp::Parameter& embedding(const std::string& name, std::int64_t count) {
    return parameter(name, {count, task_width_}, "hypernetwork", atp::initial::normal(1));
  }

  Linear layer(const std::string& name, std::int64_t in, std::int64_t out) {
    return linear(name, "hypernetwork", in, out, atp::initial::normal(0.01));
  }

  // h: [N, inputs · task_width] → [N, p]
  std::function<at::Tensor(const at::Tensor&)> projection(const std::string& name, std::int64_t inputs) {
    const auto first = layer(name + ".0", inputs * task_width_, hidden_),
               second = layer(name + ".1", hidden_, projected_);
    return [first, second](const at::Tensor& joined) { return second(at::relu(first(joined))); };
  }

  Generators generators(const std::string& name) {
    return {.down = layer(name + ".make.down", projected_, width_ * bottleneck_),
            .down_bias = layer(name + ".make.down_bias", projected_, bottleneck_),
            .up = layer(name + ".make.up", projected_, bottleneck_ * width_),
            .up_bias = layer(name + ".make.up_bias", projected_, width_),
            .scale = layer(name + ".make.norm", projected_, width_),
            .shift = layer(name + ".make.norm_bias", projected_, width_)};
  }

  void separate(const std::vector<atp::Site>& places) {
    const auto project = projection("project", 1);
    for (const auto& site : places)
      attach(site, adapter(generators(site.name), [this, project] { return project(tasks_.value); }));
  }

  void share(const atp::BackboneShape& shape, const std::vector<atp::Site>& places) {
    const auto encoder = shared("encoder", shape.encoder_layers), decoder = shared("decoder", shape.decoder_layers);
    for (const auto& site : places) attach(site, (site.decoder ? decoder : encoder)(site));
  }

  // A stack's one hypernetwork: what it makes for a place.
  std::function<After(const atp::Site&)> shared(const std::string& stack, std::int64_t count) {
    auto& layers = embedding(stack + ".layers", count);
    auto& positions = embedding(stack + ".positions", 2);  // after the feed-forward network, after self-attention
    const auto project = projection(stack + ".project", 3);
    auto& weight = parameter(stack + ".norm.weight", {projected_}, "hypernetwork", atp::initial::ones(), false);
    auto& bias = parameter(stack + ".norm.bias", {projected_}, "hypernetwork", atp::initial::zeros(), false);
    return [this, &layers, &positions, &weight, &bias, project, made = generators(stack)](const atp::Site& site) {
      const auto position = site.part == atp::Site::Part::feed_forward ? 0 : 1;
      return adapter(made, [=, this, &layers, &positions, &weight, &bias, layer = site.layer] {
        const auto of_all_tasks = [&](const at::Tensor& one) { return one.expand({tasks_.value.size(0), -1}); };
        const auto joined =
            at::concat({tasks_.value, of_all_tasks(layers.value[layer]), of_all_tasks(positions.value[position])}, 1);
        return at::layer_norm(project(joined), {projected_}, weight.value, bias.value, 1e-6);
      });
    };
  }

  After adapter(const Generators& made, Embedding embedding) const {
    return [this, made, embedding = std::move(embedding)](const at::Tensor&, const at::Tensor& output,
                                                          const atp::SiteContext& context) {
      const auto of_rows = [&, all = embedding()](const Linear& generator) {
        return atp::of_tasks(generator(all), context.tasks).to(output.scalar_type());
      };
      const auto down = of_rows(made.down).view({-1, width_, bottleneck_});
      const auto up = of_rows(made.up).view({-1, bottleneck_, width_});
      const auto hidden = at::gelu(linear_by_row(output, down, of_rows(made.down_bias)), "tanh");
      const auto normed = at::layer_norm(linear_by_row(hidden, up, of_rows(made.up_bias)), {width_}, {}, {}, 1e-5);
      return normed * of_rows(made.scale).unsqueeze(1) + of_rows(made.shift).unsqueeze(1) + output;
    };
  }

  std::int64_t width_, bottleneck_, task_width_, hidden_, projected_;
  atp::Parameter& tasks_;
};

atp::Offer<atp::Method> offer(const std::string& name, const std::string& summary, bool shared) {
  return {.name = name,
          .summary = summary,
          .options = HyperFormer::options(),
          .make = [shared](const atp::MethodContext& context, const atp::Params& params) {
            return std::make_shared<HyperFormer>(context, params, shared);
          }};
}

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::Method>(
      offer("hyperformer", "a hypernetwork for each adapter makes it from the task (Mahabadi et al. 2021)", false));
  registry.add<atp::Method>(
      offer("hyperformer_plus_plus",
            "one hypernetwork for each stack makes all its adapters from task, layer and position", true));
}
