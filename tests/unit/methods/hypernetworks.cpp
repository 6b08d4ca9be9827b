#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tanh.h>

#include <cmath>
#include <numbers>

#include "tests/unit/methods/on_t5.h"

// Hyperdecoders and HyperFormer: what is attached, against their formulas for one vector at a time, and their counts.

namespace {

using Tensors = std::map<std::string, at::Tensor>;

std::int64_t count_of_trained(const OnT5& what, const std::shared_ptr<atp::Backbone>& backbone) {
  std::int64_t count = 0;
  const auto method = method_on(backbone, what);
  for (const auto* parameter : method->parameters()) count += parameter->count();
  return count;
}

at::Tensor layer(const Tensors& saved, const std::string& name, const at::Tensor& input) {
  return at::mv(saved.at(name + ".weight"), input) + saved.at(name + ".bias");
}

// What is attached at `site`, on `input` and `output`.
at::Tensor attached(const atp::Model& model, const std::string& site, const at::Tensor& input, const at::Tensor& output,
                    const atp::SiteContext& context) {
  const auto* functions = model.method->sites()->find(site);
  REQUIRE(functions);
  REQUIRE(functions->size() == 1);
  return functions->front().after(input, output, context);
}

at::Tensor gelu_new(const at::Tensor& x) {
  return 0.5 * x * (1 + at::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}

at::Tensor normed(const at::Tensor& x, double epsilon) {
  const auto centred = x - x.mean();
  return centred / (centred.square().mean() + epsilon).sqrt();
}

struct Made {
  at::Tensor input, output;
  atp::SiteContext context;
  atp::Encoded encoded;
};

// States of the batch's size, as a sublayer would have them, and an encoder's output.
Made made_states(const atp::Batch& batch) {
  const auto stream = at::make_generator<at::CPUGeneratorImpl>(7);
  const auto states = [&](std::int64_t length) {
    return at::empty({batch.size(), length, 16}, at::kDouble).normal_(0, 1, stream);
  };
  return {.input = states(3),
          .output = states(3),
          .context = {.tasks = batch.tasks},
          .encoded = {.states = states(batch.ids.size(1)), .lengths = batch.lengths}};
}

}  // namespace

TEST_CASE("a hyperdecoder's adapter beside a decoder's feed-forward network") {
  for (const bool mlp : {false, true}) {
    const at::NoGradGuard no_gradient;
    const auto model = model_on_t5({"hyperdecoder", options({{"bottleneck", 3}, {"hidden", 5}, {"encoder_mlp", mlp}})});
    const auto saved = model.method->save();
    const auto batch = mixed_batch();
    auto made = made_states(batch);
    made.context.encoded = &made.encoded;
    const auto found = attached(model, "decoder.block.0.layer.2", made.input, made.output, made.context);
    for (std::int64_t b = 0; b < batch.size(); ++b) {
      const auto tokens = batch.lengths.host[static_cast<std::size_t>(b)];
      auto instance = made.encoded.states[b].narrow(0, 0, tokens).mean(0);
      if (mlp) instance = layer(saved, "encoder_mlp.1", at::relu(layer(saved, "encoder_mlp.0", instance)));
      const auto hidden = at::relu(layer(saved, "hidden", at::concat({instance, saved.at("layers")[0]})));
      const auto down = layer(saved, "make.down", hidden).view({16, 3}).t();
      const auto up = layer(saved, "make.up", hidden).view({3, 16}).t();
      for (std::int64_t i = 0; i < 3; ++i) {
        const auto inner = at::relu(at::mv(down, made.input[b][i]) + layer(saved, "make.down_bias", hidden));
        const auto expected = made.output[b][i] + at::mv(up, inner) + layer(saved, "make.up_bias", hidden);
        CHECK(at::allclose(found[b][i], expected, 1e-10, 1e-10));
      }
    }
    // In the encoder there are plain ones.
    const std::string site = "encoder.block.1.layer.1";
    const auto plain = attached(model, site, made.input, made.output, made.context);
    const auto inner = at::relu(layer(saved, site + ".adapter.down", made.input[1][2]));
    CHECK(at::allclose(plain[1][2], made.output[1][2] + layer(saved, site + ".adapter.up", inner), 1e-10, 1e-10));
    CHECK(model.method->sites()->names().size() == 3);
  }
}

TEST_CASE("a HyperFormer's adapters, made of the task, or of task, layer and position") {
  const auto sizes = options({{"reduction", 4}, {"task_width", 3}, {"hidden", 5}, {"projected_width", 4}});
  for (const bool shared : {false, true}) {
    CAPTURE(shared);
    const at::NoGradGuard no_gradient;
    const auto model = model_on_t5({shared ? "hyperformer_plus_plus" : "hyperformer", sizes});
    const auto saved = model.method->save();
    const auto batch = mixed_batch();
    const auto made = made_states(batch);
    struct Place {
      std::string site, stack;
      std::int64_t layer, position;
    };
    for (const auto& place :
         {Place{"encoder.block.1.layer.0", "encoder", 1, 1}, Place{"encoder.block.0.layer.1", "encoder", 0, 0},
          Place{"decoder.block.0.layer.0", "decoder", 0, 1}, Place{"decoder.block.0.layer.2", "decoder", 0, 0}}) {
      CAPTURE(place.site);
      const auto found = attached(model, place.site, made.input, made.output, made.context);
      for (std::int64_t b = 0; b < batch.size(); ++b) {
        const auto task = saved.at("tasks")[batch.tasks[b].item<std::int64_t>()];
        const auto joined = shared ? at::concat({task, saved.at(place.stack + ".layers")[place.layer],
                                                 saved.at(place.stack + ".positions")[place.position]})
                                   : task;
        const auto project = shared ? place.stack + ".project" : "project";
        auto projected = layer(saved, project + ".1", at::relu(layer(saved, project + ".0", joined)));
        if (shared)
          projected =
              normed(projected, 1e-6) * saved.at(place.stack + ".norm.weight") + saved.at(place.stack + ".norm.bias");
        const auto of = [&](const std::string& name) {
          return layer(saved, (shared ? place.stack : place.site) + "." + name, projected);
        };
        const auto down = of("make.down").view({16, 4}).t(), up = of("make.up").view({4, 16}).t();
        for (std::int64_t i = 0; i < 3; ++i) {
          const auto y = made.output[b][i];
          const auto adapted = at::mv(up, gelu_new(at::mv(down, y) + of("make.down_bias"))) + of("make.up_bias");
          const auto expected = of("make.norm") * normed(adapted, 1e-5) + of("make.norm_bias") + y;
          CHECK(at::allclose(found[b][i], expected, 1e-9, 1e-9));
        }
      }
    }
    CHECK_FALSE(model.method->sites()->find("decoder.block.0.layer.1"));  // none after cross-attention
  }
}

TEST_CASE("HyperFormer starts from the checkpoint's layer norms, and its trained ones take their place") {
  const at::NoGradGuard no_gradient;
  const auto backbone = t5();
  const auto method = method_on(backbone, {"hyperformer_plus_plus", options({{"reduction", 4}})});
  method->initialise(start_on(*backbone));
  const auto saved = method->save();
  int norms = 0;
  for (const auto& [name, weight] : backbone->weights()) {
    if (!name.ends_with("layer_norm.weight")) continue;
    ++norms;
    CHECK(saved.at(name).equal(weight));
    CHECK_FALSE(saved.at(name).is_same(weight));
  }
  CHECK(norms == 2 * 2 + 1 + 3 + 1);

  // With adapters of nothing the model is the backbone; with layer norms of zero its logits are zero, too.
  for (auto* parameter : method->parameters())
    if (contains(parameter->name, ".make.norm")) parameter->value.zero_();
  const auto batch = mixed_batch();
  const auto logits = [&](const atp::Sites* sites) {
    const atp::Pass pass{.sites = sites, .tasks = batch.tasks};
    return backbone->logits(backbone->encode(method->embed(batch, *backbone), pass), batch.labels, pass);
  };
  CHECK(at::allclose(logits(method->sites()), logits(nullptr), 1e-12, 1e-12));
  for (auto* parameter : method->parameters())
    if (parameter->name == "decoder.final_layer_norm.weight") parameter->value.zero_();
  CHECK(logits(method->sites()).abs().max().item<double>() == 0);
}

TEST_CASE("trained parameters of the hypernetworks, from shapes alone (METHODS.md)") {
  const std::vector<std::string> eight(8, "task");
  const auto base = t5_outline("base");
  CHECK(std::lround(5211056 / 8.0) == 651382);
  // As the authors' Table 1 has it: 1.02 and 1.54 times the backbone's parameters in all, 0.29% and 6.86% for each
  // task.
  const auto hyperformer = count_of_trained({"hyperformer", {}, eight}, base);
  CHECK(hyperformer == 122343744);
  CHECK(1 + static_cast<double>(hyperformer) / 222.9e6 == doctest::Approx(1.55).epsilon(0.005));
  CHECK(static_cast<double>(hyperformer) / 8 / 222.9e6 == doctest::Approx(0.0686).epsilon(0.001));
  CHECK(14078008 / 8 / 10000 == 175);  // 1.76M a task, the table's 1.8M
  CHECK(count_of_trained({"hyperdecoder", options({{"encoder_mlp", true}}), eight}, base) == 14078008 + 2 * 768 * 769);

  struct Size {
    const char* name;
    std::int64_t plus_plus, hyperformer, hyperdecoder;
  };
  for (const auto& size : {Size{"small", 2415776, 28013632, 8992124}, Size{"base", 5211056, 122343744, 14078008},
                           Size{"large", 9118144, 428455616, 20353200}, Size{"3b", 9118144, 428455616, 20353200}}) {
    CAPTURE(size.name);
    const auto backbone = t5_outline(size.name);
    CHECK(count_of_trained({"hyperformer_plus_plus", {}, eight}, backbone) == size.plus_plus);
    CHECK(count_of_trained({"hyperformer", {}, eight}, backbone) == size.hyperformer);
    CHECK(count_of_trained({"hyperdecoder", {}, eight}, backbone) == size.hyperdecoder);
  }
}

TEST_CASE("a bottleneck of nothing is refused") {
  const auto message = message_of([] { method_on(t5_outline("tiny"), {"hyperformer", options({{"reduction", 65}})}); });
  CHECK(contains(message, "'reduction': found '65', expected at most the backbone's width, 64"));
}
