#include "report/report.h"

#include <doctest/doctest.h>

using namespace atp;

namespace {

ScoreRecord record(std::size_t trial, const std::string& variant, const std::string& task,
                   std::optional<double> score) {
  return {{{"variant", variant}, {"task", task}}, trial, variant + task + std::to_string(trial), score};
}

// Two variants, two tasks, two seeds; trials 0 and 1 are ATTEMPT's seeds, 2 and 3 the other's.
std::vector<ScoreRecord> records() {
  return {record(0, "ATTEMPT", "rte", 60), record(0, "ATTEMPT", "mrpc", 80),
          record(1, "ATTEMPT", "rte", 64), record(1, "ATTEMPT", "mrpc", 82),
          record(2, "none", "rte", 50),    record(2, "none", "mrpc", std::nullopt),
          record(3, "none", "rte", 55),    record(3, "none", "mrpc", std::nullopt)};
}

}  // namespace

TEST_CASE("rows, columns and what is averaged") {
  // Means and sample standard deviations by hand: (60, 64) → 62 ± 2.828, (80, 82) → 81 ± 1.414, (50, 55) → 52.5
  // ± 3.536.
  const Table table = make_table(records(), {"variant"}, {"task"});
  CHECK(markdown(table, "ablation: table") ==
        "# ablation: table\n\n"
        "| variant | rte | mrpc |\n"
        "|---|---:|---:|\n"
        "| ATTEMPT | 62.0 ± 2.8 | 81.0 ± 1.4 |\n"
        "| none | 52.5 ± 3.5 | – |\n"
        "\n"
        "Each number is the mean ± sample standard deviation of 2 runs. –: no run finished; *: the mean of those that "
        "did.\n");
}

TEST_CASE("within a run the mean alone, between runs the spread") {
  // ATTEMPT: run 0 has (60 + 80) / 2 = 70, run 1 has (64 + 82) / 2 = 73.
  const Table table = make_table(records(), {"variant"}, {});
  const Cell& cell = table.cells.at({0, 0});
  CHECK(cell.mean == doctest::Approx(71.5));
  CHECK(cell.deviation == doctest::Approx(2.12132034));
  CHECK(cell.runs == 2);
  CHECK(table.cells.at({1, 0}).runs == 0);
  CHECK(table.cells.at({1, 0}).missing == 2);
  CHECK(markdown(table, "t").find(" of 2 runs. In each run it is the mean over task (mrpc, rte).") !=
        std::string::npos);
}

TEST_CASE("the average over tasks is a column of its own, with the spread between runs") {
  auto some = records();
  some[5].score = 70;  // run 2: (50 + 70) / 2 = 60; run 3 is not whole
  Table table = make_table(some, {"variant"}, {"task"});
  add_average(table, some);
  const std::string text = markdown(table, "t");
  CHECK(text.find("| variant | rte | mrpc | average |") != std::string::npos);
  CHECK(text.find("| ATTEMPT | 62.0 ± 2.8 | 81.0 ± 1.4 | 71.5 ± 2.1 |") != std::string::npos);
  CHECK(text.find("| 60.0 * |") != std::string::npos);
}

TEST_CASE("a partly missing cell is marked") {
  auto some = records();
  some[5].score = 70;
  CHECK(markdown(make_table(some, {"variant"}, {"task"}), "t").find("| 70.0 * |") != std::string::npos);
}

TEST_CASE("trials that share a result are one run") {
  std::vector<ScoreRecord> shared{record(0, "a", "rte", 60), record(1, "a", "rte", 60)};
  shared[1].result = shared[0].result;
  CHECK(make_table(shared, {"variant"}, {"task"}).cells.at({0, 0}).runs == 1);
}

TEST_CASE("CSV holds one line a cell, with all digits") {
  auto some = records();
  some[0].coordinates["variant"] = some[1].coordinates["variant"] = some[2].coordinates["variant"] =
      some[3].coordinates["variant"] = "with \"quotes\", and comma";
  CHECK(csv(make_table(some, {"variant"}, {"task"})) ==
        "variant,task,mean,deviation,runs,missing\n"
        "\"with \"\"quotes\"\", and comma\",rte,62.0,2.8284271247461903,2,0\n"
        "\"with \"\"quotes\"\", and comma\",mrpc,81.0,1.4142135623730951,2,0\n"
        "none,rte,52.5,3.5355339059327378,2,0\n"
        "none,mrpc,,,0,2\n");
}

TEST_CASE("a bar in a label does not end its cell") {
  CHECK(markdown(make_table({record(0, "a|b", "rte", 1)}, {"variant"}, {"task"}), "t").find("| a\\|b |") !=
        std::string::npos);
}
