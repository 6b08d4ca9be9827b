#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "recipe/recipe.h"
#include "recipe/yaml.h"

using namespace atp;

namespace {

std::string message(const std::string& text) {
  try {
    parse_yaml(text, "r.yaml");
  } catch (const RecipeError& error) {
    return error.what();
  }
  return "read without an error";
}

}  // namespace

// The examples of YAML 1.2.2 §10.3.2, and words that YAML 1.1 reads otherwise.
TEST_CASE("plain scalars are read by YAML 1.2's core schema") {
  for (const char* text : {"", "~", "null", "Null", "NULL"}) CHECK(plain_scalar(text).is_null());
  for (const char* text : {"true", "True", "TRUE"}) CHECK(plain_scalar(text) == Value(true));
  for (const char* text : {"false", "False", "FALSE"}) CHECK(plain_scalar(text) == Value(false));
  for (const char* text :
       {"no",  "yes",  "on",    "off", "y", "n", "NO", "nULL", "tRUE", "1_000",      "0b11", "12:30:45", "0x",
        "0o8", "-0x1", "1.2.3", ".",   "-", "+", "e3", "1e",   "1e+",  "2026-01-01", ".Nan", "--1",      "1-1"})
    CHECK_MESSAGE(plain_scalar(text) == Value(text), text);
  CHECK(plain_scalar("0") == Value(0));
  CHECK(plain_scalar("-19") == Value(-19));
  CHECK(plain_scalar("+12") == Value(12));
  CHECK(plain_scalar("007") == Value(7));  // 1.1's octal
  CHECK(plain_scalar("0o7") == Value(7));
  CHECK(plain_scalar("0x3A") == Value(58));
  CHECK(plain_scalar("9223372036854775807") == Value(std::int64_t{9223372036854775807}));
  CHECK_THROWS_AS(plain_scalar("9223372036854775808"), RecipeError);
  CHECK_THROWS_AS(plain_scalar("1e400"), RecipeError);
  CHECK(plain_scalar("0.") == Value(0.0));
  CHECK(plain_scalar("-0.0") == Value(-0.0));
  CHECK(plain_scalar(".5") == Value(0.5));
  CHECK(plain_scalar("12e03") == Value(12000.0));
  CHECK(plain_scalar("-2E+05") == Value(-200000.0));
  CHECK(plain_scalar("1e-5") == Value(1e-5));
  CHECK(plain_scalar(".inf").number() == INFINITY);
  CHECK(plain_scalar("-.Inf").number() == -INFINITY);
  CHECK(plain_scalar("+.INF").number() == INFINITY);
  CHECK(std::isnan(plain_scalar(".nan").number()));
}

TEST_CASE("quotes and blocks make texts") {
  const Value value = parse_yaml("a: \"1\"\nb: '~'\nc: |\n  true\nd: >-\n  1\n  2\ne: !!str 5\n", "r.yaml");
  CHECK(value.at("a") == Value("1"));
  CHECK(value.at("b") == Value("~"));
  CHECK(value.at("c") == Value("true\n"));
  CHECK(value.at("d") == Value("1 2"));
  CHECK(value.at("e") == Value("5"));
}

TEST_CASE("values and keys know their places, columns in characters") {
  const Value value = parse_yaml("größe: {ä: 1, b: [x, 2]}\nnext:\n  - é: y\n  - z\nempty:\nend: ~\n", "r.yaml");
  const auto place = [](const Origin& origin) { return origin.text(); };
  CHECK(place(value.origin) == "r.yaml:1:1");
  CHECK(place(value.at("größe").key_origin) == "r.yaml:1:1");
  CHECK(place(value.at("größe").origin) == "r.yaml:1:8");
  CHECK(place(value.at("größe").at("ä").origin) == "r.yaml:1:12");
  CHECK(place(value.at("größe").at("b").key_origin) == "r.yaml:1:15");
  CHECK(place(value.at("größe").at("b").items()[1].origin) == "r.yaml:1:22");
  CHECK(place(value.at("next").items()[0].at("é").origin) == "r.yaml:3:8");
  CHECK(place(value.at("next").items()[1].origin) == "r.yaml:4:5");
  CHECK(place(value.at("empty").origin) == "r.yaml:5:1");  // nothing stands there: the key
  CHECK(place(value.at("end").key_origin) == "r.yaml:6:1");
}

