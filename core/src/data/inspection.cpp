#include "data/inspection.h"

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
    const std::string& path = split.paths.front();
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
      out << "    " << padded(file.split, 12) << wanted_path(data, file) << (file.found() ? "" : "   (missing)")
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
