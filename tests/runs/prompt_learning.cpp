#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <random>

#include "programs.h"
#include "tests/places.h"

using namespace runs;

// What prompts can do: a backbone that never saw a word cannot read them, one that knows several questions can be told
// by a prompt which of them is asked. A tiny T5 is fine-tuned on two opposite questions about one table, told apart by
// a prefix; then it is frozen, the prefix is left out, and methods learn to ask the one that it does not answer by
// itself.
namespace {

constexpr std::array fruits = {"apple", "pear", "plum", "fig", "cherry", "grape", "lemon", "melon"};
constexpr std::array tools = {"hammer", "saw", "drill", "chisel", "wrench", "axe", "rake", "spade"};
const std::array<std::string, 2> questions = {"more", "fewer"};

// Tables of six things, five or all of one kind: rows of both questions.
void write_rows(const Experiment& experiment, const std::string& split, int count, std::mt19937& draw) {
  std::array<std::string, 2> lines;
  for (int i = 0; i < count; ++i) {
    const bool more_fruits = draw() % 2 == 0;
    const auto odd_one = draw() % 12;  // half of the tables have none
    std::string text;
    for (unsigned place = 0; place < 6; ++place)
      text += std::string(place > 0 ? " " : "") +
              ((place == odd_one) == more_fruits ? tools[draw() % tools.size()] : fruits[draw() % fruits.size()]);
    for (std::size_t question = 0; question < 2; ++question)
      lines[question] +=
          R"({"text": ")" + text + R"(", "kind": ")" + ((question == 0) == more_fruits ? "fruits" : "tools") + "\"}\n";
  }
  for (std::size_t question = 0; question < 2; ++question)
    experiment.write(questions[question] + "/" + split + ".jsonl", lines[question]);
}

std::string task(const std::string& name) {
  return "{name: " + name + ", prefix: " + name + ", files: {train: " + name + "/train.jsonl, validation: " + name +
         "/validation.jsonl, test: " + name +
         R"(/test.jsonl}, source: "{text}", target: "{kind}", labels: [fruits, tools], metrics: [accuracy]})";
}

// $more, $fewer and $both stand for the tasks.
std::string with_tasks(std::string recipe) {
  const std::string more = task("more"), fewer = task("fewer");
  for (const auto& [word, meaning] :
       {std::pair<std::string, std::string>{"$both", more + ", " + fewer}, {"$more", more}, {"$fewer", fewer}})
    for (auto at = recipe.find(word); at != std::string::npos; at = recipe.find(word, at + meaning.size()))
      recipe.replace(at, word.size(), meaning);
  return recipe;
}

void run_recipe(const Experiment& experiment, const std::string& name, const std::string& recipe) {
  const auto path = experiment.write(name + ".yaml", with_tasks(recipe));
  const Ended ended = run(program("atp-run"), {path, "--out", experiment / "out", "--threads", "1", "--device", "cpu"});
  INFO(ended.error);
  REQUIRE(ended.status == 0);
}

double accuracy(const Experiment& experiment, const std::string& step, const std::string& task) {
  const auto result = atp::parse_json(read(experiment / ("out/" + step + "/result.json")), "result.json");
  return result.at("task_scores").at(task).at("accuracy").number();
}

// A fine-tuned result as a checkpoint in the Hub's layout.
void write_checkpoint(const Experiment& experiment, const std::string& result) {
  const std::string file = read(experiment / ("out/" + result + "/checkpoint/tensors.safetensors"));
  std::uint64_t length = 0;
  REQUIRE(file.size() > sizeof length);
  std::memcpy(&length, file.data(), sizeof length);
  const auto header = atp::parse_json(file.substr(sizeof length, length), "tensors.safetensors");
  experiment.write("trained/model.safetensors", file);
  experiment.write("trained/config.json",
                   R"({"model_type": "t5", "d_model": 64, "d_kv": 16, "d_ff": 128, "num_heads": 4, "num_layers": 2,
  "dropout_rate": 0, "vocab_size": )" +
                       std::to_string(header.at("shared.weight").at("shape").items().at(0).integer()) + "}");
  experiment.write("trained/spiece.model", read(tests::in_source_tree("/core/share/tokenizer/spiece.model")));
}

}  // namespace

TEST_CASE("prompts tell a frozen backbone which question is asked: from below 20 to above 90, by every prompt method") {
  const Experiment experiment;
  std::mt19937 draw(1);
  write_rows(experiment, "train", 1000, draw);
  write_rows(experiment, "validation", 100, draw);
  write_rows(experiment, "test", 200, draw);
  run_recipe(experiment, "before", R"(
seed: 1
backbone: {name: t5, checkpoint: {random: tiny, seed: 0}}
data: {source_length: 32}
steps:
  whole: {train: {tasks: [$both], method: fine_tuning, learning_rate: 2e-3, warmup_updates: 10, updates: 80}}
  scores: {evaluate: {of: whole, split: test}}
)");
  for (const auto& question : questions) CHECK(accuracy(experiment, "before/scores", question) > 95);
  write_checkpoint(experiment, "before/whole");

  std::string recipe = R"(
seed: 1
backbone: {name: t5, checkpoint: trained}
data: {source_length: 32, task_prefix: false}
train: {warmup_updates: 5, learning_rate: 0.3, prompt_length: 4, updates: 50}
steps:
  untouched: {evaluate: {of: backbone, tasks: [$both], split: test}}
  prompt_tuning: {train: {each: [$both], method: prompt_tuning}}
)";
  const std::array<std::pair<std::string, std::string>, 8> learners = {{
      {"dept", "each: [$fewer], method: dept, rank: 4"},
      {"dept_low_rank", "each: [$fewer], method: dept, rank: 4, learning_rates: {prompt: 0, low_rank: 0.1}"},
      {"spot", "each: [$fewer], method: spot, start_from: prompt_tuning.more"},
      {"mpt", "tasks: [$both], method: mpt, teachers: prompt_tuning, learning_rates: {low_rank: 0.3}"},
      {"mpt_target", "each: [$fewer], method: mpt, start_from: mpt"},
      {"attempt", "each: [$fewer], method: attempt, source_prompts: prompt_tuning, start_from: prompt_tuning.more"},
      {"single_prompt", "each: [$fewer], method: attempt, combiner: single_prompt, source_prompts: prompt_tuning.more"},
      {"smop",
       "each: [$fewer], method: attempt, combiner: {name: smop, options: {noise: 1, balancing: 0.01}}, "
       "source_prompts: prompt_tuning, target_prompt: none, train_source_prompts: true"},
  }};
  for (const auto& [name, words] : learners)
    recipe += "  " + name + ": {train: {" + words + "}}\n  " + name + "_scores: {evaluate: {of: " + name +
              ", split: test}}\n";
  recipe += "  prompt_tuning_scores: {evaluate: {of: prompt_tuning, split: test}}\n";
  run_recipe(experiment, "after", recipe);

  CHECK(accuracy(experiment, "after/untouched", "more") > 80);
  CHECK(accuracy(experiment, "after/untouched", "fewer") < 20);
  CHECK(accuracy(experiment, "after/prompt_tuning_scores.fewer", "fewer") > 90);
  for (const auto& learner : learners) {
    const std::string& name = learner.first;
    CAPTURE(name);
    const bool mixed = learner.second.starts_with("tasks:");
    CHECK(accuracy(experiment, "after/" + name + (mixed ? "_scores" : "_scores.fewer"), "fewer") > 90);
    if (mixed) CHECK(accuracy(experiment, "after/" + name + "_scores", "more") > 90);
  }
}
