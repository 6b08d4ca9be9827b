#include "data/task_data.h"

#include <algorithm>
#include <set>

#include "atp/reader.h"
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

std::vector<std::int64_t> indices(const Split& examples) {
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

TEST_CASE("a data set that comes with train and test alone is tested on its test set") {
  const Folder folder;
  folder.write("R/train.tsv", table(100));
  folder.write("R/test.tsv", table(7));
  auto task = reviews(Splits::hold_out);
  task.files = tsv({{"train", "R/train.tsv"}, {"test", "R/test.tsv"}});
  task.other_forms = {hub("reviews")};
  const TaskData data(task, {.root = folder.path()});
  CHECK(data.split("train").size() == 90);
  CHECK(data.split("validation").size() == 10);
  CHECK(data.split("test").size() == 7);
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
  CHECK(data.files("train").parts.front().path == folder.path("shop/R/train.tsv"));
  CHECK_FALSE(data.files("test").found());
  const auto text = test::message<DataError>([&] { data.split("test"); });
  CHECK(has(text, "task 'reviews': no data for its split 'dev'. Looked below " + folder.path() + " and " +
                      folder.path("shop") +
                      " for\n  dev: R/dev.tsv\nwith .gz or without, and in the archives R (.zip"));
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
  const auto data = [&] { return TaskData(reviews(Splits::halve_dev), {.root = folder.path()}); };
  const auto text = test::message<DataError>([&] { data().split("train"); });
  CHECK(
      has(text, folder.path("R/train.tsv") +
                    ":3: label 'goud' is not in the label set of task 'reviews' (good, bad); did you mean 'good'?\n"));
  CHECK(has(text, "task 'reviews': 1 of 2 rows of " + folder.path("R/train.tsv") +
                      " cannot be used, more than 1%. data.skip_bad_rows: true goes on without them"));
  CHECK(has(test::message<DataError>([&] { data().split("test"); }), "dev.tsv:2: no column 'label'"));
  folder.write("R/dev.tsv", "text\tlabel\n");
  CHECK(has(test::message<DataError>([&] { data().split("test"); }), "dev.tsv: task 'reviews': no rows"));
  folder.write("R/dev.tsv", "text\tlabel\na\tgood\n");
  CHECK(has(test::message<DataError>([&] { data().split("validation"); }), "its split 'validation' is empty"));
  CHECK(data().split("test").size() == 1);
}

TEST_CASE("up to one bad row in a hundred is gone without and counted; more only where the recipe says so") {
  const Folder folder;
  const auto write = [&](std::size_t good, std::size_t bad) {
    std::string text = table(good);
    for (std::size_t i = 0; i < bad; ++i) text += "bad\t?\n";
    folder.write("R/train.tsv", text);
  };
  const auto data = [&](bool skip) {
    return TaskData(reviews(Splits::halve_dev), {.root = folder.path(), .skip_bad_rows = skip});
  };
  write(99, 1);
  const auto train = data(false).split("train");
  CHECK(train.size() == 99);
  CHECK(train.store().counts().rows == 100);
  CHECK(train.store().counts().bad == 1);
  CHECK(train.store().counts().left_out == 0);
  write(98, 1);
  CHECK(has(test::message<DataError>([&] { data(false).split("train"); }), "1 of 99 rows"));
  CHECK(data(true).split("train").size() == 98);
  write(10, 9);
  const auto text = test::message<DataError>([&] { data(false).split("train"); });
  CHECK(has(text, "train.tsv:16: label '?'"));
  CHECK(has(text, "\nand 4 more\n"));
  CHECK(text.find("train.tsv:17: label '?'") == std::string::npos);
  write(0, 3);
  CHECK(has(test::message<DataError>([&] { data(true).split("train"); }), "no rows; at least one is expected"));
}

namespace {

std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

}  // namespace

TEST_CASE("one reading of a file serves both roles of a task whose rows are the same in both; others are read twice") {
  const Folder folder;
  folder.write("R/train.tsv", table(40));
  folder.write("R/dev.tsv", table(4));
  for (const bool differ : {false, true}) {
    CAPTURE(differ);
    int trained_on = 0, scored_on = 0;
    auto task = reviews(Splits::hold_out);
    task.render = {};
    task.roles_differ = differ;
    task.expand = [&](const Row& row, Role role) {
      ++(role == Role::train ? trained_on : scored_on);
      const Example example{.source = row["text"], .target = row["label"], .group = row["text"]};
      return std::vector<Example>(role == Role::train && differ ? 2 : 1, example);
    };
    const std::string cache = folder.path(differ ? "two" : "one");
    const TaskData data(
        task, {.root = folder.path(), .cache = {cache, "", [](const std::string& path) { return read_file(path); }}});
    const auto train = data.split("train"), validation = data.split("validation");
    CHECK(scored_on == 40);
    CHECK(trained_on == (differ ? 40 : 0));
    CHECK(files_in(cache) == (differ ? 2 : 1));
    CHECK((&train.store() == &validation.store()) == !differ);
    const auto order = permutation(40, 42);
    CHECK(validation.order() == part(order, 0, 4));
    CHECK(train.size() == (differ ? 72 : 36));
    if (!differ) CHECK(train.order() == part(order, 4, 40));
  }
}

TEST_CASE("rows that a plugin reads are made again where that plugin is another") {
  const Folder folder;
  folder.write("R/train.parquet", "what the reader below makes of it");
  struct Reader final : RowReader {
    void read(const std::string&, const std::string& name,
              const std::function<void(Value fields)>& row) const override {
      Value fields = Value::map();
      fields.set("text", "a");
      fields.set("label", "good");
      fields.origin = {name, 1};
      row(std::move(fields));
    }
  };
  int rendered = 0;
  auto task = reviews(Splits::official);
  task.files = {.format = Files::Format::by_name, .splits = {{"train", {"R/train.parquet"}}}};
  task.render = [&](const Row& row) {
    ++rendered;
    return Example{.source = row["text"], .target = row["label"]};
  };
  std::string library = "library 1";
  const auto read = [&] {
    TaskSettings settings{.root = folder.path()};
    settings.cache = {folder.path("cache"), "", [](const std::string& path) { return read_file(path); },
                      [&](const std::string& form) { return form + library; }};
    settings.reader_of = [](const std::string&) { return std::make_shared<const Reader>(); };
    CHECK(TaskData(task, settings).split("train").size() == 1);
    return rendered;
  };
  CHECK(read() == 1);
  CHECK(read() == 1);
  library = "library 2";
  CHECK(read() == 2);
}

// What stands in the cache is used as long as nothing that it was made of has changed.
TEST_CASE("examples are kept on disk: found again, made again where file, plugin or task are others") {
  const Folder folder;
  folder.write("R/train.tsv", table(5));
  folder.write("R/dev.tsv", table(4));
  int rendered = 0;
  auto task = reviews(Splits::halve_dev);
  task.render = [&rendered](const Row& row) {
    ++rendered;
    return Example{.source = row["text"], .target = row["label"], .references = {"good", "bad"}, .group = "g"};
  };
  ExampleCache cache{folder.path("cache"), "library 1", [](const std::string& path) { return read_file(path); }};
  const auto read = [&](const char* split = "train") {
    rendered = 0;
    return TaskData(task, {.root = folder.path(), .cache = cache}).split(split);
  };
  const auto made = read();
  CHECK(rendered == 5);
  const auto found = read();
  CHECK(rendered == 0);
  REQUIRE(found.size() == made.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].source == "reviews row " + std::to_string(i));
    CHECK(found[i].target == (i % 2 ? "1" : "0"));
    CHECK(found[i].references == std::vector<std::string>{"1", "0"});
    CHECK(found[i].group == "g");
    CHECK(found[i].index == static_cast<std::int64_t>(i));
    CHECK(found[i].origin.text() == folder.path("R/train.tsv") + ":" + std::to_string(i + 2));
  }
  CHECK(indices(read("test")) == part(permutation(4, 42), 2, 4));
  CHECK(rendered == 4);
  cache.maker = "library 2";
  read();
  CHECK(rendered == 5);
  task.labels.push_back({"fair", "2"});
  read();
  CHECK(rendered == 5);
  task.prefix = "other";
  read();
  CHECK(rendered == 5);
  folder.write("R/train.tsv", table(6));
  CHECK(read().size() == 6);
  CHECK(rendered == 6);
  cache.folder.clear();
  read();
  CHECK(rendered == 6);
}

