#include "sdk/readers.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "atp/words.h"
#include "sdk/json_rows.h"
#include "sdk/utf8.h"

namespace atp {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::size_t longest_record = std::size_t{1} << 28;  // no row is meant to be longer: this is no such file

[[noreturn]] void record_too_long(const std::string& name, int line) {
  throw DataError({name, line}, "a record that starts here is longer than " + std::to_string(longest_record >> 20) +
                                    " MiB; is this a file of text with one record a line?");
}

// A table's columns, and the rows made from their names.
class Table {
 public:
  Table(const std::string& name, const std::vector<std::string>& columns)
      : name_(name), columns_(columns), given_(!columns.empty()) {}

  bool has_columns() const { return !columns_.empty(); }
  std::size_t columns() const { return columns_.size(); }
  void take_header(std::vector<std::string> names, int line);
  Value row(std::vector<std::string>& fields, int line) const;

 private:
  const std::string& name_;
  std::vector<std::string> columns_;
  bool given_;
};

void Table::take_header(std::vector<std::string> names, int line) {
  for (auto name = names.begin(); name != names.end(); ++name) {
    if (name->empty()) {
      throw DataError({name_, line}, "the header's column " + std::to_string(name - names.begin() + 1) + " of " +
                                         std::to_string(names.size()) + " has no name");
    }
    if (std::find(names.begin(), name, *name) != name) {
      throw DataError({name_, line}, "the header names column '" + *name + "' twice");
    }
  }
  columns_ = std::move(names);
}

Value Table::row(std::vector<std::string>& fields, int line) const {
  if (fields.size() != columns_.size()) {
    const bool few = fields.size() < columns_.size();
    throw DataError({name_, line}, std::string(few ? "too few fields: " : "too many fields: ") +
                                       std::to_string(fields.size()) + " found, " + std::to_string(columns_.size()) +
                                       " expected (" + (given_ ? "" : "by the header: ") + joined(columns_) + ")");
  }
  Value::Map members;
  members.reserve(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) members.emplace_back(columns_[i], Value(std::move(fields[i])));
  Value row(std::move(members));
  row.origin = {name_, line};
  return row;
}

std::vector<std::string> split_at_tabs(std::string_view record, std::size_t expected) {
  std::vector<std::string> fields;
  fields.reserve(expected);
  for (std::size_t tab = record.find('\t'); tab != std::string_view::npos; tab = record.find('\t')) {
    fields.emplace_back(record.substr(0, tab));
    record.remove_prefix(tab + 1);
  }
  fields.emplace_back(record);
  return fields;
}

void visit_tsv(ByteSource& bytes, const std::string& name, const std::vector<std::string>& columns,
               const RowSink& sink) {
  Table table(name, columns);
  Lines lines(bytes, name);
  std::vector<int> blank;  // lines that are nothing where the file ends after them
  const auto take = [&](std::string_view record, int line) {
    hand_out(sink, [&] {
      require_utf8(record, name, line);
      auto fields = split_at_tabs(record, table.columns());
      return table.row(fields, line);
    });
  };
  for (std::string_view record; lines.next(record);) {
    if (record.empty()) {
      blank.push_back(lines.number());
      continue;
    }
    for (const int line : std::exchange(blank, {})) take("", line);
    if (table.has_columns()) {
      take(record, lines.number());
    } else {
      require_utf8(record, name, lines.number());
      table.take_header(split_at_tabs(record, 0), lines.number());
    }
  }
}

// Bytes without the mark that may stand before the first of them.
class Unmarked final : public ByteSource {
 public:
  explicit Unmarked(ByteSource& bytes) : bytes_(bytes) {}
  std::string_view next() override {
    if (begun_) return bytes_.next();
    begun_ = true;
    for (std::string_view chunk = bytes_.next(); !chunk.empty(); chunk = bytes_.next()) {
      beginning_ += chunk;
      if (beginning_.size() >= byte_order_mark.size()) break;
    }
    std::string_view text = beginning_;
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    return text.empty() ? bytes_.next() : text;
  }

