#include "data/task_data.h"

#include <algorithm>
#include <set>

#include "atp/seed.h"
#include "tests/unit/data/fixture.h"

using namespace atp;
using test::Folder;
using test::has;

namespace {

TextTask reviews(Splits splits) {
  TextTask task;
  task.name = "reviews";
  task.suite = "Shop";
  task.origin = "Reviews are offered by nobody (example.org)";
  task.files = tsv({{"train", "R/train.tsv"}, {"dev", "R/dev.tsv"}});
  task.splits = splits;
  task.labels = {{"good", "1"}, {"bad", "0"}};
  task.metrics = {"accuracy"};
  task.render = [](const Row& row) { return Example{.source = "text: " + row["text"], .target = row["label"]}; };
  return task;
}

std::string table(std::size_t rows) {
  std::string text = "text\tlabel\n";
  for (std::size_t i = 0; i < rows; ++i) text += "row " + std::to_string(i) + (i % 2 ? "\tgood\n" : "\tbad\n");
  return text;
}

std::vector<std::int64_t> indices(const std::vector<TaskExample>& examples) {
  std::vector<std::int64_t> result;
  for (const auto& example : examples) result.push_back(example.index);
  return result;
}

std::vector<std::int64_t> part(const std::vector<std::int64_t>& order, std::size_t first, std::size_t last) {
  return {order.begin() + static_cast<std::ptrdiff_t>(first), order.begin() + static_cast<std::ptrdiff_t>(last)};
}

std::vector<std::int64_t> counted(std::int64_t n) {
  std::vector<std::int64_t> result(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) result[static_cast<std::size_t>(i)] = i;
  return result;
}

}  // namespace

TEST_CASE("an example: prefix, label as text, the row it came from") {
  const Folder folder;
  folder.write("R/train.tsv", table(3));
  folder.write("R/dev.tsv", table(3));
  const TaskData data(reviews(Splits::halve_dev), {.root = folder.path()});
  const auto examples = data.split("train");
  CHECK(examples[1].source == "reviews text: row 1");
  CHECK(examples[1].target == "1");
  CHECK(examples[1].references == std::vector<std::string>{"1"});
  CHECK(examples[1].origin.text() == folder.path("R/train.tsv") + ":3");
  CHECK(data.labels() == std::vector<std::string>{"1", "0"});
  const TaskData bare(reviews(Splits::halve_dev), {.root = folder.path(), .task_prefix = false});
  CHECK(bare.split("train")[1].source == "text: row 1");
  auto renamed = reviews(Splits::halve_dev);
  renamed.prefix = "shop-reviews";
  CHECK(TaskData(renamed, {.root = folder.path()}).split("train")[0].source == "shop-reviews text: row 0");
  renamed.has_prefix = false;
  CHECK(TaskData(renamed, {.root = folder.path()}).split("train")[0].source == "text: row 0");
}

TEST_CASE("small sets: dev is halved by the permutation, train keeps the file's order") {
  const Folder folder;
  folder.write("R/train.tsv", table(5));
  folder.write("R/dev.tsv", table(277));
  const TaskData data(reviews(Splits::halve_dev), {.root = folder.path()});
  const auto order = permutation(277, 42);
  CHECK(indices(data.split("train")) == counted(5));
  CHECK(indices(data.split("validation")) == part(order, 0, 138));
  CHECK(indices(data.split("test")) == part(order, 138, 277));
  CHECK(data.split("validation")[0].source == "reviews text: row 207");  // torch.randperm(277)[0]
  CHECK(indices(data.split("test", 3)) == part(order, 138, 141));
}

TEST_CASE("large sets: 1,000 of train are held out, a tenth of fewer than 10,000; dev is the test set") {
  const Folder folder;
  folder.write("R/dev.tsv", table(4));
  for (const std::int64_t rows : {55, 9999, 10000, 12345}) {
    folder.write("R/train.tsv", table(static_cast<std::size_t>(rows)));
    const TaskData data(reviews(Splits::hold_out), {.root = folder.path()});
    const auto order = permutation(rows, 42);
    const std::size_t held = rows < 10000 ? static_cast<std::size_t>(rows) / 10 : 1000;
    CHECK(indices(data.split("validation")) == part(order, 0, held));
    CHECK(indices(data.split("train")) == part(order, held, order.size()));
    CHECK(indices(data.split("train", 7)) == part(order, held, held + 7));
    CHECK(indices(data.split("test")) == counted(4));
  }
}

