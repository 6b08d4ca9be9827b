#include "data/word_table.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace atp {

namespace {

constexpr std::size_t most_words = 1 << 18;  // beyond them the table starts again, so that memory has a bound
constexpr std::size_t longest_word = 64;     // bytes: what is longer hardly comes again

bool is_plain(std::string_view word) {
  return word.size() <= longest_word &&
         std::all_of(word.begin(), word.end(), [](char c) { return c > ' ' && c <= '~'; });
}

// Scores are summed up as floats from the start of a text. A path through a word takes one addition a piece, each wrong
// by at most half a unit in the last place of the sum: two paths may come closer by twice that for each byte.
bool is_decided(const Tokenizer::Word& word, std::size_t bytes, float score_before) {
  const float sum = std::abs(score_before) + std::abs(word.score) * 2;
  return word.margin > static_cast<float>(bytes + 1) * sum * std::numeric_limits<float>::epsilon();
}

}  // namespace

WordTable::WordTable(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

const Tokenizer::Word& WordTable::word(std::string_view text) {
  const auto known = words_.find(text);
  if (known != words_.end()) return known->second;
  if (words_.size() >= most_words) words_.clear();
  return words_.emplace(text, tokenizer_.word(text)).first->second;
}

bool WordTable::look_up(std::string_view text, std::size_t room, Tokenizer::Encoded& encoded) {
  float score = 0;
  while (encoded.ids.size() <= room) {
    const std::size_t start = text.find_first_not_of(' ');
    if (start == std::string_view::npos) return true;
    text.remove_prefix(start);
    const std::string_view next = text.substr(0, text.find(' '));
    text.remove_prefix(next.size());
    if (!is_plain(next)) return false;
    const Tokenizer::Word& found = word(next);
    if (!is_decided(found, next.size(), score)) return false;
    score += found.score;
    encoded.ids.insert(encoded.ids.end(), found.ids.begin(), found.ids.end());
  }
  return true;  // the rest would be cut away
}

Tokenizer::Encoded WordTable::encode(std::string_view text, std::int64_t length) {
  const auto room = static_cast<std::size_t>(std::max<std::int64_t>(length, 1)) - 1;
  Tokenizer::Encoded encoded;
  if (!tokenizer_.words_stand_alone() || !look_up(text, room, encoded)) {
    ++left_over_;
    return tokenizer_.encode(text, length);
  }
  ++looked_up_;
  Tokenizer::close(encoded, room);
  return encoded;
}

}  // namespace atp
