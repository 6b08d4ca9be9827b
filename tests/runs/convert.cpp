#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "programs.h"
#include "tests/places.h"

using namespace runs;

namespace {

// A prompt, and a mixture of it with another, for a task whose rows come from no file.
constexpr const char* recipe = R"(
seed: 1
compat: [padding_in_pool]
backbone: {name: t5, checkpoint: {random: tiny, seed: 0}}
data: {source_length: 32}
train: {batch_size: 8, learning_rate: 0.3, warmup_updates: 0, updates: 2, prompt_length: 4}
steps:
  source:
    train: {task: toy, method: prompt_tuning}
  target:
    train: {task: toy, method: attempt, source_prompts: [source, {file: source.npy}],
            combiner: {name: attempt, options: {temperature: 2087}}}
)";

Ended run_atp(const Experiment& experiment, const Words& words, bool obeys_modes = false) {
  return run(program("atp"), words, {.folder = experiment.path, .obeys_modes = obeys_modes});
}

void succeeds(const Experiment& experiment, const Words& words) {
  const Ended ended = run_atp(experiment, words);
  INFO(ended.error);
  REQUIRE(ended.status == 0);
}

std::string predicted(const Experiment& experiment, const std::string& result) {
  succeeds(experiment, {"predict", result, "--split", "test", "--device", "cpu", "--threads", "1", "--quiet", "--out",
                        "predictions.txt"});
  return read(experiment / "predictions.txt");
}

// Method, combiner and their options, but what stands beside them in method.json and what fixes a training alone.
std::string method_of(const Experiment& experiment, const std::string& result) {
  const auto said = atp::parse_json(read(experiment / (result + "/checkpoint/method.json")), "method.json");
  auto options = said.at("method_options");
  for (const auto* key : {"source_prompts", "combiner", "learning_rate"}) options.erase(key);
  const auto* combiner = said.find("combiner_options");
  return said.at("method").text() + " " + atp::canonical_json(options) +
         (combiner ? " " + atp::canonical_json(*combiner) : "");
}

}  // namespace

TEST_CASE("what goes out to other programs' files and comes back predicts the same") {
  const Experiment experiment;
  const auto file = experiment.write("toy.yaml", recipe);
  const auto train = [&](const Words& more) {
    Words words{file, "--out", experiment / "out", "--threads", "1", "--device", "cpu"};
    words.insert(words.end(), more.begin(), more.end());
    const Ended ended = run(program("atp-run"), words, {.folder = experiment.path});
    INFO(ended.error);
    REQUIRE(ended.status == 0);
  };
  train({"--set", "steps.target.train.source_prompts=source", "--only", "source"});
  succeeds(experiment, {"convert", "out/toy/source", "source.npy"});
  train({});
  const Words as_result{"--to", "result", "--task", "toy", "--checkpoint", "{random: tiny, seed: 0}", "--source-length",
                        "32"};
  const auto back = [&](const std::string& from, const std::string& to) {
    Words words{"convert", from, to};
    words.insert(words.end(), as_result.begin(), as_result.end());
    succeeds(experiment, words);
  };
  for (const std::string step : {"source", "target"}) {
    CAPTURE(step);
    succeeds(experiment,
             {"convert", "out/toy/" + step, step + ".files", "--to", step == "source" ? "peft" : "attempt"});
    back(step + ".files", step + ".result");
    const auto expected = predicted(experiment, "out/toy/" + step);
    CHECK(expected.size() > 100);
    CHECK(predicted(experiment, step + ".result") == expected);
    CHECK(read(experiment / (step + ".result/checkpoint/tensors.safetensors")) ==
          read(experiment / ("out/toy/" + step + "/checkpoint/tensors.safetensors")));
    CHECK(method_of(experiment, step + ".result") == method_of(experiment, "out/toy/" + step));
  }

  const Ended said = run_atp(experiment, {"convert", "target.files", "--json"});
  CHECK(said.status == 0);
  const auto summary = atp::parse_json(said.out, "summary");
  CHECK(summary.at("format").text() == "attempt");
  CHECK(summary.at("combiner").text() == "attempt");
  CHECK(summary.at("source_prompts").items().size() == 2);

  // Without the released code's padding in the pool it is written as well, with a word.
  CHECK_FALSE(
      contains(run_atp(experiment, {"convert", "out/toy/target", "again", "--to", "attempt"}).error, "padding"));
  train({"--set", "compat=[]"});
  const Ended padless = run_atp(experiment, {"convert", "out/toy/target", "padless", "--to", "attempt"});
  CHECK(padless.status == 0);
  CHECK_MESSAGE(contains(padless.error, "lets padding into the max-pool"), padless.error);

  // A prompt of another backbone is refused by the plan, at its place in the recipe.
  experiment.write("other.yaml", R"(
backbone: {name: t5, checkpoint: {random: tiny, seed: 1}}
steps:
  target:
    train: {task: toy, method: prompt_tuning, updates: 1, prompt_length: 4,
            start_from: {file: source.result/checkpoint/tensors.safetensors}}
)");
  const Ended other = run(program("atp-run"), {"other.yaml", "--dry-run"}, {.folder = experiment.path});
  CHECK(other.status == 2);
  CHECK_MESSAGE(contains(other.error, "was trained on another backbone: on t5 with random weights (\"tiny\", seed 0"),
                other.error);
}

