#include "train/trainer.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>

#include <set>

#include "tests/unit/train/experiment.h"
#include "train/metrics_log.h"

namespace {

atp::TrainSettings quick(std::int64_t accumulation = 1) {
  return {.learning_rate = 0.3,
          .weight_decay = 1e-2,
          .warmup_updates = 2,
          .batch_size = 6,
          .accumulation = accumulation,
          .updates = 8};
}

Choices attempt_of_two() {
  Choices choices;
  choices.method = "attempt";
  choices.tasks = {"one", "two"};
  return choices;
}

std::vector<atp::SplitData> two_tasks() { return {made_split("one", 0, 9), made_split("two", 1, 7)}; }

std::map<std::string, at::Tensor> values_of(const atp::Model& model) {
  std::map<std::string, at::Tensor> values;
  for (const auto* parameter : model.method->parameters()) values[parameter->name] = parameter->value.detach().clone();
  return values;
}

void check_near(const std::map<std::string, at::Tensor>& one, const std::map<std::string, at::Tensor>& other,
                double tolerance) {
  REQUIRE(one.size() == other.size());
  for (const auto& entry : one) {
    CAPTURE(entry.first);
    CHECK(at::allclose(entry.second, other.at(entry.first), tolerance, tolerance));
  }
}

}  // namespace

TEST_CASE("accumulation changes nothing: an update's loss is the mean over all its target tokens") {
  // Targets of unequal length, so that a mean of micro-batches' means would differ.
  std::vector<MemoryRows::Row> rows;
  for (std::int32_t i = 0; i < 15; ++i)
    rows.push_back({{2 + i % 7, 3 + i % 5, 1},
                    i % 3 ? std::vector<std::int32_t>{4, 1} : std::vector<std::int32_t>{5, 6, 7, 8, 1}});
  auto split = made_split("one", 0, 1);
  split.rows = std::make_shared<MemoryRows>(rows);
  std::map<std::string, at::Tensor> whole;
  std::vector<double> losses;
  for (const auto accumulation : {1, 2, 4, 6}) {
    CAPTURE(accumulation);
    const auto model = make_model({});
    atp::Trainer trainer(model, {split}, quick(accumulation), 11);
    for (std::size_t i = 0; !trainer.finished(); ++i) {
      const auto loss = trainer.step().numbers[0].item<double>();
      if (accumulation == 1)
        losses.push_back(loss);
      else
        CHECK(loss == doctest::Approx(losses.at(i)).epsilon(1e-12));
    }
    if (accumulation == 1)
      whole = values_of(model);
    else
      check_near(whole, values_of(model), 1e-9);
  }
}

namespace {

// Trains one prompt, as prompt tuning does, towards zero beside the cross-entropy: by what it adds to the loss, or by
// a penalty on what it embeds, as a combiner may give.
class Penalised final : public atp::Method {
 public:
  Penalised() : prompt_(parameter("prompt", {3, SmallBackbone::width}, "prompt", atp::initial::normal(1))) {}
  atp::Embedded embed(const atp::Batch& batch, const atp::Backbone& backbone) const override {
    const atp::Embedded text{.values = backbone.embed(batch.ids), .lengths = batch.lengths, .weights = {}};
    auto embedded = atp::prepend(prompt_.value.expand({batch.size(), -1, -1}), text);
    if (is_penalised_when_embedded) embedded.penalty = penalty(batch);
    return embedded;
  }
  at::Tensor extra_loss(const atp::Batch& batch, const atp::Encoded& encoded, const atp::Backbone&,
                        const atp::Pass&) const override {
    CHECK(encoded.states.size(0) == batch.size());
    return is_penalised ? penalty(batch) : at::Tensor();
  }
  bool is_penalised = false, is_penalised_when_embedded = false;

 private:
  at::Tensor penalty(const atp::Batch& batch) const { return prompt_.value.square().sum().expand({batch.size()}); }

