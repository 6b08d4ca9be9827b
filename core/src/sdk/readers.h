#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "atp/error.h"
#include "atp/task.h"
#include "sdk/byte_source.h"

// Readers one row at a time: neither a file nor its rows need ever be in memory as a whole.
namespace atp {

// What a reader hands out. A record that cannot be used goes to `bad`, and reading goes on; without `bad` it is thrown.
// What makes the rest of a file unreadable (a quote never closed, a broken archive) is thrown in any case.
struct RowSink {
  std::function<void(Row row)> row;
  std::function<void(const DataError& error)> bad = {};
  std::function<void(Value& fields)> complete = {};  // changes a row's fields before it is handed out
};

// A row of the fields that `make` makes, or the DataError that it throws. What the sink's functions throw is not
// caught.
template <class Make>
void hand_out(const RowSink& sink, const Make& make) {
  Value fields;
  try {
    fields = make();
  } catch (const DataError& error) {
    if (!sink.bad) throw;
    return sink.bad(error);
  }
  if (sink.complete) sink.complete(fields);
  sink.row(Row(std::move(fields)));
}

// The rows of a file of text, whose name stands in every row's origin. `columns` as in Files. tsv, csv, jsonl or json
// (where one object a line is read as such).
ATP_EXPORT void visit_rows(Files::Format format, ByteSource& bytes, const std::string& name,
                           const std::vector<std::string>& columns, const RowSink& sink);

using RowVisitor = std::function<void(Row row)>;

// The rows of a file on the disk; the first that cannot be used is thrown.
ATP_EXPORT void visit_rows(Files::Format format, const std::string& path, const std::vector<std::string>& columns,
                           const RowVisitor& visit);

// Lines out of chunks: without its end (LF or CRLF), and a byte-order mark before the first one. A line that lies in
// one chunk is not copied.
class ATP_EXPORT Lines {
 public:
  Lines(ByteSource& bytes, std::string name);

  // False at the end. The line is good until the next call. Throws DataError for a line longer than any that is meant.
  bool next(std::string_view& line);
  int number() const { return number_; }  // of the line that was handed out last, from 1

 private:
  bool cut(std::string_view& line);

  ByteSource& bytes_;
  std::string name_;
  std::string_view chunk_;
  std::string carried_;  // the beginning of a line whose end is in a later chunk
  int number_ = 0;
};

// Throws DataError "invalid UTF-8: …" unless the text is well-formed. It starts on `line`, and is a line or a field.
ATP_EXPORT void require_utf8(std::string_view text, const std::string& name, int line, const char* whole = "line");

}  // namespace atp
