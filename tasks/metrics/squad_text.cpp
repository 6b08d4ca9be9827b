#include "squad_text.h"

#include <atp/characters.h>

#include <algorithm>

namespace atp::metrics {

namespace {

bool is_punctuation(char32_t character) {  // ASCII's
  return (character >= 0x21 && character <= 0x2f) || (character >= 0x3a && character <= 0x40) ||
         (character >= 0x5b && character <= 0x60) || (character >= 0x7b && character <= 0x7e);
}

// What Python's str.split() cuts at: Unicode's white space and ASCII's four separators.
bool separates(char32_t character) { return is_space(character) || (character >= 0x1c && character <= 0x1f); }

bool in_word(char32_t character) { return is_letter(character) || is_number(character); }

bool is_article(std::u32string_view word) { return word == U"a" || word == U"an" || word == U"the"; }

std::u32string without_articles(const std::u32string& text) {
  std::u32string result;
  for (std::size_t i = 0; i < text.size();) {
    const auto begin = text.begin() + static_cast<std::ptrdiff_t>(i);
    const auto end = std::find_if(begin, text.end(), [](char32_t character) { return !in_word(character); });
    const auto length = static_cast<std::size_t>(end - begin);
    if (length == 0) {
      result += text[i++];
    } else {
      const std::u32string_view word(&text[i], length);
      is_article(word) ? result += U' ' : result += word;
      i += length;
    }
  }
  return result;
}

std::vector<std::string> words_of(const std::u32string& text) {
  std::vector<std::string> result;
  for (auto at = text.begin(); at != text.end();) {
    const auto start = std::find_if_not(at, text.end(), separates);
    at = std::find_if(start, text.end(), separates);
    if (start != at) result.push_back(utf8(std::u32string(start, at)));
  }
  return result;
}

}  // namespace

std::vector<std::string> words(std::string_view text) { return words_of(characters(text)); }

std::string normalise_answer(std::string_view text) {
  std::u32string kept;
  for (const char32_t character : characters(text)) {
    if (!is_punctuation(character)) kept += lower(character);
  }
  std::string result;
  for (const auto& word : words_of(without_articles(kept))) result += (result.empty() ? "" : " ") + word;
  return result;
}

}  // namespace atp::metrics