TEST_CASE("aliases repeat what they name, with its place") {
  const Value value = parse_yaml("a: &x [1, 2]\nb: *x\n", "r.yaml");
  CHECK(value.at("b") == value.at("a"));
  CHECK(value.at("b").origin.text() == "r.yaml:1:4");
  CHECK(value.at("b").key_origin.text() == "r.yaml:2:1");
}

TEST_CASE("what is no single well-formed document is refused with its place") {
  CHECK(message("b: 'x'\na: \"x\ny: 2\n") == "r.yaml:2:4: not YAML: the quote \" is never closed");
  CHECK(message("a: &n 'it''s\n") == "r.yaml:1:4: not YAML: the quote ' is never closed");
  CHECK(message("a: \"x\\\"\n") == "r.yaml:1:4: not YAML: the quote \" is never closed");
  CHECK(message("\"a: 1\n") == "r.yaml:1:1: not YAML: the quote \" is never closed");
  CHECK(message("a: 'it''s'\nb: \"x\\\"\"\n") == "read without an error");
  CHECK(message("a: 1\na: 2\nb: {c: 1, c: 2}\n") ==
        "r.yaml:2:1: the key 'a' stands twice in one map; first at line 1\n"
        "r.yaml:3:11: the key 'c' stands twice in one map; first at line 3");
  CHECK(message("a: 1\n--- \nb: 2\n") == "r.yaml:2:1: a second document starts here; a recipe is one YAML document");
  CHECK(message("? [a]\n: 1\n").starts_with("r.yaml:1:3: not YAML: a key is a text; found a list"));
  CHECK(message("a: *nothing\n").starts_with("r.yaml:1:4: not YAML: "));
  CHECK(message(std::string("a: \0", 4)) == "r.yaml:1:4: a NUL byte; expected a text file in UTF-8");
  CHECK(message("# \xC3\xA4\nb: \xFF\n") == "r.yaml:2:4: invalid UTF-8; expected a text file in UTF-8");
  CHECK(message("a:\n \tb: 1\n") == "r.yaml:2:2: a tab in the indentation; YAML is indented with spaces alone");
}

TEST_CASE("a bracket that is not closed is reported where it opens, not where the text no longer makes sense") {
  CHECK(message("a: [1, 2\n") == "r.yaml:1:4: not YAML: this '[' is never closed");
  CHECK(message("a: 'it''s [' # [\nb: {c: [1]\nd: x\ne: {f: 2}\n") == "r.yaml:2:4: not YAML: this '{' is never closed");
  CHECK(message("é: [ä, {b: 1]\n") ==
        "r.yaml:1:13: not YAML: this ']' cannot close the '{' of line 1, column 8; expected '}'");
  CHECK(message("a: 1\nb: ]\n") == "r.yaml:2:4: not YAML: this ']' closes nothing");
  CHECK(message("a: &n [1\nb: *n\n") == "r.yaml:1:7: not YAML: this '[' is never closed");
  // Brackets in texts are none.
  for (const char* good :
       {"a: it [\nb: \"[\"\nc: |\n  [ {\n\n  [\nd: x} ]\n", "- a\n- >-\n  {\n- [x#y, 'a]']\n", "[a-b, {c: d e}]\n"})
    CHECK(message(good) == "read without an error");
  for (const char* other : {"a: it [\nb: x: y\n", "a: |\n  [\nb: x: y\n", "a: \"{\"\nb: x: y\n"})
    CHECK(message(other).find("a second ': ' in one value; put the text in quotes") != std::string::npos);
}

