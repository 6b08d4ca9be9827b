#include "sdk/readers.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "sdk/utf8.h"

namespace atp {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

std::string read_text(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw DataError({path}, std::string("cannot be read: ") + std::strerror(errno));
  std::ostringstream contents;
  if (stream.peek() != std::ifstream::traits_type::eof()) contents << stream.rdbuf();
  if (stream.bad() || contents.fail())
    throw DataError({path}, "cannot be read: it is no regular file, or the disk failed");
  return std::move(contents).str();
}

void require_utf8(std::string_view text, const std::string& path) {
  const std::size_t at = invalid_utf8(text);
  if (at == std::string_view::npos) return;
  const auto before = text.substr(0, at);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  char byte[8];
  std::snprintf(byte, sizeof byte, "0x%02x", static_cast<unsigned char>(text[at]));
  throw DataError({path, static_cast<int>(line)},
                  std::string("invalid UTF-8: byte ") + byte + ", number " + std::to_string(at - start + 1) +
                      " of the line; expected UTF-8 text (a Latin-1 file is converted by: iconv -f latin1 -t utf-8)");
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

Table::Table(std::string path, std::vector<std::string> columns)
    : path_(std::move(path)), columns_(std::move(columns)), given_(!columns_.empty()) {}

void Table::take_header(std::vector<std::string> names, int line) {
  for (auto name = names.begin(); name != names.end(); ++name) {
    if (name->empty()) {
      throw DataError({path_, line}, "the header's column " + std::to_string(name - names.begin() + 1) + " of " +
                                         std::to_string(names.size()) + " has no name");
    }
    if (std::find(names.begin(), name, *name) != name) {
      throw DataError({path_, line}, "the header names column '" + *name + "' twice");
    }
  }
  columns_ = std::move(names);
}

void Table::record(std::vector<std::string> fields, int line, const RowVisitor& visit) {
  if (columns_.empty()) return take_header(std::move(fields), line);
  if (fields.size() != columns_.size()) {
    const bool few = fields.size() < columns_.size();
    throw DataError({path_, line}, std::string(few ? "too few fields: " : "too many fields: ") +
                                       std::to_string(fields.size()) + " found, " + std::to_string(columns_.size()) +
                                       " expected (" + (given_ ? "" : "by the header: ") + joined(columns_) + ")");
  }
  Value::Map members;
  members.reserve(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) members.emplace_back(columns_[i], Value(std::move(fields[i])));
  Value row(std::move(members));
  row.origin = {path_, line};
  visit(Row(std::move(row)));
}

void visit_tsv(std::string_view text, const std::string& path, const std::vector<std::string>& columns,
               const RowVisitor& visit) {
  Table table(path, columns);
  int line = 0;
  while (!text.empty()) {
    ++line;
    const std::size_t end = text.find('\n');
    std::string_view record = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (record.ends_with('\r')) record.remove_suffix(1);
    if (record.empty() && text.find_first_not_of("\r\n") == std::string_view::npos) return;  // blank lines at the end
    std::vector<std::string> fields;
    for (std::size_t tab = record.find('\t'); tab != std::string_view::npos; tab = record.find('\t')) {
      fields.emplace_back(record.substr(0, tab));
      record.remove_prefix(tab + 1);
    }
    fields.emplace_back(record);
    table.record(std::move(fields), line, visit);
  }
}

namespace {

// Cuts RFC 4180's records out of a text.
class CsvRecords {
 public:
  CsvRecords(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  // False at the end. `line` is where the record starts.
  bool next(std::vector<std::string>& fields, int& line) {
    while (at_ < text_.size() && line_end()) skip_line_end();  // blank lines
    if (at_ == text_.size()) return false;
    line = line_;
    fields.clear();
    while (true) {
      fields.push_back(at_ < text_.size() && text_[at_] == '"' ? quoted() : plain());
      if (at_ == text_.size()) return true;
      if (text_[at_] != ',') return skip_line_end(), true;
      ++at_;
    }
  }

 private:
  bool line_end() const {
    return text_[at_] == '\n' || (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n');
  }
  void skip_line_end() {
    at_ += text_[at_] == '\r' ? 2 : 1;
    ++line_;
  }
  std::string plain() {
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] != ',' && !line_end()) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }
  std::string quoted() {
    const int opened = line_;
    std::string field;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"' && (++at_ == text_.size() || text_[at_] != '"')) return require_end(), field;
      if (text_[at_] == '\n') ++line_;
      field += text_[at_];
    }
    throw DataError({path_, opened}, "a field in quotes that starts here is never closed; expected a closing '\"'");
  }
  void require_end() const {
    if (at_ == text_.size() || text_[at_] == ',' || line_end()) return;
    throw DataError({path_, line_}, std::string("'") + text_[at_] +
                                        "' after a closing quote; expected a comma or the end of the line (a quote "
                                        "inside a field in quotes is written twice)");
  }

  std::string_view text_;
  const std::string& path_;
  std::size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

void visit_csv(std::string_view text, const std::string& path, const std::vector<std::string>& columns,
               const RowVisitor& visit) {
  Table table(path, columns);
  CsvRecords records(text, path);
  std::vector<std::string> fields;
  int line = 0;
  while (records.next(fields, line)) table.record(std::move(fields), line, visit);
}

namespace {

// A document that was one line of a file: its parts stand on that line.
void move_to_line(Value& value, int line) {
  value.origin.line = line;
  if (value.is_map()) {
    for (auto& [key, member] : value.members()) {
      member.key_origin.line = line;
      move_to_line(member, line);
    }
  } else if (value.is_list()) {
    for (auto& item : value.items()) move_to_line(item, line);
  }
}

Value parse_line(std::string_view text, const std::string& path, int line) {
  try {
    Value value = parse_json(text, path);
    move_to_line(value, line);
    value.origin.column = 0;
    return value;
  } catch (const Error& error) {
    std::string reason = error.what();
    const std::string place = error.origin().text() + ": ";
    if (reason.starts_with(place)) reason.erase(0, place.size());
    throw DataError({path, line, error.origin().column}, reason + "; expected one JSON object a line");
  }
}

}  // namespace

void visit_jsonl(std::string_view text, const std::string& path, const RowVisitor& visit) {
  int line = 0;
  while (!text.empty()) {
    ++line;
    const std::size_t end = text.find('\n');
    const std::string_view record = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (record.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    Value value = parse_line(record, path, line);
    if (!value.is_map()) {
      throw DataError({path, line}, std::string("one JSON object a line is expected, not a ") + value.type_name());
    }
    visit(Row(std::move(value)));
  }
}

void visit_rows(Files::Format format, const std::string& path, const std::vector<std::string>& columns,
                const RowVisitor& visit) {
  const std::string contents = read_text(path);
  std::string_view text = contents;
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  require_utf8(text, path);
  switch (format) {
    case Files::Format::tsv:
      return visit_tsv(text, path, columns, visit);
    case Files::Format::csv:
      return visit_csv(text, path, columns, visit);
    case Files::Format::jsonl:
      return visit_jsonl(text, path, visit);
    case Files::Format::none:
    case Files::Format::json:
    case Files::Format::parquet:
    case Files::Format::texts:
    case Files::Format::by_name:
      break;
  }
  throw DataError({path}, "a task that names this file does not say its format: tsv, csv or jsonl");
}

std::vector<Row> read_rows(Files::Format format, const std::string& path, const std::vector<std::string>& columns) {
  std::vector<Row> rows;
  visit_rows(format, path, columns, [&](Row row) { rows.push_back(std::move(row)); });
  return rows;
}

}  // namespace atp
