#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <sstream>

#include "programs.h"
#include "tests/places.h"

using namespace runs;

namespace {

std::vector<Words> csv_rows(const std::string& path) {
  std::vector<Words> rows;
  std::istringstream lines(read(path));
  for (std::string line; std::getline(lines, line);) {
    Words& cells = rows.emplace_back();
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
  }
  return rows;
}

// The numbers of a split's examples that a step used.
atp::Value used(const std::string& step, const std::string& name) {
  std::istringstream lines(read(step + "/splits.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const auto split = atp::parse_json(line, step);
    if (split.at("split").text() == name) return split.at("indices");
  }
  return {};
}

}  // namespace

// recipes/few-shot.yaml to its end, with less of everything: its table has the mean and the sample standard deviation
// over three draws, for each method and k.
TEST_CASE("few-shot transfer from prompts and from weights: a row for each k, over three draws") {
  const Experiment experiment;
  Words words{tests::in_source_tree("/recipes/few-shot.yaml"),
              "--out",
              experiment / "out",
              "--threads",
              "1",
              "--device",
              "cpu"};
  for (const std::string change : {"data.source_length=64", "data.validation_limit=5", "steps.sources.train.limit=32",
                                   "steps.attention.train.tasks.0.size=64", "steps.weights.train.learning_rate=1e-3",
                                   "steps.weights.train.epochs=6"})
    words.insert(words.end(), {"--set", change});
  for (const std::string step : {"target", "tuned", "alone"})
    words.insert(words.end(), {"--set", "steps." + step + ".train.updates=2", "--set",
                               "steps." + step + "_scores.evaluate.limit=24"});
  const Ended ended = run(program("atp-run"), words);
  INFO(ended.error);
  REQUIRE(ended.status == 0);

  const std::string results = experiment / "out/few-shot";
  const auto rows = csv_rows(results + "/table.csv");
  REQUIRE(rows.size() == 1 + 9);
  CHECK(rows.front() == Words{"method", "k", "task", "mean", "deviation", "runs", "missing"});
  std::set<std::string> seen;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto& row = rows[i];
    REQUIRE(row.size() == 7);
    CAPTURE(row[0]);
    CAPTURE(row[1]);
    seen.insert(row[0] + " " + row[1]);
    const std::string step = row[0] == "attempt" ? "target" : row[0] == "fine_tuning" ? "tuned" : "alone";
    std::vector<double> scores;
    std::set<std::string> draws;
    for (const std::string draw : {"0", "1", "2"}) {
      const std::string trial = results + "/k=" + row[1] + ",draw=" + draw + "/";
      const auto result = atp::parse_json(read(trial + step + "_scores.toy/result.json"), "result.json");
      scores.push_back(result.at("scores").at("accuracy").number());
      draws.insert(atp::to_json(used(trial + step + ".toy", "train")));
      CHECK(used(trial + step + ".toy", "validation").items().size() == 5);
      const auto trained = atp::parse_json(read(trial + step + ".toy/result.json"), "result.json");
      CHECK(trained.at("examples").integer() == std::stoi(row[1]));
    }
    CHECK(draws.size() == 3);
    const double mean = (scores[0] + scores[1] + scores[2]) / 3;
    double squares = 0;
    for (const double score : scores) squares += (score - mean) * (score - mean);
    CHECK(std::stod(row[3]) == doctest::Approx(mean));
    CHECK(std::stod(row[4]) == doctest::Approx(std::sqrt(squares / 2)));
    CHECK(row[5] == "3");
    CHECK(row[6] == "0");
  }
  CHECK(seen.size() == 9);
  CHECK(contains(read(results + "/table.md"), "mean ± sample standard deviation of 3 runs"));
  // What the other tasks taught is still there after two updates: the weights are where it started from.
  for (const auto& row : rows)
    if (row[0] == "fine_tuning") CHECK(std::stod(row[3]) > 80);
  CHECK_FALSE(contains(ended.error, "gives a first value"));
}
