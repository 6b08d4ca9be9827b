#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <utility>

#include "tests/unit/methods/on_t5.h"
#include "train/trainer.h"

// What must hold for every method that reaches into the layers, or needs a backbone that has some.

namespace {

const std::vector<OnT5>& methods_on_t5() {
  static const std::vector<OnT5> all = {
      {"dept", options({{"prompt_length", 3}, {"rank", 2}, {"max_length", 4}})},  // some texts are longer
      {"hyperdecoder", options({{"bottleneck", 3}, {"hidden", 5}})},
      {"hyperdecoder", options({{"bottleneck", 3}, {"hidden", 5}, {"encoder_mlp", true}, {"encoder_adapters", false}})},
      {"hyperformer", options({{"reduction", 4}, {"task_width", 3}, {"hidden", 5}, {"projected_width", 4}})},
      {"hyperformer_plus_plus", options({{"reduction", 4}, {"task_width", 3}, {"hidden", 5}, {"projected_width", 4}})},
      {"mpt", options({{"prompt_length", 3}, {"rank", 2}})},
      {"bitfit"},
      {"adapter", options({{"reduction", 4}})},
      {"adapter_drop", options({{"reduction", 4}, {"dropped_layers", 0}})},
      {"lora", options({{"rank", 3}})},
      {"lora", options({{"rank", 3}, {"lora_dropout", 0.3}})},
      {"ia3"},
      {"prefix_tuning", options({{"prefix_length", 3}})},
      {"adapter_fusion", options({{"adapters", "adapters"}, {"reduction", 4}}), {"one"}, {{"adapters", 2}}},
  };
  return all;
}

}  // namespace

TEST_CASE("T5: gradients of every trained tensor against finite differences") {
  const auto batch = mixed_batch();
  for (const auto& what : methods_on_t5()) {
    CAPTURE(what.method);
    const auto model = model_on_t5(what);
    losses_on_t5(model, batch).sum().backward();
    for (auto* parameter : model.method->parameters()) {
      CAPTURE(parameter->name);
      const auto gradient = parameter->value.grad();
      REQUIRE(gradient.defined());
      const at::NoGradGuard no_gradient;
      auto flat = parameter->value.detach().flatten();  // shares the parameter's memory
      for (std::int64_t i = 0; i < flat.numel(); i += std::max<std::int64_t>(1, flat.numel() / 6)) {
        const auto before = flat[i].item<double>(), found = gradient.flatten()[i].item<double>();
        const auto loss_at = [&](double value) {
          flat[i].fill_(value);
          return losses_on_t5(model, batch).sum().item<double>();
        };
        const auto difference = [&](double step) {
          return (loss_at(before + step) - loss_at(before - step)) / (2 * step);
        };
        const auto wanted = [&](double step) { return doctest::Approx(difference(step)).epsilon(1e-6).scale(1e-2); };
        // Of thousands of ReLUs one may change sides within a step: a tenth of the step then shows the derivative.
        const bool agrees = found == wanted(1e-6) || found == wanted(1e-7);
        CAPTURE(found);
        CHECK(agrees);
        flat[i].fill_(before);
      }
    }
    for (const auto& [name, weight] : model.backbone->weights()) CHECK_FALSE(weight.requires_grad());
  }
}

TEST_CASE("T5: padding and company change nothing") {
  for (const auto& [precision, tolerance] : {std::pair(at::kDouble, 1e-9), {at::kFloat, 1e-5}}) {
    for (const auto& what : methods_on_t5()) {
      CAPTURE(what.method);
      const at::NoGradGuard no_gradient;
      const auto model = model_on_t5(what, precision);
      const auto batch = mixed_batch();
      const auto losses = losses_on_t5(model, batch);
      auto padded = batch;
      padded.ids = at::concat({batch.ids, at::zeros({batch.size(), 11}, at::kLong)}, 1);
      padded.labels = at::concat({batch.labels, at::zeros({batch.size(), 3}, at::kLong)}, 1);
      CHECK(at::allclose(losses, losses_on_t5(model, padded), tolerance, 0));
      CHECK(at::allclose(losses[1], losses_on_t5(model, mixed_batch({{1, 3}}))[0], tolerance, 0));
      CHECK(at::allclose(losses[2], losses_on_t5(model, mixed_batch({{1, 0}, {0, 2}}))[1], tolerance, 0));
    }
  }
}

