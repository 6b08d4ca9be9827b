#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <set>

#include "tests/unit/train/experiment.h"
#include "train/batches.h"

namespace {

Choices attempt(const std::string& combiner = "attempt", const std::string& target = "trained") {
  Choices choices;
  choices.method = "attempt";
  choices.method_options.set("target_prompt", target);
  choices.combiner = combiner;
  choices.combiner_options.set("temperature", 2.0);  // weights far from equal
  choices.tasks = {"one", "two"};
  return choices;
}

Choices fine_tuning() {
  Choices choices;
  choices.method = "fine_tuning";
  return choices;
}

atp::Batch small_batch() {
  const std::vector<atp::SplitData> splits = {made_split("one", 0, 6), made_split("two", 1, 4)};
  const std::vector<atp::ExampleNumber> examples = {{0, 0}, {1, 3}, {0, 2}, {1, 1}, {0, 5}};
  return atp::make_batch(examples, splits, at::kCPU);
}

at::Tensor losses_of(const atp::Model& model, const atp::Batch& batch) {
  const auto pass = model.pass(batch);
  return model.backbone->loss(model.backbone->encode(model.embed(batch), pass), batch.labels, batch.label_lengths, pass)
      .sums;
}

}  // namespace

TEST_CASE("each row gets its own task's prompt") {
  const auto model = make_model(attempt("no_attention"));
  const auto tensors = model.method->save();
  const auto prompts = tensors.at("prompt");
  REQUIRE(prompts.sizes() == at::IntArrayRef{2, 3, 6});
  const auto batch = small_batch();
  const auto embedded = model.embed(batch);
  for (std::int64_t b = 0; b < batch.size(); ++b) {
    const auto task = batch.tasks[b].item<std::int64_t>();
    CHECK(at::allclose(embedded.values[b].narrow(0, 0, 3), prompts[task] + tensors.at("source_prompts").mean(0)));
    CHECK(embedded.values[b].narrow(0, 3, batch.ids.size(1)).equal(model.backbone->embed(batch.ids)[b]));
    CHECK(embedded.lengths.host[static_cast<std::size_t>(b)] == batch.lengths.host[static_cast<std::size_t>(b)] + 3);
  }
  CHECK(embedded.lengths.device.equal(batch.lengths.device + 3));
  // A task that is absent from the batch has a gradient of zeros: momentum may still move its prompt.
  auto alone = batch;
  alone.tasks = at::zeros_like(batch.tasks);
  losses_of(model, alone).sum().backward();
  const auto gradient = model.method->parameters()[0]->value.grad();
  CHECK(gradient[0].abs().sum().item<double>() > 0);
  CHECK(gradient[1].abs().sum().item<double>() == 0);
}

TEST_CASE("a vocabulary start: different rows of the embedding, from the frequent pieces, by seed and name") {
  const auto model = make_model({});
  const auto prompt = model.method->parameters()[0]->value.detach();
  std::set<std::int64_t> ids;
  const auto table = model.backbone->embed(at::arange(12));
  for (std::int64_t i = 0; i < prompt.size(0); ++i)
    for (std::int64_t id = 3; id < 12; ++id)
      if (prompt[i].equal(table[id])) ids.insert(id);
  CHECK(ids.size() == 3);
  CHECK(make_model({}).method->parameters()[0]->value.equal(model.method->parameters()[0]->value));
  auto other = first_values(*model.backbone, {});
  other.seed = 4;
  const auto again = make_method(model.backbone, {});
  again->initialise(other);
  CHECK_FALSE(again->parameters()[0]->value.equal(model.method->parameters()[0]->value));

  Choices longer;
  longer.method_options = options({{"prompt_length", 10}});
  const auto message = message_of([&] { make_model(longer); });
  CHECK(contains(message, "'prompt' is 10 tokens long"));
  CHECK(contains(message, "has 9 frequent ones"));
}

