#include "data/listed_documents.h"

#include <algorithm>

#include "data/task_data.h"
#include "tests/unit/data/packing.h"

using namespace atp;
using test::Folder;
using test::has;
using test::pack;

namespace {

using Texts = std::vector<std::string>;

// Documents "a.txt" and "b.txt" in the folders one/ and two/, listed as "a" and "b".
Files form() {
  Files files{.format = Files::Format::texts, .archives = {"one_v1", "two_v1"}};
  for (const std::string split : {"train", "validation"}) {
    files.splits.push_back(
        {.name = split, .paths = {"one/docs", "two/docs"}, .lists = {"lists/" + split + ".txt", "lists.json"}});
  }
  files.name_of_listed = [](const std::string& listed) { return listed + ".txt"; };
  return files;
}

TextTask task(Files files = form(), std::vector<Files> other_forms = {}) {
  TextTask result;
  result.name = "summaries";
  result.suite = "Shop";
  result.origin = "Summaries are offered by nobody (example.org)";
  result.files = std::move(files);
  result.other_forms = std::move(other_forms);
  result.metrics = {"accuracy"};
  result.render = [](const Row& row) { return Example{.source = row["text"], .target = row["name"]}; };
  return result;
}

// What is made of a split: "a.txt=text" where it stands in the list, and what is wrong with others.
Texts rows(const Folder& folder, const std::string& split = "train", const TextTask& of = task()) {
  Texts result;
  const auto row = [&](const Row& one) {
    result.push_back(std::to_string(one.origin().line) + ": " + one["name"] + "=" + one["text"]);
  };
  visit_rows(find_files(of, split, folder.path()), {row, [&](const DataError& error) {
                                                      std::string text = error.what();
                                                      for (std::size_t at = 0;
                                                           (at = text.find(folder.path() + "/")) != std::string::npos;)
                                                        text.erase(at, folder.path().size() + 1);
                                                      result.push_back(text);
                                                    }});
  return result;
}

std::string fault(const Folder& folder, const std::string& split = "train") {
  return test::message<DataError>([&] { rows(folder, split); });
}

}  // namespace

TEST_CASE(
    "documents come in the order of their list, out of folders and archives of every form, whatever lies in them") {
  const std::vector<test::Packed> one = {{"one/"},
                                         {"one/docs/c.txt", "sea"},
                                         {"one/docs/unlisted.txt", "no"},
                                         {"one/docs/a.txt", "one"},
                                         {"one/docs/x/e.txt", ""}};
  const std::vector<test::Packed> two = {{"two/docs/d.txt",
                                          "\xef\xbb\xbf"
                                          "dee"},
                                         {"two/docs/b.txt", "two\r\n"}};
  const Texts expected = {"1: a.txt=one", "2: b.txt=two\r\n", "4: c.txt=sea", "5: d.txt=dee", "6: x/e.txt="};
  const Texts backwards = {"1: d.txt=dee", "2: c.txt=sea", "3: b.txt=two\r\n", "4: a.txt=one"};
  for (const std::string ending : {"", ".tar.gz", ".tgz", ".tar", ".zip", ".7z"}) {
    for (const bool both : {true, false}) {
      CAPTURE(ending);
      CAPTURE(both);
      const Folder folder;
      folder.write("lists/train.txt",
                   "\xef\xbb\xbf"
                   "a\r\nb \n\nc\nd\nx/e");
      folder.write("lists.json", "\xef\xbb\xbf{\"train\": [\"no\"],\n \"dev\": [\"d\", \"c\", \"b\", \"a\"]}");
      for (const auto& [name, files] : {std::pair{"one_v1", one}, {"two_v1", two}}) {
        if (!ending.empty() && (both || files.size() == one.size())) {
          pack(folder, name + ending, files);
          continue;
        }
        for (const auto& file : files)
          if (!file.name.ends_with('/')) folder.write(file.name, file.contents);
      }
      CHECK(rows(folder) == expected);
      CHECK(rows(folder, "validation") == backwards);
    }
  }
}

