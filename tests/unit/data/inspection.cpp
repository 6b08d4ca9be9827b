#include "data/inspection.h"

#include <cmath>
#include <sstream>

#include "atp/metric.h"
#include "tests/places.h"
#include "tests/unit/data/fixture.h"

using namespace atp;
using test::Folder;
using test::has;

namespace {

const std::string own_model = tests::in_source_tree("/core/share/tokenizer/spiece.model");

TextTask rte() { return test::plugins().make<TextTask>("rte", Params()); }

void write_rte(const Folder& folder) {
  const std::string header = "index\tsentence1\tsentence2\tlabel\n";
  folder.write("RTE/train.tsv", header + "0\tA.\tB.\tentailment\n1\tC.\tD.\tnot_entailment\n");
  folder.write("RTE/dev.tsv", header +
                                  "0\tE.\tF.\tentailment\n1\tG.\tH.\tnot_entailment\n2\tI.\tJ.\tentailment\n"
                                  "3\tK.\tL.\tnot_entailment\n");
}

std::string scored(const TaskData* data, const ScoreRequest& request) {
  std::ostringstream out;
  score_predictions(data, request, test::plugins(), out);
  return out.str();
}

}  // namespace

TEST_CASE("atp tasks --json") {
  const Folder folder;
  folder.write("RTE/train.tsv", "");
  std::ostringstream out;
  list_tasks({{rte(), "glue"}}, folder.path(), true, out);
  const auto list = parse_json(out.str(), "out");
  REQUIRE(list.items().size() == 1);
  const auto& task = list.items()[0];
  CHECK(task.at("name").text() == "rte");
  CHECK(task.at("suite").text() == "GLUE");
  CHECK(task.at("plugin").text() == "glue");
  CHECK(to_json(task.at("metrics")) == "[\"accuracy\"]");
  CHECK(to_json(task.at("labels")) == "[\"0\", \"1\"]");
  CHECK(task.at("license").text() == rte().licence);
  CHECK(task.at("origin").text() == rte().origin);
  CHECK(task.at("files").items()[0].at("path").text() == folder.path("RTE/train.tsv"));
  CHECK(task.at("files").items()[0].at("found").boolean());
  CHECK(task.at("files").items()[1].at("path").text() == folder.path("RTE/dev.tsv"));
  CHECK_FALSE(task.at("files").items()[1].at("found").boolean());
  std::ostringstream text;
  list_tasks({{rte(), "glue"}}, "", false, text);
  CHECK(has(text.str(), "RTE/dev.tsv   (missing)"));
  CHECK(has(text.str(), "No data root is given"));
}

TEST_CASE("atp tasks: columns stand apart, however long the lists in them; of many labels there are a few") {
  std::vector<OfferedTask> tasks;
  for (const std::string name : {"stsb", "multirc", "xsum", "rte"})
    tasks.push_back(
        {test::plugins().make<TextTask>(name, test::defaults(test::plugins().find("task", name)->options)), "plugin"});
  std::ostringstream out;
  list_tasks(tasks, "", false, out);
  CHECK(has(out.str(), "stsb     GLUE        pearson, spearman                26 labels: 0.0, 0.2, … 5.0\n"));
  CHECK(has(out.str(), "multirc  SuperGLUE   multirc_f1, multirc_exact_match  labels 0, 1\n"));
  CHECK(has(out.str(), "xsum     generation  rouge1, rouge2, rougeLsum        free text\n"));
  CHECK(has(out.str(), "rte      GLUE        accuracy                         labels 0, 1\n"));
}

TEST_CASE("atp tasks NAME: who offers the files, under which licence, and every path") {
  const Folder folder;
  folder.write("RTE/train.tsv", "");
  std::ostringstream out;
  describe_task({rte(), "glue"}, folder.path(), out);
  CHECK(has(out.str(), "task        rte\n"));
  CHECK(has(out.str(), "licence     " + rte().licence + "\n"));
  CHECK(has(out.str(), "origin      " + rte().origin + "\n"));
  CHECK(has(out.str(), "train       " + folder.path("RTE/train.tsv") + "\n"));
  CHECK(has(out.str(), "dev         " + folder.path("RTE/dev.tsv") +
                           "   (missing)\n            or glue/rte/validation-*.parquet\n            or glue/rte/"));
}

