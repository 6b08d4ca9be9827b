#include <doctest/doctest.h>

#include "recipe/recipe.h"
#include "tests/places.h"
#include "tests/recipes/file_catalogue.h"

using namespace atp;

namespace {

test::FileCatalogue& catalogue() {
  static test::FileCatalogue one(tests::in_source_tree("/tests/recipes/catalogue.yaml"));
  return one;
}

std::vector<Step> steps_of(const std::string& text) {
  return resolve_recipe(parse_yaml(text, "folder/r.yaml"), {}, catalogue()).front().steps;
}

const char* small = R"(
seed: 3
backbone: {name: t5, checkpoint: {random: tiny}}
data: {limit: 9}
steps:
  a: {train: {task: sst2, method: prompt_tuning, source_length: 30, precision: float64, epochs: 2}}
  b: {train: {task: sst2, method: attempt, source_prompts: a, updates: 7, clip: 0}}
  c: {evaluate: {of: a}}
  d: {report: {of: c}}
)";

}  // namespace

TEST_CASE("a step has every key with a value, and knows which were said") {
  const auto steps = steps_of(small);
  REQUIRE(steps.size() == 4);
  const Step& a = steps[0];
  CHECK(a.settings.integer("seed") == 3);
  CHECK(a.settings.integer("epochs") == 2);
  CHECK(a.settings.said("epochs"));
  CHECK(a.settings.number("learning_rate") == 0.3);
  CHECK_FALSE(a.settings.said("learning_rate"));
  CHECK_FALSE(a.settings.has("updates"));
  CHECK_FALSE(a.settings.has("dropout"));
  CHECK(a.data.integer("source_length") == 30);
  CHECK(a.data.integer("limit") == 9);
  CHECK(a.backbone_keys.text("precision") == "float64");
  CHECK(a.backbone_keys.value("checkpoint").at("random") == Value("tiny"));
  CHECK(a.backbone_keys.value("checkpoint").at("seed") == Value(0));
  CHECK(a.method->options.integer("prompt_length") == 100);
  CHECK_FALSE(a.combiner.has_value());
  // What belongs elsewhere cannot be read by mistake.
  CHECK_THROWS_AS(a.settings.has("source_length"), std::logic_error);
  CHECK_THROWS_AS(a.settings.has("method"), std::logic_error);
  CHECK_THROWS_AS(a.settings.has("task"), std::logic_error);
}

TEST_CASE("updates stand in place of the default epochs") {
  const Step b = steps_of(small)[1];
  CHECK(b.settings.integer("updates") == 7);
  CHECK_FALSE(b.settings.has("epochs"));
  CHECK(b.resolved.find("epochs") == nullptr);
  CHECK(b.settings.number("clip") == 0);
}

TEST_CASE("a combiner that nobody named is the method's default, with its options") {
  const Step b = steps_of(small)[1];
  REQUIRE(b.combiner.has_value());
  CHECK(b.combiner->name == "attempt");
  CHECK(b.combiner->options.integer("rank") == 100);
  CHECK_FALSE(b.combiner->options.has("temperature"));
  REQUIRE(b.inputs.size() == 1);
  CHECK(b.inputs[0].role == "source_prompts");
  CHECK(b.inputs[0].step == "a");
  CHECK(b.inputs[0].origin.text() == "folder/r.yaml:7:60");
}

TEST_CASE("a result is evaluated as it was trained, but on other examples") {
  const Step c = steps_of(small)[2];
  CHECK(c.data.integer("source_length") == 30);
  CHECK(c.backbone_keys.text("precision") == "float64");
  CHECK(c.data.integer("limit") == 9);
  CHECK(c.settings.text("split") == "test");
  CHECK(c.tasks.front().name == "sst2");
}

TEST_CASE("a method's table can give a key of the verb another default") {
  const auto steps = steps_of(
      "backbone: {name: t5, checkpoint: {random: tiny}}\n"
      "steps: {a: {train: {task: sst2, method: fine_tuning}}}\n");
  CHECK(steps[0].settings.number("learning_rate") == 3e-4);
  CHECK(steps[0].method->options.number("learning_rate") == 3e-4);
  CHECK(steps[0].resolved.at("learning_rate").origin.text() == "default of method 'fine_tuning'");
}

