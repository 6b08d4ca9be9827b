#include <atp/characters.h>

#include <algorithm>

#include "others.h"

namespace {

using namespace atp;

// {number, date: {day, month, year}, spans}: the one of them that is filled in; of several spans the first, as in the
// code that was released with the paper. "" where none is.
std::string answer_text(const Value& answer) {
  if (const std::string number = answer.at("number").scalar_text(); !number.empty()) return number;
  if (const auto& spans = answer.at("spans").items(); !spans.empty()) return spans.front().text();
  std::string date;
  for (const char* part : {"day", "month", "year"}) {
    const Value* value = answer.at("date").find(part);
    const std::string text = value ? value->scalar_text() : "";
    if (!text.empty()) date += (date.empty() ? "" : " ") + text;
  }
  return date;
}

Example question(const std::string& passage, const std::string& asked, std::vector<std::string> answers,
                 std::string number) {
  for (auto& answer : answers) answer = pad_punctuation(answer);
  return {.source = "question: " + pad_punctuation(asked) + " context: " + passage,
          .target = answers.front(),
          .references = answers,
          .group = std::move(number)};
}

// The answer first, then what other annotators answered; each once.
std::vector<std::string> answers_of(const Value& asked) {
  std::vector<std::string> answers = {answer_text(asked.at("answer"))};
  if (const Value* others = asked.find("validated_answers")) {
    for (const auto& other : others->items()) answers.push_back(answer_text(other));
  }
  std::vector<std::string> result;
  for (const auto& answer : answers) {
    if (!answer.empty() && std::find(result.begin(), result.end(), answer) == result.end()) result.push_back(answer);
  }
  return result;
}

void add_questions(const Row& row, std::vector<Example>& examples) {
  const std::string text = pad_punctuation(row["passage"]);
  for (const auto& asked : row.value("qa_pairs").items()) {
    auto answers = answers_of(asked);
    if (answers.empty()) continue;  // a few questions have none
    examples.push_back(
        question(text, asked.at("question").text(), std::move(answers), asked.at("query_id").scalar_text()));
  }
}

std::vector<Example> questions_of(const Row& row) {
  std::vector<Example> examples;
  if (row.has("qa_pairs")) {
    add_questions(row, examples);
  } else if (const auto& spans = row.value("answers_spans").at("spans").items(); !spans.empty()) {  // the Hub's export
    examples.push_back(
        question(pad_punctuation(row["passage"]), row["question"], {spans.front().text()}, row["query_id"]));
  }
  return examples;
}

}  // namespace

// DROP (Dua et al. 2019): questions about a passage that want counting, sorting or arithmetic. 77,409 to train on,
// 9,536 in dev. Texts and answers pass T5's rule for punctuation.
atp::TextTask atp::others::drop() {
  return {
      .name = "drop",
      .suite = "others",
      .summary = "questions that want counting, sorting or arithmetic",
      .origin = "DROP is distributed by its authors (allenai.org/data/drop, drop_dataset.zip)",
      .licence = "CC BY-SA 4.0",
      .files = {.format = Files::Format::json,
                .splits = {{"train", {"drop_dataset/drop_dataset_train.json"}},
                           {"dev", {"drop_dataset/drop_dataset_dev.json"}}}},
      .other_forms = hub_forms("drop", "data"),
      .splits = Splits::hold_out,
      .metrics = {"token_f1", "exact_match"},
      .expand = [](const Row& row, Role) { return questions_of(row); },
      .roles_differ = false,
  };
}
