#include "atp/task.h"

#include <algorithm>

#include "atp/words.h"
#include "sdk/missing_column.h"

namespace atp {

namespace {

std::vector<std::string> names_of(const Value& fields) {
  std::vector<std::string> names;
  for (const auto& [name, value] : fields.members()) names.push_back(name);
  return names;
}

std::string columns_of(const Value& fields) { return fields.members().empty() ? "none" : joined(names_of(fields)); }

// Paths of one split may stand apart: ("train", a), ("dev", b), ("train", c) tries a, then c.
Files files(Files::Format format, SplitPaths paths, std::vector<std::string> columns) {
  Files result{.format = format, .columns = std::move(columns)};
  for (auto& [name, path] : paths) {
    const auto same = [&split_name = name](const Files::Split& split) { return split.name == split_name; };
    auto split = std::find_if(result.splits.begin(), result.splits.end(), same);
    if (split == result.splits.end()) split = result.splits.insert(split, {name, {}});
    split->paths.push_back(std::move(path));
  }
  return result;
}

}  // namespace

MissingColumn::MissingColumn(const Origin& origin, const std::string& message, std::string column)
    : DataError(origin, message), column_(std::move(column)) {}
MissingColumn::~MissingColumn() = default;

const Value& Row::value(const std::string& column) const {
  if (const Value* value = fields_.find(column)) return *value;
  throw MissingColumn(origin(),
                      "no column '" + column + "'" + did_you_mean(column, names_of(fields_)) +
                          " (columns here: " + columns_of(fields_) + ")",
                      column);
}

std::string Row::operator[](const std::string& column) const {
  const Value& found = value(column);
  if (found.is_null() || found.is_list() || found.is_map()) {
    throw DataError(origin(),
                    "column '" + column + "' holds a " + found.type_name() + "; a text or a number is expected");
  }
  return found.scalar_text();
}

Files tsv(SplitPaths paths, std::vector<std::string> columns) {
  return files(Files::Format::tsv, std::move(paths), std::move(columns));
}

Files csv(SplitPaths paths, std::vector<std::string> columns) {
  return files(Files::Format::csv, std::move(paths), std::move(columns));
}

Files jsonl(SplitPaths paths) { return files(Files::Format::jsonl, std::move(paths), {}); }

Files hub(const std::string& folder, std::vector<std::pair<std::string, std::string>> renamed, SplitPaths splits) {
  Files result{.format = Files::Format::by_name, .renamed = std::move(renamed)};
  for (const std::string split : {"train", "validation", "test"}) {
    const auto same = [&](const auto& entry) { return entry.first == split; };
    const auto other = std::find_if(splits.begin(), splits.end(), same);
    const std::string stem = folder + "/" + (other == splits.end() ? split : other->second);
    result.splits.push_back({split, {stem + "-*.parquet", stem + ".jsonl", stem + ".json", stem + ".csv"}});
  }
  return result;
}

Offer<TextTask> offer(TextTask task) {
  std::string name = task.name;
  std::string summary = task.summary;
  return {std::move(name), std::move(summary), {}, [task = std::move(task)](const Params&) { return task; }};
}

}  // namespace atp