TEST_CASE("adapters go to PEFT's folders and back, and predict the same") {
  const Experiment experiment;
  const auto file = experiment.write("adapters.yaml", R"(
seed: 1
backbone: {name: t5, checkpoint: {random: tiny, seed: 0}}
data: {source_length: 32}
train: {batch_size: 8, learning_rate: 0.1, warmup_updates: 0, updates: 2}
steps:
  lora: {train: {task: toy, method: lora, rank: 2, alpha: 6.5, lora_dropout: 0.2}}
  ia3: {train: {task: toy, method: ia3}}
  prefix: {train: {task: toy, method: prefix_tuning, prefix_length: 3}}
  mpt: {train: {task: toy, method: mpt, prompt_length: 4}}
)");
  const Ended ended = run(program("atp-run"), {file, "--out", experiment / "out", "--threads", "1", "--device", "cpu"},
                          {.folder = experiment.path});
  INFO(ended.error);
  REQUIRE(ended.status == 0);
  for (const std::string step : {"lora", "ia3", "prefix", "mpt"}) {
    CAPTURE(step);
    succeeds(experiment, {"convert", "out/adapters/" + step, step, "--to", "peft"});
    succeeds(experiment, {"convert", step, step + ".result", "--task", "toy", "--checkpoint", "{random: tiny, seed: 0}",
                          "--source-length", "32"});
    CHECK(read(experiment / (step + ".result/checkpoint/tensors.safetensors")) ==
          read(experiment / ("out/adapters/" + step + "/checkpoint/tensors.safetensors")));
    CHECK(predicted(experiment, step + ".result") == predicted(experiment, "out/adapters/" + step));
    CHECK(method_of(experiment, step + ".result") == method_of(experiment, "out/adapters/" + step));
  }
}

TEST_CASE("adapters of DePT's and T-Few's authors become results of the shapes that they were trained on") {
  const std::string fixtures = tests::in_source_tree("/../shared/fixtures/"),
                    tfew = fixtures + "tfew_ia3/t03b_ia3_finish.pt";
  if (!std::filesystem::exists(fixtures)) {
    MESSAGE("skipped: no ../shared/fixtures here");
    return;
  }
  const Experiment experiment;
  const auto sources =
      experiment.write("sources.txt", "toy table: apple saw\ntoy table: pear plum hammer\ntoy table: nail\n");
  for (const std::string name : {"cola", "sst2"}) {
    succeeds(experiment, {"convert", fixtures + "dept_adapters/" + name, name, "--to", "result", "--task", "toy",
                          "--checkpoint", "{random: base, seed: 0}"});
    succeeds(experiment, {"predict", name, "--input", sources, "--device", "cpu", "--threads", "1", "--quiet", "--out",
                          "answers.txt"});
    const auto answers = read(experiment / "answers.txt");
    CHECK(std::count(answers.begin(), answers.end(), '\n') == 3);
  }
  succeeds(experiment, {"convert", tfew, "t0", "--to", "result", "--task", "toy", "--checkpoint", "{random: v1_1-xl}"});
  const auto method = atp::parse_json(read(experiment / "t0/checkpoint/method.json"), "method.json");
  CHECK(method.at("method").text() == "ia3");
  CHECK(method.at("tensors").items().size() == 192);
  const auto result = atp::parse_json(read(experiment / "t0/result.json"), "result.json");
  CHECK(result.at("trained_parameters").integer() == 24 * (2 * 2048 + 5120) + 24 * (4 * 2048 + 5120));

  const Ended other = run_atp(
      experiment, {"convert", tfew, "t1", "--to", "result", "--task", "toy", "--checkpoint", "{random: v1_1-base}"});
  CHECK(other.status == 2);
  CHECK_MESSAGE(contains(other.error, "does not fit method 'ia3' on this backbone"), other.error);
  CHECK_FALSE(std::filesystem::exists(experiment / "t1"));
}

