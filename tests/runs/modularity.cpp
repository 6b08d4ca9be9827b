#include <doctest/doctest.h>

#include <cstring>

#include "programs.h"

using namespace runs;

namespace {

// Name of each tensor of a result → its bytes.
std::map<std::string, std::string> tensors(const std::string& result) {
  const std::string file = read(result + "/checkpoint/tensors.safetensors");
  std::uint64_t length = 0;
  REQUIRE(file.size() > sizeof length);
  std::memcpy(&length, file.data(), sizeof length);
  const auto header = atp::parse_json(file.substr(sizeof length, length), result);
  std::map<std::string, std::string> bytes;
  for (const auto& [name, entry] : header.members()) {
    if (name == "__metadata__") continue;
    const auto begin = static_cast<std::size_t>(entry.at("data_offsets").items().at(0).integer()),
               end = static_cast<std::size_t>(entry.at("data_offsets").items().at(1).integer());
    bytes[name] = file.substr(sizeof length + length + begin, end - begin);
  }
  return bytes;
}

// Of these tensors the attention's.
std::map<std::string, std::string> attention(const std::string& result) {
  auto all = tensors(result);
  std::erase_if(all, [](const auto& one) { return !one.first.starts_with("attention."); });
  CHECK(all.size() == 6);  // four of the bottleneck, the temperature and the centre
  return all;
}

}  // namespace

TEST_CASE("a source prompt and a target task join a finished set, and nothing of it is trained again") {
  const Experiment experiment;
  for (const std::string name : {"news", "late"})
    for (const std::string split : {"train", "validation", "test"})
      experiment.write(name + "/" + split + ".jsonl",
                       read(experiment / ((name == "news" ? "taste/" : "mood/") + split + ".jsonl")));
  experiment.write("recipe.yaml", R"(
seed: 1
backbone: {name: t5, checkpoint: {random: tiny, seed: 0}}
data: {source_length: 16}
train: {batch_size: 3, learning_rate: 0.1, warmup_updates: 1, epochs: 2, prompt_length: 4,
        combiner: {name: attempt, options: {rank: 8, temperature: learned, centred_pools: true}}}
steps:
  sources:
    train: {method: prompt_tuning, each: [)" +
                                      task("taste") + ", " + task("mood") + R"(]}
  attention:
    train: {method: attempt, source_prompts: sources, learning_rates: {prompt: 0.2, attention: 0.1}, tasks: [)" +
                                      task("taste") + ", " + task("mood") + R"(]}
  target:
    train: {method: attempt, source_prompts: sources, start_from: sources.taste, attention_from: attention,
            learning_rates: {prompt: 0.2, attention: 0.01}, tasks: [)" +
                                      task("news") + "]}\n");
  const Ended first = experiment.atp_run();
  INFO(first.error);
  REQUIRE(first.status == 0);
  const auto before = experiment.exact_files();
  const auto trained = attention(experiment / "out/recipe/attention"),
             taken = attention(experiment / "out/recipe/target");
  for (const auto& [name, bytes] : taken) CHECK((bytes == trained.at(name)) == (name == "attention.centre"));

  experiment.write("recipe.yaml", read(experiment / "recipe.yaml") + R"(
  more:
    train: {method: prompt_tuning, tasks: [)" +
                                      task("late") + R"(]}
  wider:
    train: {method: attempt, source_prompts: [sources, more], start_from: target, attention_from: target,
            learning_rates: {prompt: 0.2, attention: 0}, tasks: [)" +
                                      task("news") + R"(]}
  newcomer:
    train: {method: attempt, source_prompts: sources, start_from: sources.mood, attention_from: attention,
            learning_rates: {prompt: 0.2, attention: 0}, tasks: [)" +
                                      task("late") + "]}\n");
  CHECK(experiment.states() == std::map<std::string, std::string>{{"sources.taste", "done"},
                                                                  {"sources.mood", "done"},
                                                                  {"attention", "done"},
                                                                  {"target", "done"},
                                                                  {"more", "to do"},
                                                                  {"wider", "to do"},
                                                                  {"newcomer", "to do"}});
  const Ended second = experiment.atp_run();
  INFO(second.error);
  REQUIRE(second.status == 0);
  const auto after = experiment.exact_files();
  for (const auto& file : before) {
    CAPTURE(file.first);
    CHECK(after.at(file.first) == file.second);
  }

  CHECK(attention(experiment / "out/recipe/wider") == taken);
  CHECK(attention(experiment / "out/recipe/newcomer") == trained);
  std::string sources;
  for (const std::string name : {"sources.taste", "sources.mood", "more"})
    sources += tensors(experiment / ("out/recipe/" + name)).at("prompt");
  CHECK(tensors(experiment / "out/recipe/wider").at("source_prompts") == sources);
  CHECK(tensors(experiment / "out/recipe/wider").at("prompt") !=
        tensors(experiment / "out/recipe/target").at("prompt"));
  for (const std::string name : {"wider", "newcomer"}) {
    const auto result = atp::parse_json(read(experiment / ("out/recipe/" + name + "/result.json")), "result.json");
    CHECK(result.at("trained_parameters").integer() == 4 * 64);  // its prompt
  }
}

TEST_CASE("source prompts that were trained with a mixture are those of another step") {
  const Experiment experiment;
  experiment.write("recipe.yaml", R"(
seed: 1
backbone: {name: t5, checkpoint: {random: tiny, seed: 0}}
data: {source_length: 16}
train: {batch_size: 3, learning_rate: 0.1, warmup_updates: 1, epochs: 1, prompt_length: 4, combiner: {name: attempt, options: {rank: 8}}}
steps:
  next:
    train: {method: attempt, source_prompts: joint.source_prompts, attention_from: joint, tasks: [)" +
                                      task("mood") + R"(]}
  one:
    train: {method: attempt, source_prompts: [sources.taste, joint.source_prompts.mood], tasks: [)" +
                                      task("mood") + R"(]}
  again:
    train: {method: attempt, source_prompts: next.source_prompts, start_from: next.source_prompts.taste, tasks: [)" +
                                      task("mood") + R"(]}
  joint:
    train: {method: attempt, source_prompts: sources, train_source_prompts: true, tasks: [)" +
                                      task("taste") + ", " + task("mood") + R"(]}
  sources:
    train: {method: prompt_tuning, each: [)" +
                                      task("taste") + ", " + task("mood") + "]}\n");
  for (const bool is_trained : {false, true}) {
    CAPTURE(is_trained);
    if (is_trained) REQUIRE(experiment.atp_run({"--only", "joint"}).status == 0);
    CHECK(experiment.states().at("next") == "to do");
  }
  const Ended ended = experiment.atp_run();
  INFO(ended.error);
  REQUIRE(ended.status == 0);
  const auto kept = [&](const std::string& step) {
    return tensors(experiment / ("out/recipe/" + step)).at("source_prompts");
  };
  const auto prompt = [&](const std::string& step) {
    return tensors(experiment / ("out/recipe/" + step)).at("prompt");
  };
  const std::string joint = kept("joint"), mood = joint.substr(joint.size() / 2);
  CHECK(joint != prompt("sources.taste") + prompt("sources.mood"));  // they were trained
  CHECK(kept("next") == joint);
  CHECK(kept("again") == joint);
  CHECK(kept("one") == prompt("sources.taste") + mood);
}