TEST_CASE("given values: one prompt starts those of all tasks; another shape is refused") {
  const auto choices = attempt();
  const auto model = make_model(choices);
  auto start = first_values(*model.backbone, choices);
  const auto prompt = at::empty({3, 6}, at::kDouble).normal_(0, 1, start.stream("given"));
  start.given["prompt"] = prompt;
  model.method->initialise(start);
  CHECK(model.method->save().at("prompt")[0].equal(prompt));
  CHECK(model.method->save().at("prompt")[1].equal(prompt));
  start.given["prompt"] = at::zeros({4, 6}, at::kDouble);
  CHECK(
      contains(message_of([&] { model.method->initialise(start); }), "'prompt' has shape [4, 6]; expected [2, 3, 6]"));
}

TEST_CASE("source prompts of another shape, and none") {
  const auto choices = attempt();
  const auto model = make_model(choices);
  const auto message = message_of([&] { model.method->initialise(first_values(*model.backbone, choices, 5)); });
  CHECK(contains(message, "source prompt 'source 0' is 5 tokens long, and this step's prompt_length is 3"));
  auto none = choices;
  none.sources = 0;
  CHECK(contains(message_of([&] { make_model(none); }), "source_prompts names none"));
}

TEST_CASE("fine_tuning trains the backbone's own weights, layer norms without decay, and not in bfloat16") {
  const auto model = make_model(fine_tuning());
  CHECK(model.method->changes_backbone());
  CHECK(model.method->parameters().size() == model.backbone->weights().size());
  for (std::size_t i = 0; i < model.backbone->weights().size(); ++i)
    CHECK(model.method->parameters()[i]->value.is_same(model.backbone->weights()[i].second));
  auto coarse = fine_tuning();
  coarse.precision = at::kBFloat16;
  CHECK(contains(message_of([&] { make_model(coarse); }), "use precision: float32"));
}

TEST_CASE("trained parameters, from shapes alone (METHODS.md)") {
  struct Size {
    const char* name;
    std::int64_t attempt;
    double fine_tuning;  // millions
  };
  for (const auto& size : {Size{"small", 154624, 60.5}, Size{"base", 231936, 222.9}, Size{"large", 309248, 737.7},
                           Size{"3b", 309248, 2851.6}}) {
    CAPTURE(size.name);
    atp::BackboneRequest request{.checkpoint = {}, .device = at::kMeta};
    request.checkpoint.random_shape = size.name;
    request.checkpoint.vocabulary = 32100;
    const auto backbone = all_plugins().make<atp::Backbone>("t5", request, checked("backbone", "t5"));
    const auto count = [&](const Choices& choices) {
      const auto method = make_method(backbone, choices);
      std::int64_t sum = 0;
      for (const auto* parameter : method->parameters()) sum += parameter->count();
      return sum;
    };
    Choices published;  // m = r = 100
    published.method_options = {};
    published.combiner_options = {};
    CHECK(count(published) == 100 * backbone->shape().width);
    CHECK(count(fine_tuning()) / 1e6 == doctest::Approx(size.fine_tuning).epsilon(1e-3));
    published.method = "attempt";
    published.method_options = atp::Value::map();
    CHECK(count(published) == size.attempt);
    published.tasks.assign(8, "task");
    CHECK(count(published) == 8 * 100 * backbone->shape().width + size.attempt - 100 * backbone->shape().width);
    published.method_options.set("target_prompt", "none");
    CHECK(count(published) == size.attempt - 100 * backbone->shape().width);
    published.method_options.set("train_source_prompts", true);
    CHECK(count(published) == size.attempt + 100 * backbone->shape().width);  // two of them in place of the target
    published.method_options = options({{"target_prompt", "none"}});
    const auto d = backbone->shape().width;
    for (const auto& one : std::map<std::string, std::int64_t>{{"attempt", 2 * 100 * d + 2 * d},
                                                               {"token_level", 2 * 100 * d + 2 * d},
                                                               {"linear", d * d + 2 * d},
                                                               {"dot", 0},
                                                               {"smop", 2 * d},
                                                               {"no_attention", 0}}) {
      CAPTURE(one.first);
      auto other = published;
      other.combiner = one.first;
      CHECK(count(other) == one.second);
      other.combiner_options = options({{"temperature", "learned"}});
      const bool has_temperature = all_plugins().find("combiner", one.first)->options.find("temperature");
      CHECK(count(other) == one.second + has_temperature);
    }
  }
}