TEST_CASE("T5: the backbone keeps its bytes, all that is trained moves, and a saved training goes on bit for bit") {
  const std::vector<atp::SplitData> splits = {made_split("one", 0, 9), made_split("two", 1, 7)};
  const atp::TrainSettings settings{
      .learning_rate = 1e-2, .weight_decay = 1e-2, .batch_size = 6, .accumulation = 2, .updates = 6};
  for (const auto& what : methods_on_t5()) {
    CAPTURE(what.method);
    auto straight = model_on_t5(what, at::kFloat), before = model_on_t5(what, at::kFloat),
         after = model_on_t5(what, at::kFloat);
    straight.dropout = before.dropout = after.dropout = 0.25;
    const auto untouched = t5(at::kFloat);
    std::map<std::string, at::Tensor> start;
    for (const auto* parameter : std::as_const(*straight.method).parameters())
      start[parameter->name] = parameter->value.detach().clone();

    atp::Trainer whole(straight, splits, settings, 11), first(before, splits, settings, 11),
        second(after, splits, settings, 11);
    while (!whole.finished()) whole.step();
    for (int i = 0; i < 3; ++i) first.step();
    second.restore(first.save(), first.done());
    while (!second.finished()) second.step();
    const auto resumed = after.method->save();
    for (const auto* parameter : std::as_const(*straight.method).parameters()) {
      CAPTURE(parameter->name);
      CHECK(parameter->value.equal(resumed.at(parameter->name)));
      CHECK_FALSE(parameter->value.equal(start.at(parameter->name)));
    }
    for (std::size_t i = 0; i < untouched->weights().size(); ++i) {
      const auto& weight = straight.backbone->weights()[i].second;
      CAPTURE(straight.backbone->weights()[i].first);
      CHECK(weight.equal(untouched->weights()[i].second));
      CHECK_FALSE(weight.grad().defined());
    }
  }
}

TEST_CASE("T5: what is saved is all there is to know, and generation sees it") {
  for (const auto& what : methods_on_t5()) {
    CAPTURE(what.method);
    const at::NoGradGuard no_gradient;
    const auto model = model_on_t5(what);
    atp::Model other;
    other.backbone = t5();
    other.method = method_on(other.backbone, what);
    other.method->load(model.method->save(), start_on(*other.backbone));
    const auto batch = mixed_batch();
    CHECK(losses_on_t5(other, batch).equal(losses_on_t5(model, batch)));
    const auto without = [&] {
      return other.backbone
          ->loss(other.backbone->encode({other.backbone->embed(batch.ids), batch.lengths, {}}, {}), batch.labels,
                 batch.label_lengths, {})
          .sums;
    }();
    CHECK_FALSE(at::allclose(losses_on_t5(model, batch), without));

    // Greedy decoding, token by token, takes the tokens that the logits of the whole prefer.
    const auto pass = model.pass(batch);
    const auto encoded = model.backbone->encode(model.embed(batch), pass);
    const auto generated = model.backbone->generate(encoded, 4, pass);
    for (std::int64_t b = 0; b < batch.size(); ++b) {
      const auto& ids = generated[static_cast<std::size_t>(b)];
      auto labels = at::zeros({batch.size(), 4}, at::kLong);
      for (std::size_t i = 0; i < ids.size(); ++i) labels[b][static_cast<std::int64_t>(i)] = ids[i];
      const auto best = model.backbone->logits(encoded, labels, pass)[b].argmax(1);
      for (std::size_t i = 0; i < ids.size(); ++i)
        CHECK(best[static_cast<std::int64_t>(i)].item<std::int64_t>() == ids[i]);
    }
  }
}