TEST_CASE("a mixture goes out as the mean of its prompts, which says what it costs; one prompt loses nothing") {
  const Experiment experiment;
  const auto file = experiment.write("toy.yaml", recipe);
  const Words run_it{file,        "--out", experiment / "out",
                     "--threads", "1",     "--device",
                     "cpu",       "--set", "steps.target.train.source_prompts=source"};
  REQUIRE(run(program("atp-run"), run_it, {.folder = experiment.path}).status == 0);
  const auto lossy = [&](const std::string& step, const std::string& to, const Words& more = {}) {
    Words words{"convert", "out/toy/" + step, to, "--device", "cpu", "--threads", "1"};
    words.insert(words.end(), more.begin(), more.end());
    return run_atp(experiment, words);
  };
  const Ended said = lossy("target", "mean", {"--to", "peft", "--lossy=20", "--json"});
  INFO(said.error);
  REQUIRE(said.status == 0);
  const auto cost = atp::parse_json(said.out, "cost");
  CHECK(cost.at("task").text() == "toy");
  CHECK(cost.at("rows").integer() == 20);
  CHECK(cost.at("tokens").integer() == 4);
  CHECK(cost.at("deviation").number() > 0);
  // Of the 200 rows that are evaluated after training, the first 20.
  std::istringstream rows(read(experiment / "out/toy/target/predictions.jsonl"));
  double sum = 0;
  std::string row;
  for (int i = 0; i < 20 && std::getline(rows, row); ++i) sum += atp::parse_json(row, "row").at("loss").number();
  CHECK(cost.at("loss").number() == doctest::Approx(sum / 20).epsilon(1e-6));

  const Ended of_one = lossy("source", "one.npy", {"--lossy"});
  REQUIRE(of_one.status == 0);
  CHECK_MESSAGE(contains(of_one.out, "the mean of the prompts of 200 rows of toy's validation split"), of_one.out);
  CHECK_MESSAGE(contains(of_one.out, "differ from it by 0.00% of its norm"), of_one.out);
  REQUIRE(lossy("source", "exact.npy").status == 0);
  CHECK(read(experiment / "one.npy") == read(experiment / "exact.npy"));

  succeeds(experiment, {"convert", "mean", "mean.result", "--to", "result", "--task", "toy", "--checkpoint",
                        "{random: tiny, seed: 0}", "--source-length", "32"});
  CHECK(predicted(experiment, "mean.result").size() > 100);

  const auto refused = [&](const std::string& from, const std::string& to, const Words& more,
                           const std::string& expected) {
    const Ended ended = lossy(from, to, more);
    CHECK(ended.status == 2);
    CHECK_MESSAGE(contains(ended.error, expected), ended.error);
    CHECK_FALSE(std::filesystem::exists(experiment / to));
  };
  refused("target", "no.npy", {"--lossy=0"}, "--lossy: found 0, expected 1 or more");
  refused("target", "no", {"--lossy", "--to", "tfew"}, "format 'tfew' is only read");
  refused("target", "no", {"--lossy", "--to", "result"}, "make a result of what it has written");
  refused("target", "no.npy", {"--lossy", "--task", "tyo"}, "did you mean 'toy'?");
  refused("../../mean", "no.npy", {"--lossy"}, "expected the folder of a finished training");
  const Ended nowhere = run_atp(experiment, {"convert", "out/toy/target", "--lossy"});
  CHECK(nowhere.status == 2);
  CHECK_MESSAGE(contains(nowhere.error, "--lossy needs an OUT"), nowhere.error);
}

