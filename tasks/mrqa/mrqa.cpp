#include "mrqa.h"

#include <atp/characters.h>
#include <atp/plugin.h>

#include <algorithm>

namespace atp::mrqa {

namespace {

// A list of texts; SQuAD's own files have a list of {text, answer_start}, the Hub's export {text: […], answer_start:
// […]}.
std::vector<std::string> answers_of(const Value& answers) {
  const Value& list = answers.is_map() ? answers.at("text") : answers;
  std::vector<std::string> texts;
  for (const auto& item : list.items()) {
    std::string text = pad_punctuation(item.is_map() ? item.at("text").text() : item.text());
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(std::move(text));
  }
  return texts;
}

Example question(const std::string& context, const std::string& asked, const Value& answers, const Value& id) {
  auto references = answers_of(answers);
  if (references.empty()) throw DataError(answers.origin, "question '" + id.scalar_text() + "' has no answer");
  return {.source = "question: " + pad_punctuation(asked) + " context: " + context,
          .target = references.front(),
          .references = references,
          .group = id.scalar_text()};
}

// The questions of {context, qas: [{question, answers, qid}]}; SQuAD's own files say `id`.
void add_questions(const Value& passage, std::vector<Example>& examples) {
  const std::string context = pad_punctuation(passage.at("context").text());
  for (const auto& one : passage.at("qas").items()) {
    const Value* id = one.find("qid");
    examples.push_back(question(context, one.at("question").text(), one.at("answers"), id ? *id : one.at("id")));
  }
}

bool is_of(const Row& row, const std::string& subset) { return !row.has("subset") || row["subset"] == subset; }

std::vector<Example> questions_of(const Row& row) {
  std::vector<Example> examples;
  if (row.has("qas")) {
    add_questions(row.fields(), examples);
  } else if (row.has("paragraphs")) {  // an article of SQuAD's own files
    for (const auto& passage : row.value("paragraphs").items()) add_questions(passage, examples);
  } else {  // the Hub's export has a row for each question
    examples.push_back(question(pad_punctuation(row["context"]), row["question"], row.value("answers"),
                                row.value(row.has("qid") ? "qid" : "id")));
  }
  return examples;
}

}  // namespace

TextTask task(const std::string& set, const std::string& subset, TextTask own) {
  own.suite = "MRQA";
  own.files = jsonl({{"train", "mrqa/train/" + set + ".jsonl"}, {"dev", "mrqa/dev/" + set + ".jsonl"}});
  own.other_forms.insert(own.other_forms.begin(), {hub("mrqa/plain_text"), hub("mrqa")});
  own.splits = Splits::hold_out;
  own.metrics = {"token_f1", "exact_match"};
  own.prefix = "squad";
  own.expand = [](const Row& row, Role) { return questions_of(row); };
  own.roles_differ = false;
  own.left_out = [subset](const Row& row) { return row.has("header") || !is_of(row, subset); };
  return own;
}

}  // namespace atp::mrqa

ATP_PLUGIN(registry) {
  using namespace atp::mrqa;
  for (auto task : {squad(), newsqa(), nq(), hotpotqa(), searchqa(), triviaqa()}) registry.add(atp::offer(task));
}
