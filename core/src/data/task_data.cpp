#include "data/task_data.h"

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cctype>
#include <cstdlib>

#include "atp/log.h"
#include "atp/seed.h"
#include "atp/words.h"
#include "sdk/readers.h"

namespace atp {

namespace fs = boost::filesystem;

namespace {

constexpr std::uint32_t split_seed = 42;  // Mahabadi et al. 2021a
constexpr std::size_t held_out_examples = 1000;
constexpr std::size_t small_set = 10000;  // below it a tenth is held out

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// "validation" and "dev" are two names of one thing.
std::string other_name(const std::string& split) {
  if (split == "dev") return "validation";
  if (split == "validation") return "dev";
  return split;
}

const Files::Split* find_split(const Files& files, const std::string& name) {
  for (const std::string& wanted : {name, other_name(name)}) {
    for (const auto& split : files.splits) {
      if (split.name == wanted) return &split;
    }
  }
  return nullptr;
}

// The files' split that a split of the experiment is made from.
std::string source_split(Splits rule, const std::string& split) {
  if (rule == Splits::halve_dev && split != "train") return "dev";
  if (rule == Splits::hold_out) return split == "test" ? "dev" : "train";
  return split;
}

void require_whole(const TextTask& task) {
  const auto fail = [&](const std::string& what) { throw PluginError("task '" + task.name + "': " + what); };
  if (task.name.empty()) fail("it has no name");
  if (!task.render == !task.expand) fail("exactly one of render and expand is expected");
  if (task.metrics.empty()) fail("it names no metric");
  if (!task.generate && task.files.splits.empty()) fail("it has neither files nor a generate function");
}

std::string missing_file(const TextTask& task, const TaskSettings& settings, const TaskFile& file) {
  std::string text = "task '" + task.name + "': no data for its split '" + file.split + "'. ";
  text += file.tried.empty() ? "There is no data root to look below" : "Looked for\n  " + joined(file.tried);
  if (!task.origin.empty()) text += "\n" + task.origin + (task.origin.ends_with('.') ? "" : ".");
  text += task.origin.empty() ? "\n" : " ";
  text += "Put it below --data DIR (" + (settings.root.empty() ? "none is given" : "now " + settings.root) +
          "; also data.root in a recipe, or $ATP_DATA), or name the files in the recipe: data.files.";
  return text;
}

}  // namespace

const std::vector<std::string>& split_names() {
  static const std::vector<std::string> names = {"train", "validation", "test"};
  return names;
}

std::string data_root(const std::string& given, const std::string& recipe) {
  if (!given.empty()) return given;
  if (!recipe.empty()) return recipe;
  const char* environment = std::getenv("ATP_DATA");
  return environment ? environment : "";
}

TaskData::TaskData(TextTask task, TaskSettings settings) : task_(std::move(task)), settings_(std::move(settings)) {
  require_whole(task_);
  if (settings_.task_prefix && task_.has_prefix) prefix_ = (task_.prefix.empty() ? task_.name : task_.prefix) + " ";
  for (const auto& [name, path] : settings_.files) {
    const auto same = [&wanted = name](const Files::Split& split) {
      return split.name == wanted || split.name == other_name(wanted);
    };
    const auto split = std::find_if(task_.files.splits.begin(), task_.files.splits.end(), same);
    if (split == task_.files.splits.end()) {
      task_.files.splits.push_back({name, {path}});
    } else {
      split->paths = {path};
    }
  }
}

std::vector<std::string> TaskData::labels() const {
  std::vector<std::string> texts;
  for (const auto& label : task_.labels) {
    if (std::find(texts.begin(), texts.end(), label.text) == texts.end()) texts.push_back(label.text);
  }
  return texts;
}

Splits TaskData::rule() const { return settings_.official_splits || task_.generate ? Splits::official : task_.splits; }

std::string TaskData::file_split(const std::string& split) const {
  if (std::find(split_names().begin(), split_names().end(), split) == split_names().end()) {
    throw RecipeError("task '" + task_.name + "': no split '" + split + "'" + did_you_mean(split, split_names()) +
                      " (one of: " + joined(split_names()) + ")");
  }
  std::string wanted = source_split(rule(), split);
  if (task_.generate) return wanted;
  if (const auto* found = find_split(task_.files, wanted)) return found->name;
  std::vector<std::string> names;
  for (const auto& known : task_.files.splits) names.push_back(known.name);
  throw DataError("task '" + task_.name + "' has no split '" + split + "': that needs a file for '" + wanted +
                  "', and the task's files are for " + joined(names) +
                  (settings_.official_splits ? ". The recipe asks for the official splits; without that the task makes "
                                               "its own test set"
                                             : ""));
}

bool TaskData::has_split(const std::string& name) const {
  if (task_.generate) return true;
  return find_split(task_.files, source_split(rule(), name)) != nullptr;
}

std::vector<TaskFile> TaskData::files() const {
  std::vector<TaskFile> result;
  for (const auto& split : task_.files.splits) {
    TaskFile file{split.name, {}, {}};
    for (const auto& path : split.paths) {
      if (fs::path(path).is_absolute()) {
        file.tried.push_back(path);
      } else if (!settings_.root.empty()) {
        file.tried.push_back((fs::path(settings_.root) / path).string());
        const std::string suite = lower(task_.suite);
        if (!suite.empty()) file.tried.push_back((fs::path(settings_.root) / suite / path).string());
      }
    }
    for (const auto& path : file.tried) {
      boost::system::error_code error;
      if (file.found.empty() && fs::exists(path, error)) file.found = path;
    }
    result.push_back(std::move(file));
  }
  return result;
}

std::vector<TaskFile> TaskData::files(const std::string& split) const {
  const std::string wanted = file_split(split);
  std::vector<TaskFile> all = files();
  std::erase_if(all, [&](const TaskFile& file) { return file.split != wanted; });
  return all;
}

std::string TaskData::resolve(const std::string& file_split) const {
  for (const auto& file : files()) {
    if (file.split != file_split) continue;
    if (file.found.empty()) throw DataError(missing_file(task_, settings_, file));
    return file.found;
  }
  return "";
}

void TaskData::translate(TaskExample& example) const {
  example.source.insert(0, prefix_);
  if (example.references.empty()) example.references = {example.target};
  if (task_.labels.empty()) return;
  const auto text_of = [&](const std::string& raw) -> const std::string& {
    for (const auto& label : task_.labels) {
      if (label.raw == raw) return label.text;
    }
    std::vector<std::string> set;
    for (const auto& label : task_.labels) set.push_back(label.raw);
    throw DataError(example.origin, "label '" + raw + "' is not in the label set of task '" + task_.name + "' (" +
                                        joined(set) + ")" + did_you_mean(raw, set));
  };
  example.target = text_of(example.target);
  for (auto& reference : example.references) reference = text_of(reference);
}

TaskData::Examples TaskData::examples_of(const Row& row, Role role) const try {
  std::vector<Example> made;
  if (task_.expand) {
    made = task_.expand(row, role);
  } else {
    made.push_back(task_.render(row));
  }
  Examples examples;
  for (auto& one : made) {
    TaskExample example{
        std::move(one.source), std::move(one.target), std::move(one.references), std::move(one.group), 0, row.origin()};
    translate(example);
    examples.push_back(std::move(example));
  }
  return examples;
} catch (const Error&) {
  throw;
} catch (const std::exception& error) {
  throw PluginError(row.origin(), "task '" + task_.name + "' failed on this row: " + error.what());
}

std::shared_ptr<const TaskData::Examples> TaskData::read(const std::string& file_split, Role role) const {
  if (task_.render) role = Role::evaluate;  // the same examples in either part
  auto& kept = read_[{file_split, role}];
  if (kept) return kept;
  auto examples = std::make_shared<Examples>();
  const auto take = [&](const Row& row) {
    if (task_.left_out && task_.left_out(row)) return;
    for (auto& example : examples_of(row, role)) {
      example.index = static_cast<std::int64_t>(examples->size());
      examples->push_back(std::move(example));
    }
  };
  std::string place;
  if (task_.generate) {
    place = "(" + task_.name + ", made by the task: " + file_split + ")";
    int number = 0;
    for (const auto& row : task_.generate(file_split)) {
      Value fields = row.fields();
      fields.origin = {place, ++number};
      take(Row(std::move(fields)));
    }
  } else {
    place = resolve(file_split);
    visit_rows(task_.files.format, place, task_.files.columns, [&](const Row& row) { take(row); });
  }
  if (examples->empty()) throw DataError({place}, "task '" + task_.name + "': no rows; at least one is expected");
  return kept = examples;
}

namespace {

std::vector<TaskExample> chosen(const std::vector<TaskExample>& examples, const std::vector<std::int64_t>& order,
                                std::size_t first, std::size_t last) {
  std::vector<TaskExample> result;
  result.reserve(last - first);
  for (std::size_t i = first; i < last; ++i) result.push_back(examples[static_cast<std::size_t>(order[i])]);
  return result;
}

// Which training examples come from the same row, and the same question of it, as each example that is scored.
std::vector<std::vector<std::size_t>> counterparts(const std::vector<TaskExample>& scored,
                                                   const std::vector<TaskExample>& training) {
  std::map<std::pair<int, std::string>, std::vector<std::size_t>> by_question;
  for (std::size_t i = 0; i < training.size(); ++i) {
    by_question[{training[i].origin.line, training[i].group}].push_back(i);
  }
  std::vector<std::vector<std::size_t>> result(scored.size());
  for (std::size_t i = 0; i < scored.size(); ++i) {
    const auto found = by_question.find({scored[i].origin.line, scored[i].group});
    if (found != by_question.end()) result[i].swap(found->second);
  }
  return result;
}

}  // namespace

TaskData::Examples TaskData::half_of_dev(bool first) const {
  const auto dev = read(file_split("validation"), Role::evaluate);
  const auto order = permutation(static_cast<std::int64_t>(dev->size()), split_seed);
  const std::size_t half = dev->size() / 2;
  return first ? chosen(*dev, order, 0, half) : chosen(*dev, order, half, dev->size());
}

// The permutation counts what is scored (ReCoRD's queries); what a task trains on instead follows its question.
TaskData::Examples TaskData::held_out(bool train) const {
  const auto scored = read(file_split("train"), Role::evaluate);
  const auto order = permutation(static_cast<std::int64_t>(scored->size()), split_seed);
  const bool small = scored->size() < small_set;
  const std::size_t held = small ? scored->size() / 10 : held_out_examples;
  if (small && !warned_) {
    warned_ = true;
    log::warn("task '" + task_.name + "': its training file has " + std::to_string(scored->size()) +
              " examples, fewer than " + std::to_string(small_set) + "; a tenth of them (" + std::to_string(held) +
              ") instead of 1,000 is held out for validation");
  }
  if (!train) return chosen(*scored, order, 0, held);
  if (task_.render) return chosen(*scored, order, held, order.size());
  const auto training = read(file_split("train"), Role::train);
  const auto follows = counterparts(*scored, *training);
  Examples result;
  for (std::size_t i = held; i < order.size(); ++i) {
    for (const std::size_t k : follows[static_cast<std::size_t>(order[i])]) result.push_back((*training)[k]);
  }
  return result;
}

std::vector<TaskExample> TaskData::split(const std::string& name, std::int64_t limit) const {
  const std::string from = file_split(name);
  Examples examples;
  if (rule() == Splits::halve_dev && name != "train") {
    examples = half_of_dev(name == "validation");
  } else if (rule() == Splits::hold_out && name != "test") {
    examples = held_out(name == "train");
  } else {
    examples = *read(from, name == "train" ? Role::train : Role::evaluate);
  }
  if (examples.empty()) {
    throw DataError({task_.generate ? "" : resolve(from)}, "task '" + task_.name + "': its split '" + name +
                                                               "' is empty; the file has too few rows to be cut");
  }
  if (limit > 0 && static_cast<std::size_t>(limit) < examples.size()) examples.resize(static_cast<std::size_t>(limit));
  return examples;
}

}  // namespace atp
