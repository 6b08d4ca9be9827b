#include "sdk/readers.h"

#include <doctest/doctest.h>

#include "sdk/utf8.h"
#include "tests/unit/data/fixture.h"

using namespace atp;
using test::Folder;
using test::has;

namespace {

std::vector<Row> read(Files::Format format, const std::string& contents, std::vector<std::string> columns = {}) {
  const Folder folder;
  return read_rows(format, folder.write("rows.txt", contents), columns);
}

std::string fault(Files::Format format, const std::string& contents, std::vector<std::string> columns = {}) {
  return test::message<DataError>([&] { read(format, contents, columns); });
}

constexpr auto tsv_form = Files::Format::tsv;
constexpr auto csv_form = Files::Format::csv;
constexpr auto jsonl_form = Files::Format::jsonl;

}  // namespace

TEST_CASE("TSV: quotes are characters; byte-order mark and CRLF are taken away") {
  const auto rows = read(tsv_form, "\xef\xbb\xbfid\ttext\r\n1\t\"quoted\" 'too\r\n2\t\r\n");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0]["id"] == "1");
  CHECK(rows[0]["text"] == "\"quoted\" 'too");
  CHECK(rows[1]["text"] == "");
  CHECK(rows[1].origin().line == 3);
}

TEST_CASE("TSV: other line separators than the line feed are part of a field") {
  const auto rows = read(tsv_form,
                         "a\n1\xe2\x80\xa8"
                         "2\x0c"
                         "3\xc2\x85"
                         "4\n");
  REQUIRE(rows.size() == 1);
  CHECK(rows[0]["a"] ==
        "1\xe2\x80\xa8"
        "2\x0c"
        "3\xc2\x85"
        "4");
}

TEST_CASE("TSV: columns can be given for a file without a header, and blank lines at its end are nothing") {
  const auto rows = read(tsv_form, "gj04\t1\t\tA sentence.\n\n\n", {"source", "label", "mark", "sentence"});
  REQUIRE(rows.size() == 1);
  CHECK(rows[0]["sentence"] == "A sentence.");
  CHECK(rows[0].origin().line == 1);
}

TEST_CASE("TSV: too few and too many fields are errors with file and line") {
  const auto few = fault(tsv_form, "id\ttext\tlabel\n1\ta\tx\n2\tb\n");
  CHECK(has(few, "rows.txt:3: too few fields: 2 found, 3 expected (by the header: id, text, label)"));
  const auto many = fault(tsv_form, "1\ta\tx\n", {"id", "text"});
  CHECK(has(many, "rows.txt:1: too many fields: 3 found, 2 expected (id, text)"));
  CHECK(has(fault(tsv_form, "a\tb\n1\t2\n\n3\t4\n"), ":3: too few fields"));  // a blank line between rows
}

TEST_CASE("a header may not name a column twice or leave one without a name") {
  CHECK(has(fault(tsv_form, "a\tb\ta\n"), ":1: the header names column 'a' twice"));
  CHECK(has(fault(csv_form, "a,,b\n"), ":1: the header's column 2 of 3 has no name"));
}

TEST_CASE("a missing column is an error that names the columns there are") {
  const auto rows = read(tsv_form, "id\tsentence1\n7\tx\n");
  const auto text = test::message<DataError>([&] { return rows[0]["sentense1"]; });
  CHECK(has(text, "rows.txt:2: no column 'sentense1'; did you mean 'sentence1'? (columns here: id, sentence1)"));
}

TEST_CASE("CSV: RFC 4180's quotes, commas, doubled quotes and line feeds inside quotes") {
  const auto rows = read(csv_form, "label,text\r\n\"1\",\"a, \"\"b\"\"\r\nc\"\n2,plain \"word\"\n\"3\",\"\"\n4,");
  REQUIRE(rows.size() == 4);
  CHECK(rows[0]["text"] == "a, \"b\"\r\nc");
  CHECK(rows[0].origin().line == 2);
  CHECK(rows[1]["text"] == "plain \"word\"");
  CHECK(rows[1].origin().line == 4);
  CHECK(rows[2]["text"] == "");
  CHECK(rows[3]["text"] == "");
}

