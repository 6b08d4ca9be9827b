#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>

#include "programs.h"

using namespace runs;

namespace fs = std::filesystem;

namespace {

Setting with_faults(const Experiment& experiment, const std::string& out,
                    std::map<std::string, std::string> environment) {
  environment["LD_PRELOAD"] = std::string(ATP_BINARY_DIR) + "/tests/libatp_faults.so";
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
  const auto run = [&] { return atp::parse_json(read(experiment / "out/recipe/target/run.json"), "run.json"); };
  const std::string stopped_run = only_file(experiment / "out/steps", "run.json", "state");
  const double earlier = atp::parse_json(read(stopped_run), stopped_run).at("seconds").number();
  CHECK(earlier > 0);
  const Ended second = experiment.atp_run({"--threads", "2"});
  CHECK(second.status == 0);
  CHECK(contains(second.error, "target: going on"));
  CHECK(run().at("resumed_at").integer() == 3);
  CHECK(run().at("threads").integer() == 1);  // as it was begun
  CHECK(run().at("seconds").number() > earlier);
  CHECK(run().at("peak_memory_bytes").integer() > 0);
  CHECK(run().at("versions").find("metric accuracy"));
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

// Each write, fsync and rename below the output folder, and the moment before, within and after it.
TEST_CASE("a run killed at any write, fsync or rename ends with the same bytes") {
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
  if (!std::getenv("ATP_ALL_FAULTS")) points.resize(16);
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

TEST_CASE("--fresh that is killed leaves what was finished") {
  const Experiment experiment;
  REQUIRE(experiment.atp_run().status == 0);
  const auto wanted = experiment.exact_files();
  for (const char* lines : {"1", "9"}) {
    const Ended ended =
        experiment.atp_run({"--fresh"}, "out", with_faults(experiment, "out", {{"ATP_FAULT_LINES", lines}}));
    CHECK(ended.status == killed);
    auto left = experiment.exact_files();
    for (auto file = left.begin(); file != left.end();)
      file = contains(file->first, ".fresh/") ? left.erase(file) : std::next(file);
    CHECK(left == wanted);
  }
  CHECK(experiment.atp_run({"--fresh"}).status == 0);
  CHECK(differences(experiment.exact_files(), wanted) == "");
}