TEST_CASE("paths start at the folder of the file that says them, and --set's at the current one") {
  CHECK(absolute_path("x/y", {"/a/b/r.yaml", 1, 1}) == "/a/b/x/y");
  CHECK(absolute_path("../y", {"/a/b/r.yaml", 1, 1}) == "/a/y");
  CHECK(absolute_path("/y", {"/a/b/r.yaml", 1, 1}) == "/y");
  const std::string here = absolute_path("y", {"r.yaml", 1, 1});
  CHECK(here.starts_with("/"));
  CHECK(absolute_path("y", {"--set a.b"}) == here);
  CHECK(absolute_path("y", {}) == here);
  CHECK(absolute_path("y", {"z/r.yaml", 1, 1}) == absolute_path("z/y", {}));
}

TEST_CASE("parse_assignment") {
  const auto one = parse_assignment("a.b=c=d");
  CHECK(one.key == "a.b");
  CHECK(one.value == "c=d");
  CHECK(parse_assignment("a=").value.empty());
  CHECK_THROWS_AS(parse_assignment("a"), RecipeError);
  CHECK_THROWS_AS(parse_assignment("=a"), RecipeError);
}

TEST_CASE("explain for JSON gives each value with its origin") {
  const auto trials = resolve_recipe(parse_yaml(small, "r.yaml"), {"a"}, catalogue());
  const Value document = explain_json(trials);
  const Value& a = document.at("trials").items()[0].at("steps").at("a");
  CHECK(a.at("epochs").at("value") == Value(2));
  CHECK(a.at("epochs").at("origin") == Value("r.yaml:6:97"));
  CHECK(a.at("learning_rate").at("origin") == Value("default of 'train'"));
  CHECK(a.at("seed").at("origin") == Value("r.yaml:2:7"));
  CHECK(a.at("method").at("options").at("prompt_length").at("origin") == Value("default of method 'prompt_tuning'"));
  CHECK(document.at("trials").items()[0].at("steps").members().size() == 1);
}

TEST_CASE("a resolved step's YAML is read back equal") {
  for (const auto& step : steps_of(small)) CHECK(parse_yaml(write_yaml(step.resolved), "r.yaml") == step.resolved);
}

TEST_CASE("every option of the core's tables says what it is") {
  std::vector<const Options*> tables{&recipe_options(), &backbone_options(), &data_options(), &in_place_task_options(),
                                     &random_checkpoint_options()};
  for (const auto& verb : verbs()) tables.push_back(&verb_options(verb));
  for (const auto* table : tables)
    for (const auto& option : table->all()) CHECK_MESSAGE(!option.help_text.empty(), option.key);
  CHECK_THROWS_AS(verb_options("analyse"), std::logic_error);
}

TEST_CASE("keys that a step overrides are in one table each") {
  for (const auto& verb : verbs())
    for (const auto& key : step_overrides(verb)) {
      CHECK_MESSAGE(bool(data_options().find(key)) != bool(backbone_options().find(key)), key);
      CHECK_MESSAGE(!verb_options(verb).find(key), key);
    }
}

TEST_CASE("the schema's parts") {
  const Value schema = recipe_schema(catalogue());
  CHECK(schema.at("$schema") == Value("https://json-schema.org/draft/2020-12/schema"));
  CHECK(schema.at("additionalProperties") == Value(false));
  const Value& train = schema.at("$defs").at("train");
  CHECK(train.at("additionalProperties") == Value(false));
  CHECK(train.at("properties").at("batch_size").at("default") == Value(32));
  CHECK(train.at("properties").at("batch_size").at("minimum") == Value(1));
  CHECK(train.at("properties").at("batch_size").at("type") == Value("integer"));
  CHECK(train.at("properties").at("order").at("enum").items().size() == 3);
  CHECK(train.at("properties").find("rank"));  // a combiner's option
  CHECK(train.at("properties").find("source_length"));
  CHECK(train.at("properties").at("source_length").find("default") == nullptr);
  CHECK(schema.at("$defs").at("item").at("properties").find("as"));
}
