#include "data/data_files.h"

#include "tests/unit/data/packing.h"

using namespace atp;
using test::Folder;
using test::has;
using test::pack;

namespace {

// A task of suite "Shop" whose files stand at these paths.
TextTask task(Files files, std::vector<Files> other_forms = {}) {
  TextTask result;
  result.name = "reviews";
  result.suite = "Shop";
  result.origin = "Reviews are offered by nobody (example.org)";
  result.files = std::move(files);
  result.other_forms = std::move(other_forms);
  return result;
}

std::vector<std::string> texts(const std::vector<DataPart>& parts, const Folder& folder) {
  std::vector<std::string> result;
  for (const auto& part : parts) result.push_back(part.text().substr(folder.path().size() + 1));
  return result;
}

std::vector<std::string> found(const TextTask& of, const Folder& folder, const std::string& split = "train") {
  return texts(find_files(of, split, folder.path()).parts, folder);
}

// The rows as JSON; bad ones as their messages.
std::vector<std::string> rows(const TextTask& of, const Folder& folder, const std::string& split = "train") {
  std::vector<std::string> result;
  visit_rows(find_files(of, split, folder.path()), {[&](const Row& row) { result.push_back(to_json(row.fields())); },
                                                    [&](const DataError& error) { result.push_back(error.what()); }});
  return result;
}

using Texts = std::vector<std::string>;
const std::string table = "text\tlabel\na\t1\n";
const Texts row_of_table = {"{\"text\": \"a\", \"label\": \"1\"}"};

}  // namespace

TEST_CASE("a split's file: below the root, below the suite's folder, packed, and in archives, in this order") {
  const auto reviews = task(tsv({{"train", "R/train.tsv"}}));
  const Texts order = {
      "R/train.tsv",      "shop/R/train.tsv",      "R/train.tsv.gz",          "shop/R/train.tsv.gz",
      "R.zip: train.tsv", "R.tar.gz: R/train.tsv", "R.tgz: ./R/train.tsv.gz", "shop/R.tar: R/train.tsv"};
  const Folder folder;
  pack(folder, "shop/R.tar", {{"R/train.tsv", table}});
  pack(folder, "R.tgz", {{"./R/train.tsv.gz", test::gzip(table)}});
  CHECK(found(reviews, folder) == Texts{"R.tgz: R/train.tsv.gz"});
  CHECK(rows(reviews, folder) == row_of_table);
  pack(folder, "R.tar.gz", {{"R/train.tsv", table}});
  CHECK(found(reviews, folder) == Texts{order[5]});
  pack(folder, "R.zip", {{"readme", ""}, {"train.tsv", table}});
  CHECK(found(reviews, folder) == Texts{order[4]});
  CHECK(rows(reviews, folder) == row_of_table);
  for (const std::size_t i : {3, 2, 1, 0}) {
    folder.write(order[i], i >= 2 ? test::gzip(table) : table);
    CHECK(found(reviews, folder) == Texts{order[i]});
    CHECK(rows(reviews, folder) == row_of_table);
  }
}

TEST_CASE("a path that ends in .gz is found unpacked, too") {
  const auto reviews = task(jsonl({{"train", "R/train.jsonl.gz"}}));
  const Folder folder;
  folder.write("R/train.jsonl", "{\"a\": 1}\n");
  CHECK(rows(reviews, folder) == Texts{"{\"a\": 1}"});
  folder.write("R/train.jsonl.gz", test::gzip("{\"a\": 2}\n"));
  CHECK(rows(reviews, folder) == Texts{"{\"a\": 2}"});
}

TEST_CASE("archives with names of their own, and with a folder of their name around everything") {
  auto form = tsv({{"train", "R/train.tsv"}});
  form.archives = {"Shop_v2"};
  const Folder folder;
  pack(folder, "Shop_v2.zip", {{"Shop_v2/", ""}, {"Shop_v2/R/train.tsv", table}, {"__MACOSX/R/train.tsv", ""}});
  CHECK(found(task(form), folder) == Texts{"Shop_v2.zip: Shop_v2/R/train.tsv"});
  CHECK(rows(task(form), folder) == row_of_table);
  CHECK(found(task(tsv({{"train", "R/train.tsv"}})), folder).empty());
}