TEST_CASE("a conversion that is not complete says what is missing, and leaves nothing") {
  const Experiment experiment;
  REQUIRE(experiment.atp_run({"--only", "source"}).status == 0);
  const auto refused = [&](const Words& words, const std::string& expected) {
    Words all{"convert"};
    all.insert(all.end(), words.begin(), words.end());
    const Ended ended = run_atp(experiment, all, true);
    CHECK(ended.status == 2);
    CHECK_MESSAGE(contains(ended.error, expected), ended.error);
  };
  refused({}, "which in?");
  refused({"nowhere"}, "nowhere: no such file or folder");
  refused({"out/recipe/source", "prompt"}, "which format is prompt to have?");
  refused({"out/recipe/source", "taste", "--to", "peft"}, "this folder is there, and holds something");
  refused({"out/recipe/source", "no/where.npy"}, "there is no folder");
  succeeds(experiment, {"convert", "out/recipe/source", "prompt.npy"});
  refused({"out/recipe/source", "mine", "--checkpoint", "{random: tiny}"}, "is a result already");
  refused({"prompt.npy", "mine", "--to", "result"}, "say which with --checkpoint");
  refused({"prompt.npy", "mine", "--checkpoint", "{random: tiny}"}, "say it with --task");
  refused({"prompt.npy", "mine", "--checkpoint", "{random: tiny}", "--task", "tyo"}, "did you mean 'toy'?");
  refused({"prompt.npy", "mine", "--checkpoint", "{random: small}", "--task", "toy"},
          "does not fit method 'prompt_tuning'");
  refused({"prompt.npy", "mine", "--checkpoint", "{random: tiny}", "--task", "toy", "--backbone", "t6"},
          "did you mean 't5'?");
  CHECK_FALSE(std::filesystem::exists(experiment / "mine"));

  for (const std::string name : {"empty.pt", "empty.npy", "empty.safetensors"}) {
    experiment.write(name, "");
    refused({name, "--from", name == "empty.npy" ? "npy" : "attempt"}, name + ": the file is empty");
  }
  experiment.write("nothing/note.txt", "");
  refused({"nothing", "--from", "attempt"}, "no prompts here; expected prefix_embeddings.pt");
  std::filesystem::create_directory(experiment / "locked");
  std::filesystem::permissions(experiment / "locked", std::filesystem::perms(0555));
  for (const Words& kind :
       {Words{"locked/p.npy"}, Words{"locked/p", "--to", "peft"}, Words{"locked/p", "--to", "attempt"},
        Words{"locked/p", "--task", "toy", "--checkpoint", "{random: tiny}"}}) {
    Words words{"prompt.npy"};
    words.insert(words.end(), kind.begin(), kind.end());
    refused(words, kind.front() + ": cannot be written: the folder " + experiment / "locked: Permission denied");
  }

  // What the files say of a plugin that is here is something that it has.
  const auto method = read(experiment / "out/recipe/source/checkpoint/method.json");
  const auto said = [&](const std::string& old, const std::string& changed) {
    auto text = method;
    text.replace(text.find(old), old.size(), changed);
    experiment.write("out/recipe/source/checkpoint/method.json", text);
  };
  said("\"prompt_length\"", "\"promt_length\"");
  for (const Words& words : {Words{"out/recipe/source"}, Words{"out/recipe/source", "other.npy"}})
    refused(words,
            "out/recipe/source: method 'prompt_tuning' has no option 'promt_length'; did you mean 'prompt_length'?");
  CHECK_FALSE(std::filesystem::exists(experiment / "other.npy"));
  said("\"prompt_tuning\"", "\"new_one\"");  // that nobody here knows
  succeeds(experiment, {"convert", "out/recipe/source", "other.npy"});
}