TEST_CASE("CSV: an open quote and text after a closing one are errors with the line") {
  CHECK(has(fault(csv_form, "a,b\n1,\"x\n2,y\n"), "rows.txt:2: a field in quotes that starts here is never closed"));
  CHECK(has(fault(csv_form, "a,b\n\"1\"x,2\n"), "rows.txt:2: 'x' after a closing quote"));
  CHECK(has(fault(csv_form, "a,b\n1,2,3\n"), "rows.txt:2: too many fields: 3 found, 2 expected"));
}

TEST_CASE("JSON Lines: nested values, numbers as text, blank lines") {
  const auto rows =
      read(jsonl_form, "{\"q\": \"x\", \"n\": 3, \"b\": true, \"l\": [{\"t\": 1}]}\n\n{\"q\": \"\\u00e9\"}\r\n");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0]["n"] == "3");
  CHECK(rows[0]["b"] == "true");
  CHECK(rows[0].value("l").items()[0].at("t").integer() == 1);
  CHECK(rows[1]["q"] == "\xc3\xa9");
  CHECK(rows[1].origin().line == 3);
  CHECK(rows[1].fields().at("q").origin.line == 3);
}

TEST_CASE("JSON Lines: what is no object, no JSON, or no text is an error with the line") {
  CHECK(has(fault(jsonl_form, "{\"a\": 1}\n[1]\n"), "rows.txt:2: one JSON object a line is expected, not a list"));
  CHECK(has(fault(jsonl_form, "{\"a\": 1}\n\n{\"a\": \n"), "rows.txt:3:"));
  const auto rows = read(jsonl_form, "{\"a\": [1], \"b\": null}\n");
  CHECK(has(test::message<DataError>([&] { return rows[0]["a"]; }), "rows.txt:1: column 'a' holds a list"));
  CHECK(has(test::message<DataError>([&] { return rows[0]["b"]; }), "holds a null"));
}

TEST_CASE("invalid UTF-8 is an error with its line") {
  CHECK(has(fault(tsv_form, "a\nb\nc\xe9t\xe9\n"), "rows.txt:3: invalid UTF-8: byte 0xe9, number 2 of the line"));
  CHECK(has(fault(csv_form, "a\nb\nc\xe9t\xe9\n"), "rows.txt:3: invalid UTF-8: byte 0xe9, number 2 of the field"));
  CHECK(has(fault(jsonl_form, "{}\n{}\n{\xe9}\n"), "rows.txt:3: invalid UTF-8: byte 0xe9, number 2 of the line"));
}

TEST_CASE("UTF-8: what is well-formed and what is not") {
  const auto none = std::string_view::npos;
  CHECK(invalid_utf8("") == none);
  CHECK(invalid_utf8("a\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf") ==
        none);
  for (const char* bad :
       {"\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3(", "\xff"}) {
    CHECK(invalid_utf8(std::string("ab") + bad) == 2);
  }
}

TEST_CASE("files that are not there, folders, and files without rows") {
  const Folder folder;
  CHECK(has(test::message<DataError>([&] { read_rows(tsv_form, folder.path("none.tsv")); }),
            "none.tsv: cannot be read: No such file"));
  CHECK(has(test::message<DataError>([&] { read_rows(tsv_form, folder.path()); }), "cannot be read"));
  CHECK(read(tsv_form, "").empty());
  CHECK(read(tsv_form, "only\theader\n").empty());
}

TEST_CASE("paths of one split that are said apart are tried in that order") {
  const auto files = tsv({{"train", "a.tsv"}, {"dev", "b.tsv"}, {"train", "c.tsv"}});
  REQUIRE(files.splits.size() == 2);
  CHECK(files.splits[0].paths == std::vector<std::string>{"a.tsv", "c.tsv"});
}

namespace {

// Hands out so many bytes at a time.
class Drops final : public ByteSource {
 public:
  Drops(std::string_view text, std::size_t size) : text_(text), size_(size) {}
  std::string_view next() override {
    const std::string_view drop = text_.substr(0, size_);
    text_.remove_prefix(drop.size());
    kept_ = drop;  // what was handed out before is gone
    return kept_;
  }

