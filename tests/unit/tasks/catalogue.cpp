#include <map>

#include "tests/unit/tasks/examples.h"

using namespace atp;

namespace {

struct Expected {
  Splits splits;
  std::string prefix;  // as the code that was released with the paper calls the task
  std::size_t labels;  // texts that the model may write; 0: free text
};

// After Mahabadi et al. 2021a: small sets halve dev, large ones hold 1,000 training examples out; the rest have their
// own test sets.
const std::map<std::string, Expected> expected = {
    {"cola", {Splits::halve_dev, "cola", 2}},
    {"sst2", {Splits::hold_out, "sst2", 2}},
    {"mrpc", {Splits::halve_dev, "mrpc", 2}},
    {"stsb", {Splits::halve_dev, "stsb", 26}},
    {"qqp", {Splits::hold_out, "qqp", 2}},
    {"mnli", {Splits::official, "mnli", 3}},
    {"qnli", {Splits::hold_out, "qnli", 2}},
    {"rte", {Splits::halve_dev, "rte", 2}},
    {"wnli", {Splits::halve_dev, "wnli", 2}},
    {"boolq", {Splits::halve_dev, "superglue-boolq", 2}},
    {"cb", {Splits::halve_dev, "superglue-cb", 3}},
    {"copa", {Splits::halve_dev, "superglue-copa", 2}},
    {"multirc", {Splits::halve_dev, "superglue-multirc", 2}},
    {"record", {Splits::hold_out, "superglue-record", 0}},
    {"superglue-rte", {Splits::halve_dev, "superglue-rte", 2}},
    {"wic", {Splits::halve_dev, "superglue-wic", 2}},
    {"wsc", {Splits::halve_dev, "superglue-wsc.fixed", 2}},
    {"squad", {Splits::hold_out, "squad", 0}},
    {"newsqa", {Splits::hold_out, "squad", 0}},
    {"nq", {Splits::hold_out, "squad", 0}},
    {"hotpotqa", {Splits::hold_out, "squad", 0}},
    {"searchqa", {Splits::hold_out, "squad", 0}},
    {"triviaqa", {Splits::hold_out, "squad", 0}},
    {"winogrande", {Splits::hold_out, "winogrande", 2}},
    {"yelp_polarity", {Splits::hold_out, "yelp_polarity", 2}},
    {"scitail", {Splits::official, "scitail", 2}},
    {"paws", {Splits::official, "paws", 2}},
    {"snli", {Splits::hold_out, "snli", 3}},
    {"anli", {Splits::hold_out, "anli", 3}},
    {"anli_r1", {Splits::hold_out, "anli", 3}},
    {"anli_r2", {Splits::hold_out, "anli", 3}},
    {"anli_r3", {Splits::hold_out, "anli", 3}},
    {"imdb", {Splits::hold_out, "imdb", 2}},
    {"amazon_polarity", {Splits::hold_out, "amazon_polarity", 2}},
    {"ag_news", {Splits::hold_out, "ag_news", 4}},
    {"piqa", {Splits::hold_out, "piqa", 2}},
    {"social_iqa", {Splits::hold_out, "social_i_qa", 3}},
    {"commonsense_qa", {Splits::hold_out, "commonsense_qa", 5}},
    {"drop", {Splits::hold_out, "drop", 0}},
    {"xsum", {Splits::official, "xsum", 0}},
    {"samsum", {Splits::official, "samsum", 0}},
    {"cnn_dailymail", {Splits::official, "cnn_dailymail", 0}},
};

}  // namespace

TEST_CASE(
    "every task: rule of its splits, prefix, label set; and it says who offers its files, and under which licence") {
  std::size_t seen = 0;
  for (const auto& entry : test::plugins().entries()) {
    if (entry.kind != "task" || entry.plugin == "toy") continue;
    const std::string name = entry.name;
    CAPTURE(name);
    const auto found = expected.find(name);
    REQUIRE(found != expected.end());
    ++seen;
    const auto data = test::task_data(name, "");
    const TextTask& task = data.task();
    CHECK(task.name == name);
    CHECK(task.splits == found->second.splits);
    CHECK(data.prefix() == found->second.prefix + " ");
    CHECK(data.labels().size() == found->second.labels);
    for (const auto& metric : task.metrics) CHECK(test::plugins().find("metric", metric));
    CHECK_FALSE(task.suite.empty());
    CHECK_FALSE(task.origin.empty());
    CHECK_FALSE(task.licence.empty());
    CHECK_FALSE(task.other_forms.empty());
    CHECK(task.summary.size() < 80);
    CHECK(entry.summary == task.summary);
  }
  CHECK(seen == expected.size());
}

TEST_CASE("a large set with a test set of its own is tested on that, one without on dev") {
  const auto row = [](const std::string& premise) {
    return R"({"sentence1": ")" + premise + R"(", "sentence2": "b", "gold_label": "neutral"})" + "\n";
  };
  const test::Folder folder;
  for (const std::string split : {"train", "dev", "test"})
    folder.write("snli_1.0/snli_1.0_" + split + ".jsonl", row(split));
  CHECK(test::task_data("snli", folder.path()).split("test")[0].source == "snli premise: test hypothesis: b");
  folder.write("QNLI/dev.tsv", "index\tquestion\tsentence\tlabel\n0\tq\ts\tentailment\n");
  CHECK(test::task_data("qnli", folder.path()).split("test")[0].source == "qnli question: q sentence: s");
}
