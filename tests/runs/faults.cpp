#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>
#include <sstream>

#include "programs.h"
#include "tests/places.h"

using namespace runs;

namespace fs = std::filesystem;

namespace {

Setting with_faults(const Experiment& experiment, const std::string& out,
                    std::map<std::string, std::string> environment) {
  environment["LD_PRELOAD"] = tests::in_build_tree("/tests/libatp_faults.so");
  environment["ATP_FAULT_ROOT"] = fs::canonical(experiment.path).string() + "/" + out;
  return {std::move(environment), {}, -1};
}

constexpr int killed = 128 + 9;

// The file of that name in the one step's folder that also holds `beside`.
std::string only_file(const std::string& steps, const std::string& name, const std::string& beside) {
  for (const auto& entry : fs::directory_iterator(steps))
    if (fs::exists(entry.path() / beside) && fs::exists(entry.path() / name)) return entry.path() / name;
  return "";
}

}  // namespace

TEST_CASE("a run killed after some updates and started again ends with the same bytes") {
  const Experiment experiment;
  REQUIRE(experiment.atp_run({}, "whole").status == 0);
  const auto wanted = experiment.exact_files("whole");
  // 6 updates in each of two train steps; the state is saved every second one
  std::mt19937 draw(20260131);
  std::vector<long> updates{1, 12};
  while (updates.size() < 5) updates.push_back(static_cast<long>(2 + draw() % 10));
  for (const long count : updates) {
    CAPTURE(count);
    const Ended first =
        experiment.atp_run({}, "out", with_faults(experiment, "out", {{"ATP_FAULT_LINES", std::to_string(count)}}));
    REQUIRE(first.status == killed);
    const Ended second = experiment.atp_run();
    INFO(second.error);
    CHECK(second.status == 0);
    CHECK(differences(experiment.exact_files(), wanted) == "");
    fs::remove_all(experiment / "out");
  }
}

TEST_CASE("a run killed several times gets to the same end") {
  const Experiment experiment;
  REQUIRE(experiment.atp_run({}, "whole").status == 0);
  int kills = 0;
  while (kills < 20) {
    const Ended ended = experiment.atp_run({}, "out", with_faults(experiment, "out", {{"ATP_FAULT_LINES", "4"}}));
    if (ended.status == 0) break;
    REQUIRE(ended.status == killed);
    ++kills;
  }
  CHECK(kills > 2);
  CHECK(differences(experiment.exact_files(), experiment.exact_files("whole")) == "");
}

TEST_CASE("SIGINT finishes the update, saves, exits 130 with a word on how to go on; going on changes nothing") {
  const Experiment experiment;
  REQUIRE(experiment.atp_run({}, "whole").status == 0);
  const Ended first = experiment.atp_run({}, "out", with_faults(experiment, "out", {{"ATP_FAULT_STOP", "9"}}));
  INFO(first.error);
  CHECK(first.status == 130);
  CHECK(contains(first.error, "target: stopped after update 3, saved"));
  CHECK(contains(first.error, "stopped; to go on where it stopped: atp-run " + experiment / "recipe.yaml"));
  CHECK(experiment.states()["target"] == "resumable");
  const std::string planned = experiment.atp_run({"--dry-run"}).out;
  CHECK_MESSAGE(contains(planned, "6 updates (goes on after 3)"), planned);
  CHECK_MESSAGE(contains(planned, "2 of 3 steps to do, 3 updates"), planned);
  const auto run = [&] { return atp::parse_json(read(experiment / "out/recipe/target/run.json"), "run.json"); };
  const std::string stopped_run = only_file(experiment / "out/steps", "run.json", "state");
  const double earlier = atp::parse_json(read(stopped_run), stopped_run).at("seconds").number();
  CHECK(earlier > 0);
  const Ended second = experiment.atp_run({"--threads", "2", "--only", "target"});
  CHECK(second.status == 0);
  CHECK(contains(second.error, "target: going on"));
  CHECK(run().at("resumed_at").integer() == 3);
  CHECK(run().at("threads").integer() == 1);  // as it was begun
  CHECK(run().at("seconds").number() > earlier);
  CHECK(run().at("peak_memory_bytes").integer() > 0);
  CHECK(run().at("versions").find("metric accuracy"));
  // Only a step that was begun keeps its threads; where sums are split, a last digit depends on them.
  REQUIRE(experiment.atp_run().status == 0);
  CHECK(differences(experiment.exact_files(), experiment.exact_files("whole")) == "");
}

