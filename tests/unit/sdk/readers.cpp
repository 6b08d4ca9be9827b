#include <doctest/doctest.h>

#include "atp/task.h"
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