  atp::Parameter& prompt_;
};

// The prompt's gradient in the first update.
at::Tensor first_gradient(bool is_penalised, std::int64_t accumulation, at::Tensor* recorded = nullptr,
                          bool when_embedded = false) {
  atp::Model model;
  model.backbone = std::make_shared<SmallBackbone>(request_of({}));
  const auto method = std::make_shared<Penalised>();
  method->is_penalised = is_penalised;
  method->is_penalised_when_embedded = when_embedded;
  model.method = method;
  model.method->initialise(first_values(*model.backbone, {}));
  auto settings = quick(accumulation);
  settings.clip = 0;
  atp::Trainer trainer(model, {made_split("one", 0, 5)}, settings, 11);
  const auto numbers = trainer.step().numbers;
  if (recorded) *recorded = numbers;
  return model.method->parameters()[0]->value.grad();
}

}  // namespace

TEST_CASE("what a method adds to the loss: the mean over the update's examples, however it is cut, recorded apart") {
  const auto plain = first_gradient(false, 1);
  atp::Model model;
  model.backbone = std::make_shared<SmallBackbone>(request_of({}));
  Penalised method;
  method.initialise(first_values(*model.backbone, {}));
  const auto expected = plain + 2 * method.parameters()[0]->value.detach();  // of Σ p², once
  const auto penalty = method.parameters()[0]->value.detach().square().sum().item<double>();
  at::Tensor without, with, cut, both;
  first_gradient(false, 1, &without);
  CHECK(at::allclose(first_gradient(true, 1, &with), expected, 1e-9, 1e-12));
  CHECK(at::allclose(first_gradient(true, 2, &cut), expected, 1e-9, 1e-12));
  CHECK(at::allclose(first_gradient(false, 2, nullptr, true), expected, 1e-9, 1e-12));
  CHECK(at::allclose(first_gradient(true, 1, &both, true), 2 * expected - plain, 1e-9, 1e-12));
  CHECK(with[0].equal(without[0]));
  CHECK(without.numel() == 2);
  CHECK(with[2].item<double>() == doctest::Approx(penalty).epsilon(1e-12));
  CHECK(cut[2].item<double>() == doctest::Approx(penalty).epsilon(1e-12));
  CHECK(both[2].item<double>() == doctest::Approx(2 * penalty).epsilon(1e-12));
}

TEST_CASE("compat micro_batch_means: the mean of the micro-batches' own means") {
  std::vector<MemoryRows::Row> rows;  // in the file's order: micro-batches of 2 + 2 and of 2 + 5 target tokens
  for (const auto& target : {std::vector<std::int32_t>{4, 1}, {5, 1}, {6, 1}, {5, 6, 7, 8, 1}})
    rows.push_back({{3, 4, 1}, target});
  auto split = made_split("one", 0, 1);
  split.rows = std::make_shared<MemoryRows>(rows);
  const auto loss_of = [&](std::size_t first, std::size_t count, std::int64_t accumulation, bool means) {
    auto part = split;
    part.rows = std::make_shared<MemoryRows>(std::vector<MemoryRows::Row>(
        rows.begin() + static_cast<std::ptrdiff_t>(first), rows.begin() + static_cast<std::ptrdiff_t>(first + count)));
    auto settings = quick(accumulation);
    settings.order = "file";
    settings.batch_size = 4;
    settings.micro_batch_means = means;
    const auto model = make_model({});
    return atp::Trainer(model, {part}, settings, 11).step().numbers[0].item<double>();
  };
  const auto first = loss_of(0, 2, 1, false), second = loss_of(2, 2, 1, false);
  CHECK(loss_of(0, 4, 2, true) == doctest::Approx((first + second) / 2).epsilon(1e-12));
  CHECK(loss_of(0, 4, 2, false) == doctest::Approx((4 * first + 7 * second) / 11).epsilon(1e-12));
}

TEST_CASE("the first update has rate 0 with a warm-up, and the last rate is not yet 0") {
  const auto model = make_model({});
  atp::Trainer trainer(model, {made_split("one", 0, 9)}, quick(), 11);
  const auto before = values_of(model);
  CHECK(trainer.step().rates.front().second == 0);
  CHECK(before.at("prompt").equal(model.method->parameters()[0]->value));
  atp::UpdateRecord last;
  while (!trainer.finished()) last = trainer.step();
  CHECK(last.update == 8);
  CHECK(last.epoch == 4);
  CHECK(last.rates.front().second == doctest::Approx(0.3 / 6));
}

