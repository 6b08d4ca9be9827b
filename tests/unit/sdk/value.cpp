#include "atp/value.h"

#include <doctest/doctest.h>

#include <limits>

using namespace atp;

TEST_CASE("JSON is read into a tree that keeps the order of its keys") {
  const auto value =
      parse_json(R"({"b": [1, 2.5, "x\u00e9", null, true], "a": {"c": -9223372036854775808}})", "t.json");
  CHECK(value.members()[0].first == "b");
  CHECK(value.at("b").items()[0].integer() == 1);
  CHECK(value.at("b").items()[1].number() == 2.5);
  CHECK(value.at("b").items()[2].text() == "x\xc3\xa9");
  CHECK(value.at("a").at("c").integer() == std::numeric_limits<std::int64_t>::min());
  CHECK(to_json(value) == "{\"b\": [1, 2.5, \"x\xc3\xa9\", null, true], \"a\": {\"c\": -9223372036854775808}}");
  CHECK(canonical_json(value) == "{\"a\":{\"c\":-9223372036854775808},\"b\":[1,2.5,\"x\xc3\xa9\",null,true]}");
  CHECK(parse_json(to_json(value, 2), "t.json") == value);
}

TEST_CASE("numbers are written as the shortest text that reads back equal") {
  CHECK(to_json(0.1) == "0.1");
  CHECK(to_json(1e-5) == "1e-05");
  CHECK(to_json(3.0) == "3.0");  // stays a number
  CHECK(to_json(std::numeric_limits<double>::quiet_NaN()) == "null");
  CHECK(parse_json("0.30000000000000004", "t").number() == 0.1 + 0.2);
}

TEST_CASE("bad JSON is refused with its file and place") {
  CHECK_THROWS_WITH_AS(parse_json("{\"a\": 1, \"a\": 2}", "t.json"),
                       "t.json: two keys 'a' in one object; each may stand once", FormatError);
  CHECK_THROWS_AS(parse_json("{\"a\": ", "t.json"), FormatError);
  CHECK_THROWS_AS(parse_json("", "t.json"), FormatError);
  CHECK_THROWS_AS(parse_json("[1] 2", "t.json"), FormatError);
  CHECK_THROWS_AS(parse_json(std::string(100000, '['), "t.json"), FormatError);
}

TEST_CASE("bad JSON is refused in our words, where it stands") {
  const auto message = [](const char* text) {
    try {
      parse_json(text, "t.json");
    } catch (const FormatError& error) {
      return std::string(error.what());
    }
    return std::string("read without an error");
  };
  CHECK(message("{\"a\": tru}") ==
        "t.json:1:7: not JSON: found 'tru', expected a value (texts stand in double quotes)");
  CHECK(message("{\"ä\": [\"é\", x]}") ==
        "t.json:1:13: not JSON: found 'x', expected a value (texts stand in double quotes)");
  CHECK(message("{\n  a: 1}") == "t.json:2:3: not JSON: found 'a', expected a key in double quotes");
  CHECK(message("{\"a\" 1}") == "t.json:1:6: not JSON: found '1', expected ':' after the key");
  CHECK(message("[1 2]") == "t.json:1:4: not JSON: found '2', expected ',' or ']'");
  CHECK(message("{\"a\": 1,}") == "t.json:1:9: not JSON: found '}' after a comma; expected no comma there");
  CHECK(message("[1] 2") == "t.json:1:5: not JSON: found '2', expected nothing after the value");
  CHECK(message("[1e999]") == "t.json:1:2: not JSON: a number is too large: 1e999");
  CHECK(message("{\"a\": \"x") == "t.json:1:9: not JSON: the text ends too early; is a bracket or a quote not closed?");
  CHECK(message("[\"a\tb\"]").find("t.json:1:4: not JSON: invalid string: control character U+0009") == 0);
}

TEST_CASE("a wrong type is reported where the value stands") {
  Value value("three");
  value.origin = {"r.yaml", 4, 2};
  CHECK_THROWS_WITH_AS(value.integer(), "r.yaml:4:2: found text, expected an integer", Error);
  CHECK_THROWS_WITH_AS(parse_json("{\"width\": 1}", "c.json").at("widht"),
                       "c.json: no key 'widht'; did you mean 'width'?", Error);
}

TEST_CASE("invalid UTF-8 is written as U+FFFD, so that what is written is always JSON") {
  CHECK(to_json(Value(std::string("a\xff"))) == "\"a\xef\xbf\xbd\"");
}
