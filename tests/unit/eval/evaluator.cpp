#include "eval/evaluator.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <numeric>

#include "tests/unit/train/experiment.h"
#include "train/batches.h"

namespace {

// One row after the other, straight through the backbone.
atp::Evaluation one_by_one(const atp::Model& model, const atp::SplitData& split) {
  const at::NoGradGuard no_gradient;
  atp::Evaluation evaluation;
  for (std::int64_t row = 0; row < split.rows->size(); ++row) {
    const std::vector<atp::ExampleNumber> example = {{0, row}};
    const auto batch = atp::make_batch(example, {split}, at::kCPU);
    const auto encoded = model.backbone->encode(model.embed(batch), {});
    const auto losses = model.backbone->loss(encoded, batch.labels, batch.label_lengths, {});
    evaluation.losses.push_back(losses.sums[0].item<double>() / static_cast<double>(losses.tokens[0]));
    evaluation.predictions.push_back(split.decode(model.backbone->generate(encoded, split.target_length, {})[0]));
  }
  return evaluation;
}

}  // namespace

TEST_CASE("losses and predictions come in the split's order, whatever the batches") {
  const auto model = make_model({});
  const auto split = made_split("one", 0, 23);
  const auto expected = one_by_one(model, split);
  for (const auto size : {1, 4, 23, 100}) {
    CAPTURE(size);
    const auto evaluation = atp::evaluate(model, split, size, {}, "test");
    REQUIRE(evaluation);
    CHECK(evaluation->predictions == expected.predictions);
    for (std::size_t row = 0; row < 23; ++row)
      CHECK(evaluation->losses[row] == doctest::Approx(expected.losses[row]).epsilon(1e-12));
    CHECK(evaluation->scores == split.score(expected.predictions));
  }
}

TEST_CASE("the encoder runs once for a batch, and nothing keeps a graph") {
  const auto model = make_model({});
  const auto& backbone = dynamic_cast<const SmallBackbone&>(*model.backbone);
  atp::evaluate(model, made_split("one", 0, 23), 4, {}, "test");
  CHECK(backbone.encoded_batches == 6);
}

TEST_CASE("dropout is off, and the untouched backbone can be scored") {
  Choices choices;
  choices.dropout = 0.5;
  auto model = make_model(choices);
  const auto split = made_split("one", 0, 9);
  CHECK(atp::evaluate(model, split, 4, {}, "test")->losses == atp::evaluate(model, split, 4, {}, "test")->losses);
  model.method = nullptr;
  const auto evaluation = atp::evaluate(model, split, 4, {}, "test");
  CHECK(evaluation->predictions == one_by_one(model, split).predictions);
}

TEST_CASE("a stop, an empty split, a loss that is not finite") {
  const auto model = make_model({});
  const auto split = made_split("one", 0, 9);
  const std::atomic<bool> stop = true;
  CHECK_FALSE(atp::evaluate(model, split, 4, {.stop = &stop}, "test"));
  CHECK(contains(message_of([&] { atp::evaluate(model, made_split("none", 0, 0), 4, {}, "test"); }),
                 "task 'none' has no example"));
  const at::NoGradGuard no_gradient;
  model.method->parameters()[0]->value.fill_(std::nan(""));
  const auto message = message_of([&] { atp::evaluate(model, split, 4, {}, "test"); });
  CHECK(contains(message, "task 'one' row "));
  CHECK(contains(message, "nan"));
}

TEST_CASE("predictions.jsonl") {
  const Folder folder;
  auto split = made_split("one", 0, 2);
  split.texts = [](std::int64_t row) { return std::pair("source \"" + std::to_string(row) + "\"", "target"); };
  const atp::Evaluation evaluation{.task = "one", .predictions = {"a", "b\n"}, .losses = {1.0 / 3, 2}, .scores = {}};
  atp::write_predictions(folder / "predictions.jsonl", {evaluation}, {split});
  CHECK(contents(folder / "predictions.jsonl") ==
        "{\"index\": 0, \"source\": \"source \\\"0\\\"\", \"target\": \"target\", \"prediction\": \"a\", \"loss\": "
        "0.333333333}\n"
        "{\"index\": 1, \"source\": \"source \\\"1\\\"\", \"target\": \"target\", \"prediction\": \"b\\n\", \"loss\": "
        "2}\n");
  split.texts = {};
  atp::write_predictions(folder / "predictions.jsonl", {evaluation, evaluation}, {split, split});
  CHECK(contents(folder / "predictions.jsonl").substr(0, 68) ==
        "{\"task\": \"one\", \"index\": 0, \"prediction\": \"a\", \"loss\": 0.333333333}\n");
}