TEST_CASE("frozen weights and source prompts keep their bytes, and nothing but the trained tensors has a gradient") {
  const auto model = make_model(attempt_of_two());
  std::vector<at::Tensor> weights;
  for (const auto& [name, weight] : model.backbone->weights()) weights.push_back(weight.clone());
  const auto sources = model.method->save().at("source_prompts").clone();
  const auto start = values_of(model);
  atp::Trainer trainer(model, two_tasks(), quick(), 11);
  while (!trainer.finished()) trainer.step();
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto& weight = model.backbone->weights()[i].second;
    CHECK(weight.equal(weights[i]));
    CHECK_FALSE(weight.requires_grad());
    CHECK_FALSE(weight.grad().defined());
  }
  CHECK(model.method->save().at("source_prompts").equal(sources));
  for (const auto& [name, value] : values_of(model)) CHECK_FALSE(value.equal(start.at(name)));
  CHECK(trainer.save().count("first_moment/source_prompts") == 0);
}

TEST_CASE("a group whose rate is 0 keeps its bytes, decay or not, and costs no gradient and no moments") {
  const auto model = make_model(attempt_of_two()), other = make_model(attempt_of_two());
  const auto start = values_of(model);
  auto settings = quick(2);
  settings.learning_rates = {{"attention", 0}};
  settings.weight_decay = 0.5;
  atp::Trainer trainer(model, two_tasks(), settings, 11);
  double norm = 0;
  while (!trainer.finished()) norm = trainer.step().numbers[1].item<double>();
  for (auto* parameter : model.method->parameters()) {
    CAPTURE(parameter->name);
    const bool frozen = parameter->group == "attention";
    CHECK(parameter->value.equal(start.at(parameter->name)) == frozen);
    CHECK(parameter->value.requires_grad() != frozen);
    CHECK(parameter->value.grad().defined() != frozen);
    CHECK(trainer.save().count("first_moment/" + parameter->name) == (frozen ? 0 : 1));
  }
  // The norm is that of the prompts' gradient alone, scaled to the limit once it is above it.
  CHECK(model.method->parameters()[0]->value.grad().norm().item<double>() ==
        doctest::Approx(std::min(1.0, norm)).epsilon(1e-5));

  atp::Trainer first(other, two_tasks(), settings, 11);
  for (int i = 0; i < 3; ++i) first.step();
  const auto after = make_model(attempt_of_two());
  atp::Trainer second(after, two_tasks(), settings, 11);
  second.restore(first.save(), first.done());
  while (!second.finished()) second.step();
  for (const auto& [name, value] : values_of(model)) CHECK(value.equal(values_of(after).at(name)));

  settings.learning_rates = {{"attention", 0}, {"prompt", 0}};
  atp::Trainer still(after, two_tasks(), settings, 11);
  CHECK(still.step().numbers[1].item<double>() == 0);
  for (const auto& [name, value] : values_of(model)) CHECK(value.equal(values_of(after).at(name)));
}

TEST_CASE("saved between any two updates, another trainer goes on bit for bit, dropout included") {
  auto routed = attempt_of_two();
  routed.combiner = "smop";
  routed.combiner_options = options({{"noise", 1}, {"balancing", 0.1}});
  for (const auto& tested : {attempt_of_two(), Choices{.tasks = {"one", "two"}}, routed}) {
    auto choices = tested;
    choices.dropout = 0.25;
    choices.precision = at::kFloat;
    const auto straight = make_model(choices);
    atp::Trainer trainer(straight, two_tasks(), quick(2), 11);
    while (!trainer.finished()) trainer.step();
    for (const auto cut : {1, 3, 7}) {
      CAPTURE(cut);
      const auto before = make_model(choices), after = make_model(choices);
      atp::Trainer first(before, two_tasks(), quick(2), 11);
      for (int i = 0; i < cut; ++i) first.step();
      atp::Trainer second(after, two_tasks(), quick(2), 11);
      second.restore(first.save(), first.done());
      while (!second.finished()) second.step();
      for (const auto& [name, value] : values_of(straight)) CHECK(value.equal(values_of(after).at(name)));
    }
  }
}

