#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "data/tokenizer.h"

namespace atp {

// Tokenises by looking words up. No piece of T5's vocabulary crosses a space, so that a text's ids are those of its
// words, one behind the other; nearly all words of a data set come again and again. What is not plainly so is left to
// the tokenizer as a whole: a text with other than printable ASCII characters, a vocabulary with pieces that cross
// spaces, and a word whose best and second best segmentation are so close that rounding, which depends on what stands
// before the word, may decide between them. The ids are the tokenizer's own in every case. One for each thread.
class WordTable {
 public:
  explicit WordTable(const Tokenizer& tokenizer);                         // must outlive this
  Tokenizer::Encoded encode(std::string_view text, std::int64_t length);  // as the tokenizer's

  std::int64_t looked_up() const { return looked_up_; }  // texts of which the tokenizer saw no more than new words
  std::int64_t left_over() const { return left_over_; }  // texts that it saw whole

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view word) const { return std::hash<std::string_view>()(word); }
  };
  using Words = std::unordered_map<std::string, Tokenizer::Word, Hash, std::equal_to<>>;

  const Tokenizer::Word& word(std::string_view text);
  bool look_up(std::string_view text, std::size_t room, Tokenizer::Encoded& encoded);

  const Tokenizer& tokenizer_;
  Words words_;
  std::int64_t looked_up_ = 0, left_over_ = 0;
};

}  // namespace atp
