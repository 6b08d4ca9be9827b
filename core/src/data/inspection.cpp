#include "data/inspection.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <ostream>
#include <set>

#include "atp/words.h"
#include "data/scoring.h"
#include "data/tokenised.h"
#include "data/tokenizer.h"

namespace atp {

namespace {

std::string rounded(double number, int digits = 2) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, number);
  return text;
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

Value texts(const std::vector<std::string>& words) {
  Value list = Value::list();
  for (const auto& word : words) list.push_back(word);
  return list;
}

std::shared_ptr<const Tokenizer> open_tokenizer(const std::string& path) {
  return Tokenizer::open(path.empty() ? own_tokenizer() : path);
}

// What the user would have to put where: the first place below the root, or the path as the task writes it.
std::string wanted_path(const TaskData& data, const TaskFile& file) {
  if (!file.found.empty()) return file.found;
  if (!file.tried.empty()) return file.tried.front();
  for (const auto& split : data.task().files.splits) {
    if (split.name == file.split && !split.paths.empty()) return split.paths.front();
  }
  return "";
}

Value described(const OfferedTask& offered, const TaskData& data) {
  Value entry = Value::map();
  entry.set("name", offered.task.name);
  entry.set("suite", offered.task.suite);
  entry.set("plugin", offered.plugin);
  entry.set("summary", offered.task.summary);
  entry.set("metrics", texts(offered.task.metrics));
  entry.set("labels", texts(data.labels()));
  Value& files = entry.set("files", Value::list());
  for (const auto& file : data.files()) {
    Value one = Value::map();
    one.set("split", file.split);
    one.set("path", wanted_path(data, file));
    one.set("found", !file.found.empty());
    files.push_back(std::move(one));
  }
  return entry;
}

}  // namespace

void list_tasks(const std::vector<OfferedTask>& tasks, const std::string& root, bool json, std::ostream& out) {
  Value list = Value::list();
  for (const auto& offered : tasks) {
    const TaskData data(offered.task, {.root = root});
    if (json) {
      list.push_back(described(offered, data));
      continue;
    }
    const auto& task = offered.task;
    out << padded(task.name, 16) << padded(task.suite, 12) << padded(joined(task.metrics), 22)
        << (task.labels.empty() ? "free text" : "labels " + joined(data.labels())) << "\n";
    if (!task.summary.empty()) out << "    " << task.summary << "\n";
    for (const auto& file : data.files()) {
      out << "    " << padded(file.split, 12) << wanted_path(data, file) << (file.found.empty() ? "   (missing)" : "")
          << "\n";
    }
    if (task.generate) out << "    made by the task itself, no files\n";
  }
  if (json) {
    out << to_json(list, 2) << "\n";
  } else if (root.empty()) {
    out << "No data root is given: --data DIR or $ATP_DATA says where the files are.\n";
  }
}

namespace {

Value numbers(const std::vector<std::int32_t>& ids) {
  Value list = Value::list();
  for (const auto id : ids) list.push_back(static_cast<std::int64_t>(id));
  return list;
}

std::vector<std::string> pieces(const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids) {
  std::vector<std::string> result;
  result.reserve(ids.size());
  for (const auto id : ids) result.push_back(tokenizer.piece(id));
  return result;
}

void print_tokens(const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids, const char* name,
                  std::ostream& out) {
  out << padded(name, 12) << ids.size() << " tokens:";
  for (const auto id : ids) out << " " << tokenizer.piece(id) << "(" << id << ")";
  out << "\n";
}

std::vector<std::int32_t> with_end(const Tokenizer& tokenizer, const std::string& text) {
  return tokenizer.encode(text, std::numeric_limits<std::int64_t>::max()).ids;
}

}  // namespace

void show_example(const TaskData& data, const ShowRequest& request, std::ostream& out) {
  const auto examples = data.split(request.split);
  const auto size = static_cast<std::int64_t>(examples.size());
  if (request.index < 0 || request.index >= size) {
    throw RecipeError("task '" + data.task().name + "': no example " + std::to_string(request.index) + " in split '" +
                      request.split + "', which has " + std::to_string(size) + " (0 … " + std::to_string(size - 1) +
                      ")");
  }
  const TaskExample& example = examples[static_cast<std::size_t>(request.index)];
  const auto tokenizer = open_tokenizer(request.tokenizer);
  const auto source = with_end(*tokenizer, example.source), target = with_end(*tokenizer, example.target);
  if (request.json) {
    Value shown = Value::map();
    shown.set("task", data.task().name);
    shown.set("split", request.split);
    shown.set("index", request.index);
    shown.set("size", size);
    shown.set("source", example.source);
    shown.set("target", example.target);
    shown.set("references", texts(example.references));
    shown.set("source_tokens", numbers(source));
    shown.set("target_tokens", numbers(target));
    shown.set("source_pieces", texts(pieces(*tokenizer, source)));
    shown.set("target_pieces", texts(pieces(*tokenizer, target)));
    shown.set("tokenizer", tokenizer->path());
    shown.set("origin", example.origin.text());
    if (!example.group.empty()) shown.set("group", example.group);
    out << to_json(shown, 2) << "\n";
    return;
  }
  out << padded("task", 12) << data.task().name << ", " << request.split << " " << request.index << " of " << size
      << "\n"
      << padded("from", 12) << example.origin.text() << "\n"
      << padded("source", 12) << example.source << "\n"
      << padded("target", 12) << example.target << "\n";
  if (example.references != std::vector<std::string>{example.target}) {
    out << padded("references", 12) << joined(example.references, " | ") << "\n";
  }
  if (request.tokens) {
    print_tokens(*tokenizer, source, "source", out);
    print_tokens(*tokenizer, target, "target", out);
  } else {
    out << padded("tokens", 12) << source.size() << " in the source, " << target.size() << " in the target\n";
  }
  out << padded("tokenizer", 12) << tokenizer->path() << "\n";
}

