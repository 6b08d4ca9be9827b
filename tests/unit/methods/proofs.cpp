#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/methods/proof_cases.h"
#include "train/trainer.h"

// What must hold for every method and combiner, on a small T5.

TEST_CASE("every method and combiner that the build has is among those that everything is proved of") {
  std::set<std::pair<std::string, std::string>> proved;
  for (const auto& what : proof_cases()) {
    proved.emplace("method", what.method);
    proved.emplace("combiner", what.combiner);
  }
  std::string missing;
  for (const auto& entry : t5_methods().entries())
    if (entry.kind != "backbone" && !proved.contains({entry.kind, entry.name}))
      missing += entry.kind + " " + entry.name + " (" + entry.library + ") has no case in proof_cases.h\n";
  CHECK(missing == "");
}

// A plan has shapes and no values, whatever the sizes.
TEST_CASE("a plan allocates nothing") {
  const auto outline = [](const at::Tensor& tensor) { return at::empty(tensor.sizes(), at::TensorOptions(at::kMeta)); };
  auto cases = proof_cases();
  cases.push_back({"prefix_tuning", options({{"prefix_length", 1'000'000'000}, {"initial", "zeros"}})});
  cases.push_back({"mpt", options({{"prompt_length", 3}, {"rank", 1'000'000'000}, {"initial", "ones"}})});
  cases.push_back({"hyperdecoder", options({{"bottleneck", 1'000'000}, {"hidden", 1'000'000}})});
  for (const auto& what : cases) {
    CAPTURE(what.method);
    CAPTURE(what.combiner);
    const auto backbone = t5(at::kFloat, at::kMeta);
    const auto method = method_on(backbone, what);
    auto start = start_on(*t5(), at::kFloat, what);
    start.device = at::kMeta;
    start.backbone = backbone.get();
    start.training_inputs = {};
    for (auto& [option, prompts] : start.prompts)
      for (auto& prompt : prompts) prompt.second = outline(prompt.second);
    for (auto& [option, results] : start.results)
      for (auto& result : results)
        for (auto& [name, tensor] : result.tensors) tensor = outline(tensor);
    auto all = std::as_const(*method).parameters();
    for (const auto* kept : method->buffers()) all.push_back(kept);
    for (const auto* parameter : all) {
      CAPTURE(parameter->name);
      if (parameter->initial) CHECK(parameter->initial(start, *parameter).is_meta());
    }
    method->initialise(start);
    for (const auto& [name, tensor] : method->save()) CHECK(tensor.is_meta());
  }
}

TEST_CASE("gradients of every trained tensor against finite differences") {
  const auto batch = mixed_batch();
  for (const auto& what : proof_cases()) {
    CAPTURE(what.method);
    CAPTURE(what.combiner);
    const auto model = model_on_t5(what);
    trained_losses_on_t5(model, batch).sum().backward();
    for (auto* parameter : model.method->parameters()) {
      CAPTURE(parameter->name);
      const auto gradient = parameter->value.grad();
      REQUIRE(gradient.defined());
      const at::NoGradGuard no_gradient;
      // Else the differences below say little. A bias of all keys moves all of an input's scores alike.
      const auto largest = gradient.flatten().abs().argmax().item<std::int64_t>();
      const bool is_of_keys = what.method == "bitfit" && parameter->name.ends_with(".k.bias");
      CHECK((gradient.flatten().abs()[largest].item<double>() > 1e-6) != is_of_keys);
      auto flat = parameter->value.detach().flatten();  // shares the parameter's memory
      std::vector<std::int64_t> places{largest};
      for (std::int64_t i = 0; i < flat.numel(); i += std::max<std::int64_t>(1, flat.numel() / 6)) places.push_back(i);
      for (const auto i : places) {
        const auto before = flat[i].item<double>(), found = gradient.flatten()[i].item<double>();
        const auto loss_at = [&](double value) {
          flat[i].fill_(value);
          return trained_losses_on_t5(model, batch).sum().item<double>();
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
    for (const auto& [name, weight] : model.backbone->weights())
      CHECK(weight.requires_grad() == model.method->changes_backbone());
  }
}

TEST_CASE("padding and company change nothing") {
  for (const auto& [precision, tolerance] : {std::pair(at::kDouble, 1e-9), {at::kFloat, 1e-5}}) {
    for (const auto& what : proof_cases()) {
      CAPTURE(what.method);
      CAPTURE(what.combiner);
      const at::NoGradGuard no_gradient;
      const auto model = model_on_t5(what, precision);
      const auto batch = mixed_batch();
      const auto losses = trained_losses_on_t5(model, batch);
      auto padded = batch;
      padded.ids = at::concat({batch.ids, at::zeros({batch.size(), 11}, at::kLong)}, 1);
      padded.labels = at::concat({batch.labels, at::zeros({batch.size(), 3}, at::kLong)}, 1);
      CHECK(at::allclose(losses, trained_losses_on_t5(model, padded), tolerance, 0));
      CHECK(at::allclose(losses[1], trained_losses_on_t5(model, mixed_batch({{1, 3}}))[0], tolerance, 0));
      CHECK(at::allclose(losses[2], trained_losses_on_t5(model, mixed_batch({{1, 0}, {0, 2}}))[1], tolerance, 0));
      const auto narrow = model.embed(batch), wide = model.embed(padded);
      if (narrow.weights.defined()) CHECK(at::allclose(narrow.weights, wide.weights, tolerance, 0));
    }
  }
}

TEST_CASE(
    "the backbone keeps its bytes where the method leaves it alone, all that is trained moves, and a saved training "
    "goes on bit for bit") {
  const std::vector<atp::SplitData> splits = {made_split("one", 0, 9), made_split("two", 1, 7)};
  const atp::TrainSettings settings{
      .learning_rate = 1e-2, .weight_decay = 1e-2, .batch_size = 6, .accumulation = 2, .updates = 6};
  for (const auto& what : proof_cases()) {
    CAPTURE(what.method);
    CAPTURE(what.combiner);
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
    if (straight.method->changes_backbone()) continue;
    for (std::size_t i = 0; i < untouched->weights().size(); ++i) {
      const auto& weight = straight.backbone->weights()[i].second;
      CAPTURE(straight.backbone->weights()[i].first);
      CHECK(weight.equal(untouched->weights()[i].second));
      CHECK_FALSE(weight.grad().defined());
    }
  }
}

TEST_CASE("what is saved is all there is to know, generation sees it, and what does not fit is named") {
  for (const auto& what : proof_cases()) {
    CAPTURE(what.method);
    CAPTURE(what.combiner);
    const at::NoGradGuard no_gradient;
    const auto model = model_on_t5(what);
    atp::Model other;
    other.backbone = t5();
    other.method = method_on(other.backbone, what);
    const auto start = start_on(*other.backbone, at::kDouble, what);
    const auto saved = model.method->save();
    other.method->load(saved, start);
    const auto batch = mixed_batch();
    CHECK(losses_on_t5(other, batch).equal(losses_on_t5(model, batch)));
    CHECK_FALSE(at::allclose(losses_on_t5(model, batch), losses_on_t5({.backbone = t5(), .method = nullptr}, batch)));
    for (const auto& [name, tensor] : other.method->save()) CHECK(tensor.equal(saved.at(name)));
    auto wrong = saved;
    const auto name = saved.begin()->first;
    wrong[name] = at::zeros({1, 1, 1, 1}, at::kDouble);
    CHECK(contains(message_of([&] { other.method->load(wrong, start); }), "'" + name + "' has shape [1, 1, 1, 1]"));
    wrong.erase(name);
    CHECK(contains(message_of([&] { other.method->load(wrong, start); }), "no tensor '" + name + "'"));

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