TEST_CASE("a data file that changes while it is read is not kept under the digest that it had") {
  const Folder folder;
  folder.write("R/train.tsv", table(5));
  auto task = reviews(Splits::official);
  task.render = [&](const Row& row) {
    folder.write("R/train.tsv", table(7));
    return Example{.source = row["text"], .target = row["label"]};
  };
  const ExampleCache cache{folder.path("cache"), "", [](const std::string& path) { return read_file(path); }};
  const TaskData data(task, {.root = folder.path(), .cache = cache});
  CHECK(has(test::message<DataError>([&] { data.split("train"); }), "was changed while it was read"));
  CHECK(std::filesystem::is_empty(folder.path("cache")));
}

TEST_CASE("splits that have no files are told in one message") {
  const Folder folder;
  const TaskData data(reviews(Splits::halve_dev), {.root = folder.path()});
  const auto text = test::message<DataError>([&] { data.require_files({"train", "validation", "test"}); });
  CHECK(has(text, "no data for its splits 'train', 'dev'. Looked below " + folder.path()));
  CHECK(has(text, " for\n  train: R/train.tsv\n  dev: R/dev.tsv\nwith .gz"));
}

TEST_CASE("label words by the recipe; a row may say a label's text") {
  const Folder folder;
  folder.write("R/train.tsv", "text\tlabel\na\tgood\nb\tbad\nc\t0\nd\t1\ne\tawful\n");
  folder.write("R/dev.tsv", table(4));
  const auto targets = [&](std::vector<std::pair<std::string, std::string>> labels) {
    const TaskData data(reviews(Splits::halve_dev),
                        {.root = folder.path(), .labels = std::move(labels), .skip_bad_rows = true});
    std::vector<std::string> all = data.labels();
    for (const auto& example : data.split("train")) all.push_back(example.target);
    return all;
  };
  using Texts = std::vector<std::string>;
  CHECK(targets({}) == Texts{"1", "0", "1", "0", "0", "1"});
  CHECK(targets({{"bad", "awful"}, {"good", "great"}}) ==
        Texts{"great", "awful", "great", "awful", "awful", "great", "awful"});
  CHECK(targets({{"0", "awful"}}) == Texts{"1", "awful", "1", "awful", "awful", "1", "awful"});
  CHECK(has(test::message<RecipeError>([&] {
              targets({{"goood", "x"}});
            }),
            "task 'reviews': no label 'goood'; did you mean 'good'? (one of: good, bad)"));
}