TEST_CASE("SIGTERM is as good as SIGINT, and a second signal ends the run at once") {
  const Experiment experiment;
  REQUIRE(experiment.atp_run({}, "whole").status == 0);
  const Ended first = experiment.atp_run(
      {}, "out", with_faults(experiment, "out", {{"ATP_FAULT_STOP", "3"}, {"ATP_FAULT_SIGNAL", "15"}}));
  CHECK(first.status == 130);
  CHECK(contains(first.error, "source: stopped after update 3, saved"));
  const Ended second = experiment.atp_run(
      {}, "out", with_faults(experiment, "out", {{"ATP_FAULT_STOP", "2"}, {"ATP_FAULT_SIGNALS", "2"}}));
  CHECK(second.status == 130);
  CHECK_FALSE(contains(second.error, "stopped"));
  CHECK(experiment.atp_run().status == 0);
  CHECK(differences(experiment.exact_files(), experiment.exact_files("whole")) == "");
}

// The whole program at some of the calls by which it changes files, before, within and after them. What each of them
// leaves on disk is tried one by one in tests/faults.
TEST_CASE("a run killed at any call that changes a file ends with the same bytes") {
  const Experiment experiment;
  const std::string count_file = experiment / "count";
  REQUIRE(experiment.atp_run({}, "whole", with_faults(experiment, "whole", {{"ATP_FAULT_COUNT", count_file}})).status ==
          0);
  const auto wanted = experiment.exact_files("whole");
  const long calls = std::atol(read(count_file).c_str());
  REQUIRE(calls > 50);

  std::vector<std::pair<long, std::string>> points;
  for (long call = 1; call <= calls; ++call)
    for (const char* when : {"before", "within", "after"}) points.emplace_back(call, when);
  std::mt19937 draw(7);
  std::shuffle(points.begin(), points.end(), draw);
  if (!std::getenv("ATP_ALL_FAULTS")) points.resize(8);
  std::cout << points.size() << " of " << 3 * calls << " kill points (ATP_ALL_FAULTS=1 tries all)\n";

  for (const auto& point : points) {
    const long call = point.first;  // no structured binding: clang 14 cannot capture one
    const std::string& when = point.second;
    CAPTURE(call);
    CAPTURE(when);
    const Ended first = experiment.atp_run(
        {}, "out", with_faults(experiment, "out", {{"ATP_FAULT_AT", std::to_string(call)}, {"ATP_FAULT_WHEN", when}}));
    REQUIRE(first.status == killed);
    const Ended second = experiment.atp_run();
    INFO(second.error);
    CHECK(second.status == 0);
    CHECK(differences(experiment.exact_files(), wanted) == "");
    const auto states = experiment.states();
    CHECK(states.at("table") == "done");
    fs::remove_all(experiment / "out");
  }
}

TEST_CASE("two threads: a run killed after some updates ends with the same bytes") {
  const Experiment experiment;
  const Words two{"--threads", "2"};
  REQUIRE(experiment.atp_run(two, "whole").status == 0);
  for (const char* lines : {"5", "10"}) {
    const Ended first = experiment.atp_run(two, "out", with_faults(experiment, "out", {{"ATP_FAULT_LINES", lines}}));
    CHECK(first.status == killed);
    CHECK(experiment.atp_run(two).status == 0);
    CHECK(differences(experiment.exact_files(), experiment.exact_files("whole")) == "");
    fs::remove_all(experiment / "out");
  }
}

// The second is started, and waits for the first, while the first trains.
TEST_CASE("two processes on one output folder end with the same words") {
  const Experiment experiment;
  const std::string out = experiment / "second.out", error = experiment / "second.error", ended = experiment / "ended";
  REQUIRE(::mkfifo(ended.c_str(), 0600) == 0);
  const std::string second = "(" + program("atp-run") + " " + experiment / "recipe.yaml" + " --out " +
                             experiment / "out" + " --threads 1 --device cpu >" + out + " 2>" + error + "; echo $? >" +
                             ended + ") &";
  const std::string wait = "until grep -q 'by another process' " + error + "; do sleep 0.05; done";
  const Ended first = experiment.atp_run(
      {}, "out",
      with_faults(experiment, "out", {{"ATP_FAULT_STOP", "2"}, {"ATP_FAULT_COMMAND", second + "\n" + wait}}));
  CHECK(first.status == 0);
  const auto lines = [](const std::string& text, const std::string& with) {
    std::vector<std::string> found;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
      if (contains(line, with)) found.push_back(line);
    return found;
  };
  CHECK(read(ended) == "0\n");  // blocks until it has
  CHECK(lines(first.error, ": done in ").size() == 3);
  CHECK(lines(first.error, ": done in ") == lines(read(error), ": done in "));
  CHECK(first.out == read(out));
}

