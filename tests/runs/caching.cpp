#include <doctest/doctest.h>

#include "programs.h"

using namespace runs;

namespace fs = std::filesystem;

namespace {

using States = std::map<std::string, std::string>;

const States all_done{{"source", "done"}, {"target", "done"}, {"scores", "done"}, {"table", "done"}};

}  // namespace

TEST_CASE("a finished recipe run again does nothing, and what is changed is redone with what depends on it") {
  const Experiment experiment;
  CHECK(experiment.states()["source"] == "to do");
  CHECK_FALSE(fs::exists(experiment / "out"));  // a plan leaves nothing behind

  const Ended first = experiment.atp_run();
  INFO(first.error);
  REQUIRE(first.status == 0);
  CHECK(contains(first.out, "| step | mood |"));
  CHECK(read(experiment / "out/recipe/table.md") == first.out.substr(1));
  CHECK(experiment.states() == all_done);
  const auto before = experiment.exact_files();

  SUBCASE("again: nothing") {
    const Ended second = experiment.atp_run();
    CHECK(second.status == 0);
    CHECK(contains(second.out, "nothing to do: recipe is finished, 3 steps"));
    CHECK_FALSE(contains(second.error, "begins"));
    CHECK(differences(experiment.exact_files(), before) == "");
  }
  SUBCASE("places, names, threads and output of a step do not count") {
    std::string text = read(experiment / "recipe.yaml");
    for (std::size_t at; (at = text.find("target:\n    train")) != std::string::npos;) text.replace(at, 6, "renamed");
    text.replace(text.find("of: target"), 10, "of: renamed");
    experiment.write("recipe.yaml", text);
    fs::rename(experiment / "out", experiment / "elsewhere");
    const auto states = experiment.states({"--threads", "2"}, "elsewhere");
    CHECK(states == States{{"source", "done"}, {"renamed", "done"}, {"scores", "done"}, {"table", "done"}});
  }
  SUBCASE("the target's learning rate: target and its scores, not the source") {
    const Words change{"--set", "steps.target.train.learning_rates.prompt=0.05"};
    CHECK(experiment.states(change) ==
          States{{"source", "done"}, {"target", "to do"}, {"scores", "to do"}, {"table", "to do"}});
    const Ended second = experiment.atp_run(change);
    CHECK(second.status == 0);
    CHECK_FALSE(contains(second.error, "source: begins"));
    CHECK(contains(second.error, "target: begins"));
    CHECK(experiment.states(change) == all_done);
    const auto states = experiment.states();  // what was there before is there still
    CHECK(states.at("target") == "done");
    CHECK(states.at("scores") == "done");
  }
  SUBCASE("a default that is written out changes nothing") {
    CHECK(experiment.states({"--set", "train.clip=1.0", "--set", "train.weight_decay=1e-5"}) == all_done);
  }
  SUBCASE("a result that was damaged is said, and its step done again to the same bytes") {
    const std::string result = experiment / "out/recipe/target/result.json";
    experiment.write("out/recipe/target/result.json", "corrupt");
    CHECK(experiment.states()["target"] == "to do");
    const Ended second = experiment.atp_run();
    CHECK(second.status == 0);
    INFO(second.error);
    CHECK(contains(second.error, "result.json is damaged; 'target' is done again"));
    CHECK_FALSE(contains(second.error, "source: begins"));
    CHECK(read(result) != "corrupt");
    CHECK(differences(experiment.exact_files(), before) == "");
  }
  SUBCASE("data that changed") {
    experiment.write("mood/test.jsonl",
                     read(experiment / "mood/test.jsonl") + R"({"text": "x", "kind": "good"})" + "\n");
    CHECK(experiment.states() ==
          States{{"source", "done"}, {"target", "done"}, {"scores", "to do"}, {"table", "to do"}});
    experiment.write("taste/train.jsonl",
                     read(experiment / "taste/train.jsonl") + R"({"text": "x", "kind": "good"})" + "\n");
    CHECK(experiment.states()["source"] == "to do");
    CHECK(experiment.states()["target"] == "to do");
  }
  SUBCASE("--fresh redoes all of it, to the same bytes") {
    const Ended second = experiment.atp_run({"--fresh"});
    CHECK(second.status == 0);
    CHECK(contains(second.error, "source: begins"));
    CHECK(differences(experiment.exact_files(), before) == "");
    CHECK(experiment.states() == all_done);
  }
  SUBCASE("the index is made again from the folders") {
    const auto runs_json = [&](const Words& words) {
      Words arguments{"runs", "--json", "--out", experiment / "out"};
      arguments.insert(arguments.end(), words.begin(), words.end());
      const Ended ended = run(program("atp"), arguments);
      CHECK(ended.status == 0);
      return ended.out;
    };
    const std::string listed = runs_json({});
    CHECK(contains(listed, "\"step\": \"scores\""));
    CHECK(runs_json({"--rebuild"}) == listed);
    fs::remove(experiment / "out/atp.sqlite");
    CHECK(runs_json({}) == listed);
    experiment.write("out/atp.sqlite", "not a database");
    CHECK(runs_json({}) == listed);
  }
  SUBCASE("a state that a killed process left beside its result goes") {
    experiment.write("out/recipe/target/state/state.json", "{}");
    CHECK(experiment.atp_run().status == 0);
    CHECK(differences(experiment.exact_files(), before) == "");
  }
  SUBCASE("a step's half-removed folder is made again") {
    fs::remove_all(experiment / "out/recipe/target/checkpoint");
    CHECK(experiment.states()["target"] == "to do");
    CHECK(experiment.atp_run().status == 0);
    CHECK(differences(experiment.exact_files(), before) == "");
  }
}