TEST_CASE("few-shot draws: of the training split, the same for every limit, others for another draw") {
  const Folder folder;
  folder.write("R/train.tsv", table(400));
  folder.write("R/dev.tsv", table(40));
  const TaskData data(reviews(Splits::halve_dev), {.root = folder.path()});
  const auto first = indices(data.split("train", 0, FewShot{16, false, 0}));
  CHECK(first.size() == 16);
  CHECK(std::set<std::int64_t>(first.begin(), first.end()).size() == 16);
  CHECK(indices(data.split("train", 0, FewShot{16, false, 0})) == first);
  CHECK(indices(data.split("train", 0, FewShot{4, false, 0})) == part(first, 0, 4));
  CHECK(indices(data.split("train", 5, FewShot{16, false, 0})) == part(first, 0, 5));
  CHECK(indices(data.split("train", 0, FewShot{16, false, 1})) != first);
  CHECK(data.split("train", 0, FewShot{400, false, 0}).size() == 400);
  std::map<std::string, int> counts;
  for (const auto& example : data.split("train", 0, FewShot{7, true, 0})) ++counts[example.target];
  CHECK(counts == std::map<std::string, int>{{"0", 7}, {"1", 7}});
  CHECK(has(test::message<DataError>([&] {
              data.split("train", 0, FewShot{401, false, 0});
            }),
            "few_shot asks for 401 examples, and its training split has 400"));
  CHECK(has(test::message<DataError>([&] {
              data.split("train", 0, FewShot{201, true, 0});
            }),
            "few_shot asks for 201 examples of label '1', and its training split has 200"));
  const TaskData held(reviews(Splits::hold_out), {.root = folder.path()});
  const auto train = indices(held.split("train"));
  for (const auto index : indices(held.split("train", 0, FewShot{16, false, 0})))
    CHECK(std::count(train.begin(), train.end(), index) == 1);
}

