#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "atp/registry.h"
#include "data/task_data.h"
#include "data/tokenised.h"

// What `atp tasks`, `atp show`, `atp check` and `atp score` do, once the command line is read and the plugins are
// loaded. With `json` exactly one JSON document is written (RECIPE.md's shapes). Errors are thrown, as everywhere.
namespace atp {

struct OfferedTask {
  TextTask task;
  std::string plugin;
};

// Every task: suite, metrics, labels, the files it wants and whether they are there. In JSON also who offers its files,
// and under which licence.
void list_tasks(const std::vector<OfferedTask>& tasks, const std::string& root, bool json, std::ostream& out);

// All about one task, for people: who offers its files, under which licence, and every path that is looked for.
void describe_task(const OfferedTask& task, const std::string& root, std::ostream& out);

struct ShowRequest {
  std::string split = "train";
  std::int64_t index = 0;
  bool tokens = false;    // print the pieces too (JSON always holds them)
  std::string tokenizer;  // spiece.model or its folder; "": atp's own, named in the output
  bool json = false;
  std::int64_t source_length = default_source_length;  // where the source is cut
};

// An example as the model sees it. RecipeError for an index that the split does not have, naming its size.
void show_example(const TaskData& data, const ShowRequest& request, std::ostream& out);

struct CheckRequest {
  std::string tokenizer;  // as ShowRequest's
  std::int64_t source_length = default_source_length;
};

// A task's contract over all splits that have files: bad rows, labels, lengths with a histogram and how many sources
// are cut, answers that the tokenizer cannot write, sources that stand twice in or between splits, metrics on perfect
// and on empty predictions. What is wrong is marked in `out`, which ends with a verdict; false where something was.
// `data` is to skip bad rows, so that all are counted.
bool check_task(const TaskData& data, const CheckRequest& request, const Registry& registry, std::ostream& out);

struct ScoreRequest {
  std::string predictions;               // a file (data/prediction_file.h)
  std::string split = "test";            // of the task, for the answers
  std::vector<std::string> metrics;      // --metric; empty: the task's
  std::vector<std::string> labels = {};  // empty: the task's, or without a task all answers in the file, sorted
  bool json = false;
};

// Scores a file of predictions: against the references in it, else against the task's split. Without a task (`data`
// null) the file must hold them, and `metrics` must be given.
void score_predictions(const TaskData* data, const ScoreRequest& request, const Registry& registry, std::ostream& out);

}  // namespace atp