TEST_CASE("atp show --json") {
  const Folder folder;
  write_rte(folder);
  const TaskData data(rte(), {.root = folder.path()});
  std::ostringstream out;
  show_example(data, {.split = "train", .index = 1, .tokens = false, .tokenizer = own_model, .json = true}, out);
  const auto shown = parse_json(out.str(), "out");
  CHECK(shown.at("task").text() == "rte");
  CHECK(shown.at("split").text() == "train");
  CHECK(shown.at("index").integer() == 1);
  CHECK(shown.at("size").integer() == 2);
  CHECK(shown.at("source").text() == "rte sentence1: C. sentence2: D.");
  CHECK(shown.at("target").text() == "1");
  CHECK(to_json(shown.at("references")) == "[\"1\"]");
  CHECK(shown.at("source_tokens").items().back().integer() == 1);
  CHECK(shown.at("source_tokens").items().size() == shown.at("source_pieces").items().size());
  CHECK(shown.at("target_tokens").items().size() == 2);
  CHECK(shown.at("tokenizer").text() == own_model);
  const auto fault = test::message<RecipeError>(
      [&] { show_example(data, {.split = "train", .index = 2, .tokens = false, .tokenizer = own_model}, out); });
  CHECK(has(fault, "no example 2 in split 'train', which has 2"));
  std::ostringstream text;
  show_example(data, {.split = "train", .index = 0, .tokens = true, .tokenizer = own_model}, text);
  CHECK(has(text.str(), "source      rte sentence1: A. sentence2: B."));
  CHECK(has(text.str(), "</s>(1)"));
  CHECK(text.str().find("|cut|") == std::string::npos);
  std::ostringstream cut;
  show_example(
      data, {.split = "train", .index = 0, .tokens = true, .tokenizer = own_model, .json = false, .source_length = 4},
      cut);
  CHECK(has(cut.str(), ", cut to 4 tokens: "));
  CHECK(has(cut.str(), " </s>(1) |cut| "));
  CHECK(has(text.str(), own_model));
}

namespace {

std::string checked(const TextTask& task, const Folder& folder, bool is_well) {
  std::ostringstream out;
  const TaskData data(task, {.root = folder.path(), .skip_bad_rows = true});
  CHECK(check_task(data, {.tokenizer = own_model}, test::plugins(), out) == is_well);
  return out.str();
}

}  // namespace

TEST_CASE("atp check: a task that is well, and one that is not") {
  const Folder folder;
  write_rte(folder);
  const auto good = checked(rte(), folder, true);
  CHECK(has(good, "examples       2"));
  CHECK(has(good, "rows           2 in the file: 0 left out by the task's rule, 0 bad"));
  CHECK(has(good, "labels         0: 1 1: 1"));
  CHECK(has(good, "100.00 on perfect predictions, 0.00 on empty ones"));
  CHECK(has(good, "0 of 2 answers hold a character that the tokenizer cannot write"));
  CHECK(has(good, "a source length of 256 cuts 0 of 2"));
  CHECK(good.find("duplicates") == std::string::npos);
  CHECK(has(good, "verdict: all is well"));
  folder.write("RTE/train.tsv", "index\tsentence1\tsentence2\tlabel\n0\tA.\tB.\tmaybe\n1\tA.\tB.\tentailment\n");
  const auto bad = checked(rte(), folder, false);
  CHECK(has(bad, "train.tsv:2: label 'maybe' is not in the label set"));
  CHECK(has(bad, "WRONG: more than 1% of the rows cannot be used"));
  CHECK(has(bad, "verdict: something is wrong: 1 fault"));
  std::filesystem::remove(folder.path("RTE/dev.tsv"));
  const auto missing = checked(rte(), folder, false);
  CHECK(has(missing, "WRONG: task 'rte': no data for its split 'dev'"));
}