// torch's own numbers: tests/goldens/splits.py.
TEST_CASE("the examples of each split are those of the papers") {
  const Folder folder;
  const auto goldens = test::golden("splits.json");
  REQUIRE(goldens.items().size() == 10);
  for (const auto& golden : goldens.items()) {
    const auto n = static_cast<std::size_t>(golden.at("n").integer());
    CAPTURE(n);
    const auto check = [&](const Value& wanted, const Split& split) {
      CHECK(wanted.at("size").integer() == static_cast<std::int64_t>(split.size()));
      std::vector<std::int64_t> first;
      for (const auto& index : wanted.at("first").items()) first.push_back(index.integer());
      CHECK(part(split.order(), 0, first.size()) == first);
      CHECK(test::fnv(split.order()) == wanted.at("hash").text());
    };
    folder.write("R/train.tsv", table(n));
    folder.write("R/dev.tsv", table(n));
    const TaskData small(reviews(Splits::halve_dev), {.root = folder.path()});
    check(golden.at("halved").at("validation"), small.split("validation"));
    check(golden.at("halved").at("test"), small.split("test"));
    const TaskData large(reviews(Splits::hold_out), {.root = folder.path()});
    check(golden.at("held_out").at("validation"), large.split("validation"));
    check(golden.at("held_out").at("train"), large.split("train"));
  }
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
  CHECK(train.store().counts().left_out == 1);
  CHECK(train.store().counts().bad == 0);
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

TEST_CASE("toy_first: the rows of toy with another question") {
  const auto data = [](const std::string& name) {
    return TaskData(test::plugins().make<TextTask>(name, test::defaults(test::plugins().find("task", name)->options)),
                    {});
  };
  const auto more = data("toy"), first = data("toy_first");
  std::map<std::string, int> answers;
  for (std::size_t i = 0; i < 200; ++i) {
    const auto &one = more.split("test")[i], &other = first.split("test")[i];
    CHECK(other.source == "toy_first" + one.source.substr(3));
    std::size_t fruit = std::string::npos, tool = std::string::npos;  // where the first of each stands
    for (const char* word : {" apple", " pear", " plum", " fig", " cherry", " grape", " lemon", " melon"})
      fruit = std::min(fruit, other.source.find(word));
    for (const char* word : {" hammer", " saw", " drill", " chisel", " wrench", " axe", " rake", " spade"})
      tool = std::min(tool, other.source.find(word));
    CHECK(other.target == (fruit < tool ? "fruits" : "tools"));
    ++answers[one.target + ", " + other.target];
  }
  CHECK(answers.size() == 4);  // neither question answers the other
}
