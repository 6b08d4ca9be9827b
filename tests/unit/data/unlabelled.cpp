#include "data/unlabelled.h"

#include "tests/places.h"
#include "tests/unit/data/fixture.h"
#include "tests/unit/data/packing.h"

using namespace atp;
using test::Folder;
using test::has;

namespace {

TextTask pairs() {
  TextTask task;
  task.name = "pairs";
  task.labels = {{"yes", "1"}, {"no", "0"}};
  task.metrics = {"accuracy"};
  task.files = tsv({{"train", "train.tsv"}}, {"id", "first", "second", "label"});
  task.render = [](const Row& row) {
    return Example{.source = "first: " + row["first"] + " second: " + row["second"], .target = row["label"]};
  };
  return task;
}

TextTask questions() {
  TextTask task;
  task.name = "questions";
  task.metrics = {"exact_match"};
  task.files = jsonl({{"train", "train.jsonl"}});
  task.expand = [](const Row& row, Role) {
    std::vector<Example> examples;
    for (const char* part : {"a", "b"})
      examples.push_back({.source = std::string(part) + ": " + row["question"], .target = row["answer"]});
    return examples;
  };
  return task;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("sources are read of rows that have no answers") {
  const Folder folder;
  const auto with_label = folder.write("a.jsonl", "{\"first\": \"A\", \"second\": \"B\", \"label\": \"hidden\"}\n");
  CHECK(read_sources(with_label, pairs(), "pairs ") == Texts{"pairs first: A second: B"});
  const auto without =
      folder.write("b.jsonl", "{\"first\": \"A\", \"second\": \"B\"}\n{\"second\": 2, \"first\": 1}\n");
  CHECK(read_sources(without, pairs(), "") == Texts{"first: A second: B", "first: 1 second: 2"});
  const auto several = folder.write("c.jsonl", "{\"question\": \"why?\"}\n");
  CHECK(read_sources(several, questions(), "q ") == Texts{"q a: why?", "q b: why?"});
}

TEST_CASE("a column that the source is made of may not be missing") {
  const Folder folder;
  for (const char* row : {"{\"first\": \"A\", \"label\": \"yes\"}\n", "{\"first\": \"A\"}\n"}) {
    const auto file = folder.write("a.jsonl", row);
    const auto fault = test::message<DataError>([&] { read_sources(file, pairs(), ""); });
    CHECK(has(fault, "a.jsonl:1: no column 'second'"));
  }
  const auto file = folder.write("b.tsv", "index\tfirst\n0\tA\n");
  CHECK(has(test::message<DataError>([&] { read_sources(file, pairs(), ""); }), "b.tsv:2: no column 'second'"));
}

TEST_CASE("a table has the task's columns, or a header") {
  const Folder folder;
  CHECK(read_sources(folder.write("a.tsv", "7\tA\tB\tyes\n"), pairs(), "") == Texts{"first: A second: B"});
  CHECK(read_sources(folder.write("b.tsv", "index\tsecond\tfirst\n0\tB\tA\n"), pairs(), "") ==
        Texts{"first: A second: B"});
  const auto packed = [&](const std::string& text) { return folder.write("c.tsv.gz", test::gzip(text)); };
  CHECK(read_sources(packed("7\tA\tB\tyes\n"), pairs(), "") == Texts{"first: A second: B"});
  CHECK(read_sources(packed("index\tsecond\tfirst\n0\tB\tA\n"), pairs(), "") == Texts{"first: A second: B"});
  CHECK(has(test::message<DataError>([&] { read_sources(folder.write("d.tsv.gz", "a\tb\n"), pairs(), ""); }),
            "d.tsv.gz: broken"));
}

TEST_CASE("sources that stand ready are taken as they are") {
  const Folder folder;
  CHECK(read_sources(folder.write("a.txt", "one\r\n\ntwo"), pairs(), "pairs ") == Texts{"one", "", "two"});
  const auto ready =
      folder.write("b.jsonl", "{\"index\": 0, \"source\": \"x y\", \"target\": \"1\"}\n{\"source\": \"z\"}\n");
  CHECK(read_sources(ready, pairs(), "pairs ") == Texts{"x y", "z"});
  const auto mixed = folder.write("c.jsonl", "{\"source\": \"x\"}\n{\"first\": \"A\", \"second\": \"B\"}\n");
  CHECK(has(test::message<DataError>([&] { read_sources(mixed, pairs(), ""); }), "c.jsonl:2: no column 'source'"));
  CHECK(has(test::message<DataError>([&] { read_sources(folder.path("none.txt"), pairs(), ""); }),
            "none.txt: cannot be read: No such file"));
  CHECK(has(test::message<DataError>([&] { read_sources(folder.path("none.tsv"), pairs(), ""); }),
            "none.tsv: cannot be read: No such file"));
  CHECK(has(test::message<DataError>([&] { read_sources(folder.write("d.txt", "a\nb\xff\n"), pairs(), ""); }),
            "d.txt:2: invalid UTF-8"));
}

TEST_CASE("sources are cut to the length, and counted") {
  const auto tokenizer = Tokenizer::open(tests::in_source_tree("/core/share/tokenizer/spiece.model"));
  const auto rows = tokenise_sources({"a b c d e f g h i j k l m n o p", ""}, *tokenizer, 8);
  REQUIRE(rows->size() == 2);
  CHECK(rows->source(0).size() == 8);
  CHECK(rows->source(0).back() == 1);
  CHECK(rows->source(1).size() == 1);
  CHECK(rows->target(0).size() == 1);
  CHECK(rows->truncated_sources() == 1);
}
