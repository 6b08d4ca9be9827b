#include <doctest/doctest.h>

#include <filesystem>

#include "programs.h"

using namespace runs;

// What `compat` brings back of the released code, from a recipe to results and reports. Each fault's numbers are
// checked where it is: tests/unit/methods/faults.cpp, unit/train/trainer.cpp, unit/tasks/glue.cpp,
// unit/backbones/t5_golden.cpp.

namespace {

atp::Value second_update(const Experiment& experiment, const std::string& trial) {
  const auto lines = read(experiment / ("out/r/" + trial + "/target/metrics.jsonl"));
  const auto begin = lines.find('\n') + 1;
  return atp::parse_json(lines.substr(begin, lines.find('\n', begin) - begin), "metrics.jsonl");
}

}  // namespace

TEST_CASE("single faults and all of them: what is trained, and what results and reports say") {
  const Experiment experiment;
  const auto recipe = experiment.write("r.yaml", R"(
backbone: {name: t5, checkpoint: {random: tiny, seed: 0}}
train: {warmup_updates: 0, updates: 2, batch_size: 8, prompt_length: 4, limit: 40, dropout: 0, weight_decay: 0.1}
steps:
  source: {train: {task: toy, method: prompt_tuning}}
  target: {train: {task: toy, method: attempt, source_prompts: source, learning_rates: {attention: 0.1}}}
  table: {report: {of: target, rows: code}}
sweep:
  code:
    ours: {}
    rate: {compat: [attention_rate]}
    adamw: {compat: [adamw]}
    all: {compat: attempt-b5121e5}
)");
  const Ended ended =
      run(program("atp-run"), {recipe, "--out", experiment / "out", "--threads", "1", "--device", "cpu"});
  INFO(ended.error);
  REQUIRE(ended.status == 0);
  const auto rate = [&](const std::string& trial) {
    const auto line = second_update(experiment, trial);
    const auto* rates = line.find("learning_rates");
    return rates ? rates->at("attention").number() / line.at("learning_rate").number() : 1;
  };
  CHECK(rate("code=ours") == doctest::Approx(1.0 / 3));  // 0.1 beside 0.3
  CHECK(rate("code=adamw") == doctest::Approx(1.0 / 3));
  CHECK(rate("code=rate") == doctest::Approx(1));
  CHECK(rate("code=all") == doctest::Approx(1));
  // Without decay and with another epsilon the second update starts elsewhere.
  CHECK(second_update(experiment, "code=ours").at("loss").number() !=
        second_update(experiment, "code=adamw").at("loss").number());
  CHECK(
      contains(read(experiment / "out/r/code=rate/target/result.json"), "\"compat\": [\n    \"attention_rate\"\n  ]"));
  CHECK_FALSE(contains(read(experiment / "out/r/code=ours/target/result.json"), "compat"));
  const auto table = read(experiment / "out/r/table.md");
  CHECK(contains(table, "- code=adamw: adamw\n"));
  CHECK(
      contains(table, "- code=all: adamw, attention_norm, attention_rate, padding_in_pool, temperature, vocabulary\n"));
  // A step that a fault does not touch is the one of the other trials; the vocabulary's touches every step.
  const auto source = [&](const std::string& trial) {
    return std::filesystem::canonical(experiment / ("out/r/" + trial + "/source"));
  };
  for (const std::string trial : {"code=rate", "code=adamw"}) CHECK(source(trial) == source("code=ours"));
  CHECK(source("code=all") != source("code=ours"));
  CHECK_FALSE(contains(table, "code=ours:"));
}
