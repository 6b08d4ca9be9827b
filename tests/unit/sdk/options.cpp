#include "atp/options.h"

#include <doctest/doctest.h>

#include "atp/words.h"

using namespace atp;

namespace {

const Options table{integer("rank", 100).at_least(1).help("width of the bottleneck"),
                    number("temperature").positive(),
                    number("dropout").below(1),
                    text("start", "vocabulary").one_of({"vocabulary", "normal"}),
                    boolean("shared", true),
                    path("file").required(),
                    text("note").nullable()};

Value map_at(int line, Value::Map members) {
  Value map{std::move(members)};
  map.origin = {"r.yaml", line, 1};
  for (auto& [key, value] : map.members()) value.key_origin = value.origin = {"r.yaml", ++line, 3};
  return map;
}

std::string mistakes(const Value& given) {
  Problems problems;
  table.check(given, {"r.yaml", 1, 1}, problems);
  std::string text;
  for (const auto& problem : problems.list()) text += problem.text() + "\n";
  return text;
}

}  // namespace

TEST_CASE("a checked map has its defaults filled in and knows what was said") {
  Problems problems;
  const auto params = table.check(map_at(1, {{"file", "a.txt"}, {"rank", 8}}), {"r.yaml", 1, 1}, problems);
  REQUIRE(problems.empty());
  CHECK(params.integer("rank") == 8);
  CHECK(params.said("rank"));
  CHECK(params.text("start") == "vocabulary");
  CHECK_FALSE(params.said("start"));
  CHECK_FALSE(params.optional_number("temperature").has_value());
  CHECK(params.origin("rank").text() == "r.yaml:3:3");
  CHECK_THROWS_AS(params.integer("no_such_key"), std::logic_error);
  CHECK_THROWS_WITH_AS(params.number("temperature"), "r.yaml:1:1: 'temperature' is missing; expected a number",
                       RecipeError);
}

TEST_CASE("every mistake is found at once, at its place") {
  const auto text = mistakes(map_at(1, {{"rnak", 8}, {"temperature", 0}, {"start", "vocabulry"}, {"shared", 1}}));
  CHECK(text ==
        "r.yaml:2:3: unknown key 'rnak'; did you mean 'rank'? (one of: rank, temperature, dropout, start, shared, "
        "file, note)\n"
        "r.yaml:3:3: 'temperature': found '0', expected a number above 0\n"
        "r.yaml:4:3: 'start': found 'vocabulry', expected one of vocabulary, normal; did you mean 'vocabulary'?\n"
        "r.yaml:5:3: 'shared': found '1', expected true or false\n"
        "r.yaml:1:1: 'file' is missing; expected a path\n");
}

TEST_CASE("an integer is a number, a number is no integer, nothing is no text") {
  CHECK(mistakes(map_at(1, {{"file", "a"}, {"temperature", 2}})) == "");
  CHECK(mistakes(map_at(1, {{"file", "a"}, {"rank", 2.5}})) ==
        "r.yaml:3:3: 'rank': found '2.5', expected an integer\n");
  CHECK(mistakes(map_at(1, {{"file", Value()}})) == "r.yaml:2:3: 'file' has no value; expected a path\n");
  CHECK(mistakes(map_at(1, {{"file", "a"}, {"note", Value()}})) == "");
  CHECK(mistakes(Value("text")) ==
        "r.yaml:1:1: found text, expected a map of options (rank, temperature, dropout, start, "
        "shared, file, note)\nr.yaml:1:1: 'file' is missing; expected a path\n");
}

TEST_CASE("a number in quotes is told from a text") {
  CHECK(mistakes(map_at(1, {{"file", "a"}, {"temperature", "0.3"}, {"rank", "8"}, {"shared", "true"}})) ==
        "r.yaml:3:3: 'temperature': found text \"0.3\", expected a number: take the quotes away\n"
        "r.yaml:4:3: 'rank': found text \"8\", expected an integer: take the quotes away\n"
        "r.yaml:5:3: 'shared': found text \"true\", expected true or false: take the quotes away\n");
  CHECK(mistakes(map_at(1, {{"file", "a"}, {"temperature", "inf"}, {"rank", "2.5"}, {"note", 7}})) ==
        "r.yaml:3:3: 'temperature': found 'inf', expected a number\n"
        "r.yaml:4:3: 'rank': found '2.5', expected an integer\n"
        "r.yaml:5:3: 'note': found '7', expected a text (in quotes it is one)\n");
}

TEST_CASE("a number or one of a few words") {
  const Options open{number("temperature").positive().or_one_of({"learned", "pool_norm"})};
  const auto said = [&](const Value& value) {
    Problems problems;
    const auto params = open.check(map_at(1, {{"temperature", value}}), {"r.yaml", 1, 1}, problems);
    return problems.empty() ? params.value("temperature").scalar_text() : problems.list().front().text();
  };
  CHECK(said(13) == "13");
  CHECK(said("learned") == "learned");
  CHECK(said(0) == "r.yaml:2:3: 'temperature': found '0', expected a number above 0");
  CHECK(said("lerned") ==
        "r.yaml:2:3: 'temperature': found 'lerned', expected a number or one of learned, pool_norm; did you mean "
        "'learned'?");
  CHECK(said("13") == "r.yaml:2:3: 'temperature': found text \"13\", expected a number: take the quotes away");
  CHECK(said(Value(Value::List{})) ==
        "r.yaml:2:3: 'temperature': found list, expected a number or one of learned, pool_norm");
  CHECK(said(Value()) == "r.yaml:2:3: 'temperature' has no value; expected a number or one of learned, pool_norm");
}

TEST_CASE("lists of words") {
  CHECK(joined({}) == "");
  CHECK(joined({"a"}) == "a");
  CHECK(joined({"", "b", ""}) == ", b, ");
  CHECK(joined({"a", "b"}, " | ") == "a | b");
}

TEST_CASE("an excluded limit is not a value") {
  CHECK(mistakes(map_at(1, {{"file", "a"}, {"dropout", 0.999}})) == "");
  CHECK(mistakes(map_at(1, {{"file", "a"}, {"dropout", 1}})) ==
        "r.yaml:3:3: 'dropout': found '1', expected a number below 1\n");
}

TEST_CASE("a table cannot hold a key twice") {
  Options joined = table;
  CHECK_THROWS_AS(joined.add(integer("rank")), std::logic_error);
}

TEST_CASE("problems are reported in the order of their places, each once") {
  Problems problems;
  problems.add({"b.yaml", 2, 1}, "second");
  problems.add({"b.yaml", 1, 9}, "first");
  problems.add({"b.yaml", 2, 1}, "second");
  CHECK_THROWS_WITH_AS(problems.throw_if_any(), "b.yaml:1:9: first\nb.yaml:2:1: second", RecipeError);
}

TEST_CASE("the nearest word is offered only where it is near") {
  CHECK(did_you_mean("batch_sise", {"batch_size", "epochs"}) == "; did you mean 'batch_size'?");
  CHECK(did_you_mean("epohcs", {"batch_size", "epochs"}) == "; did you mean 'epochs'?");
  CHECK(did_you_mean("colour", {"batch_size", "epochs"}) == "");
}
