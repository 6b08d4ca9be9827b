#include <doctest/doctest.h>

#include "programs.h"

using namespace runs;

// The whole way, from a recipe to a score: rows, tokens, backbone, gradients, optimiser, schedule, greedy generation,
// metric. Chance is 50; what is wrong anywhere keeps it from 95.
TEST_CASE("fine-tuning a tiny T5 from random weights learns the toy task") {
  const Experiment experiment;
  const auto recipe = experiment.write("toy.yaml", R"(
seed: 1
backbone: {name: t5, checkpoint: {random: tiny, seed: 0}}
data: {source_length: 64}
steps:
  whole:
    train: {each: [toy], method: fine_tuning, learning_rate: 1e-3, warmup_updates: 10, epochs: 2}
  scores:
    evaluate: {of: whole, split: test}
  table:
    report: {of: scores, columns: task}
)");
  const Ended ended =
      run(program("atp-run"), {recipe, "--out", experiment / "out", "--threads", "1", "--device", "cpu"});
  INFO(ended.error);
  REQUIRE(ended.status == 0);
  const auto result = atp::parse_json(read(experiment / "out/toy/scores.toy/result.json"), "result.json");
  CHECK(result.at("scores").at("accuracy").number() > 95.0);
}