TEST_CASE("official splits: the files as they are; dev and validation are one thing") {
  const Folder folder;
  folder.write("R/train.tsv", table(6));
  folder.write("R/dev.tsv", table(4));
  const TaskData data(reviews(Splits::hold_out), {.root = folder.path(), .official_splits = true});
  CHECK(indices(data.split("train")) == counted(6));
  CHECK(indices(data.split("validation")) == counted(4));
  CHECK_FALSE(data.has_split("test"));
  const auto text = test::message<DataError>([&] { data.split("test"); });
  CHECK(
      has(text,
          "task 'reviews' has no split 'test': that needs a file for 'test', and the task's files are for train, dev"));
  CHECK(has(test::message<RecipeError>([&] { data.split("tests"); }), "did you mean 'test'?"));
}

TEST_CASE("files are looked for below the root and below the suite's folder; a missing one names every path") {
  const Folder folder;
  folder.write("shop/R/train.tsv", table(2));
  const TaskData data(reviews(Splits::halve_dev), {.root = folder.path()});
  CHECK(data.split("train").size() == 2);
  CHECK(data.files("train").front().found == folder.path("shop/R/train.tsv"));
  CHECK(data.files("test").front().found == "");
  const auto text = test::message<DataError>([&] { data.split("test"); });
  CHECK(has(text, "task 'reviews': no data for its split 'dev'. Looked for\n  " + folder.path("R/dev.tsv") + ", " +
                      folder.path("shop/R/dev.tsv")));
  CHECK(has(text, "Reviews are offered by nobody (example.org). Put it below --data DIR (now " + folder.path()));
  const auto nowhere = test::message<DataError>([] { TaskData(reviews(Splits::official), {}).split("train"); });
  CHECK(has(nowhere, "There is no data root to look below"));
  CHECK(has(nowhere, "--data DIR (none is given"));
  const TaskData named(reviews(Splits::halve_dev),
                       {.root = "", .files = {{"validation", folder.write("mine.tsv", table(4))}}});
  CHECK(named.split("test").size() == 2);
}

TEST_CASE("bad rows: a label outside the set, a missing column, no rows") {
  const Folder folder;
  folder.write("R/train.tsv", "text\tlabel\na\tgood\nb\tgoud\n");
  folder.write("R/dev.tsv", "text\tlable\na\tgood\n");
  const TaskData data(reviews(Splits::halve_dev), {.root = folder.path()});
  CHECK(has(test::message<DataError>([&] { data.split("train"); }),
            folder.path("R/train.tsv") +
                ":3: label 'goud' is not in the label set of task 'reviews' (good, bad); did you mean 'good'?"));
  CHECK(has(test::message<DataError>([&] { data.split("test"); }), "dev.tsv:2: no column 'label'"));
  folder.write("R/dev.tsv", "text\tlabel\n");
  CHECK(has(test::message<DataError>([&] { data.split("test"); }), "dev.tsv: task 'reviews': no rows"));
  folder.write("R/dev.tsv", "text\tlabel\na\tgood\n");
  CHECK(has(test::message<DataError>([&] { data.split("validation"); }), "its split 'validation' is empty"));
  CHECK(data.split("test").size() == 1);
}

TEST_CASE("rows that a task leaves out by its own rule are no examples, and not bad ones") {
  const Folder folder;
  folder.write("R/train.tsv", "text\tlabel\na\tgood\nb\t-\nc\tbad\n");
  folder.write("R/dev.tsv", table(4));
  auto task = reviews(Splits::halve_dev);
  task.left_out = [](const Row& row) { return row["label"] == "-"; };
  const auto train = TaskData(task, {.root = folder.path()}).split("train");
  REQUIRE(train.size() == 2);
  CHECK(train[1].source == "reviews text: c");
  CHECK(train[1].index == 1);
}

TEST_CASE("a task that fails on a row is reported with its name and the row") {
  const Folder folder;
  folder.write("R/train.tsv", table(3));
  auto task = reviews(Splits::official);
  task.render = [](const Row& row) -> Example {
    if (row["text"] == "row 1") throw std::out_of_range("substr");
    return {.source = "", .target = "good"};
  };
  const TaskData data(task, {.root = folder.path()});
  CHECK(has(test::message<PluginError>([&] { data.split("train"); }),
            "train.tsv:3: task 'reviews' failed on this row: substr"));
}

