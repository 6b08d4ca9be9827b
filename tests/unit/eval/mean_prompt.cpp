#include "eval/mean_prompt.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>

#include <cmath>
#include <numeric>

#include "eval/evaluator.h"
#include "tests/unit/train/experiment.h"
#include "train/batches.h"

namespace {

double mean_loss(const atp::Model& model, const atp::SplitData& split) {
  const auto losses = atp::evaluate(model, split, 5, {}, "test")->losses;
  return std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size());
}

atp::MeanPrompt mean_of(const atp::Model& model, const atp::SplitData& split, std::int64_t batch_size = 5) {
  const auto mean = atp::mean_prompt(model, "made", split, batch_size, {});
  REQUIRE(mean);
  return *mean;
}

// Whatever a method may do to an embedded text.
class Made final : public atp::Method {
 public:
  using Change = std::function<atp::Embedded(const atp::Batch&, const atp::Embedded& text)>;
  explicit Made(Change change) : change_(std::move(change)) {}
  atp::Embedded embed(const atp::Batch& batch, const atp::Backbone& backbone) const override {
    return change_(batch, {.values = backbone.embed(batch.ids), .lengths = batch.lengths, .weights = {}});
  }
  const atp::Sites* sites() const override { return &inside; }
  bool changes_backbone() const override { return changes_weights; }

  atp::Sites inside;
  bool changes_weights = false;

 private:
  Change change_;
};

at::Tensor ones(const atp::Batch& batch, std::int64_t tokens) {
  return at::ones({batch.size(), tokens, SmallBackbone::width}, at::kDouble);
}

}  // namespace

TEST_CASE("the mean of an attention's mixtures, and what it costs, are those of rows taken one by one") {
  Choices choices;
  choices.method = "attempt";
  const auto model = make_model(choices);
  const auto split = made_split("copy", 0, 23);
  const at::NoGradGuard no_gradient;
  std::vector<at::Tensor> prompts;
  for (std::int64_t row = 0; row < 23; ++row) {
    const std::vector<atp::ExampleNumber> example = {{0, row}};
    prompts.push_back(model.embed(atp::make_batch(example, {split}, at::kCPU)).values[0].narrow(0, 0, 3));
  }
  const auto all = at::stack(prompts);
  const auto expected = all.mean(0);
  const auto distance = (all - expected).square().sum({1, 2}).mean().sqrt() / expected.norm();
  auto fixed = make_model({});  // prompt tuning
  fixed.method->parameters()[0]->value.copy_(expected);
  for (const auto size : {1, 4, 23, 100}) {
    CAPTURE(size);
    const auto mean = mean_of(model, split, size);
    CHECK((mean.prompt - expected).abs().max().item<double>() < 1e-12);
    CHECK(mean.cost.rows == 23);
    CHECK(mean.cost.tokens == 3);
    CHECK(mean.cost.deviation == doctest::Approx(distance.item<double>()).epsilon(1e-10));
    CHECK(mean.cost.deviation > 1e-4);  // the rows do differ
    CHECK(mean.cost.loss == doctest::Approx(mean_loss(model, split)).epsilon(1e-12));
    CHECK(mean.cost.loss_of_mean == doctest::Approx(mean_loss(fixed, split)).epsilon(1e-12));
    CHECK(mean.cost.loss != doctest::Approx(mean.cost.loss_of_mean).epsilon(1e-6));
  }
}

TEST_CASE("one prompt for all inputs is its own mean, bit by bit") {
  Choices choices;
  choices.precision = at::kFloat;
  const auto model = make_model(choices);
  const auto mean = mean_of(model, made_split("copy", 0, 23));
  CHECK(mean.prompt.equal(model.method->parameters()[0]->value));
  CHECK(mean.cost.deviation == 0);
  CHECK(mean.cost.loss == mean.cost.loss_of_mean);
}

TEST_CASE("a method that does anything else than to put a prompt before its inputs has no such mean") {
  const auto split = made_split("copy", 0, 9);
  auto model = make_model({});
  const auto before = [](std::int64_t tokens) {
    return [tokens](const atp::Batch& batch, const atp::Embedded& text) { return prepend(ones(batch, tokens), text); };
  };
  const auto refused = [&](Made::Change change, const std::string& expected, void (*more)(Made&) = nullptr) {
    const auto method = std::make_shared<Made>(std::move(change));
    if (more) more(*method);
    model.method = method;
    const auto message = message_of([&] { mean_of(model, split, 1); });
    CHECK_MESSAGE(contains(message, "method 'made' " + expected), message);
  };
  refused([](const atp::Batch&, const atp::Embedded& text) { return text; }, "puts no prompt before its inputs");
  refused([](const atp::Batch& batch,
             const atp::Embedded& text) { return prepend(ones(batch, 1 + batch.rows.front() % 2), text); },
          "puts prompts of several lengths before its inputs");
  refused(
      [](const atp::Batch& batch, const atp::Embedded& text) {
        return atp::prepend(ones(batch, 2), {.values = text.values * 2, .lengths = text.lengths, .weights = {}});
      },
      "changes the embedded inputs, too");
  refused(before(2), "acts inside the backbone", [](Made& made) { made.inside.attach("A", {}); });
  refused(before(2), "trains the backbone's own weights", [](Made& made) { made.changes_weights = true; });

  model.method = std::make_shared<Made>(before(2));
  CHECK(mean_of(model, split).prompt.equal(at::ones({2, SmallBackbone::width}, at::kDouble)));
  const std::atomic<bool> stop = true;
  CHECK_FALSE(atp::mean_prompt(model, "made", split, 4, {.stop = &stop}));
  CHECK(contains(message_of([&] { mean_of(model, made_split("none", 0, 0)); }), "task 'none' has no example"));
}
