#include <doctest/doctest.h>

#include "programs.h"

using namespace runs;

namespace {

Ended evaluate(const Experiment& experiment, const std::string& steps, const Words& more = {}, int seed = 0) {
  const auto recipe = experiment.write("second.yaml", R"(
backbone: {name: t5, checkpoint: {random: tiny, seed: )" + std::to_string(seed) +
                                                          "}}\nsteps:\n" + steps);
  Words words{recipe, "--out", experiment / "other", "--threads", "1", "--device", "cpu"};
  words.insert(words.end(), more.begin(), more.end());
  return run(program("atp-run"), words, {.folder = experiment.path});
}

std::string predictions(const Experiment& experiment, const std::string& step) {
  return read(experiment / (step + "/predictions.jsonl"));
}

}  // namespace

TEST_CASE("a result that no step of the recipe made is scored as its own recipe scores it") {
  const Experiment experiment;
  REQUIRE(experiment.atp_run().status == 0);
  const auto expected = predictions(experiment, "out/recipe/scores");
  REQUIRE(expected.size() > 100);
  const std::string steps = R"(
  folder:
    evaluate: {of: {file: out/recipe/target}}
  tensors:
    evaluate: {of: {file: out/recipe/target/checkpoint/tensors.safetensors}, batch_size: 3}
  transfer:
    evaluate: {of: {file: out/recipe/target}, tasks: [)" +
                            task("taste") +
                            R"(]}
  table:
    report: {of: [folder, transfer], rows: [step, method, combiner], columns: task}
)";
  const Ended ended = evaluate(experiment, steps);
  INFO(ended.error);
  REQUIRE(ended.status == 0);
  for (const std::string step : {"folder", "tensors"}) {
    CAPTURE(step);
    CHECK(predictions(experiment, "other/second/" + step) == expected);
  }
  CHECK(predictions(experiment, "other/second/transfer") != expected);
  const auto table = read(experiment / "other/second/table.csv");
  CHECK(contains(table, "folder,attempt,attempt,mood,"));
  CHECK(contains(table, "transfer,attempt,attempt,taste,"));
  CHECK(contains(evaluate(experiment, steps).out, "nothing to do"));

  // On another backbone, not trained, no training, not there: the plan refuses it at its place.
  const Ended other = evaluate(experiment, steps, {"--dry-run"}, 1);
  CHECK(other.status == 2);
  CHECK(contains(other.error, "second.yaml:6:27: "));
  CHECK(contains(other.error, "was trained on another backbone: on t5 with random weights (\"tiny\", seed 0"));
  const auto refused = [&](const std::string& of, const std::string& message) {
    const Ended wrong = evaluate(experiment, "  wrong:\n    evaluate: {of: " + of + "}\n", {"--dry-run"});
    CAPTURE(of);
    CAPTURE(wrong.error);
    CHECK(wrong.status == 2);
    CHECK(contains(wrong.error, message));
  };
  refused("{file: out/recipe/scores}", "is no training, but a step that says 'evaluate'");
  refused("{file: out/recipe/gone}", "second.yaml:5:27: 'of': no file or folder");
  refused("{files: out/recipe/target}", "second.yaml:5:21: 'of': found 'files', expected {file: PATH}");
  refused("{file: taste}", "'tasks' is missing");
  refused("{file: taste}, tasks: [toy]", "second.yaml:5:27: 'of': ");
  refused("{file: out/recipe/target}, merge: true", "'merge': what method 'attempt' adds fits into no weight");
  std::filesystem::remove(experiment / "out/recipe/target/result.json");
  refused("{file: out/recipe/target}", "is not finished; the recipe that it belongs to goes on with it");
}

TEST_CASE("files of other programs are scored without being made results first") {
  const Experiment experiment;
  REQUIRE(experiment.atp_run({"--set", "compat=[padding_in_pool, temperature]"}).status == 0);
  for (const Words& words : {Words{"convert", "out/recipe/source", "source.npy"},
                             Words{"convert", "out/recipe/source", "source_prompt", "--to", "peft"},
                             Words{"convert", "out/recipe/target", "target_prompts", "--to", "attempt"}}) {
    const Ended converted = run(program("atp"), words, {.folder = experiment.path});
    INFO(converted.error);
    REQUIRE(converted.status == 0);
  }
  const std::string taste = ", source_length: 16, tasks: [" + task("taste") + "]}\n",
                    mood = ", source_length: 16, tasks: [" + task("mood") + "]}\n";
  const Ended ended = evaluate(experiment,
                               "  source:\n    evaluate: {of: {file: out/recipe/source}}\n"
                               "  npy:\n    evaluate: {of: {file: source.npy}" +
                                   taste + "  peft:\n    evaluate: {of: {file: source_prompt}" + taste +
                                   "  attempt:\n    evaluate: {of: {file: target_prompts}" + mood);
  INFO(ended.error);
  REQUIRE(ended.status == 0);
  const auto source = predictions(experiment, "other/second/source");
  REQUIRE(source.size() > 100);
  CHECK(predictions(experiment, "other/second/npy") == source);
  CHECK(predictions(experiment, "other/second/peft") == source);
  CHECK(predictions(experiment, "other/second/attempt") == predictions(experiment, "out/recipe/scores"));

  // Another width, and another task than the files'.
  const auto folder = experiment.write_checkpoint("small");
  const Ended wide = evaluate(experiment, "  npy:\n    evaluate: {of: {file: source.npy}" + taste,
                              {"--dry-run", "--set", "backbone.checkpoint=" + folder});
  CHECK(wide.status == 2);
  CHECK(contains(wide.error, "second.yaml:5:27: "));
  CHECK(contains(wide.error, "does not fit method 'prompt_tuning' on this backbone"));
}
