#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/matmul.h>

#include <set>

#include "tests/unit/methods/on_t5.h"
#include "train/trainer.h"

// What bitfit, adapter, adapter_drop, lora, ia3 and prefix_tuning promise beyond what holds for every method.

TEST_CASE("merged into a backbone of their own, LoRA and IA3 score the same; what cannot be merged says so") {
  for (const auto& [precision, tolerance] : {std::pair(at::kDouble, 1e-9), {at::kFloat, 1e-5}}) {
    for (const auto& what :
         {OnT5{"lora", options({{"rank", 3}, {"targets", atp::Value::List{"q", "v", "wi"}}})}, OnT5{"ia3"}}) {
      CAPTURE(what.method);
      const at::NoGradGuard no_gradient;
      const auto model = model_on_t5(what, precision);
      const auto expected = losses_on_t5(model, mixed_batch());
      atp::Model merged;
      merged.backbone = t5(precision);
      const auto weights = model.method->merged(*model.backbone);
      CHECK_FALSE(weights.empty());
      for (const auto& [name, weight] : weights) at::Tensor(atp::named_weight(*merged.backbone, name)).copy_(weight);
      CHECK(at::allclose(losses_on_t5({.backbone = merged.backbone, .method = nullptr}, mixed_batch()), expected,
                         tolerance, 0));
      const auto untouched = t5(precision);
      CHECK_FALSE(
          at::allclose(losses_on_t5({.backbone = untouched, .method = nullptr}, mixed_batch()), expected, 1e-3, 0));
      for (std::size_t i = 0; i < untouched->weights().size(); ++i)
        CHECK(model.backbone->weights()[i].second.equal(untouched->weights()[i].second));
    }
  }
  for (const auto* method : {"bitfit", "prefix_tuning"}) {
    const auto model = model_on_t5({method});
    CHECK(model.method->merged(*model.backbone).empty());
  }
}

TEST_CASE("at their start, BitFit, LoRA and IA3 leave the backbone as it is") {
  const at::NoGradGuard no_gradient;
  for (const auto* method : {"bitfit", "lora", "ia3"}) {
    CAPTURE(method);
    atp::Model model;
    model.backbone = t5();
    model.method = method_on(model.backbone, {method});
    model.method->initialise(start_on(*model.backbone));
    CHECK(at::allclose(losses_on_t5(model, mixed_batch()),
                       losses_on_t5({.backbone = model.backbone, .method = nullptr}, mixed_batch()), 1e-12, 0));
  }
}

TEST_CASE("LoRA's dropout: of the update's input, from the pass's generator, while training alone") {
  const at::NoGradGuard no_gradient;
  const auto lora = [](double rate) {
    return model_on_t5(
        {"lora",
         options({{"rank", 3}, {"alpha", 6}, {"targets", atp::Value::List{"lm_head"}}, {"lora_dropout", rate}})});
  };
  const auto model = lora(0.4), without = lora(0);
  const auto batch = mixed_batch();
  const auto logits = [&](const atp::Model& of, std::optional<std::uint64_t> seed, const atp::Sites* sites = nullptr) {
    auto pass = of.pass(batch);
    if (sites) pass.sites = sites;
    if (seed) pass.generator = at::make_generator<at::CPUGeneratorImpl>(*seed);
    return of.backbone->logits(of.backbone->encode(of.embed(batch), pass), batch.labels, pass);
  };
  at::Tensor states;  // what the head sees
  atp::Sites looking;
  looking.attach("lm_head",
                 {.before = [&](const at::Tensor& input, const atp::SiteContext&) { return states = input; }});
  const auto plain = logits(model, {}, &looking);
  const auto dropped = atp::drop_out(states, 0.4, at::make_generator<at::CPUGeneratorImpl>(7));
  CHECK_FALSE(at::allclose(dropped, states));
  const auto saved = model.method->save();
  const auto update =
      at::matmul(at::matmul(dropped, saved.at("lm_head.lora_A").t()), saved.at("lm_head.lora_B").t()) * 2;
  CHECK(at::allclose(logits(model, 7), plain + update, 1e-12, 1e-12));
  CHECK_FALSE(at::allclose(logits(model, 8), plain + update));
  CHECK(logits(model, {}).equal(logits(without, {})));  // nothing to draw from: evaluation
  CHECK(logits(without, 7).equal(logits(without, {})));
}

TEST_CASE("LoRA's dropout differs between updates, and not between runs, whatever the backbone's is") {
  const std::vector<atp::SplitData> splits = {made_split("one", 0, 1)};
  const atp::TrainSettings still{.learning_rate = 0, .batch_size = 1, .updates = 6};
  for (const double of_backbone : {0.0, 0.3}) {
    auto model = model_on_t5({"lora", options({{"rank", 3}, {"lora_dropout", 0.5}}), {"one"}});
    model.dropout = of_backbone;
    std::vector<double> losses, again;
    for (auto* kept : {&losses, &again}) {
      atp::Trainer trainer(model, splits, still, 11);
      while (!trainer.finished()) kept->push_back(trainer.step().numbers[0].item<double>());
    }
    CHECK(losses == again);
    CHECK(std::set<double>(losses.begin(), losses.end()).size() == losses.size());
  }
}