TEST_CASE("atp check: histogram, cut sources, and sources that stand twice") {
  const Folder folder;
  const std::string header = "index\tsentence1\tsentence2\tlabel\n";
  std::string words;
  for (int i = 0; i < 400; ++i) words += "the ";
  folder.write("RTE/train.tsv", header + "0\tA.\tB.\tentailment\n1\tA.\tB.\tnot_entailment\n2\t" + words +
                                    "\tD.\tentailment\n3\tE.\tF.\tentailment\n");
  folder.write("RTE/dev.tsv", header + "0\tE.\tF.\tentailment\n1\tG.\tH.\tnot_entailment\n");
  const auto text = checked(rte(), folder, true);
  CHECK(has(text, "a source length of 256 cuts 1 of 4"));
  CHECK(has(text, "257 to 512"));
  CHECK(has(text, "1 sources stand here before (train 1 = train 0)"));
  CHECK(has(text, "1 sources stand in train too ("));
}

namespace {

struct Half final : Metric {
  double score(const Predictions&) const override { return 50; }
};
struct Undefined final : Metric {
  double score(const Predictions& predictions) const override {
    return predictions.texts.empty() || !predictions.texts.front().empty() ? 100 : std::nan("");
  }
};

}  // namespace

TEST_CASE("atp check: a metric that does not know a perfect answer, one that is not defined, targets without a text") {
  const Folder folder;
  folder.write("train.jsonl", "{\"t\": \"a\"}\n{\"t\": \"b\"}\n{\"t\": \"\"}\n");
  TextTask task;
  task.name = "free";
  task.files = jsonl({{"train", "train.jsonl"}});
  task.metrics = {"half", "undefined"};
  task.render = [](const Row& row) { return Example{.source = row["t"], .target = row["t"]}; };
  Registry registry;
  registry.add(Offer<Metric>{"half", "", {}, [](const Params&) { return std::make_shared<const Half>(); }});
  registry.add(Offer<Metric>{"undefined", "", {}, [](const Params&) { return std::make_shared<const Undefined>(); }});
  std::ostringstream out;
  const TaskData data(task, {.root = folder.path(), .skip_bad_rows = true});
  CHECK_FALSE(check_task(data, {.tokenizer = own_model}, registry, out));
  CHECK(has(out.str(), "WRONG: 1 targets are empty"));
  CHECK(has(out.str(), "WRONG: metric 'half' gives 50.00 to perfect predictions; 100 is expected"));
  CHECK(has(out.str(), "WRONG: metric 'undefined' is not finite"));
  CHECK(has(out.str(), "verdict: something is wrong: 3 faults"));
}

// SQuAD's own script gives 0 to an answer of which nothing is left, however it is predicted.
TEST_CASE("atp check: answers of which normalising leaves nothing are counted; the others have to score 100") {
  const Folder folder;
  TextTask task;
  task.name = "answers";
  task.files = jsonl({{"train", "train.jsonl"}});
  task.metrics = {"token_f1", "exact_match"};
  task.render = [](const Row& row) { return Example{.source = row["q"], .target = row["a"]}; };
  const auto check = [&](int answers, int articles, bool is_well) {
    std::string rows;
    for (int i = 0; i < answers; ++i)
      rows += "{\"q\": \"" + std::to_string(i) + "\", \"a\": \"" + (i < articles ? "The" : std::to_string(i)) + "\"}\n";
    folder.write("train.jsonl", rows);
    return checked(task, folder, is_well);
  };
  const auto few = check(200, 2, true);
  CHECK(has(few,
            "token_f1            99.00 on perfect predictions, 0.00 on empty ones\n      100.00 without 2 answers "));
  CHECK(has(few, "('The')"));
  CHECK(has(few, "exact_match         100.00 on perfect predictions, 1.00 on empty ones"));
  CHECK(has(check(200, 3, false), "WRONG: metric 'token_f1' gives 98.50 to perfect predictions; 100 is expected"));
}

