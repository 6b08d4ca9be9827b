#include <cctype>

#include "superglue.h"

namespace {

using namespace atp;

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

// Where word number `index`, from 0, begins; npos where the text has fewer.
std::size_t start_of_word(const std::string& text, std::int64_t index) {
  bool in_word = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool starts = !is_space(text[at]) && !in_word;
    in_word = !is_space(text[at]);
    if (starts && index-- == 0) return at;
  }
  return std::string::npos;
}

bool equal_letter(char a, char b) {
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

// Whether the span's letters stand in `text` at `at`: the first may differ in case, and white space is white space.
bool stands_at(const std::string& text, std::size_t at, const std::string& span) {
  if (span.empty() || at + span.size() > text.size()) return false;
  for (std::size_t i = 0; i < span.size(); ++i) {
    const char found = text[at + i];
    if (found == span[i] || (is_space(found) && is_space(span[i]))) continue;
    if (i > 0 || !equal_letter(found, span[i])) return false;
  }
  return true;
}

void require_word(const Row& row, const std::string& text, const std::string& span, std::int64_t index) {
  if (index >= 0 && start_of_word(text, index) != std::string::npos) return;
  throw DataError(row.origin(),
                  "'" + span + "' should be word " + std::to_string(index) + ", counted from 0; the text has fewer");
}

// Puts " * " around a span. False where the span's words are not at their place: then nothing is marked, as in T5.
bool mark(std::string& text, std::string span, std::int64_t index, char sign) {
  const std::size_t start = start_of_word(text, index);
  if (!stands_at(text, start, span))
    while (span.ends_with('.')) span.pop_back();  // one more at its end than the text has
  if (!stands_at(text, start, span)) return false;
  text.insert(start + span.size(), std::string(" ") + sign);
  text.insert(start, std::string(1, sign) + " ");
  return true;
}

Example render(const Row& row) {
  const Value* target = row.fields().find("target");  // the Hub's export has the spans beside the text
  const Value& spans = target ? *target : row.fields();
  const std::string &noun = spans.at("span1_text").text(), &pronoun = spans.at("span2_text").text();
  const auto noun_at = spans.at("span1_index").integer(), pronoun_at = spans.at("span2_index").integer();
  std::string text = row["text"];
  require_word(row, text, noun, noun_at);
  require_word(row, text, pronoun, pronoun_at);
  const bool marked = mark(text, noun, noun_at, '*');
  mark(text, pronoun, pronoun_at + (marked && noun_at < pronoun_at ? 2 : 0), '#');  // the two signs count as words
  return {.source = "text: " + text, .target = row["label"]};
}

}  // namespace

// WSC (Levesque et al. 2012): does the pronoun mean the noun? 554 texts to train on, 104 in val. The noun stands
// between asterisks, the pronoun between number signs; where the files' spans differ from the text in case, line ends
// or a full stop, the text counts, which makes of it what the Hub calls "wsc.fixed".
atp::TextTask atp::superglue::wsc() {
  return {
      .name = "wsc",
      .suite = "SuperGLUE",
      .summary = "does the pronoun mean the noun?",
      .origin = "WSC is distributed with SuperGLUE (super.gluebenchmark.com, tasks › Winograd Schema Challenge)",
      .licence = "CC BY 4.0",
      .files = folder("WSC"),
      .other_forms = {hub("super_glue/wsc.fixed"), hub("super_glue/wsc")},
      .splits = Splits::halve_dev,
      .labels = {{"false", "0"}, {"true", "1"}},
      .metrics = {"accuracy"},
      .prefix = "superglue-wsc.fixed",
      .render = render,
  };
}