TEST_CASE("`*`: all files that match are one split, in the order of their names, on the disk and in archives") {
  const auto reviews = task(jsonl({{"train", "R/part-*-of-*.jsonl"}}));
  const std::vector<std::pair<std::string, std::string>> files = {{"R/part-2-of-3.jsonl", "{\"a\": 2}\n{\"a\": 3}"},
                                                                  {"R/part-1-of-3.jsonl", "{\"a\": 1}\n"},
                                                                  {"R/other.jsonl", "{\"a\": 9}\n"},
                                                                  {"R/x/part-1-of-3.jsonl", "{\"a\": 9}\n"},
                                                                  {"R/.part-1-of-3.jsonl", "{\"a\": 9}\n"}};
  const Texts expected = {"{\"a\": 1}", "{\"a\": 2}", "{\"a\": 3}"};
  const Folder plain;
  for (const auto& [name, contents] : files) plain.write(name, contents);
  CHECK(rows(reviews, plain) == expected);
  for (const std::string archive : {"R.zip", "R.tar.gz"}) {
    const Folder folder;
    std::vector<test::Packed> entries;
    for (const auto& [name, contents] : files) entries.push_back({name, contents});
    pack(folder, archive, entries);
    CHECK(rows(reviews, folder) == expected);
  }
  const Folder none;
  CHECK(found(task(jsonl({{"train", "*/a*b*.jsonl"}})), none).empty());
  none.write("R/aabb.jsonl", "{}");
  none.write("R/ab.json", "{}");
  CHECK(found(task(jsonl({{"train", "*/a*b*.jsonl"}})), none) == Texts{"R/aabb.jsonl"});
  none.write("R/.aabb.jsonl", "{}");
  CHECK(found(task(jsonl({{"train", "R/*.jsonl"}})), none) == Texts{"R/aabb.jsonl"});
}

TEST_CASE("the Hub's form is taken where the authors' is not there: columns renamed, the format by the ending") {
  auto reviews = task(tsv({{"train", "R/train.tsv"}, {"dev", "R/dev.tsv"}}),
                      {hub("shop/r", {{"sentence", "text"}, {"class", "label"}})});
  const Folder folder;
  folder.write("shop/r/train.csv", "sentence,class\n\"a, b\",1\n");
  CHECK(rows(reviews, folder) == Texts{"{\"text\": \"a, b\", \"label\": \"1\"}"});
  folder.write("shop/r/train.json", "[{\"sentence\": \"c\", \"class\": 0}]");
  CHECK(rows(reviews, folder) == Texts{"{\"text\": \"c\", \"label\": 0}"});
  folder.write("shop/r/train.jsonl", "{\"sentence\": \"d\", \"class\": 1}\n");
  CHECK(rows(reviews, folder) == Texts{"{\"text\": \"d\", \"label\": 1}"});
  folder.write("R/train.tsv", table);
  CHECK(rows(reviews, folder) == row_of_table);
  // Each split for itself; the authors' "dev" is the Hub's "validation".
  folder.write("shop/r/validation.jsonl", "{\"text\": \"e\", \"sentence\": \"f\", \"class\": 1}\n");
  CHECK(rows(reviews, folder, "validation") == Texts{"{\"text\": \"e\", \"sentence\": \"f\", \"label\": 1}"});
  CHECK(names_files(reviews, "test"));
  CHECK(!names_files(task(tsv({{"train", "R/train.tsv"}})), "test"));
  reviews.other_forms[0].renamed = {{"text", "label"}, {"label", "text"}};
  folder.write("shop/r/test.jsonl", "{\"text\": \"1\", \"label\": \"g\"}\n");
  CHECK(rows(reviews, folder, "test") == Texts{"{\"label\": \"1\", \"text\": \"g\"}"});
}