TEST_CASE("what does not depend on a swept value is computed once; a report runs over all trials") {
  const Experiment experiment;
  std::string text = read(experiment / "recipe.yaml");
  text.replace(text.find("rows: step"), 10, "rows: variant");
  experiment.write("recipe.yaml", text + R"(sweep:
  steps.target.train.seed: [1, 2]
  variant:
    ATTEMPT: {}
    no attention: {steps.target.train.combiner: no_attention}
)");
  const auto plan = experiment.plan();
  CHECK(plan.at("trials").items().size() == 4);
  CHECK(plan.at("steps").items().size() == 1 + 4 + 4 + 1);
  bool noted = false;  // a rate for a group that is not trained
  for (const auto& note : plan.at("notes").items()) noted = noted || contains(note.text(), "'attention'");
  CHECK(noted);

  const Ended ended = experiment.atp_run();
  INFO(ended.error);
  REQUIRE(ended.status == 0);
  CHECK(contains(ended.out, "| variant | mood |"));
  CHECK(contains(ended.out, "| no attention |"));
  CHECK(contains(ended.out, " of 2 runs."));
  CHECK(fs::is_symlink(experiment / "out/recipe/seed=1,variant=no attention/scores"));
}

TEST_CASE("two processes on one output folder share the work") {
  const Experiment experiment;
  REQUIRE(experiment.atp_run({}, "alone").status == 0);
  const Words words{experiment / "recipe.yaml", "--out", experiment / "out", "--threads", "1", "--device", "cpu"};
  const Started one = start(program("atp-run"), words), other = start(program("atp-run"), words);
  const Ended first = wait_for(one), second = wait_for(other);
  INFO(first.error << second.error);
  CHECK(first.status == 0);
  CHECK(second.status == 0);
  std::size_t begun = 0;
  for (const auto* text : {&first.error, &second.error})
    for (std::size_t at = 0; (at = text->find(": begins", at)) != std::string::npos; ++at) ++begun;
  CHECK(begun == 3);  // each step by one of them
  CHECK(differences(experiment.exact_files(), experiment.exact_files("alone")) == "");
  CHECK(experiment.states() == all_done);
}

TEST_CASE("--only runs a step and what it needs") {
  const Experiment experiment;
  CHECK(experiment.states({"--only", "target"}) == States{{"source", "to do"}, {"target", "to do"}});
  const Ended ended = experiment.atp_run({"--only", "source"});
  CHECK(ended.status == 0);
  CHECK(experiment.states() ==
        States{{"source", "done"}, {"target", "to do"}, {"scores", "to do"}, {"table", "to do"}});
}