 private:
  std::string_view text_;
  std::size_t size_;
  std::string kept_;
};

// All rows as JSON with their lines, and the messages of the bad ones.
std::vector<std::string> told(Files::Format format, std::string_view text, std::size_t chunk,
                              const std::vector<std::string>& columns = {}) {
  std::vector<std::string> result;
  const auto line = [](int number) { return std::to_string(number) + " "; };
  Drops bytes(text, chunk);
  visit_rows(format, bytes, "f", columns,
             {[&](const Row& row) { result.push_back(line(row.origin().line) + to_json(row.fields())); },
              [&](const DataError& error) { result.push_back(std::string("bad ") + error.what()); }});
  return result;
}

// The same, and that it does not depend on how the bytes come.
std::vector<std::string> told(Files::Format format, std::string_view text,
                              const std::vector<std::string>& columns = {}) {
  const auto whole = told(format, text, text.size() + 1, columns);
  for (const std::size_t chunk : {1, 2, 3, 7, 64}) CHECK(told(format, text, chunk, columns) == whole);
  return whole;
}

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("a row that cannot be used is handed to `bad` with its line, and reading goes on") {
  CHECK(
      told(tsv_form,
           "\xef\xbb\xbf"
           "a\tb\r\n1\t2\r\n3\r\n4\t5\t6\n\n7\t\xff\n8\t9") ==
      Told{"2 {\"a\": \"1\", \"b\": \"2\"}", "bad f:3: too few fields: 1 found, 2 expected (by the header: a, b)",
           "bad f:4: too many fields: 3 found, 2 expected (by the header: a, b)",
           "bad f:5: too few fields: 1 found, 2 expected (by the header: a, b)",
           "bad f:6: invalid UTF-8: byte 0xff, number 3 of the line; expected UTF-8 text (a Latin-1 file is converted "
           "by: iconv -f latin1 -t utf-8)",
           "7 {\"a\": \"8\", \"b\": \"9\"}"});
  const auto lines = told(jsonl_form, "{\"a\": 1}\n{\"a\":\n\n[2]\n{\"a\": 3}");
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "1 {\"a\": 1}");
  CHECK(has(lines[1], "bad f:2:6: not JSON: the text ends too early"));
  CHECK(lines[2] == "bad f:4: one JSON object a line is expected, not a list");
  CHECK(lines[3] == "5 {\"a\": 3}");
  const auto csv = told(csv_form, "\xef\xbb\xbf\"a\",b\r\n\"1\"x,2\n3,4,5\n\"6\n6\",\"\xff\"\n7,8\n");
  REQUIRE(csv.size() == 4);
  CHECK(has(csv[0], "bad f:2: 'x' after a closing quote"));
  CHECK(has(csv[1], "bad f:3: too many fields: 3 found, 2 expected"));
  CHECK(has(csv[2], "bad f:5: invalid UTF-8: byte 0xff, number 1 of the field"));
  CHECK(csv[3] == "6 {\"a\": \"7\", \"b\": \"8\"}");
}

TEST_CASE("what makes the rest of a file unreadable is thrown, bad rows allowed or not") {
  CHECK(has(test::message<DataError>([] { told(csv_form, "a,b\n1,\"2\n3,4\n", 2); }), "f:2: a field in quotes"));
  CHECK(has(test::message<DataError>([] { told(tsv_form, "a\ta\n", 2); }), "f:1: the header names column 'a' twice"));
  CHECK(has(test::message<DataError>([] { told(csv_form, "a,\xff\n1,2\n", 2); }), "f:1: invalid UTF-8"));
}

TEST_CASE("what the taker of a row throws is not taken for the row's fault") {
  TextBytes bytes("a\n1\n");
  bool told_bad = false;
  const RowSink sink{[](const Row& row) { throw DataError(row.origin(), "mine"); },
                     [&](const DataError&) { told_bad = true; }};
  CHECK_THROWS_AS(visit_rows(tsv_form, bytes, "f", {}, sink), DataError);
  CHECK(!told_bad);
}

TEST_CASE("CSV: carriage returns, blank lines and doubled quotes, however the bytes come") {
  CHECK(told(csv_form, "a,b\r\n\r\n\n\"x\"\"y\r\nz\",\"\"\r\n\rp\rq,r\n") ==
        Told{"4 {\"a\": \"x\\\"y\\r\\nz\", \"b\": \"\"}", "6 {\"a\": \"\\rp\\rq\", \"b\": \"r\"}"});
  // Yelp's: every field in quotes, quotes doubled, a line feed as two characters.
  CHECK(told(csv_form, "\"1\",\"so \"\"good\"\"\\n\\nnot, though\"\n", {"label", "text"}) ==
        Told{"1 {\"label\": \"1\", \"text\": \"so \\\"good\\\"\\\\n\\\\nnot, though\"}"});
}