TEST_CASE("each task has adapters of its own, and all share the layer norms, which start from the backbone's") {
  const at::NoGradGuard no_gradient;
  const OnT5 what{"adapter", options({{"reduction", 4}})};
  const auto model = model_on_t5(what);
  const auto batch = mixed_batch();
  const auto before = losses_on_t5(model, batch);
  for (auto* parameter : model.method->parameters()) {
    CHECK(parameter->of_tasks == (parameter->group == "adapter"));
    if (parameter->of_tasks) parameter->value[1].add_(0.1);
  }
  CHECK(losses_on_t5(model, batch).ne(before).equal(batch.tasks.eq(1)));

  const auto fresh = method_on(model.backbone, what);
  fresh->initialise(start_on(*model.backbone));
  for (auto* parameter : fresh->parameters())
    if (parameter->group == "layer_norm")
      CHECK(parameter->value.equal(atp::named_weight(*model.backbone, parameter->name)));
}

TEST_CASE("options of methods at sites that do not fit the backbone") {
  const auto message = [](const OnT5& what) { return message_of([&] { method_on(t5(), what); }); };
  CHECK(contains(message({"adapter"}), "'reduction': found '32', expected at most the backbone's width, 16"));
  CHECK(contains(message({"adapter_drop", options({{"reduction", 4}, {"dropped_layers", 2}})}),
                 "'dropped_layers': found '2', and the deeper stack has 2 layers; expected fewer"));
  CHECK(contains(message({"lora", options({{"targets", atp::Value::List{}}})}), "'targets' is an empty list"));
  CHECK(contains(message({"lora", options({{"targets", atp::Value::List{"qq"}}})}),
                 "the backbone has no linear map 'qq'; did you mean 'q'?; it has q, k, v, o, wi, wo, lm_head"));
  CHECK(contains(message({"lora", options({{"rank", 1'000'000'000}})}),
                 "'rank': found '1000000000', and 'encoder.block.0.layer.0.SelfAttention.q' is a map from 16 to "));
  CHECK(contains(message_of([] { method_on(std::make_shared<SmallBackbone>(request_of({})), {"ia3"}); }),
                 "linear maps called k, v and wo, and the backbone names none"));
}

TEST_CASE("what an option leaves without effect is noted: AdapterDrop that drops nothing, places that no source has") {
  std::vector<std::string> notes;
  const auto noted = [&](const OnT5& what) {
    notes.clear();
    method_on(t5(), what, &notes);
    return notes.size();
  };
  CHECK(noted({"adapter_drop", options({{"reduction", 4}})}) == 1);
  CHECK(contains(notes.at(0),
                 "nothing is dropped: where 'dropped_layers' is not given it is 5/12 of a stack's layers, "
                 "which of 2 is none"));
  CHECK(noted({"adapter_drop", options({{"reduction", 4}, {"dropped_layers", 0}})}) == 0);
  CHECK(noted({"adapter_drop", options({{"reduction", 4}, {"dropped_layers", 1}})}) == 0);
  CHECK(noted({"adapter", options({{"reduction", 4}})}) == 0);
  CHECK(noted({"dept", written({{"max_length", 257}})}) == 1);
  CHECK(contains(notes.at(0), "no source has more than 256 tokens (source_length)"));
  CHECK(noted({"dept", written({{"max_length", 256}})}) == 0);
  CHECK(noted({"prefix_tuning", written({{"initial", "zeros"}, {"start_from", "x"}})}) == 1);
  CHECK(contains(notes.at(0), "the prefix starts from 'start_from'; 'initial' has no effect"));
  CHECK(noted({"prefix_tuning", written({{"start_from", "x"}})}) == 0);
}

TEST_CASE("trained parameters of methods at sites, from shapes alone (METHODS.md)") {
  struct Size {
    const char* name;
    std::int64_t adapter, adapter_drop, bitfit, lora, ia3;
  };
  for (const auto& size :
       {Size{"small", 422272, 286976, 116096, 294912, 43008}, Size{"base", 1855104, 1101984, 282496, 884736, 129024},
        Size{"large", 6517760, 3854080, 697728, 2359296, 344064},
        Size{"3b", 6517760, 3854080, 1951104, 5898240, 1376256}}) {
    CAPTURE(size.name);
    const auto backbone = t5_outline(size.name);
    const auto count = [&](const std::string& method, const std::vector<std::string>& tasks = {"one"}) {
      std::int64_t sum = 0;
      const auto made = method_on(backbone, {method, atp::Value::map(), tasks});
      for (const auto* parameter : std::as_const(*made).parameters()) sum += parameter->count();
      return sum;
    };
    const auto& shape = backbone->shape();
    CHECK(count("bitfit") == size.bitfit);
    CHECK(count("lora") == size.lora);
    CHECK(count("ia3") == size.ia3);
    CHECK(count("adapter") == size.adapter);
    CHECK(count("adapter_drop") == size.adapter_drop);
    CHECK(count("prefix_tuning") == 20 * 2 * shape.decoder_layers * shape.heads * shape.head_width);
    const auto norms = (5 * shape.encoder_layers + 2) * shape.width;  // shared by eight tasks
    CHECK(count("adapter", std::vector<std::string>(8, "task")) == 8 * (size.adapter - norms) + norms);
  }
}
