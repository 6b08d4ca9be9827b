#include <doctest/doctest.h>

#include "programs.h"

using namespace runs;

// Methods that take the results of others, and hypernetworks, from a recipe to scores.

// The backbone is frozen and random: all that is learned is in the adapters. Chance is 50.
TEST_CASE("adapters that hypernetworks make learn the toy task in a frozen random T5") {
  const Experiment experiment;
  const Ended ended = run_toy(experiment, R"(
  plus_plus:
    train: {each: [toy], method: hyperformer_plus_plus, reduction: 4, learning_rate: 3e-3, warmup_updates: 10, epochs: 2}
  separate:
    train: {each: [toy], method: hyperformer, reduction: 4, learning_rate: 3e-3, warmup_updates: 10, epochs: 2}
  decoders:
    train: {each: [toy], method: hyperdecoder, bottleneck: 16, learning_rate: 3e-3, warmup_updates: 10, epochs: 2}
  scores_plus_plus:
    evaluate: {of: plus_plus, split: test}
  scores_separate:
    evaluate: {of: separate, split: test}
  scores_decoders:
    evaluate: {of: decoders, split: test}
)");
  INFO(ended.error);
  REQUIRE(ended.status == 0);
  CHECK(toy_accuracy(experiment, "scores_plus_plus.toy") > 95);
  CHECK(toy_accuracy(experiment, "scores_separate.toy") > 95);
  CHECK(toy_accuracy(experiment, "scores_decoders.toy") > 95);
}

// A frozen random T5 cannot read prompts: what is looked at is the way of the results, not what is learned.
TEST_CASE("prompts of finished steps are teachers, first values, and candidates of SPoT") {
  const Experiment experiment;
  const Ended ended = run_toy(experiment, R"(
  sources:
    train: {each: [toy, toy_first], method: prompt_tuning, prompt_length: 4, updates: 3, warmup_updates: 1}
  shared:
    train: {tasks: [toy_first, toy], method: mpt, prompt_length: 4, teachers: sources, updates: 3, warmup_updates: 1}
  mixture:
    train: {tasks: [toy_first, toy], method: prompt_tuning, prompt_length: 4, updates: 3, warmup_updates: 1}
  target:
    train: {each: [toy], method: mpt, prompt_length: 4, start_from: shared, updates: 3, warmup_updates: 1}
  generic:
    train: {each: [toy], method: spot, prompt_length: 4, start_from: mixture, updates: 3, warmup_updates: 1}
  targeted:
    train:
      each: [toy]
      method: spot
      prompt_length: 4
      similar_to: sources.toy
      source_prompts: sources
      updates: 3
      warmup_updates: 1
  short:
    train: {each: [toy], method: dept, prompt_length: 4, rank: 2, start_from: mixture, updates: 3, warmup_updates: 1}
  longer:
    train: {each: [toy], method: dept, prompt_length: 4, rank: 2, start_from: short.toy, updates: 3, warmup_updates: 1}
)");
  INFO(ended.error);
  REQUIRE(ended.status == 0);
  // A prompt is nearest to itself.
  CHECK(contains(ended.error + read(experiment / "out/toy/targeted.toy/log.txt"),
                 "spot starts from 'sources.toy', similarity 1.0000"));
  // A finished result needs nothing of what it started from.
  for (const std::string result : {"generic.toy", "targeted.toy", "target.toy", "longer.toy", "shared"}) {
    CAPTURE(result);
    const Ended predicted =
        run(program("atp"), {"predict", experiment / ("out/toy/" + result), "--task", "toy", "--split", "test",
                             "--device", "cpu", "--threads", "1", "--quiet", "--out", experiment / "predictions.txt"});
    CHECK_MESSAGE(predicted.status == 0, predicted.error);
  }
}

TEST_CASE("an attention over finished adapters") {
  const Experiment experiment;
  const Ended ended = run_toy(experiment, R"(
  adapters:
    train:
      each: [toy, toy_first]
      method: adapter
      reduction: 2
      learning_rate: 3e-3
      warmup_updates: 10
      epochs: 3
  fusion:
    train: {each: [toy], method: adapter_fusion, adapters: adapters, reduction: 2, learning_rate: 1e-3, warmup_updates: 10, epochs: 2}
  scores:
    evaluate: {of: fusion, split: test}
)");
  INFO(ended.error);
  REQUIRE(ended.status == 0);
  CHECK(toy_accuracy(experiment, "scores.toy") > 95);
}

TEST_CASE("an option without effect is said once, with its place, when the run is planned") {
  const Experiment experiment;
  const Ended ended = run_toy(experiment, R"(
  shared:
    train: {each: [toy, toy_first], method: mpt, distillation: 0.5, sampling_temperature: 2, prompt_length: 4, updates: 1, warmup_updates: 0}
)");
  INFO(ended.error);
  REQUIRE(ended.status == 0);
  for (const std::string note :
       {"toy.yaml:7:64: method 'mpt': 'distillation' weighs what is distilled from teachers",
        "toy.yaml:7:91: 'sampling_temperature' has an effect where 'sampling' is temperature"}) {
    const auto first = ended.error.find(note);
    REQUIRE(first != std::string::npos);
    CHECK(ended.error.find(note, first + 1) == std::string::npos);
  }
}
