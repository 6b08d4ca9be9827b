#include "data/task_data.h"
#include "recipe/recipe.h"
#include "tests/unit/data/fixture.h"

using namespace atp;
using test::Folder;
using test::has;

namespace {

Value where_said(Value value, const std::string& file) {
  value.origin = {file, 3, 1};
  if (value.is_map()) {
    for (auto& [key, member] : value.members()) member = where_said(std::move(member), file);
  } else if (value.is_list()) {
    for (auto& item : value.items()) item = where_said(std::move(item), file);
  }
  return value;
}

Params options(const Folder& folder, const std::string& json) {
  const std::string recipe = folder.write("recipe.yaml", "");
  return test::defaults(in_place_task_options(), where_said(parse_json(json, "recipe.yaml"), recipe));
}

}  // namespace

TEST_CASE("a task made in a recipe: templates, files beside the recipe, labels, prefix") {
  const Folder folder;
  folder.write("data/a.jsonl", "{\"question\": \"q{1}\", \"context\": \"c\", \"answer\": 1}\n");
  folder.write("data/b.jsonl", "{\"question\": \"q2\", \"context\": \"c\", \"answer\": 0}\n");
  const auto given =
      options(folder, R"({"name": "mine", "files": {"train": "data/a.jsonl", "validation": "data/b.jsonl"},
      "source": "question: {question} {{context}}: {context}", "target": "{answer}", "metrics": ["accuracy"],
      "labels": {"0": "no", "1": "yes"}})");
  const TaskData data(in_place_task("mine", given), {});
  const auto train = data.split("train");
  REQUIRE(train.size() == 1);
  CHECK(train[0].source == "question: q{1} {context}: c");
  CHECK(train[0].target == "yes");
  CHECK(data.split("validation")[0].target == "no");
  CHECK_FALSE(data.has_split("test"));
}

TEST_CASE("a task made in a recipe: other forms of files, below the data root, with a prefix and a split rule") {
  const Folder folder;
  folder.write("root/a.csv", "q,a\nx,y\n");
  std::string dev = "q,a\n";
  for (int i = 0; i < 10; ++i) dev += std::to_string(i) + ",y\n";
  folder.write("root/dev.txt", dev);
  const auto given = options(folder, R"({"name": "mine", "files": {"train": "a.csv", "dev": "dev.txt"}, "format": "csv",
      "source": "{q}", "target": "{a}", "metrics": ["exact_match"], "prefix": "mine:", "splits": "halve_dev"})");
  const TaskData data(in_place_task("mine", given), {.root = folder.path("root")});
  CHECK(data.split("train")[0].source == "mine: x");
  CHECK(data.split("test").size() == 5);
}

TEST_CASE("a task made in a recipe: each file has a form of its own, columns are named where no header does") {
  const Folder folder;
  folder.write("a.csv", "1,\"x, y\"\n");
  folder.write("b.json", R"({"data": [{"label": 0, "text": "z"}]})");
  const auto given = options(folder, R"({"name": "mine", "files": {"train": "a.csv", "validation": "b.json"},
      "columns": ["label", "text"], "source": "{text}", "target": "{label}", "metrics": ["accuracy"],
      "summary": "short", "labels": ["0", "1"]})");
  const TaskData data(in_place_task("mine", given), {});
  CHECK(data.task().summary == "short");
  CHECK(data.split("train")[0].source == "x, y");
  CHECK(data.split("train")[0].target == "1");
  CHECK(data.split("validation")[0].source == "z");
}

TEST_CASE("a task made in a recipe: what is wrong with it") {
  const Folder folder;
  folder.write("a.jsonl", "{\"question\": \"q\", \"answer\": \"a\"}\n");
  const auto make = [&](const std::string& source, const std::string& file) {
    return in_place_task(
        "mine", options(folder, R"({"name": "mine", "files": {"train": ")" + file + R"("}, "source": ")" + source +
                                    R"(", "target": "{answer}", "metrics": ["exact_match"]})"));
  };
  const TaskData data(make("{qestion}", "a.jsonl"), {});
  CHECK(has(test::message<DataError>([&] { data.split("train"); }),
            "a.jsonl:1: no column 'qestion'; did you mean 'question'? (columns here: question, answer)"));
  CHECK(
      has(test::message<RecipeError>([&] { make("{question", "a.jsonl"); }), "recipe.yaml:3:1: template '{question'"));
  CHECK(has(test::message<RecipeError>([&] { make("question}", "a.jsonl"); }), "closes nothing"));
  CHECK(has(test::message<RecipeError>([&] { make("{}", "a.jsonl"); }), "names no column"));
  CHECK(has(test::message<RecipeError>([&] { make("{question}", "a.text"); }), "the form of 'a.text' is not known"));
  const TaskData missing(make("{question}", "none.jsonl"), {.root = "/nowhere"});
  const auto text = test::message<DataError>([&] { missing.split("train"); });
  CHECK(has(text, folder.path("none.jsonl")));
  CHECK(has(text, "Looked below /nowhere for\n  train: "));
  CHECK(has(text, "/none.jsonl, none.jsonl\n"));
}