TEST_CASE("atp score: text against a task's split") {
  const Folder folder;
  write_rte(folder);
  const TaskData data(rte(), {.root = folder.path()});
  const auto test_split = data.split("test");
  REQUIRE(test_split.size() == 2);
  const auto file = folder.write("predictions.txt", test_split[0].target + "\r\n \n");
  CHECK(scored(&data, {.predictions = file, .split = "test", .metrics = {}, .json = true}) ==
        "{\n  \"accuracy\": 50.0\n}\n");
  CHECK(has(scored(&data, {.predictions = file, .split = "test", .metrics = {"f1", "accuracy"}}), "accuracy  50.00"));
  const auto few = folder.write("few.txt", "1\n");
  CHECK(has(test::message<DataError>([&] { scored(&data, {.predictions = few, .split = "test", .metrics = {}}); }),
            "few.txt: 1 predictions; split 'test' of task 'rte' has 2 examples"));
}

TEST_CASE("atp score: JSON Lines bring their own answers") {
  const Folder folder;
  const auto file = folder.write("p.jsonl",
                                 "{\"prediction\": \"The Cat\", \"references\": [\"dog\", \"cat\"]}\n"
                                 "{\"prediction\": \"x\", \"references\": [\"y\"]}\n");
  const ScoreRequest request{.predictions = file, .split = "test", .metrics = {"exact_match"}, .json = true};
  CHECK(scored(nullptr, request) == "{\n  \"exact_match\": 50.0\n}\n");
  const auto run =
      folder.write("run.jsonl",
                   "{\"index\": 0, \"source\": \"s\", \"target\": \"1\", \"prediction\": \"1\", \"loss\": 0.5}\n"
                   "{\"index\": 1, \"source\": \"s\", \"target\": \"0\", \"prediction\": \"?\", \"loss\": 0.5}\n");
  CHECK(parse_json(scored(nullptr, {.predictions = run, .split = "test", .metrics = {"f1", "accuracy"}, .json = true}),
                   "o") == parse_json("{\"f1\": 66.66666666666667, \"accuracy\": 50.0}", "e"));
}

TEST_CASE("atp score: what is wrong with a file of predictions") {
  const Folder folder;
  const auto fault = [&](const std::string& name, const std::string& contents) {
    const auto file = folder.write(name, contents);
    return test::message<DataError>(
        [&] { scored(nullptr, {.predictions = file, .split = "test", .metrics = {"accuracy"}}); });
  };
  CHECK(has(fault("a.txt", "yes\nno\n"), "a.txt: without a task the answers must be in the file"));
  CHECK(has(fault("b.jsonl", "{\"prediction\": \"a\", \"references\": [\"a\"]}\n{\"prediction\": \"a\"}\n"),
            "b.jsonl:2: no 'references', which the lines before it have"));
  CHECK(
      has(fault("c.jsonl", "{\"prediction\": \"a\", \"references\": []}\n"), "c.jsonl:1: 'references' must be a list"));
  CHECK(has(fault("d.jsonl", "{\"guess\": \"a\", \"target\": \"a\"}\n"), "d.jsonl:1: no column 'prediction'"));
  CHECK(has(fault("e.txt", ""), "e.txt: no predictions"));
  CHECK(has(fault("g.txt", "{\"prediction\": \"a\", \"references\": [\"a\"]\n"),
            "g.txt:1:40: not JSON: the text ends too"));
  CHECK(has(fault("h.json", "[{\"prediction\": \"a\", \"references\": [\"a\"]}]\n"),
            "h.json: found one JSON list, expected"));
  CHECK(has(fault("i.jsonl", "yes\nno\n"), "i.jsonl:1:1: not JSON: found 'yes', expected a value"));
  CHECK(has(fault("f.txt", "a\nb\xff\n"), "f.txt:2: invalid UTF-8"));
}