namespace {

struct Checked {
  std::ostream& out;
  bool good = true;

  void wrong(const std::string& what) {
    good = false;
    out << "    WRONG: " << what << "\n";
  }
};

void check_lengths(const std::vector<TaskExample>& examples, const Tokenizer& tokenizer, std::int64_t source_length,
                   std::ostream& out) {
  std::size_t longest_source = 0, longest_target = 0, cut = 0, sum = 0, unwritable = 0;
  for (const auto& example : examples) {
    const std::size_t source = tokenizer.encode(example.source).size() + 1;
    longest_source = std::max(longest_source, source);
    longest_target = std::max(longest_target, tokenizer.encode(example.target).size() + 1);
    sum += source;
    cut += source > static_cast<std::size_t>(source_length);
    unwritable += std::none_of(example.references.begin(), example.references.end(),
                               [&](const std::string& answer) { return tokenizer.can_write(answer); });
  }
  out << "    source tokens  " << rounded(static_cast<double>(sum) / static_cast<double>(examples.size()), 1)
      << " on average, " << longest_source << " at most; " << cut << " sources are longer than " << source_length
      << "\n"
      << "    target tokens  " << longest_target << " at most\n"
      << "    " << unwritable << " of " << examples.size()
      << " answers hold a character that the tokenizer cannot write\n";
}

void check_targets(const std::vector<TaskExample>& examples, const std::vector<std::string>& labels, Checked& checked) {
  if (labels.empty()) {
    const auto empty =
        std::count_if(examples.begin(), examples.end(), [](const auto& one) { return one.target.empty(); });
    if (empty > 0) checked.wrong(std::to_string(empty) + " targets are empty");
    return;
  }
  checked.out << "    labels        ";
  for (const auto& label : labels) {
    const auto count =
        std::count_if(examples.begin(), examples.end(), [&](const auto& one) { return one.target == label; });
    checked.out << " " << label << ": " << count;
  }
  checked.out << "\n";
}

void check_metrics(const std::vector<TaskExample>& examples, const TaskData& data, const Registry& registry,
                   Checked& checked) {
  const Scorer scorer(registry, data, examples);
  std::vector<std::string> perfect;
  std::set<std::string> different;
  for (const auto& example : examples) {
    perfect.push_back(example.references.front());
    different.insert(example.references.front());
  }
  const Scores best = scorer.score(perfect), worst = scorer.score(std::vector<std::string>(examples.size()));
  for (std::size_t i = 0; i < best.size(); ++i) {
    const auto& [name, score] = best[i];
    checked.out << "    " << padded(name, 15) << rounded(score) << " on perfect predictions, "
                << rounded(worst[i].second) << " on empty ones\n";
    if (!std::isfinite(score) || !std::isfinite(worst[i].second)) checked.wrong("metric '" + name + "' is not finite");
    // One answer for all rows leaves a correlation, and an F1 of the other label, undefined.
    if (different.size() > 1 && !(score > worst[i].second)) {
      checked.wrong("metric '" + name + "' is no better on perfect predictions than on empty ones");
    }
  }
}

}  // namespace

bool check_task(const TaskData& data, const CheckRequest& request, const Registry& registry, std::ostream& out) {
  Checked checked{out};
  const auto tokenizer = open_tokenizer(request.tokenizer);
  const auto& task = data.task();
  out << "task " << task.name << (task.suite.empty() ? "" : " (" + task.suite + ")") << ", tokenizer "
      << tokenizer->path() << "\n";
  if (!task.labels.empty()) {
    out << "  answers have " << target_length(task, *tokenizer, {}) << " tokens at most, </s> included\n";
  }
  for (const auto& split : split_names()) {
    out << "  " << split << (data.has_split(split) ? "" : ": the task has none") << "\n";
    if (!data.has_split(split)) continue;
    try {
      const auto examples = data.split(split);
      out << "    examples       " << examples.size() << "\n";
      check_targets(examples, data.labels(), checked);
      check_lengths(examples, *tokenizer, request.source_length, out);
      if (split != "train") check_metrics(examples, data, registry, checked);
    } catch (const Error& error) {
      checked.wrong(error.what());
    }
  }
  out << (checked.good ? "all is well\n" : "something is wrong: see above\n");
  return checked.good;
}

}  // namespace atp
