#include "others.h"

namespace {

using namespace atp;

// The files have {question: {stem, choices: [{label, text}]}}, the Hub's export question and choices: {label: […],
// text: […]}.
Example render(const Row& row) {
  const Value& question = row.value("question");
  std::string source = "question: " + (question.is_map() ? question.at("stem").text() : question.text());
  std::vector<std::string> choices;
  if (question.is_map()) {
    for (const auto& choice : question.at("choices").items()) choices.push_back(choice.at("text").text());
  } else {
    for (const auto& text : row.value("choices").at("text").items()) choices.push_back(text.text());
  }
  for (std::size_t i = 0; i < choices.size(); ++i) source += " choice" + std::to_string(i + 1) + ": " + choices[i];
  return {.source = std::move(source), .target = row["answerKey"]};
}

}  // namespace

// CommonsenseQA (Talmor et al. 2019): which of five answers does common sense give? 9,741 questions to train on, 1,221
// in dev.
atp::TextTask atp::others::commonsense_qa() {
  SplitPaths paths;
  for (const std::string split : {"train", "dev"})
    for (const std::string folder : {"commonsense_qa/", ""})
      paths.push_back({split, folder + split + "_rand_split.jsonl"});
  return {
      .name = "commonsense_qa",
      .suite = "others",
      .summary = "which of five answers does common sense give?",
      .origin = "CommonsenseQA is distributed by its authors (tau-nlp.org/commonsenseqa, train_rand_split.jsonl)",
      .licence = "MIT",
      .files = jsonl(paths),
      .other_forms = hub_forms("commonsense_qa", "data"),
      .splits = Splits::hold_out,
      .labels = {{"A", "0"}, {"B", "1"}, {"C", "2"}, {"D", "3"}, {"E", "4"}},
      .metrics = {"accuracy"},
      .render = render,
  };
}
