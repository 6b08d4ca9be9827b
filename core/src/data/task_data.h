#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "atp/error.h"
#include "atp/options.h"
#include "atp/task.h"

// From a task and a data root to the examples of an experiment's splits: train, validation, test.
namespace atp {

// An example as the model sees it: prefix written before the source, label translated.
struct TaskExample {
  std::string source;
  std::string target;
  std::vector<std::string> references;  // never empty
  std::string group;
  std::int64_t index = 0;  // number of the example among those of its file, from 0: what the permutation chose from
  Origin origin;           // the row that it was made of
};

struct TaskSettings {
  std::string root;              // the data root; "" where none is given
  bool official_splits = false;  // the files' own splits in place of the task's rule
  bool task_prefix = true;       // the task's name and one space before the source
  std::map<std::string, std::string> files =
      {};  // split of the files ("train", "dev", …) → path, in place of the task's
};

// A file that a split is read from.
struct TaskFile {
  std::string split;               // as the task's `files` call it
  std::vector<std::string> tried;  // every path that it may stand at, best first
  std::string found;               // the first that exists; "" where none does
};

// The data root: `given` (--data) or else `recipe` (data.root) or else $ATP_DATA; "" where nobody said.
std::string data_root(const std::string& given, const std::string& recipe = {});

// A task made in a recipe: `options` is checked against in_place_task_options(). Throws RecipeError for a template that
// is not closed, DataError while reading where a template names a column that a row does not have.
TextTask in_place_task(const std::string& name, const Params& options);

// The splits of one task, read when they are asked for. Not for several threads at once.
class TaskData {
 public:
  TaskData(TextTask task, TaskSettings settings);

  const TextTask& task() const { return task_; }
  const TaskSettings& settings() const { return settings_; }
  const std::string& prefix() const { return prefix_; }  // "sst2 ", or ""
  std::vector<std::string> labels() const;               // the label set as the model writes it, in its order

  // The files that a split ("train", "validation" or "test") is made from, found or not; reads nothing. Empty for a
  // task that makes its own rows.
  std::vector<TaskFile> files(const std::string& split) const;
  std::vector<TaskFile> files() const;  // all that the task names

  bool has_split(const std::string& name) const;  // false: the task names no files for it

  // The examples of "train", "validation" or "test"; `limit` > 0: the first so many. Throws RecipeError for another
  // name, DataError where a file is missing (naming every path tried), malformed or without examples, or a target is
  // not in the label set.
  std::vector<TaskExample> split(const std::string& name, std::int64_t limit = 0) const;

 private:
  using Examples = std::vector<TaskExample>;
  std::shared_ptr<const Examples> read(const std::string& file_split, Role role) const;  // each once
  std::string resolve(const std::string& file_split) const;                              // the file that is there
  Examples held_out(bool train) const;
  Examples half_of_dev(bool first) const;
  std::string file_split(const std::string& split) const;  // what the files call the split that `split` is made from
  Splits rule() const;
  Examples examples_of(const Row& row, Role role) const;
  void translate(TaskExample& example) const;

  TextTask task_;
  TaskSettings settings_;
  std::string prefix_;
  mutable std::map<std::pair<std::string, Role>, std::shared_ptr<const Examples>> read_;
  mutable bool warned_ = false;
};

const std::vector<std::string>& split_names();  // train, validation, test

}  // namespace atp