TEST_CASE("TSV: a blank line in a file of one column is an empty text; at its end it is nothing") {
  CHECK(told(tsv_form, "one\n\n\nfour\n\n", {"t"}) ==
        Told{"1 {\"t\": \"one\"}", "2 {\"t\": \"\"}", "3 {\"t\": \"\"}", "4 {\"t\": \"four\"}"});
}

TEST_CASE("JSON Lines: MRQA's header is no row, and only the first line can be one") {
  CHECK(told(jsonl_form, "{\"header\": {\"dataset\": \"X\"}}\n{\"q\": 1}\n{\"header\": 2}\n") ==
        Told{"2 {\"q\": 1}", "3 {\"header\": 2}"});
  CHECK(told(jsonl_form, "{\"header\": 1, \"q\": 2}\n") == Told{"1 {\"header\": 1, \"q\": 2}"});
}

TEST_CASE("JSON: rows are the items of the outermost list, or of \"data\", and know their lines") {
  constexpr auto json_form = Files::Format::json;
  CHECK(told(json_form, "\xef\xbb\xbf[\n {\"a\": 1},\r\n\n {\"b\": [{\"c\": [1, 2]}]}, 5, [6]\n]\n") ==
        Told{"2 {\"a\": 1}", "4 {\"b\": [{\"c\": [1, 2]}]}",
             "bad f:4: one JSON object a row is expected, not a integer",
             "bad f:4: one JSON object a row is expected, not a list"});
  CHECK(
      told(json_form, "{\"version\": \"1.1\", \"x\": {\"data\": [{\"a\": 0}]}, \"data\": [{\"a\": 1}], \"y\": [{}]}") ==
      Told{"1 {\"a\": 1}"});
  CHECK(told(json_form, "[]").empty());
  CHECK(has(test::message<DataError>([] { told(json_form, "{\"a\": [{}]}", 3); }), "f: no rows: a JSON document"));
  CHECK(has(test::message<DataError>([] { told(json_form, "[{\"a\": 1},\n{\"a\": }]", 3); }), "f:2: not JSON"));
  CHECK(has(test::message<DataError>([] { told(json_form, "[{\"a\": 1, \"a\": 2}]", 3); }), "f:1: two keys 'a'"));
  CHECK(has(test::message<DataError>([] { told(json_form, std::string(300, '['), 3); }), "more than 200 levels"));
  CHECK(has(test::message<DataError>([] { told(json_form, "[" + std::string(300, '{'), 3); }), "f:1: not JSON"));
}

TEST_CASE("JSON: rows are the members of a map of maps that has no \"data\"") {
  constexpr auto json_form = Files::Format::json;
  CHECK(
      told(json_form, "{\"p}1\": {\"a\": [1]},\n \"p\\\"2\": {\"a\": {\"data\": 2}}, \"n\": 3}") ==
      Told{"1 {\"a\": [1]}", "2 {\"a\": {\"data\": 2}}", "bad f:2: one JSON object a row is expected, not a integer"});
  CHECK(told(json_form, "{\"info\": {\"a\": 1}, \"data\": [{\"b\": 2}]}") == Told{"1 {\"b\": 2}"});
  CHECK(has(test::message<DataError>([] { told(json_form, "{\"data\": {\"a\": 1}}", 3); }), "no rows"));
  CHECK(has(test::message<DataError>([] { told(json_form, "{\"a\": {\"b\": ", 3); }), "not JSON"));
}

TEST_CASE("JSON: one object a line under a document's name is read as such") {
  constexpr auto json_form = Files::Format::json;
  CHECK(told(json_form, "{\"a\": \"}\\\"\"}\n{\"a\": 2}\n") == Told{"1 {\"a\": \"}\\\"\"}", "2 {\"a\": 2}"});
  CHECK(told(json_form, "{\"data\": [{\"a\": 1}]}\n") == Told{"1 {\"a\": 1}"});
}