TEST_CASE("--fresh that is stopped goes on with the same command, and a run without it gives it up") {
  const Experiment experiment;
  REQUIRE(experiment.atp_run().status == 0);
  const auto wanted = experiment.exact_files();
  const auto stop_at = [&](const std::string& lines) {  // update 3 of `target`
    const Ended ended =
        experiment.atp_run({"--fresh"}, "out", with_faults(experiment, "out", {{"ATP_FAULT_STOP", lines}}));
    INFO(ended.error);
    CHECK(ended.status == 130);
    CHECK(contains(ended.error, "target: stopped after update 3, saved"));
    CHECK(contains(ended.error, "to go on where it stopped: atp-run " + experiment / "recipe.yaml"));
    CHECK(contains(ended.error, " --fresh\n"));
    CHECK(experiment.states() == std::map<std::string, std::string>{
                                     {"source", "done"}, {"target", "done"}, {"scores", "done"}, {"table", "done"}});
    CHECK(experiment.states({"--fresh"})["source"] == "done");
    CHECK(experiment.states({"--fresh"})["target"] == "resumable");
  };
  SUBCASE("goes on") {
    stop_at("9");
    const Ended second = experiment.atp_run({"--fresh"});
    INFO(second.error);
    CHECK(second.status == 0);
    CHECK(contains(second.error, "going on with the --fresh run that did not come to its end: 1 of 3 steps redone"));
    CHECK_FALSE(contains(second.error, "source: begins"));
    CHECK(contains(second.error, "target: going on"));
    CHECK(contains(second.error, "scores: begins"));
    CHECK(contains(experiment.atp_run({"--fresh"}).error, "source: begins"));  // it came to its end: all of it again
  }
  SUBCASE("is given up") {
    stop_at("9");
    const Ended second = experiment.atp_run();
    CHECK(second.status == 0);
    CHECK(contains(second.out, "nothing to do"));
    CHECK(experiment.states({"--fresh"})["source"] == "to do");
    for (const auto& entry : fs::directory_iterator(experiment / "out/steps"))
      CHECK_FALSE(contains(entry.path().string(), ".fresh"));
  }
  CHECK(differences(experiment.exact_files(), wanted) == "");
}

TEST_CASE("a file that is gone or another one between plan and run fails its step with a word") {
  const Experiment experiment;
  const std::string model = experiment.write_checkpoint("model");
  std::string text = read(experiment / "recipe.yaml");
  text.replace(text.find("{random: tiny, seed: 0}"), 23, "model");
  experiment.write("recipe.yaml", text);
  const auto run_with = [&](const std::string& command) {  // while `source` is trained
    return experiment.atp_run(
        {}, "out", with_faults(experiment, "out", {{"ATP_FAULT_STOP", "2"}, {"ATP_FAULT_COMMAND", command}}));
  };
  struct Loss {
    std::string command, file, words, state_of_target;
  };
  const std::string test = experiment / "mood/test.jsonl", train = experiment / "mood/train.jsonl",
                    weights = model + "/model.safetensors", config = model + "/config.json";
  const std::vector<Loss> losses{
      {"mv " + test + " " + test + "~", test, "was there when the run was planned, and is gone; the same", "done"},
      {"cp " + train + " " + train + "~; head -3 " + train + "~ >" + train, train,
       "has changed since the run was planned; the same command", "failed"},
      {"mv " + weights + " " + weights + "~", weights, "was there when the run was planned, and is gone", "failed"},
      {"mv " + config + " " + config + "~", config, "was there when the run was planned, and is gone", "failed"}};
  for (const auto& loss : losses) {
    CAPTURE(loss.command);
    const Ended ended = run_with(loss.command);
    INFO(ended.error);
    CHECK(ended.status == 1);
    CHECK(contains(ended.error, loss.file + ": " + loss.words));
    fs::rename(loss.file + "~", loss.file);
    const auto states = experiment.states();
    CHECK(states.at("source") == "done");
    CHECK(states.at("target") == loss.state_of_target);
    CHECK(experiment.atp_run().status == 0);
    fs::remove_all(experiment / "out");
  }
}

TEST_CASE("a disk that is full at any file is a message with the path, and the same command goes on") {
  const Experiment experiment;
  REQUIRE(experiment.atp_run({}, "whole").status == 0);
  struct Full {
    std::string file;
    int status;
    std::string words = "No space left on device";
  };
  const std::vector<Full> places{{"/cache/tokens/", 1},     {"/metrics.jsonl", 1},
                                 {"/state.safetensors", 1}, {"/predictions.jsonl", 1},
                                 {"/checkpoint/", 1},       {"/run.json", 1},
                                 {"/result.json", 1},       {"/table.md", 1},
                                 {"/table.csv", 1},         {"/atp.sqlite", 0, "the index cannot be written"}};
  for (const auto& full : places) {
    CAPTURE(full.file);
    const Ended ended = experiment.atp_run({}, "out", with_faults(experiment, "out", {{"ATP_FAULT_FULL", full.file}}));
    INFO(ended.error);
    CHECK(ended.status == full.status);
    CHECK(contains(ended.error, full.words));
    CHECK(contains(ended.error, full.file));
    CHECK(experiment.atp_run().status == 0);
    CHECK(differences(experiment.exact_files(), experiment.exact_files("whole")) == "");
    CHECK(experiment.states().at("table") == "done");
    fs::remove_all(experiment / "out");
  }
}