TEST_CASE("what a list names and cannot be used is a bad row, at its place in the list") {
  for (const std::string ending : {"", ".zip"}) {
    const Folder folder;
    folder.write("lists/train.txt", "b\na\nno\nb\n../a\n/etc/passwd\ncaf\xe9\nlatin\n");
    const std::vector<test::Packed> one = {{"one/docs/a.txt", "one"}, {"one/docs/latin.txt", "x\ncaf\xe9"}};
    for (const auto& file : one)
      if (ending.empty()) folder.write(file.name, file.contents);
    if (!ending.empty()) pack(folder, "one_v1.zip", one);
    folder.write("two/docs/b.txt", "two");
    folder.write("two/docs/a.txt", "the first folder's is meant");
    folder.write("one/a.txt", "no");
    const std::string docs = ending.empty() ? "one/docs" : "one_v1.zip: one/docs";
    const auto got = rows(folder);
    REQUIRE(got.size() == 8);
    CHECK(got[0] == "1: b.txt=two");
    CHECK(got[1] == "2: a.txt=one");
    CHECK(got[2] ==
          "lists/train.txt:3: 'no.txt' is listed here, and there is no such document in " + docs + ", two/docs");
    CHECK(got[3] == "lists/train.txt:4: 'b.txt' is listed already, in line 1");
    CHECK(got[4] == "lists/train.txt:5: '../a.txt' is no name of a document below a folder");
    CHECK(got[5] == "lists/train.txt:6: '/etc/passwd.txt' is no name of a document below a folder");
    CHECK(has(got[6], "lists/train.txt:7: invalid UTF-8: byte 0xe9, number 4 of the line"));
    CHECK(has(got[7], "lists/train.txt:8: " + docs + "/latin.txt:2: invalid UTF-8: byte 0xe9"));
  }
}

TEST_CASE("more than one absent document in a hundred stops the task, fewer do not") {
  const Folder folder;
  std::string list;
  for (int i = 0; i < 200; ++i) {
    list += std::to_string(i) + "\n";
    folder.write("one/docs/" + std::to_string(i) + ".txt", "text");
  }
  folder.write("two/docs/x.txt", "");
  folder.write("lists/train.txt", list + "gone\n");
  CHECK(TaskData(task(), {.root = folder.path()}).split("train").size() == 200);
  folder.write("lists/train.txt", list + "gone\ngone2\ngone3\n");
  const auto text = test::message<DataError>([&] { TaskData(task(), {.root = folder.path()}).split("train"); });
  CHECK(has(text, "lists/train.txt:201: 'gone.txt' is listed here"));
  CHECK(has(text, "3 of 203 rows of " + folder.path("lists/train.txt") + " cannot be used, more than 1%"));
  const TaskData data(task(), {.root = folder.path(), .skip_bad_rows = true});
  CHECK(data.split("train")[7].origin.text() == folder.path("lists/train.txt") + ":8");
}

TEST_CASE("a list in JSON: of a split, or of each; and what is none") {
  const Folder folder;
  for (const std::string folder_name : {"one", "two"}) folder.write(folder_name + "/docs/a.txt", folder_name);
  const auto with = [&](const std::string& json) {
    folder.write("lists.json", json);
    return rows(folder);
  };
  CHECK(with(R"(["a"])") == Texts{"1: a.txt=one"});
  CHECK(with(R"({"info": 1, "train": [3, "a", null]})") == Texts{"lists.json: train:1: found a number, expected a name",
                                                                 "2: a.txt=one",
                                                                 "lists.json: train:3: found a null, expected a name"});
  CHECK(with("{\"train\": []}").empty());
  folder.write("lists.json", "{\"train\": [\n\"a\", ]}");
  CHECK(has(fault(folder), "lists.json:2:"));
  CHECK(has(fault(folder), "not JSON"));
  folder.write("lists.json", "{\"test\": [], \"train\": {}}");
  CHECK(has(fault(folder),
            "lists.json: no list for the split 'train'; expected a list of names, or a map with one for "
            "each split (found: test, train)"));
  folder.write("lists.json", "7");
  CHECK(has(fault(folder), "no list for the split 'train'"));
  folder.write("lists.json.gz", test::gzip("[\"a\"]"));
  std::filesystem::remove(folder.path("lists.json"));
  CHECK(rows(folder) == Texts{"1: a.txt=one"});
}

