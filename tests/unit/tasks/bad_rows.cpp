#include "tests/unit/tasks/examples.h"

using namespace atp;
using test::has;

namespace {

// What a task says of a row that it cannot use.
std::string fault(const std::string& task, const std::string& json, Role role = Role::evaluate) {
  const auto* entry = test::plugins().find("task", task);
  REQUIRE(entry);
  const auto made = test::plugins().make<TextTask>(task, test::defaults(entry->options));
  Value fields = parse_json(json, "rows.jsonl");
  fields.origin = {"rows.jsonl", 7};
  return test::message<Error>([&] {
    if (made.expand) {
      made.expand(Row(fields), role);
    } else {
      made.render(Row(fields));
    }
  });
}

}  // namespace

TEST_CASE("rows that a task cannot use are told with their line") {
  for (const char* score : {"-0.1", "5.01", "x", "3.0x", "", "nan"}) {
    const std::string row = std::string(R"({"sentence1": "a", "sentence2": "b", "score": ")") + score + "\"}";
    CHECK(
        has(fault("stsb", row), std::string("rows.jsonl:7: score '") + score + "': a number from 0 to 5 is expected"));
  }
  CHECK(has(fault("wsc", R"({"text": "Ann sang.", "label": true, "target": {"span1_text": "Ann", "span1_index": 0,
                           "span2_text": "she", "span2_index": 2}})"),
            "rows.jsonl:7: 'she' should be word 2"));
  CHECK(has(fault("yelp_polarity", R"({"class": "0", "text": "a"})"), "rows.jsonl:7: class '0'"));
  CHECK(has(fault("ag_news", R"({"class": "sports", "title": "a", "description": "b"})"), "class 'sports'"));
  CHECK(has(fault("squad", R"({"context": "c", "qas": [{"qid": "q1", "question": "q", "answers": []}]})"),
            "question 'q1' has no answer"));
  CHECK(has(fault("squad", R"({"context": "c", "qas": [{"qid": "q1", "answers": ["a"]}]})"), "'question'"));
  CHECK(has(fault("multirc", R"({"idx": 0, "passage": {"text": "t"}})"), "'questions'"));
  CHECK(has(fault("boolq", R"({"question": "q", "passage": "p"})"), "rows.jsonl:7: no column 'label'"));
}

TEST_CASE("ReCoRD: queries without an answer, entities beyond the passage") {
  const std::string passage = R"("passage": {"text": "Zoë sang", "entities": [{"start": 0, "end": )";
  const std::string query = R"("qas": [{"query": "@placeholder", "idx": 0, "answers": [)";
  CHECK(has(fault("record", "{" + passage + "2}]}, " + query + "]}]}"), "no query here has an answer"));
  CHECK(has(fault("record", "{" + passage + "8}]}, " + query + R"({"text": "Zoë"}]}]})"),
            "from character 0 to 8; the passage has 8"));
}
