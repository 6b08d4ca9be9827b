#include "data/prediction_file.h"

#include "atp/task.h"
#include "io/durable_file.h"
#include "sdk/readers.h"
#include "sdk/utf8.h"

namespace atp {

namespace {

// A line that means to be JSON with "prediction", well-formed or not: read as text it would be scored as an answer.
bool is_json_lines(const std::string& path, const std::string& text) {
  const std::string_view first = std::string_view(text).substr(0, text.find('\n'));
  const auto start = first.find_first_not_of(" \t\xef\xbb\xbf");
  return path.ends_with(".jsonl") || (start != std::string_view::npos && first[start] == '{' &&
                                      first.find("\"prediction\"") != std::string_view::npos);
}

// One JSON document is no list of lines, though its lines could be taken for answers.
void refuse_document(const std::string& path, const std::string& text) {
  const auto start = text.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  if (path.ends_with(".json") && start != std::string::npos && text[start] == '[')
    throw DataError({path}, "found one JSON list, expected JSON Lines: one object {\"prediction\": …} a line");
}

std::vector<std::string> references_of(const Row& row) {
  if (const Value* references = row.fields().find("references")) {
    if (!references->is_list() || references->items().empty()) {
      throw DataError(row.origin(), "'references' must be a list of at least one text");
    }
    std::vector<std::string> texts;
    for (const auto& reference : references->items()) texts.push_back(reference.scalar_text());
    return texts;
  }
  if (row.has("target")) return {row["target"]};
  return {};
}

PredictionFile from_json(const std::string& path) {
  PredictionFile file;
  visit_rows(Files::Format::jsonl, path, {}, [&](const Row& row) {
    auto references = references_of(row);
    const bool first = file.predictions.empty();
    if (!first && references.empty() != file.references.empty()) {
      throw DataError(row.origin(), references.empty() ? "no 'references', which the lines before it have"
                                                       : "'references', which the lines before it do not have");
    }
    file.predictions.push_back(row["prediction"]);
    if (references.empty()) return;
    file.references.push_back(std::move(references));
    file.groups.push_back(row.has("group") ? row["group"] : "");
  });
  return file;
}

}  // namespace

PredictionFile read_predictions(const std::string& path) {
  const std::string text = read_file(path);
  if (is_json_lines(path, text)) return from_json(path);
  refuse_document(path, text);
  PredictionFile file;
  std::size_t line = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string one = text.substr(at, end - at);
    if (one.ends_with('\r')) one.pop_back();
    ++line;
    if (invalid_utf8(one) != std::string::npos) {
      throw DataError({path, static_cast<int>(line)}, "invalid UTF-8; expected one prediction a line, as UTF-8 text");
    }
    file.predictions.push_back(std::move(one));
    at = end + 1;
  }
  return file;
}

}  // namespace atp