 private:
  ByteSource& bytes_;
  std::string beginning_;
  bool begun_ = false;
};

// Cuts RFC 4180's records out of bytes.
class CsvRecords {
 public:
  CsvRecords(ByteSource& bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  // False at the end. `line()` is where the record starts. A DataError is of this record alone, `skip_line` goes on
  // after it; a quote that is never closed is of the file, see `ended()`.
  bool next(std::vector<std::string>& fields);
  void skip_line();
  int line() const { return start_; }
  bool ended() { return peek() < 0; }

 private:
  enum class End { field, record };

  int peek() {
    if (at_ == chunk_.size()) {
      chunk_ = bytes_.next();
      at_ = 0;
    }
    return at_ == chunk_.size() ? -1 : static_cast<unsigned char>(chunk_[at_]);
  }
  bool begin_record();
  End plain(std::string& field);
  void quoted(std::string& field);
  End after_quote();
  bool line_end_after_return();
  void append(std::string& field, std::size_t end);

  ByteSource& bytes_;
  const std::string& name_;
  std::string_view chunk_;
  std::size_t at_ = 0;
  std::size_t length_ = 0;  // of the record so far
  int line_ = 1;
  int start_ = 1;
  bool lone_return_ = false;  // a carriage return was taken that no line feed follows: the next field's first character
};

// After a carriage return: whether a line feed follows, which is then taken too.
bool CsvRecords::line_end_after_return() {
  if (peek() != '\n') return false;
  ++at_;
  ++line_;
  return true;
}

bool CsvRecords::begin_record() {
  for (int c = peek(); c == '\n' || c == '\r'; c = peek()) {  // blank lines
    ++at_;
    if (c == '\n') {
      ++line_;
    } else if (!line_end_after_return()) {
      lone_return_ = true;
      break;
    }
  }
  start_ = line_;
  length_ = 0;
  return lone_return_ || peek() >= 0;
}

bool CsvRecords::next(std::vector<std::string>& fields) {
  fields.clear();
  if (!begin_record()) return false;
  while (true) {
    std::string& field = fields.emplace_back();
    End end;
    if (!lone_return_ && peek() == '"') {
      ++at_;
      quoted(field);
      end = after_quote();
    } else {
      if (std::exchange(lone_return_, false)) field = "\r";
      end = plain(field);
    }
    if (end == End::record) return true;
  }
}

void CsvRecords::skip_line() {
  for (int c = peek(); c >= 0; c = peek()) {
    ++at_;
    if (c != '\n') continue;
    ++line_;
    return;
  }
}

void CsvRecords::append(std::string& field, std::size_t end) {
  field += chunk_.substr(at_, end - at_);
  length_ += end - at_;
  at_ = end;
  if (length_ > longest_record) record_too_long(name_, start_);
}

CsvRecords::End CsvRecords::plain(std::string& field) {
  while (peek() >= 0) {
    append(field, std::min(chunk_.find_first_of(",\n\r", at_), chunk_.size()));
    if (at_ == chunk_.size()) continue;
    const char c = chunk_[at_++];
    if (c == ',') return End::field;
    if (c == '\n') return ++line_, End::record;
    if (line_end_after_return()) return End::record;
    field += c;
  }
  return End::record;
}

void CsvRecords::quoted(std::string& field) {
  const int opened = line_;
  while (peek() >= 0) {
    const std::size_t start = at_;
    append(field, std::min(chunk_.find('"', at_), chunk_.size()));
    line_ += static_cast<int>(std::count(chunk_.begin() + static_cast<std::ptrdiff_t>(start),
                                         chunk_.begin() + static_cast<std::ptrdiff_t>(at_), '\n'));
    if (at_ == chunk_.size()) continue;
    ++at_;
    if (peek() != '"') return;
    field += '"';
    ++at_;
  }
  throw DataError({name_, opened}, "a field in quotes that starts here is never closed; expected a closing '\"'");
}

CsvRecords::End CsvRecords::after_quote() {
  const int c = peek();
  if (c < 0) return End::record;
  if (c == ',') return ++at_, End::field;
  if (c == '\n') return ++at_, ++line_, End::record;
  if (c == '\r') {
    ++at_;
    if (line_end_after_return()) return End::record;
  }
  const std::string found = c < 0x20 || c >= 0x7f ? "a character" : std::string("'") + static_cast<char>(c) + "'";
  throw DataError({name_, line_}, found +
                                      " after a closing quote; expected a comma or the end of the line (a quote inside "
                                      "a field in quotes is written twice)");
}

void check_fields(const std::vector<std::string>& fields, const std::string& name, int line) {
  for (const auto& field : fields) {
    require_utf8(field, name, line, "field");
    line += static_cast<int>(std::count(field.begin(), field.end(), '\n'));
  }
}

void visit_csv(ByteSource& marked, const std::string& name, const std::vector<std::string>& columns,
               const RowSink& sink) {
  Table table(name, columns);
  Unmarked bytes(marked);
  CsvRecords records(bytes, name);
  std::vector<std::string> fields;
  while (true) {
    try {
      if (!records.next(fields)) return;
    } catch (const DataError& error) {
      if (!sink.bad || !table.has_columns() || records.ended()) throw;
      sink.bad(error);
      records.skip_line();
      continue;
    }
    if (table.has_columns()) {
      hand_out(sink, [&] {
        check_fields(fields, name, records.line());
        return table.row(fields, records.line());
      });
    } else {
      check_fields(fields, name, records.line());
      table.take_header(std::move(fields), records.line());
    }
  }
}

}  // namespace

void require_utf8(std::string_view text, const std::string& name, int line, const char* whole) {
  const std::size_t at = invalid_utf8(text);
  if (at == std::string_view::npos) return;
  const auto before = text.substr(0, at);
  const auto lines = static_cast<int>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t start = lines == 0 ? 0 : before.rfind('\n') + 1;
  char byte[8];
  std::snprintf(byte, sizeof byte, "0x%02x", static_cast<unsigned char>(text[at]));
  throw DataError({name, line + lines},
                  std::string("invalid UTF-8: byte ") + byte + ", number " + std::to_string(at - start + 1) +
                      " of the " + (lines == 0 ? whole : "line") +
                      "; expected UTF-8 text (a Latin-1 file is converted by: iconv -f latin1 -t utf-8)");
}

Lines::Lines(ByteSource& bytes, std::string name) : bytes_(bytes), name_(std::move(name)) {}

// The next line with its end still on it, or the rest of the file.
bool Lines::cut(std::string_view& line) {
  carried_.clear();
  while (true) {
    const std::size_t end = chunk_.find('\n');
    if (end != std::string_view::npos && carried_.empty()) {
      line = chunk_.substr(0, end);
      chunk_.remove_prefix(end + 1);
      return true;
    }
    carried_ += chunk_.substr(0, end);
    if (carried_.size() > longest_record) record_too_long(name_, number_ + 1);
    if (end != std::string_view::npos) {
      chunk_.remove_prefix(end + 1);
      break;
    }
    chunk_ = bytes_.next();
    if (chunk_.empty() && carried_.empty()) return false;
    if (chunk_.empty()) break;
  }
  line = carried_;
  return true;
}

bool Lines::next(std::string_view& line) {
  if (!cut(line)) return false;
  if (++number_ == 1 && line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
  if (line.ends_with('\r')) line.remove_suffix(1);
  return true;
}

void visit_rows(Files::Format format, ByteSource& bytes, const std::string& name,
                const std::vector<std::string>& columns, const RowSink& sink) {
  switch (format) {
    case Files::Format::tsv:
      return visit_tsv(bytes, name, columns, sink);
    case Files::Format::csv:
      return visit_csv(bytes, name, columns, sink);
    case Files::Format::jsonl:
      return visit_json_lines(bytes, name, sink);
    case Files::Format::json: {
      Unmarked unmarked(bytes);
      return visit_json(unmarked, name, sink);
    }
    case Files::Format::none:
    case Files::Format::parquet:
    case Files::Format::texts:
    case Files::Format::by_name:
      break;
  }
  throw DataError({name}, "a task that names this file does not say its format: tsv, csv, jsonl or json");
}

void visit_rows(Files::Format format, const std::string& path, const std::vector<std::string>& columns,
                const RowVisitor& visit) {
  FileBytes bytes(path);
  visit_rows(format, bytes, path, columns, {visit});
}

std::vector<Row> read_rows(Files::Format format, const std::string& path, const std::vector<std::string>& columns) {
  std::vector<Row> rows;
  visit_rows(format, path, columns, [&](Row row) { rows.push_back(std::move(row)); });
  return rows;
}

}  // namespace atp
