#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "atp/error.h"
#include "atp/options.h"
#include "atp/task.h"
#include "data/data_files.h"
#include "data/split.h"

// From a task and a data root to the examples of an experiment's splits: train, validation, test.
namespace atp {

// Where a task's examples are kept, and what else than its files decides them.
struct ExampleCache {
  std::string folder = {};  // "": temporary files, which go with the process
  // The bytes of the plugin's library and the task's options, or whatever else a changed example would come from.
  std::string maker = {};
  std::function<std::string(const std::string& path)> digest = {};  // of a file's contents, or a folder's
  std::function<std::string(const std::string& form)> reader = {};  // the bytes of the plugin that reads such files
};

struct TaskSettings {
  std::string root;              // the data root; "" where none is given
  bool official_splits = false;  // the files' own splits in place of the task's rule
  bool task_prefix = true;       // the task's name and one space before the source
  std::map<std::string, std::string> files =
      {};  // split of the files ("train", "dev", …) → path, in place of the task's
  std::vector<std::pair<std::string, std::string>> labels = {};  // a label of the task (raw or text) → its text instead
  bool skip_bad_rows = false;  // however many there are; otherwise more than one in a hundred is an error
  ExampleCache cache = {};
  ReaderOf reader_of = {};  // plugins that read files which are no text
};

// A part of the training split that a draw of its own chooses.
struct FewShot {
  std::int64_t k = 0;  // examples, or examples of each label
  bool per_label = false;
  std::int64_t draw = 0;  // which of the draws: the same one whatever else a recipe says
};

// What files hold, each found by `digest`; of one file its own digest.
std::string contents_digest(const DataFiles& files, const std::function<std::string(const std::string&)>& digest);

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

  // The files that a split ("train", "validation" or "test") is made from, found or not; reads nothing. Without parts
  // for a task that makes its own rows.
  DataFiles files(const std::string& split) const;
  std::vector<DataFiles> files() const;  // for each split that the task names
  // Throws one DataError for all of these splits that have no files: what was tried, who offers them, what to do.
  void require_files(const std::vector<std::string>& splits) const;

  bool has_split(const std::string& name) const;  // false: the task names no files for it

  // The examples of "train", "validation" or "test"; drawn from them where `few_shot` is given; `limit` > 0: the first
  // so many. Throws RecipeError for another name, DataError where a file is missing (naming every path tried) or
  // without examples, or where too many of its rows are bad: malformed, or with a target that is not in the label set.
  // Fewer are warned of once.
  Split split(const std::string& name, std::int64_t limit = 0, const std::optional<FewShot>& few_shot = {}) const;

 private:
  using Store = std::shared_ptr<const ExampleStore>;
  Store read(const std::string& split, Role role) const;  // each file once
  Store make_store(const DataFiles& from, Role role) const;
  void render_rows(const DataFiles& from, Role role, ExampleWriter& writer) const;
  void check_rows(const ExampleStore& store, const std::string& place) const;
  std::string place_of(const DataFiles& from) const;  // for messages: files, or who makes the rows
  void take_label_words();
  Split whole_split(const std::string& name) const;
  Split held_out(bool train) const;
  Split half_of_dev(bool first) const;
  std::string file_split(const std::string& split) const;  // what the files call the split that `split` is made from
  Splits rule() const;
  bool has_roles() const { return task_.expand && task_.roles_differ; }  // other rows to train on than to be scored on
  std::vector<TaskExample> examples_of(const Row& row, Role role) const;
  void translate(TaskExample& example) const;

  TextTask task_;
  TaskSettings settings_;
  std::string prefix_;
  std::vector<std::pair<std::string, std::string>> words_;  // what a row may say for a label → its text
  mutable std::map<std::pair<std::string, Role>, Store> read_;
  mutable std::map<std::string, Split> splits_;
  mutable bool warned_ = false;
};

const std::vector<std::string>& split_names();  // train, validation, test

}  // namespace atp