TEST_CASE("depth and aliases of aliases are bounded") {
  CHECK(message(std::string(100000, '[')).starts_with("r.yaml:1:"));
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string last = "*a" + std::to_string(i - 1), name = "a" + std::to_string(i);
    bomb += name + ": &" + name + " [" + last;
    for (int j = 0; j < 9; ++j) bomb += ", " + last;
    bomb += "]\n";
  }
  CHECK(message(bomb).find("too large: aliases unfold to more than a million values") != std::string::npos);
}

TEST_CASE("a byte-order mark and Windows' line ends do no harm") {
  const Value value = parse_yaml(
      "\xEF\xBB\xBF"
      "a: 1\r\nb:\r\n  - x\r\n",
      "r.yaml");
  CHECK(value.at("a") == Value(1));
  CHECK(value.at("b").items()[0] == Value("x"));
}

namespace {

// Texts that look like something else, and any data made of them.
Value random_value(std::mt19937& random, int depth) {
  static const std::vector<std::string> texts{"",
                                              "no",
                                              "null",
                                              "~",
                                              "1",
                                              "1e5",
                                              "0x1",
                                              ".inf",
                                              "true",
                                              " x",
                                              "x ",
                                              "a: b",
                                              "a #b",
                                              "#",
                                              "- x",
                                              "-",
                                              "[x]",
                                              "{",
                                              "a, b",
                                              "\"",
                                              "'",
                                              "\\",
                                              "x\ny",
                                              "\t",
                                              "größe",
                                              "日本",
                                              "?",
                                              "&a",
                                              "*a",
                                              "!t",
                                              "%",
                                              "@",
                                              "`",
                                              "|",
                                              ">",
                                              "---",
                                              "...",
                                              "x:",
                                              ":x",
                                              "<<",
                                              "\x7f",
                                              "a\x01",
                                              "=",
                                              "99999999999999999999",
                                              "1.5e999",
                                              "a/b.c-d_e",
                                              "sst2 sentence: x",
                                              "\u2028",
                                              "\u0085"};
  switch (random() % (depth > 0 ? 8 : 5)) {
    case 0:
      return Value();
    case 1:
      return Value(random() % 2 == 0);
    case 2:
      return Value(static_cast<std::int64_t>(random()) - 2'000'000'000);
    case 3:
      return Value(std::ldexp(static_cast<double>(random()) - 2e9, static_cast<int>(random() % 100) - 50));
    case 4:
      return Value(texts[random() % texts.size()]);
    case 5: {
      Value list = Value::list();
      for (auto n = random() % 4; n > 0; --n) list.push_back(random_value(random, depth - 1));
      return list;
    }
    default: {
      Value map = Value::map();
      for (auto n = random() % 4; n > 0; --n) map.set(texts[random() % texts.size()], random_value(random, depth - 1));
      return map;
    }
  }
}

}  // namespace

TEST_CASE("what write_yaml writes is read back equal, with and without comments") {
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    Value value = random_value(random, 4);
    const std::string text = write_yaml(value);
    CHECK_MESSAGE(parse_yaml(text, "r.yaml") == value, text << to_json(value));
    const std::string commented = write_yaml(value, [](const Value&) { return "recipe.yaml:1:2"; });
    CHECK_MESSAGE(parse_yaml(commented, "r.yaml") == value, commented);
    if (value.is_map() && !(parse_yaml(commented, "r.yaml") == value)) break;
  }
}

TEST_CASE("write_yaml's form") {
  const Value value = parse_yaml("a: {b: 1, c: {}}\nd: [1, x]\ne: [{f: 1, g: [2]}, [3, [4]]]\nh: '1'\n", "r.yaml");
  CHECK(write_yaml(value) ==
        "a:\n  b: 1\n  c: {}\nd: [1, x]\ne:\n  - f: 1\n    g: [2]\n  - - 3\n    - [4]\nh: \"1\"\n");
}
