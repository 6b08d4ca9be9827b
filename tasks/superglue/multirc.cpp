#include <atp/characters.h>

#include "superglue.h"

namespace {

using namespace atp;

Example one_answer(const std::string& paragraph, const std::string& question, const std::string& answer,
                   std::string label, std::string group) {
  return {.source = "question: " + question + " answer: " + answer + " paragraph: " + paragraph,
          .target = std::move(label),
          .group = std::move(group)};
}

// A question of a passage; both are numbered.
std::string group(const Value& passage, const Value& question) {
  return passage.scalar_text() + "." + question.scalar_text();
}

std::vector<Example> answers_of(const Row& row) {
  const Value& passage = row.value("passage");
  const std::string paragraph = without_tags(passage.at("text").text());
  std::vector<Example> examples;
  for (const auto& question : passage.at("questions").items()) {
    const std::string asked = without_tags(question.at("question").text());
    for (const auto& answer : question.at("answers").items()) {
      examples.push_back(one_answer(paragraph, asked, without_tags(answer.at("text").text()),
                                    answer.at("label").scalar_text(), group(row.value("idx"), question.at("idx"))));
    }
  }
  return examples;
}

Example answer_alone(const Row& row) {  // the Hub's export has a row for each answer
  const Value& number = row.value("idx");
  return one_answer(without_tags(row["paragraph"]), without_tags(row["question"]), without_tags(row["answer"]),
                    row["label"], group(number.at("paragraph"), number.at("question")));
}

}  // namespace

// MultiRC (Khashabi et al. 2018): is this an answer to the question about the paragraph? 27,243 answers to 5,100
// questions about 456 paragraphs to train on, 4,848 answers to 953 questions in val. The texts hold HTML's <b> and
// <br>.
atp::TextTask atp::superglue::multirc() {
  return {
      .name = "multirc",
      .suite = "SuperGLUE",
      .summary = "is this an answer to the question about the paragraph?",
      .origin = "MultiRC is distributed with SuperGLUE (super.gluebenchmark.com, tasks › MultiRC)",
      .licence = "its authors' own, for research",
      .files = folder("MultiRC"),
      .other_forms = {hub("super_glue/multirc")},
      .splits = Splits::halve_dev,
      .labels = {{"0", "0"}, {"1", "1"}},
      .metrics = {"multirc_f1", "multirc_exact_match"},
      .prefix = "superglue-multirc",
      .expand = [](const Row& row, Role) -> std::vector<Example> {
        if (row.has("passage")) return answers_of(row);
        return {answer_alone(row)};
      },
      .roles_differ = false,
  };
}