TEST_CASE("a folder of texts: each file a row, on the disk and in archives, in the order of their names") {
  Files form{.format = Files::Format::texts, .splits = {{"train", {"imdb/train"}}}, .archives = {"imdb_v1"}};
  const std::vector<test::Packed> entries = {{"imdb/train/pos/1_9.txt", "good\nfilm\r\n"},
                                             {"imdb/train/neg/0_2.txt",
                                              "\xef\xbb\xbf"
                                              "bad\xc3\xa9"},
                                             {"imdb/train/neg/0_1.txt", ""},
                                             {"imdb/train/neg/.hidden", "no"},
                                             {"imdb/test/neg/0_2.txt", "no"},
                                             {"imdb/train/pos/2_9.txt", "caf\xe9"}};
  const Texts expected = {"{\"name\": \"neg/0_1.txt\", \"text\": \"\"}",
                          "{\"name\": \"neg/0_2.txt\", \"text\": \"bad\xc3\xa9\"}",
                          "{\"name\": \"pos/1_9.txt\", \"text\": \"good\\nfilm\\r\\n\"}"};
  const auto same = [&](const Texts& got) {
    REQUIRE(got.size() == 4);
    CHECK(Texts(got.begin(), got.end() - 1) == expected);
    CHECK(has(got[3], "imdb/train/pos/2_9.txt:1: invalid UTF-8: byte 0xe9, number 4"));
  };
  const Folder plain;
  for (const auto& entry : entries) plain.write(entry.name, entry.contents);
  same(rows(task(form), plain));
  for (const std::string archive : {"imdb_v1.tar.gz", "imdb.zip"}) {
    const Folder folder;
    pack(folder, archive, entries);
    same(rows(task(form), folder));
  }
  form.splits = {{"train", {"imdb/train/*/*_9.txt"}}};
  const auto some = rows(task(form), plain);
  REQUIRE(some.size() == 2);
  CHECK(some[0] == "{\"name\": \"pos/1_9.txt\", \"text\": \"good\\nfilm\\r\\n\"}");
}

TEST_CASE("labels in a file beside the rows, one a line, also for rows that cannot be used") {
  auto form = jsonl({{"train", "P/train.jsonl"}});
  form.splits[0].labels = {"P/train-labels.lst"};
  const auto piqa = task(form);
  const std::string goals = "{\"goal\": \"a\"}\nnothing\n{\"goal\": \"c\"}\n";
  const Folder plain;
  plain.write("P/train.jsonl", goals);
  plain.write("P/train-labels.lst", "0\r\n1\n2\n\n");
  const auto expect = [](const Texts& got) {
    REQUIRE(got.size() == 3);
    CHECK(got[0] == "{\"goal\": \"a\", \"label\": \"0\"}");
    CHECK(has(got[1], "train.jsonl:2:1: not JSON"));
    CHECK(got[2] == "{\"goal\": \"c\", \"label\": \"2\"}");
  };
  expect(rows(piqa, plain));
  const Folder folder;
  pack(folder, "P.zip", {{"P/train-labels.lst", "0\n1\n2"}, {"P/train.jsonl", goals}});
  expect(rows(piqa, folder));

  plain.write("P/train-labels.lst", "0\n1\n");
  CHECK(has(test::message<DataError>([&] { rows(piqa, plain); }), "train-labels.lst: fewer labels than rows: 2 lines"));
  plain.write("P/train-labels.lst", "0\n1\n2\n3\n");
  CHECK(has(test::message<DataError>([&] { rows(piqa, plain); }), "train-labels.lst:4: more labels than rows"));
  std::filesystem::remove(plain.path("P/train-labels.lst"));
  CHECK(has(test::message<DataError>([&] { rows(piqa, plain); }), "its labels are expected in a file beside it"));
}

