#include <doctest/doctest.h>

#include "programs.h"

using namespace runs;

// The whole way, from a recipe to a score: rows, tokens, backbone, gradients, optimiser, schedule, greedy generation,
// metric. Chance is 50; what is wrong anywhere keeps it from 95.
TEST_CASE("fine-tuning a tiny T5 from random weights learns the toy task") {
  const Experiment experiment;
  const Ended ended = run_toy(experiment, R"(
  whole:
    train: {each: [toy], method: fine_tuning, learning_rate: 1e-3, warmup_updates: 10, epochs: 2}
  scores:
    evaluate: {of: whole, split: test}
  table:
    report: {of: scores, columns: task}
)");
  INFO(ended.error);
  REQUIRE(ended.status == 0);
  CHECK(toy_accuracy(experiment, "scores.toy") > 95.0);
}

// What can be learned around random weights: the backbone is frozen and has never seen a word.
TEST_CASE("methods at sites learn the toy task on a frozen tiny T5 of random weights") {
  struct Learner {
    std::string step;
    double accuracy;  // more than this
  };
  const Experiment experiment;
  for (const auto& learner :
       {Learner{"method: adapter, reduction: 2, learning_rate: 3e-3, epochs: 3", 95},
        Learner{"method: adapter_drop, dropped_layers: 1, reduction: 2, learning_rate: 3e-3, epochs: 3", 85},
        Learner{"method: bitfit, learning_rate: 3e-2, epochs: 6", 85},
        Learner{"method: lora, targets: [q, k, v, o, wi, wo], learning_rate: 5e-3, epochs: 4", 95},
        Learner{"method: ia3, learning_rate: 3e-2, epochs: 3", 90},
        Learner{"method: prefix_tuning, pairs: own, learning_rate: 0.3, epochs: 3", 85}}) {
    CAPTURE(learner.step);
    const Ended ended = run_toy(experiment, R"(
  learned:
    train: {each: [toy], warmup_updates: 10, )" +
                                                learner.step +
                                                R"(}
  scores:
    evaluate: {of: learned, split: test}
)");
    INFO(ended.error);
    REQUIRE(ended.status == 0);
    CHECK(toy_accuracy(experiment, "scores.toy") > learner.accuracy);
  }
}
