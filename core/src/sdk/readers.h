#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "atp/task.h"

// Readers one row at a time: a file's rows need never be in memory together as Values.
namespace atp {

using RowVisitor = std::function<void(Row row)>;

ATP_EXPORT void visit_rows(Files::Format format, const std::string& path, const std::vector<std::string>& columns,
                           const RowVisitor& visit);

// The forms. `text` is the whole file, well-formed UTF-8 without a byte-order mark.
void visit_tsv(std::string_view text, const std::string& path, const std::vector<std::string>& columns,
               const RowVisitor& visit);
void visit_csv(std::string_view text, const std::string& path, const std::vector<std::string>& columns,
               const RowVisitor& visit);
void visit_jsonl(std::string_view text, const std::string& path, const RowVisitor& visit);

// A table's columns and the rows made from their names; shared by tsv and csv.
class Table {
 public:
  Table(std::string path, std::vector<std::string> columns);  // empty: the first record is the header

  // Takes the next record. Throws DataError for a header that names a column twice or not at all, and for a record with
  // too few or too many fields.
  void record(std::vector<std::string> fields, int line, const RowVisitor& visit);

 private:
  void take_header(std::vector<std::string> names, int line);

  std::string path_;
  std::vector<std::string> columns_;
  bool given_;
};

}  // namespace atp
