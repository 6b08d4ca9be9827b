#pragma once

#include <string>
#include <string_view>

#include "atp/export.h"

// Text character by character, for tasks and metrics: UTF-8 outside, Unicode's code points inside. Classes and cases
// are those of utf8proc's tables.
namespace atp {

// A text's characters; a byte that belongs to none is U+FFFD.
ATP_EXPORT std::u32string characters(std::string_view text);
ATP_EXPORT std::string utf8(std::u32string_view characters);

ATP_EXPORT bool is_letter(char32_t character);  // L
ATP_EXPORT bool is_mark(char32_t character);    // M: accents that stand apart from their letter
ATP_EXPORT bool is_number(char32_t character);  // N
ATP_EXPORT bool is_space(char32_t character);   // White_Space
ATP_EXPORT char32_t lower(char32_t character);

// T5's rule for question answering: a space before and after every character that is no letter, mark, number, white
// space or `_`; then runs of white space become one space. "Who's 1st?" → "Who ' s 1st ? ".
ATP_EXPORT std::string pad_punctuation(std::string_view text);

// HTML's tags without attributes: <br> becomes a space, all others go. "<b>Sent 1: </b>It rains.<br>" →
// "Sent 1: It rains. ".
ATP_EXPORT std::string without_tags(std::string_view text);

}  // namespace atp
