#include "data/unlabelled.h"

#include <algorithm>
#include <boost/filesystem.hpp>
#include <memory>
#include <optional>

#include "data/gzip.h"
#include "sdk/byte_source.h"
#include "sdk/missing_column.h"

namespace atp {

namespace {

constexpr std::size_t most_missing = 16;  // columns that a row may lack

// What stands in missing columns: two texts, so that a source that is made of one shows.
std::pair<std::string, std::string> stand_ins(const TextTask& task) {
  if (task.labels.size() > 1) return {task.labels[0].raw, task.labels[1].raw};
  return {"0", "1"};
}

std::vector<std::string> rendered(const TextTask& task, const Row& row) {
  if (!task.expand) return {task.render(row).source};
  std::vector<std::string> sources;
  for (auto& example : task.expand(row, Role::evaluate)) sources.push_back(std::move(example.source));
  return sources;
}

// The columns that a row lacks, with the errors that said so; the row gets `stand_in` in each of them.
std::vector<MissingColumn> complete(const TextTask& task, Row& row, const std::string& stand_in) {
  std::vector<MissingColumn> missing;
  while (true) try {
      rendered(task, row);
      return missing;
    } catch (const MissingColumn& error) {
      if (missing.size() == most_missing || row.has(error.column())) throw;
      missing.push_back(error);
      Value fields = row.fields();
      fields.set(error.column(), stand_in);
      row = Row(std::move(fields));
    }
}

}  // namespace

std::vector<std::string> sources_of_row(const TextTask& task, const Row& row, const std::string& prefix) {
  const auto [first, second] = stand_ins(task);
  Row whole = row;
  const auto missing = complete(task, whole, first);
  auto sources = rendered(task, whole);
  for (const auto& column : missing) {
    Value fields = whole.fields();
    fields.set(column.column(), second);
    if (rendered(task, Row(std::move(fields))) != sources) throw column;
  }
  for (auto& source : sources) source.insert(0, prefix);
  return sources;
}

namespace {

std::vector<std::string> lines_of(const std::string& path) {
  FileBytes bytes(path);
  Lines lines(bytes, path);
  std::vector<std::string> sources;
  for (std::string_view line; lines.next(line);) {
    require_utf8(line, path, lines.number());
    sources.emplace_back(line);
  }
  return sources;
}

// Whether the first line of a table has as many fields as it has columns; GLUE's test files have a header where their
// training files have none.
bool has_columns(const std::string& path, const std::vector<std::string>& columns) {
  std::unique_ptr<ByteSource> bytes = std::make_unique<FileBytes>(path);
  if (path.ends_with(".gz")) bytes = std::make_unique<GzipBytes>(std::move(bytes), path);
  Lines lines(*bytes, path);
  std::string_view first;
  if (!lines.next(first)) return true;
  return static_cast<std::size_t>(std::count(first.begin(), first.end(), '\t')) + 1 == columns.size();
}

// The task with one split of this file.
TextTask reading(const std::string& path, const TextTask& task) {
  TextTask other = task;
  other.files = {.format = Files::Format::by_name, .splits = {{"input", {path}}}, .columns = task.files.columns};
  other.other_forms.clear();
  const bool is_tsv = format_by_name(path) == Files::Format::tsv;
  if (is_tsv && !other.files.columns.empty() && !has_columns(path, other.files.columns)) other.files.columns.clear();
  return other;
}

// Whether a row is {"source": …} and not the task's own.
bool brings_its_source(const TextTask& task, const Row& row) try {
  sources_of_row(task, row, "");
  return false;
} catch (const MissingColumn&) {
  if (row.has("source")) return true;
  throw;
}

}  // namespace

std::vector<std::string> sources_of_rows(const TextTask& task, const DataFiles& files, const std::string& prefix,
                                         const ReaderOf& reader_of) {
  std::vector<std::string> sources;
  std::optional<bool> as_they_stand;
  visit_rows(files, {[&](const Row& row) {
               if (!as_they_stand) as_they_stand = brings_its_source(task, row);
               if (*as_they_stand) return sources.push_back(row["source"]);
               for (auto& source : sources_of_row(task, row, prefix)) sources.push_back(std::move(source));
             }},
             reader_of);
  return sources;
}

std::vector<std::string> read_sources(const std::string& path, const TextTask& task, const std::string& prefix,
                                      const ReaderOf& reader_of) {
  if (format_by_name(path) == Files::Format::none) return lines_of(path);
  const TextTask own = reading(boost::filesystem::absolute(path).string(), task);
  const DataFiles files = find_files(own, "input", "");
  if (!files.found()) throw DataError({path}, "no such file");
  return sources_of_rows(own, files, prefix, reader_of);
}

namespace {

class SourceRows final : public TokenRows {
 public:
  SourceRows(const std::vector<std::string>& sources, const Tokenizer& tokenizer, std::int64_t length) {
    for (const auto& source : sources) {
      auto encoded = tokenizer.encode(source, length);
      truncated_ += encoded.truncated;
      ids_.push_back(std::move(encoded.ids));
    }
  }
  std::int64_t size() const override { return static_cast<std::int64_t>(ids_.size()); }
  std::span<const std::int32_t> source(std::int64_t row) const override { return ids_[static_cast<std::size_t>(row)]; }
  std::span<const std::int32_t> target(std::int64_t) const override { return end_; }
  std::int64_t truncated_sources() const override { return truncated_; }

 private:
  std::vector<std::vector<std::int32_t>> ids_;
  std::vector<std::int32_t> end_ = {1};
  std::int64_t truncated_ = 0;
};

}  // namespace

std::shared_ptr<const TokenRows> tokenise_sources(const std::vector<std::string>& sources, const Tokenizer& tokenizer,
                                                  std::int64_t length) {
  return std::make_shared<SourceRows>(sources, tokenizer, length);
}

}  // namespace atp
