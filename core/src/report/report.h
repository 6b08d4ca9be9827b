#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/plan.h"

// Tables over the trials of a recipe.
namespace atp {

// A score with everything that rows and columns can name: an axis of the sweep, "task", "step", "metric", "method".
struct ScoreRecord {
  std::map<std::string, std::string> coordinates;
  std::size_t trial = 0;
  std::string result = {};           // id of the work: trials that share their results are one run
  std::optional<double> score = {};  // nullopt: the step failed
};

// What stands in a cell: per trial the mean of its scores, then mean and sample standard deviation over the trials.
struct Cell {
  double mean = 0;
  double deviation = 0;      // with two trials or more
  std::int64_t runs = 0;     // averaged; trials that share all results count once
  std::int64_t missing = 0;  // trials without a score
};

struct Table {
  std::vector<std::string> row_names, column_names;     // coordinates
  std::vector<std::vector<std::string>> rows, columns;  // their values, in the order of the recipe
  std::map<std::pair<std::size_t, std::size_t>, Cell> cells;
  std::map<std::string, std::set<std::string>> mixed = {};  // coordinate → values that a cell averages in one trial
};

// Rows and columns in the order in which the records come.
Table make_table(const std::vector<ScoreRecord>& records, const std::vector<std::string>& rows,
                 const std::vector<std::string>& columns);

// One more column: per trial the mean over all of a row's scores, then over the trials. With tasks as columns it is the
// macro average of each task's metric.
void add_average(Table& table, const std::vector<ScoreRecord>& records);

// One decimal; ± where several runs are averaged; "–" where there is none, "*" where some are missing.
std::string markdown(const Table& table, const std::string& title);
// One line a cell: row and column values, mean, deviation, runs, missing; numbers in full.
std::string csv(const Table& table);

// The table of a planned report, from the results that are there.
Table report_table(const Plan& plan, const ReportWork& report, const std::string& out);
// Writes OUT/<recipe>/<report>.md and .csv durably, where they are not the same already; gives the Markdown.
std::string write_report(const Plan& plan, const ReportWork& report, const std::string& out);
// All results are there, and both files say what they say.
bool report_is_written(const Plan& plan, const ReportWork& report, const std::string& out);
std::string report_id(const Plan& plan, const ReportWork& report);

}  // namespace atp