TEST_CASE("archives that are cut short, lead out or hold a document twice are told, not counted as rows") {
  const Folder folder;
  folder.write("lists/train.txt", "a\nb\n");
  folder.write("two/docs/x.txt", "");
  std::string noise;
  for (std::uint32_t state = 1; noise.size() < 300'000; state = state * 1664525 + 1013904223)
    noise += static_cast<char>('a' + (state >> 24) % 26);
  for (const std::string ending : {".tgz", ".zip", ".7z"}) {
    const auto path = pack(folder, "one_v1" + ending, {{"one/docs/b.txt", noise}, {"one/docs/a.txt", noise}});
    std::filesystem::resize_file(path, std::filesystem::file_size(path) * 7 / 10);
    CHECK(has(fault(folder), "cut short"));
    pack(folder, "one_v1" + ending, {{"one/docs/a.txt", "x"}, {"one/docs/../../../b.txt", "y"}});
    CHECK(has(fault(folder), "'one/docs/../../../b.txt' leads out of the archive"));
    std::filesystem::remove(path);
  }
  pack(folder, "one_v1.tar", {{"one/docs/a.txt", "x"}, {"./one/docs/a.txt", "y"}});
  CHECK(has(fault(folder), "one_v1.tar: it has two entries one/docs/a.txt"));
  pack(folder, "one_v1.tar", {{"one/docs/a.txt", "", "/etc/passwd"}, {"one/docs/b.txt", "y"}});
  CHECK(has(rows(folder)[0], "lists/train.txt:1: 'a.txt' is listed here, and there is no such document"));
}

TEST_CASE("a form is there as a whole or not at all; its message names what is there and what lacks") {
  const Folder folder;
  folder.write("one/docs/a.txt", "one");
  const auto rows_of = task(form(), {hub("r")});
  const auto missing = [&] {
    return missing_files(rows_of, {find_files(rows_of, "train", folder.path())}, folder.path());
  };
  CHECK(has(missing(), "\n  train: one/docs and two/docs with lists/train.txt or lists.json, r/train-*.parquet, "));
  CHECK(has(missing(),
            "\n  there is " + folder.path("one/docs") + ", without lists/train.txt or lists.json, two/docs\n"));
  CHECK(has(missing(), "in the archives lists, one, one_v1, r, two, two_v1 (.zip, "));
  CHECK(has(missing(), "\nSummaries are offered by nobody"));
  folder.write("lists.json", "[\"a\"]");
  std::filesystem::create_directories(folder.path("two/docs"));  // as good as none
  CHECK(has(missing(),
            "there is " + folder.path("lists.json") + ", " + folder.path("one/docs") + ", without two/docs\n"));
  folder.write("r/train.jsonl", "{\"name\": \"n\", \"text\": \"t\"}");
  CHECK(rows(folder, "train", rows_of) == Texts{"1: n=t"});
  folder.write("shop/two/docs/b.txt", "two");
  CHECK(rows(folder, "train", rows_of) == Texts{"1: a.txt=one"});
}

TEST_CASE("documents become columns; one that is not of the form is a bad row") {
  auto files = form();
  files.columns_of_text = [](const std::string& text) -> std::vector<std::pair<std::string, std::string>> {
    if (text.empty()) throw DataError("a text is expected");
    return {{"text", text + "!"}, {"more", "x"}};
  };
  const Folder folder;
  folder.write("lists.json", R"(["a", "b"])");
  folder.write("one/docs/b.txt", "b");
  folder.write("two/docs/a.txt", "");
  CHECK(rows(folder, "train", task(files)) ==
        Texts{"lists.json: train:1: two/docs/a.txt: a text is expected", "2: b.txt=b!"});
  for (auto& split : files.splits) split.lists.clear();  // a folder of texts without a list
  CHECK(rows(folder, "train", task(files)) == Texts{"0: b.txt=b!"});
}

TEST_CASE("a file that a recipe names takes the place of list and folders") {
  const Folder folder;
  const auto path = folder.write("own.jsonl", "{\"name\": \"n\", \"text\": \"t\"}");
  const TaskData data(task(form(), {hub("r")}), {.root = folder.path(), .files = {{"train", path}}});
  CHECK(data.split("train")[0].source == "summaries t");
  const auto packed = pack(folder, "own.zip", {{"rows.csv", "name,text\nn,u\n"}});
  const TaskData zipped(task(form(), {hub("r")}), {.root = folder.path(), .files = {{"train", packed}}});
  CHECK(zipped.split("train")[0].source == "summaries u");
}

TEST_CASE("what is kept of a listed split is made anew where the list, a document or an archive changes") {
  const Folder folder;
  folder.write("lists/train.txt", "a\nb\n");
  folder.write("one/docs/a.txt", "one");
  folder.write("two/docs/b.txt", "two");
  const auto digest = [&](const std::string& path) {
    std::string all;
    Texts files;
    if (!std::filesystem::is_directory(path)) return read_file(path);
    for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry.path().string());
    std::sort(files.begin(), files.end());
    for (const auto& file : files) all += file + read_file(file);
    return all;
  };
  const auto sources = [&] {
    Texts result;
    const TaskData data(task(), {.root = folder.path(), .cache = {folder.path("cache"), "maker", digest}});
    for (const auto& example : data.split("train")) result.push_back(example.source);
    return result;
  };
  CHECK(sources() == Texts{"summaries one", "summaries two"});
  folder.write("lists/train.txt", "b\na\n");
  CHECK(sources() == Texts{"summaries two", "summaries one"});
  folder.write("two/docs/b.txt", "2");
  CHECK(sources() == Texts{"summaries 2", "summaries one"});
}
