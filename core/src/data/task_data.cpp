#include "data/task_data.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <tuple>

#include "atp/log.h"
#include "atp/seed.h"
#include "atp/words.h"

namespace atp {

namespace {

constexpr std::uint32_t split_seed = 42;  // Mahabadi et al. 2021a
constexpr std::size_t held_out_examples = 1000;
constexpr std::size_t small_set = 10000;  // below it a tenth is held out

// The files' split that a split of the experiment is made from. Where train is held out from, dev becomes the test set,
// but for a data set that comes with a labelled test set (SNLI, Yelp).
std::string source_split(const Files& files, Splits rule, const std::string& split) {
  if (rule == Splits::halve_dev && split != "train") return "dev";
  if (rule != Splits::hold_out) return split;
  if (split != "test") return "train";
  return find_split(files, "test") ? "test" : "dev";
}

void require_whole(const TextTask& task) {
  const auto fail = [&](const std::string& what) { throw PluginError("task '" + task.name + "': " + what); };
  if (task.name.empty()) fail("it has no name");
  if (!task.render == !task.expand) fail("exactly one of render and expand is expected");
  if (task.metrics.empty()) fail("it names no metric");
  if (!task.generate && task.files.splits.empty() && task.other_forms.empty())
    fail("it has neither files nor a generate function");
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

std::string contents_digest(const DataFiles& files, const std::function<std::string(const std::string&)>& digest) {
  std::string all, path, known;
  const auto add = [&](const DataPart& part) {
    if (part.path != path) known = digest(path = part.path);  // an archive may be that of all parts
    all += known + (part.entry.empty() ? "" : " " + part.entry) + "\n";
  };
  if (files.list) add(*files.list);
  for (const auto* list : {&files.parts, &files.labels}) std::for_each(list->begin(), list->end(), add);
  return !files.list && files.parts.size() + files.labels.size() == 1 ? all.substr(0, all.size() - 1) : all;
}

TaskData::TaskData(TextTask task, TaskSettings settings) : task_(std::move(task)), settings_(std::move(settings)) {
  require_whole(task_);
  if (settings_.task_prefix && task_.has_prefix) prefix_ = (task_.prefix.empty() ? task_.name : task_.prefix) + " ";
  take_label_words();
  for (const auto& [name, path] : settings_.files) {
    const auto same = [&wanted = name](const Files::Split& split) { return same_split(split.name, wanted); };
    const auto split = std::find_if(task_.files.splits.begin(), task_.files.splits.end(), same);
    if (split == task_.files.splits.end()) {
      task_.files.splits.push_back({name, {path}});
    } else {
      split->paths = {path};
      split->lists.clear();
    }
  }
}

// What a row may say for a label: what the task's files write, or the label's text (the Hub's class numbers).
void TaskData::take_label_words() {
  const std::vector<Label> own = task_.labels;
  for (const auto& [said, text] : settings_.labels) {
    const auto means = [&word = said](const Label& label) { return label.raw == word || label.text == word; };
    std::vector<std::string> known;
    bool found = false;
    for (std::size_t i = 0; i < own.size(); ++i) {
      known.push_back(own[i].raw);
      if (!means(own[i])) continue;
      task_.labels[i].text = text;
      found = true;
    }
    if (!found)
      throw RecipeError("task '" + task_.name + "': no label '" + said + "'" + did_you_mean(said, known) +
                        (own.empty() ? "; it writes free text" : " (one of: " + joined(known) + ")"));
  }
  for (const auto& label : task_.labels) words_.emplace_back(label.raw, label.text);
  for (std::size_t i = 0; i < own.size(); ++i) words_.emplace_back(own[i].text, task_.labels[i].text);
  for (const auto& label : task_.labels) words_.emplace_back(label.text, label.text);
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
  std::string wanted = source_split(task_.files, rule(), split);
  if (task_.generate || names_files(task_, wanted)) return wanted;
  std::vector<std::string> names;
  for (const auto& known : task_.files.splits) names.push_back(known.name);
  throw DataError("task '" + task_.name + "' has no split '" + split + "': that needs a file for '" + wanted +
                  "', and the task's files are for " + joined(names) +
                  (settings_.official_splits ? ". The recipe asks for the official splits; without that the task makes "
                                               "its own test set"
                                             : ""));
}

bool TaskData::has_split(const std::string& name) const {
  return task_.generate || names_files(task_, source_split(task_.files, rule(), name));
}

std::vector<DataFiles> TaskData::files() const {
  std::vector<DataFiles> all;
  if (task_.generate) return all;
  for (const auto& split : task_.files.splits) all.push_back(find_files(task_, split.name, settings_.root));
  return all;
}

DataFiles TaskData::files(const std::string& split) const {
  const std::string wanted = file_split(split);
  return task_.generate ? DataFiles{.split = wanted} : find_files(task_, wanted, settings_.root);
}

void TaskData::require_files(const std::vector<std::string>& splits) const {
  std::vector<DataFiles> missing;
  for (const auto& split : splits) {
    auto found = files(split);
    const auto same = [&](const DataFiles& other) { return other.split == found.split; };
    if (!task_.generate && !found.found() && std::none_of(missing.begin(), missing.end(), same))
      missing.push_back(std::move(found));
  }
  if (!missing.empty()) throw DataError(missing_files(task_, missing, settings_.root));
}

void TaskData::translate(TaskExample& example) const {
  example.source.insert(0, prefix_);
  if (example.references.empty()) example.references = {example.target};
  if (task_.labels.empty()) return;
  const auto text_of = [&](const std::string& raw) -> const std::string& {
    for (const auto& [word, text] : words_) {
      if (word == raw) return text;
    }
    std::vector<std::string> set;
    for (const auto& label : task_.labels) set.push_back(label.raw);
    throw DataError(example.origin, "label '" + raw + "' is not in the label set of task '" + task_.name + "' (" +
                                        joined(set) + ")" + did_you_mean(raw, set));
  };
  example.target = text_of(example.target);
  for (auto& reference : example.references) reference = text_of(reference);
}

std::vector<TaskExample> TaskData::examples_of(const Row& row, Role role) const try {
  std::vector<Example> made;
  if (task_.expand) {
    made = task_.expand(row, role);
  } else {
    made.push_back(task_.render(row));
  }
  std::vector<TaskExample> examples;
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

TaskData::Store TaskData::read(const std::string& split, Role role) const {
  if (!has_roles()) role = Role::evaluate;
  const DataFiles from = files(split);
  auto& kept = read_[{from.split, role}];
  if (kept) return kept;
  if (!task_.generate) require_files({split});
  auto store = make_store(from, role);
  check_rows(*store, place_of(from));
  return kept = std::move(store);
}

std::string TaskData::place_of(const DataFiles& from) const {
  if (from.list) return from.list_text();
  if (from.parts.empty()) return "(" + task_.name + ", made by the task: " + from.split + ")";
  const std::string more = from.parts.size() > 1 ? " and " + std::to_string(from.parts.size() - 1) + " more" : "";
  return from.parts.front().text() + more;
}

TaskData::Store TaskData::make_store(const DataFiles& from, Role role) const {
  const ExampleCache& cache = settings_.cache;
  const bool is_kept = !cache.folder.empty() && cache.digest;
  CacheKey key;
  const std::string digest = is_kept ? contents_digest(from, cache.digest) : "";
  if (is_kept) {
    key.add(example_store_version);
    for (const auto& text : {cache.maker, task_.name, prefix_, from.split, digest}) key.add(text);
    key.add(static_cast<std::uint64_t>(role));
    for (const auto& part : from.parts) key.add(static_cast<std::uint64_t>(part.format));
    for (const auto& form : forms_of_plugins(from)) key.add(cache.reader ? cache.reader(form) : form);
    for (const auto& column : from.columns) key.add(column);
    for (const auto& [column, name] : from.renamed) key.add(column + "=" + name);
    for (const auto& [raw, text] : words_) key.add(raw + "=" + text);
  }
  std::vector<std::string> places;
  if (!from.list)
    for (const auto& part : from.parts) places.push_back(part.text());
  if (places.empty()) places.push_back(place_of(from));
  const std::string path = is_kept ? cache_path(cache.folder, key.hash(), ".examples") : "";
  return example_store(path, key.hash(), places, [&](ExampleWriter& writer) {
    render_rows(from, role, writer);
    if (is_kept && contents_digest(from, cache.digest) != digest)
      throw DataError({place_of(from)}, "was changed while it was read; the same command reads it again");
  });
}

void TaskData::render_rows(const DataFiles& from, Role role, ExampleWriter& writer) const {
  const auto take = [&](const Row& row) {
    writer.add_row();
    try {
      if (task_.left_out && task_.left_out(row)) return writer.add_left_out();
      const auto examples = examples_of(row, role);
      if (examples.empty()) writer.add_left_out();
      for (const auto& example : examples) writer.add(example);
    } catch (const DataError& error) {
      writer.add_bad(error);
    }
  };
  const auto take_bad = [&](const DataError& error) {
    writer.add_row();
    writer.add_bad(error);
  };
  if (!task_.generate) return visit_rows(from, {take, take_bad}, settings_.reader_of);
  int number = 0;
  for (const auto& row : task_.generate(from.split)) {
    Value fields = row.fields();
    fields.origin = {place_of(from), ++number};
    take(Row(std::move(fields)));
  }
}

// Up to one row in a hundred may be bad: the QQP that its authors distribute has such rows.
void TaskData::check_rows(const ExampleStore& store, const std::string& place) const {
  const RowCounts& counts = store.counts();
  if (counts.bad > 0) {
    const auto listed = store.bad_rows();
    std::string text;
    for (const auto& row : listed) text += row + "\n";
    if (counts.bad > listed.size()) text += "and " + std::to_string(counts.bad - listed.size()) + " more\n";
    text += "task '" + task_.name + "': " + std::to_string(counts.bad) + " of " + std::to_string(counts.rows) +
            " rows of " + place + " cannot be used";
    if (counts.bad * 100 > counts.rows && !settings_.skip_bad_rows)
      throw DataError(text + ", more than 1%. data.skip_bad_rows: true goes on without them");
    log::warn(text + "; the task goes on without them");
  }
  if (store.size() == 0) throw DataError({place}, "task '" + task_.name + "': no rows; at least one is expected");
}

namespace {

Split::Order counted(std::int64_t size) {
  Split::Order order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

Split::Order part(const Split::Order& order, std::size_t first, std::size_t last) {
  return {order.begin() + static_cast<std::ptrdiff_t>(first), order.begin() + static_cast<std::ptrdiff_t>(last)};
}

// Training examples of the same rows, and the same questions of them, as the examples that are scored in `order`, and
// none of a question in `held`.
Split::Order counterparts(const ExampleStore& scored, const Split::Order& held, const Split::Order& order,
                          const ExampleStore& training) {
  using Question = std::tuple<std::string, int, std::string>;  // file, line, group
  const auto question = [](const ExampleStore& store, std::int64_t i) {
    const Origin origin = store.origin(i);
    return Question{origin.file, origin.line, store.group(i)};
  };
  std::map<Question, Split::Order> by_question;
  for (std::int64_t i = 0; i < training.size(); ++i) by_question[question(training, i)].push_back(i);
  for (const std::int64_t i : held) by_question.erase(question(scored, i));
  Split::Order result;
  for (const std::int64_t i : order) {
    const auto found = by_question.find(question(scored, i));
    if (found == by_question.end()) continue;
    result.insert(result.end(), found->second.begin(), found->second.end());
    by_question.erase(found);  // each once
  }
  return result;
}

}  // namespace

Split TaskData::half_of_dev(bool first) const {
  const auto dev = read("validation", Role::evaluate);
  const auto order = permutation(dev->size(), split_seed);
  const std::size_t half = order.size() / 2;
  return {dev, first ? part(order, 0, half) : part(order, half, order.size())};
}

// The permutation counts what is scored (ReCoRD's queries); what a task trains on instead follows its question.
Split TaskData::held_out(bool train) const {
  const auto scored = read("train", Role::evaluate);
  const auto order = permutation(scored->size(), split_seed);
  const bool small = order.size() < small_set;
  const std::size_t held = small ? order.size() / 10 : held_out_examples;
  if (small && !warned_) {
    warned_ = true;
    log::warn("task '" + task_.name + "': its training file has " + std::to_string(order.size()) +
              " examples, fewer than " + std::to_string(small_set) + "; a tenth of them (" + std::to_string(held) +
              ") instead of 1,000 is held out for validation");
  }
  if (!train) return {scored, part(order, 0, held)};
  const auto rest = part(order, held, order.size());
  if (!has_roles()) return {scored, rest};
  const auto training = read("train", Role::train);
  return {training, counterparts(*scored, part(order, 0, held), rest, *training)};
}

Split TaskData::whole_split(const std::string& name) const {
  static_cast<void>(file_split(name));  // throws for a split that there is not
  if (rule() == Splits::halve_dev && name != "train") return half_of_dev(name == "validation");
  if (rule() == Splits::hold_out && name != "test") return held_out(name == "train");
  const auto store = read(name, name == "train" ? Role::train : Role::evaluate);
  return {store, counted(store->size())};
}

namespace {

// The first k in a permutation's order, or the first k of each label.
Split::Order drawn(const Split& split, const FewShot& draw, const std::vector<std::string>& labels,
                   const std::string& task) {
  const auto k = static_cast<std::size_t>(draw.k);
  const auto too_few = [&](std::size_t there, const std::string& what) {
    throw DataError("task '" + task + "': few_shot asks for " + std::to_string(k) + " examples" + what +
                    ", and its training split has " + std::to_string(there));
  };
  const auto seed =
      static_cast<std::uint32_t>(derive_seed(split_seed, "few_shot", static_cast<std::uint64_t>(draw.draw)));
  const auto order = permutation(static_cast<std::int64_t>(split.size()), seed);
  std::map<std::string, std::size_t, std::less<>> counts;
  Split::Order result;
  for (const std::int64_t row : order) {
    std::size_t& count = counts[draw.per_label ? std::string(split.target(static_cast<std::size_t>(row))) : ""];
    if (count++ < k) result.push_back(split.order()[static_cast<std::size_t>(row)]);
  }
  if (!draw.per_label && split.size() < k) too_few(split.size(), "");
  if (draw.per_label)
    for (const auto& label : labels)
      if (counts[label] < k) too_few(counts[label], " of label '" + label + "'");
  return result;
}

}  // namespace

Split TaskData::split(const std::string& name, std::int64_t limit, const std::optional<FewShot>& few_shot) const {
  auto known = splits_.find(name);
  if (known == splits_.end()) known = splits_.emplace(name, whole_split(name)).first;
  Split split = known->second;
  if (split.empty()) {
    throw DataError({place_of(files(name))}, "task '" + task_.name + "': its split '" + name +
                                                 "' is empty; the file has too few rows to be cut");
  }
  if (few_shot) {
    if (few_shot->per_label && task_.labels.empty())
      throw DataError("task '" + task_.name + "' writes free text: few_shot cannot draw per_label");
    split = {split.shared_store(), drawn(split, *few_shot, labels(), task_.name)};
  }
  return limit > 0 ? split.first(static_cast<std::size_t>(limit)) : split;
}

}  // namespace atp
