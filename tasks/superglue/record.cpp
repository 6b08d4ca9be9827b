#include <atp/characters.h>

#include <set>

#include "superglue.h"

namespace {

using namespace atp;

using Texts = std::set<std::string>;  // in the order of their characters, each once

Texts texts_of(const Value& list) {
  Texts texts;
  for (const auto& item : list.items()) texts.insert(item.is_map() ? item.at("text").text() : item.text());
  return texts;
}

// Entities are places in the passage, counted in characters; `end` is the last one's.
Texts entities_of(const Value& passage) {
  const std::u32string text = characters(passage.at("text").text());
  Texts entities;
  for (const auto& entity : passage.at("entities").items()) {
    const auto start = entity.at("start").integer(), end = entity.at("end").integer();
    if (start < 0 || end < start || end >= static_cast<std::int64_t>(text.size())) {
      throw DataError(entity.origin, "an entity from character " + std::to_string(start) + " to " +
                                         std::to_string(end) + "; the passage has " + std::to_string(text.size()));
    }
    entities.insert(utf8(
        std::u32string_view(text).substr(static_cast<std::size_t>(start), static_cast<std::size_t>(end - start + 1))));
  }
  return entities;
}

// A passage ends with highlights, each below a line "@highlight": they become sentences.
std::string with_sentences(const std::string& passage) {
  static const std::string mark = "\n@highlight\n";
  std::string text;
  std::size_t at = 0;
  for (std::size_t found = passage.find(mark); found != std::string::npos; found = passage.find(mark, at)) {
    text.append(passage, at, found - at);
    const bool ends = found > at && std::string(".?!\"'").find(passage[found - 1]) != std::string::npos;
    text += ends ? " " : ". ";
    at = found + mark.size();
  }
  return text.append(passage, at);
}

std::string joined(const Texts& texts) {
  std::string result;
  for (const auto& text : texts) result += (result.empty() ? "" : ", ") + text;
  return result;
}

struct Query {
  std::string text;
  std::string number;
  Texts answers;
};

// To train on: a row for every answer. To be scored: one, and each of the answers is right.
void add_examples(const Query& query, const Texts& entities, const std::string& passage, Role role,
                  std::vector<Example>& examples) {
  const Example example{
      .source = "record query: " + query.text + " entities: " + joined(entities) + " passage: " + passage,
      .target = {},
      .references = {query.answers.begin(), query.answers.end()},
      .group = query.number};
  for (const auto& answer : query.answers) {
    examples.push_back(example);
    examples.back().target = answer;
    if (role == Role::evaluate) return;
    examples.back().references = {};
  }
}

std::vector<Example> examples_of(const Row& row, Role role) {
  std::vector<Example> examples;
  if (!row.has("qas")) {  // the Hub's export has a row for each query, and the entities' texts
    const Query query{row["query"], row.value("idx").at("query").scalar_text(), texts_of(row.value("answers"))};
    add_examples(query, texts_of(row.value("entities")), with_sentences(row["passage"]), role, examples);
  } else {
    const Value& passage = row.value("passage");
    const Texts entities = entities_of(passage);
    const std::string text = with_sentences(passage.at("text").text());
    for (const auto& asked : row.value("qas").items()) {
      const Query query{asked.at("query").text(), asked.at("idx").scalar_text(), texts_of(asked.at("answers"))};
      add_examples(query, entities, text, role, examples);
    }
  }
  if (examples.empty()) throw DataError(row.origin(), "no query here has an answer; at least one is expected");
  return examples;
}

}  // namespace

// ReCoRD (Zhang et al. 2018): which of the news article's entities stands for @placeholder in the query? 100,730
// queries to train on, 10,000 in val; entities and answers are written once each, in the order of their letters.
atp::TextTask atp::superglue::record() {
  return {
      .name = "record",
      .suite = "SuperGLUE",
      .summary = "which entity of the article does the query leave out?",
      .origin = "ReCoRD is distributed with SuperGLUE (super.gluebenchmark.com, tasks › ReCoRD)",
      .licence = "not stated by its authors; the articles are CNN's and the Daily Mail's",
      .files = folder("ReCoRD"),
      .other_forms = {hub("super_glue/record")},
      .splits = Splits::hold_out,
      .metrics = {"token_f1", "exact_match"},
      .prefix = "superglue-record",
      .expand = examples_of,
  };
}