TEST_CASE("dropout differs between updates and micro-batches, and not between runs") {
  Choices choices;
  choices.dropout = 0.5;
  const auto model = make_model(choices);
  const auto rows = made_split("one", 0, 1);
  auto settings = quick();
  settings.learning_rate = 0;
  settings.clip = 0;
  std::vector<double> losses, again;
  for (auto* kept : {&losses, &again}) {
    atp::Trainer trainer(model, {rows}, settings, 11);
    while (!trainer.finished()) kept->push_back(trainer.step().numbers[0].item<double>());
  }
  CHECK(losses == again);
  CHECK(std::set<double>(losses.begin(), losses.end()).size() == losses.size());
}

TEST_CASE("phases driven by a caller give what a whole step gives") {
  const auto one = make_model(attempt_of_two()), other = make_model(attempt_of_two());
  atp::Trainer whole(one, two_tasks(), quick(2), 11), phases(other, two_tasks(), quick(2), 11);
  for (int update = 0; update < 3; ++update) {
    const auto expected = whole.step();
    const auto micros = phases.prepare();
    for (std::int64_t i = 0; i < micros; ++i) {
      const auto pass = phases.pass(i);
      const auto encoded = other.backbone->encode(phases.embed(i), pass);
      phases.reduce(other.backbone->loss(encoded, phases.batch(i).labels, phases.batch(i).label_lengths, pass))
          .backward();
    }
    CHECK(phases.update().numbers.equal(expected.numbers));
  }
}

TEST_CASE("a loss that is not finite is reported with update, task and rows") {
  const Folder folder;
  const auto model = make_model({});
  {
    const at::NoGradGuard no_gradient;
    model.method->parameters()[0]->value.fill_(std::numeric_limits<double>::quiet_NaN());
  }
  auto settings = quick();
  settings.order = "file";
  atp::Trainer trainer(model, {made_split("one", 0, 4), made_split("two", 1, 7)}, settings, 11);
  atp::MetricsLog log(folder / "metrics.jsonl", 0, at::kCPU, trainer.splits());
  const auto message = message_of([&] { log.add(trainer.step()); });
  CHECK(contains(message, "update 1: the loss is "));
  CHECK(contains(message, "nan"));
  CHECK(contains(message, "task 'one' rows 0, 1, 2, 3; task 'two' rows 0, 1"));
}

TEST_CASE("metrics.jsonl: one line an update and one an evaluation, 9 digits") {
  const Folder folder;
  const auto model = make_model({});
  atp::MetricsLog log(folder / "metrics.jsonl", 0, at::kCPU, {});
  log.add({.update = 3,
           .epoch = 1.0 / 3,
           .rates = {{"prompt", 0.3}},
           .numbers = at::empty({2}, at::kDouble).fill_(2.0 / 3),
           .examples = {}});
  log.add(
      {.update = 4, .epoch = 1, .rates = {{"prompt", 0.3}}, .numbers = at::arange(1, 4, at::kDouble), .examples = {}});
  log.add_validation(3, 1, {{"one", {{"accuracy", 50}, {"f1", 100.0 / 3}}}});
  log.add_validation(4, 2, {{"one", {{"accuracy", 50}}}, {"two", {{"f1", 0}}}});
  log.flush();
  CHECK(contents(folder / "metrics.jsonl") ==
        "{\"update\": 3, \"epoch\": 0.333333333, \"loss\": 0.666666667, \"gradient_norm\": 0.666666667, "
        "\"learning_rate\": 0.3}\n"
        "{\"update\": 4, \"epoch\": 1, \"loss\": 1, \"gradient_norm\": 2, \"extra_loss\": 3, \"learning_rate\": 0.3}\n"
        "{\"update\": 3, \"epoch\": 1, \"validation\": {\"accuracy\": 50, \"f1\": 33.3333333}}\n"
        "{\"update\": 4, \"epoch\": 2, \"validation\": {\"one\": {\"accuracy\": 50}, \"two\": {\"f1\": 0}}}\n");
}

TEST_CASE("settings that say nothing or two things") {
  const auto model = make_model({});
  auto settings = quick();
  settings.epochs = 2;
  CHECK_THROWS_AS(atp::Trainer(model, {made_split("one", 0, 4)}, settings, 0), atp::RecipeError);
  settings.updates = 0;
  CHECK(atp::Trainer(model, {made_split("one", 0, 13)}, settings, 0).updates() == 6);
}