TEST_CASE("a task that is not whole is refused") {
  const auto fault = [](auto change) {
    auto task = reviews(Splits::official);
    change(task);
    return test::message<PluginError>([&] { TaskData(task, {}); });
  };
  CHECK(has(fault([](TextTask& task) { task.render = {}; }), "exactly one of render and expand"));
  CHECK(has(fault([](TextTask& task) { task.metrics.clear(); }), "names no metric"));
  CHECK(has(fault([](TextTask& task) { task.files = {}; }), "neither files nor a generate function"));
}

// ReCoRD's form: a row holds several queries, each with several right answers; one training example for each answer,
// one scored example for each query.
TEST_CASE("a task that trains on other examples than it scores is held out by its questions") {
  const Folder folder;
  std::string rows;
  for (int i = 0; i < 40; ++i) rows += "{\"id\": \"" + std::to_string(i) + "\"}\n";
  folder.write("train.jsonl", rows);
  folder.write("dev.jsonl", "{\"id\": \"d\"}\n");
  TextTask task;
  task.name = "queries";
  task.files = jsonl({{"train", "train.jsonl"}, {"dev", "dev.jsonl"}});
  task.splits = Splits::hold_out;
  task.metrics = {"exact_match"};
  task.expand = [](const Row& row, Role role) {
    std::vector<Example> examples;
    for (const std::string query : {"a", "b"}) {
      const std::string id = row["id"] + query;
      if (role == Role::evaluate) {
        examples.push_back({.source = id, .target = "x", .references = {"x", "y", "z"}, .group = id});
      } else {
        for (const char* answer : {"x", "y", "z"}) examples.push_back({.source = id, .target = answer, .group = id});
      }
    }
    return examples;
  };
  const TaskData data(task, {.root = folder.path(), .task_prefix = false});
  const auto train = data.split("train"), validation = data.split("validation");
  CHECK(validation.size() == 8);  // a tenth of 80 queries
  CHECK(train.size() == 72 * 3);
  CHECK(data.split("test").size() == 2);
  const auto order = permutation(80, 42);
  std::set<std::string> held;
  for (const auto& example : validation) held.insert(example.group);
  for (std::size_t i = 0; i < train.size(); ++i) {
    const auto query = order[8 + i / 3];
    CHECK(train[i].group == std::to_string(query / 2) + (query % 2 ? "b" : "a"));
    CHECK(held.count(train[i].group) == 0);
  }
  CHECK(validation[0].references.size() == 3);
}

TEST_CASE("the data root: the command line, the recipe, the environment") {
  setenv("ATP_DATA", "/from/environment", 1);
  CHECK(data_root("/given", "/recipe") == "/given");
  CHECK(data_root("", "/recipe") == "/recipe");
  CHECK(data_root("") == "/from/environment");
  unsetenv("ATP_DATA");
  CHECK(data_root("") == "");
}

TEST_CASE("toy: rows from a seed, no sentence twice, validation and test the same for every size") {
  const auto* entry = test::plugins().find("task", "toy");
  REQUIRE(entry);
  const auto make = [&](std::int64_t seed, std::int64_t size) {
    Value given = Value::map();
    given.set("seed", seed);
    given.set("size", size);
    return TaskData(test::plugins().make<TextTask>("toy", test::defaults(entry->options, given)), {});
  };
  const auto small = make(0, 100), large = make(0, 500), other = make(1, 100);
  CHECK(small.split("train").size() == 100);
  CHECK(large.split("train").size() == 500);
  const auto sources = [](const TaskData& data, const char* split) {
    std::vector<std::string> result;
    for (const auto& example : data.split(split)) result.push_back(example.source);
    return result;
  };
  CHECK(sources(small, "test") == sources(large, "test"));
  CHECK(sources(small, "test") != sources(other, "test"));
  std::set<std::string> all;
  std::size_t fruits = 0, count = 0;
  for (const char* split : {"train", "validation", "test"}) {
    for (const auto& example : large.split(split)) {
      all.insert(example.source);
      fruits += example.target == "fruits";
      ++count;
    }
  }
  CHECK(count == 900);
  CHECK(all.size() == 900);
  CHECK(fruits > 400);
  CHECK(fruits < 500);
  CHECK(all.begin()->starts_with("toy on the table: "));
  CHECK(sources(small, "test").front() == sources(small, "test").front());
}
