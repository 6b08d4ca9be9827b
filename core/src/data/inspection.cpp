#include "data/inspection.h"

#include <algorithm>
#include <limits>
#include <ostream>

#include "atp/words.h"
#include "data/tokenised.h"
#include "data/tokenizer.h"

namespace atp {

namespace {

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
std::string wanted_path(const TaskData& data, const DataFiles& file) {
  if (file.found()) return file.parts.front().text();
  const std::string& root = data.settings().root;
  for (const auto& split : data.task().files.splits) {
    if (split.name != file.split || split.paths.empty()) continue;
    const std::string path = wanted_files(split);
    return root.empty() || path.starts_with('/') ? path : root + "/" + path;
  }
  return "";
}

Value described(const OfferedTask& offered, const TaskData& data) {
  Value entry = Value::map();
  entry.set("name", offered.task.name);
  entry.set("suite", offered.task.suite);
  entry.set("plugin", offered.plugin);
  entry.set("summary", offered.task.summary);
  entry.set("license", offered.task.licence);
  entry.set("origin", offered.task.origin);
  entry.set("metrics", texts(offered.task.metrics));
  entry.set("labels", texts(data.labels()));
  Value& files = entry.set("files", Value::list());
  for (const auto& file : data.files()) {
    Value one = Value::map();
    one.set("split", file.split);
    one.set("path", wanted_path(data, file));
    one.set("found", file.found());
    files.push_back(std::move(one));
  }
  return entry;
}

}  // namespace

namespace {

// Of many labels (a score's steps) the first and the last.
std::string labels_text(const std::vector<std::string>& labels) {
  if (labels.empty()) return "free text";
  if (labels.size() <= 6) return "labels " + joined(labels);
  return std::to_string(labels.size()) + " labels: " + labels[0] + ", " + labels[1] + ", … " + labels.back();
}

const char* no_data_root = "No data root is given: --data DIR or $ATP_DATA says where the files are.\n";

void print_tasks(const std::vector<OfferedTask>& tasks, const std::string& root, std::ostream& out) {
  std::size_t names = 0, suites = 0, metrics = 0;
  for (const auto& [task, plugin] : tasks) {
    names = std::max(names, task.name.size());
    suites = std::max(suites, task.suite.size());
    metrics = std::max(metrics, joined(task.metrics).size());
  }
  for (const auto& [task, plugin] : tasks) {
    const TaskData data(task, {.root = root});
    out << padded(task.name, names + 2) << padded(task.suite, suites + 2) << padded(joined(task.metrics), metrics + 2)
        << labels_text(data.labels()) << "\n";
    if (!task.summary.empty()) out << "    " << task.summary << "\n";
    for (const auto& file : data.files()) {
      out << "    " << padded(file.split, 12) << wanted_path(data, file) << (file.found() ? "" : "   (missing)")
          << "\n";
    }
    if (task.generate) out << "    made by the task itself, no files\n";
  }
  if (root.empty()) out << no_data_root;
  out << "atp tasks NAME says who offers a task's files, under which licence, and all that is looked for.\n";
}

}  // namespace

void list_tasks(const std::vector<OfferedTask>& tasks, const std::string& root, bool json, std::ostream& out) {
  if (!json) return print_tasks(tasks, root, out);
  Value list = Value::list();
  for (const auto& offered : tasks) list.push_back(described(offered, TaskData(offered.task, {.root = root})));
  out << to_json(list, 2) << "\n";
}

void describe_task(const OfferedTask& offered, const std::string& root, std::ostream& out) {
  const TextTask& task = offered.task;
  const TaskData data(task, {.root = root});
  const auto line = [&](const std::string& title, const std::string& text) {
    if (!text.empty()) out << padded(title, 12) << text << "\n";
  };
  line("task", task.name);
  line("summary", task.summary);
  line("suite", task.suite);
  line("plugin", offered.plugin);
  line("metrics", joined(task.metrics));
  line("labels", task.labels.empty() ? "none: free text" : joined(data.labels()));
  line("prefix", data.prefix());
  line("licence", task.licence);
  line("origin", task.origin);
  if (task.generate) line("files", "made by the task itself");
  for (const auto& file : data.files()) {
    line(file.split, wanted_path(data, file) + (file.found() ? "" : "   (missing)"));
    if (!file.found() && file.tried.size() > 1)
      line("", "or " + joined({file.tried.begin() + 1, file.tried.end()}, "\n" + std::string(12, ' ') + "or "));
  }
  if (root.empty() && !task.generate) out << no_data_root;
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

std::string count_text(const std::vector<std::int32_t>& ids, std::int64_t length) {
  const std::string count = std::to_string(ids.size());
  return static_cast<std::int64_t>(ids.size()) > length ? count + ", cut to " + std::to_string(length) : count;
}

// The last token that the model reads of a text that is cut is </s>.
void print_tokens(const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids, std::int64_t length,
                  const char* name, std::ostream& out) {
  out << padded(name, 12) << count_text(ids, length) << " tokens:";
  const bool is_cut = static_cast<std::int64_t>(ids.size()) > length;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (is_cut && static_cast<std::int64_t>(i) == length - 1) out << " </s>(1) |cut|";
    out << " " << tokenizer.piece(ids[i]) << "(" << ids[i] << ")";
  }
  out << "\n";
}

constexpr std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();

std::vector<std::int32_t> with_end(const Tokenizer& tokenizer, const std::string& text) {
  return tokenizer.encode(text, no_limit).ids;
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
  const TaskExample example = examples[static_cast<std::size_t>(request.index)];
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
    shown.set("source_length", request.source_length);
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
    print_tokens(*tokenizer, source, request.source_length, "source", out);
    print_tokens(*tokenizer, target, no_limit, "target", out);
  } else {
    out << padded("tokens", 12) << count_text(source, request.source_length) << " in the source, " << target.size()
        << " in the target\n";
  }
  out << padded("tokenizer", 12) << tokenizer->path() << "\n";
}

}  // namespace atp
