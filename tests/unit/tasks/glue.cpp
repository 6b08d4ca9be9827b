#include "tests/unit/tasks/examples.h"

using namespace atp;

namespace {

struct Expected {
  std::size_t train, validation, test;
  std::vector<std::int64_t> first_validation;  // torch.randperm(n, seed 42)[:3]
};

void check(const std::string& name, const Expected& expected) {
  const auto root = test::shared("data");
  if (root.empty()) return;
  CAPTURE(name);
  const TaskData data(test::plugins().make<TextTask>(name, Params()), {.root = root});
  const auto train = data.split("train"), validation = data.split("validation"), tested = data.split("test");
  CHECK(train.size() == expected.train);
  CHECK(validation.size() == expected.validation);
  CHECK(tested.size() == expected.test);
  for (std::size_t i = 0; i < expected.first_validation.size(); ++i) {
    CHECK(validation[i].index == expected.first_validation[i]);
  }
  for (const auto& example : train) {
    REQUIRE((example.target == "0" || example.target == "1"));
    REQUIRE(example.source.starts_with(name + " sentence"));
  }
}

}  // namespace

// Row counts: dev of CoLA 1,043, RTE 277, MRPC 408 halved; of SST-2's 67,349 train rows 1,000 held out, dev 872.
TEST_CASE("CoLA") { check("cola", {8551, 521, 522, {911, 408, 813}}); }
TEST_CASE("RTE") { check("rte", {2490, 138, 139, {207, 84, 253}}); }
TEST_CASE("MRPC") { check("mrpc", {3668, 204, 204, {30, 63, 342}}); }
TEST_CASE("SST-2") { check("sst2", {66349, 1000, 872, {6677, 49712, 38268}}); }

// A line feed inside a question breaks its row in two, of which neither has all columns; a question may be empty;
// quotes need no partner.
TEST_CASE("QQP's malformed rows are counted and told with their lines, and the task goes on without them") {
  const test::Folder folder;
  std::string rows = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n";
  for (int i = 0; i < 400; ++i)
    rows += std::to_string(i) + "\t1\t2\tHow is " + std::to_string(i) + "?\tWhy?\t" + (i % 2 ? "1\n" : "0\n");
  rows += "400\t3\t4\tWhat does \"\"this mean?\t\t0\n";           // line 402
  rows += "401\t5\t6\tWhich of these\nis \"right?\tWhich?\t1\n";  // lines 403 and 404
  rows += "402\t7\t8\tIs it so?\tIs it?\n";                       // line 405: no label
  rows += "403\t9\t10\tIs it \"so?\tIs it?\t1\n";
  const auto data = [&](const std::string& text) {
    folder.write("QQP/train.tsv", text);
    return TaskData(test::plugins().make<TextTask>("qqp", Params()), {.root = folder.path(), .official_splits = true});
  };
  const auto train = data(rows).split("train");
  CHECK(train.store().counts().rows == 405);
  CHECK(train.store().counts().bad == 3);
  REQUIRE(train.size() == 402);
  CHECK(train[400].source == "qqp question1: What does \"\"this mean? question2: ");
  CHECK(train[400].target == "0");
  CHECK(train[401].source == "qqp question1: Is it \"so? question2: Is it?");
  const auto bad = train.store().bad_rows();
  REQUIRE(bad.size() == 3);
  const std::string place = folder.path("QQP/train.tsv") + ":";
  CHECK(bad[0].starts_with(place + "403: too few fields: 4 found, 6 expected"));
  CHECK(bad[1].starts_with(place + "404: too few fields: 3 found, 6 expected"));
  CHECK(bad[2].starts_with(place + "405: too few fields: 5 found, 6 expected"));
  const auto fault = test::message<DataError>([&] { data(rows + "404\t1\n405\n").split("train"); });
  CHECK(test::has(fault,
                  "task 'qqp': 5 of 407 rows of " + folder.path("QQP/train.tsv") + " cannot be used, more than 1%"));
}

TEST_CASE("templates of GLUE's tasks on rows made up for this test") {
  const test::Folder folder;
  folder.write("CoLA/train.tsv", "gj04\t0\t*\tHim runs.\n");
  folder.write("SST-2/dev.tsv", "sentence\tlabel\na \"fine\" film . \t1\n");
  folder.write("MRPC/train.tsv",
               "\xef\xbb\xbfQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t2\t3\tHe said \"so.\tSo.\r\n");
  folder.write("RTE/train.tsv", "index\tsentence1\tsentence2\tlabel\n0\tA.\tB.\tnot_entailment\n");
  const auto first = [&](const std::string& name, const std::string& split) {
    return TaskData(test::plugins().make<TextTask>(name, Params()), {.root = folder.path()}).split(split).front();
  };
  CHECK(first("cola", "train").source == "cola sentence: Him runs.");
  CHECK(first("cola", "train").target == "0");
  CHECK(first("sst2", "test").source == "sst2 sentence: a \"fine\" film . ");
  CHECK(first("sst2", "test").target == "1");
  CHECK(first("mrpc", "train").source == "mrpc sentence1: He said \"so. sentence2: So.");
  CHECK(first("mrpc", "train").target == "1");
  CHECK(first("rte", "train").source == "rte sentence1: A. sentence2: B.");
  CHECK(first("rte", "train").target == "1");
}

TEST_CASE("STS-B's scores: the nearest 0.2, and the nearest 0.1 with the released code's stsb_rounding") {
  const test::Folder folder;
  folder.write("STS-B/train.tsv",
               "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
               "0\tg\tf\ty\t1\ta\tb\tA man.\tA dog.\t3.13\n");
  const auto target = [&](const Value& given) {
    const auto* entry = test::plugins().find("task", "stsb");
    Problems problems;
    const auto params = entry->options.check(given, {}, problems);
    return TaskData(test::plugins().make<TextTask>("stsb", params), {.root = folder.path()})
        .split("train")
        .front()
        .target;
  };
  CHECK(target({}) == "3.2");
  Value faults = Value::list();
  faults.push_back("stsb_rounding");
  CHECK(target(Value::Map{{"compat", faults}}) == "3.1");
}