TEST_CASE("a file that a recipe names: packed, in an archive, in another form than the task's") {
  const Folder folder;
  const auto given = [&](const std::string& name, std::vector<std::string> columns = {}) {
    return task(tsv({{"train", folder.path(name)}}, std::move(columns)), {hub("r", {{"sentence", "text"}})});
  };
  folder.write("own.gz", test::gzip(table));
  CHECK(rows(given("own.gz"), folder) == row_of_table);
  pack(folder, "two.zip", {{"a/x.tsv", table}, {"b.jsonl", "{\"sentence\": \"s\"}"}});
  CHECK(rows(given("two.zip:a/x.tsv"), folder) == row_of_table);
  CHECK(rows(given("two.zip:b.jsonl", {"only", "for", "tables"}), folder) == Texts{"{\"text\": \"s\"}"});
  CHECK(has(test::message<DataError>([&] { rows(given("two.zip"), folder); }),
            "two.zip: an archive of several files; name one of them, as in " + folder.path("two.zip") +
                ":ENTRY (it holds a/x.tsv, b.jsonl)"));
  CHECK(has(test::message<DataError>([&] { rows(given("two.zip:a/y.tsv"), folder); }),
            "no entry 'a/y.tsv' in this archive; did you mean 'a/x.tsv'?"));
  pack(folder, "one.tgz", {{"x", ""}, {"a/x.tsv", table}});
  pack(folder, "single.tgz", {{"a/x.tsv", table}});
  CHECK(rows(given("single.tgz"), folder) == row_of_table);
  CHECK(file_on_disk(folder.path("one.tgz:x")) == folder.path("one.tgz"));
  folder.write("odd.zip:name", table);
  CHECK(rows(given("odd.zip:name"), folder) == row_of_table);
  CHECK(rows(given("own.csv"), folder).empty());
  folder.write("own.csv", "sentence,label\na,1\n");
  CHECK(rows(given("own.csv", {"label", "text"}), folder) == row_of_table);
  folder.write("own.txt", "1\ta\n");
  CHECK(rows(given("own.txt", {"label", "text"}), folder) == Texts{"{\"label\": \"1\", \"text\": \"a\"}"});
}

TEST_CASE("two entries of one name, encrypted ones, and links are told where they are meant") {
  const Folder folder;
  const auto reviews = task(tsv({{"train", "R/train.tsv"}}));
  pack(folder, "R.tar", {{"R/train.tsv", table}, {"./R/train.tsv", table}});
  CHECK(has(test::message<DataError>([&] { found(reviews, folder); }), "R.tar: it has two entries R/train.tsv"));
  pack(folder, "R.tgz", {{"R/train.tsv", "", "../../secret"}});
  CHECK(has(test::message<DataError>([&] { rows(reviews, folder); }), "R/train.tsv is a link or a device"));
  pack(folder, "R.zip", {{"R/train.tsv", table}}, "password");
  CHECK(has(test::message<DataError>([&] { rows(reviews, folder); }), "R/train.tsv is encrypted"));
}

TEST_CASE("missing files: one message for all splits, with every place and form, and who offers them") {
  auto form = tsv({{"train", "R/train.tsv"}, {"dev", "R/dev.tsv"}});
  form.archives = {"Shop_v2"};
  const auto reviews = task(form, {hub("shop/r")});
  const Folder folder;
  std::vector<DataFiles> missing;
  for (const std::string split : {"train", "dev"}) missing.push_back(find_files(reviews, split, folder.path()));
  const auto text = missing_files(reviews, missing, folder.path());
  CHECK(has(text, "task 'reviews': no data for its splits 'train', 'dev'. Looked below " + folder.path() + " and " +
                      folder.path("shop") +
                      " for\n  train: R/train.tsv, shop/r/train-*.parquet, shop/r/train.jsonl, shop/r/train.json, "
                      "shop/r/train.csv\n  dev: R/dev.tsv, shop/r/validation-*.parquet, "));
  CHECK(has(text, "\nwith .gz or without, and in the archives R, Shop_v2, shop (.zip, .tar.gz, .tgz, .tar, .7z)\n"));
  CHECK(has(text, "\nReviews are offered by nobody (example.org). Put it below --data DIR"));
  const auto many = task(form, {hub("shop/r"), hub("shop/s")});
  CHECK(has(missing_files(many, {find_files(many, "train", folder.path())}, folder.path()),
            "shop/r/train.csv, shop/s/train-*.parquet, shop/s/train.jsonl, shop/s/train.json, shop/s/train.csv\n"));
  const auto rootless = missing_files(reviews, {find_files(reviews, "train", "")}, "");
  CHECK(has(rootless, "no data for its split 'train'. There is no data root to look below"));
}
