#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace atp {

// One score of one step in one trial of a recipe.
struct RunRow {
  std::string recipe;
  std::string trial;  // its folder's name; "" without a sweep
  std::string step;   // "scores.sst2"
  std::string id;
  std::string verb;
  std::string task;
  std::string metric;
  double score = 0;
  std::int64_t updates = 0;
  std::int64_t trained_parameters = 0;
  double seconds = 0;
  std::string device;
  std::string finished;  // UTC, "2026-01-31T12:00:00Z"
};

// All results below `out`, read from its folders: what the index is made of.
std::vector<RunRow> collect_runs(const std::string& out);

// OUT/atp.sqlite, table `runs`. It only repeats what the folders say: where it is missing or damaged it is made again,
// and where it cannot be written a run goes on without it (with a warning). Each call opens it anew, so that several
// processes may share one.
class RunIndex {
 public:
  explicit RunIndex(std::string out);

  void add(const std::vector<RunRow>& rows);  // replaces those of the same recipe, trial, step, task and metric
  void rebuild();                             // throws Error where it cannot be written
  std::vector<RunRow> rows();                 // sorted by recipe, trial, step, task; the primary metric first

 private:
  std::string out_, path_;
};

// The rows of one step's result.
std::vector<RunRow> rows_of_step(const std::string& out, const std::string& id, const std::string& recipe,
                                 const std::string& trial, const std::string& step);

// `atp runs`: what has been run.
void print_runs(const std::vector<RunRow>& rows, bool json, std::ostream& out);

}  // namespace atp
