#include "squad_text.h"

#include <locale.h>
#include <wctype.h>

#include <algorithm>
#include <cstdint>

namespace atp::metrics {

namespace {

// Letters and their cases beyond ASCII, by the C library's table of Unicode; it is part of every glibc since 2.35.
locale_t unicode() {
  static const locale_t table = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return table;
}

std::u32string decoded(std::string_view text) {  // well-formed UTF-8; a stray byte becomes U+FFFD
  std::u32string result;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
    if (length == 0 || i + length > text.size()) {
      result += char32_t{0xfffd};
      ++i;
      continue;
    }
    char32_t code = length == 1 ? first : first & (0xffU >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) code = code << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3fU);
    result += code;
    i += length;
  }
  return result;
}

void append(std::string& text, char32_t code) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) return put(0xc0 | code >> 6), put(0x80 | (code & 0x3f));
  if (code < 0x10000) return put(0xe0 | code >> 12), put(0x80 | (code >> 6 & 0x3f)), put(0x80 | (code & 0x3f));
  put(0xf0 | code >> 18), put(0x80 | (code >> 12 & 0x3f)), put(0x80 | (code >> 6 & 0x3f)), put(0x80 | (code & 0x3f));
}

char32_t lower(char32_t code) {
  if (code < 0x80) return code >= 'A' && code <= 'Z' ? code + 32 : code;
  return unicode() ? static_cast<char32_t>(towlower_l(static_cast<wint_t>(code), unicode())) : code;
}

bool is_punctuation(char32_t code) {
  return (code >= 0x21 && code <= 0x2f) || (code >= 0x3a && code <= 0x40) || (code >= 0x5b && code <= 0x60) ||
         (code >= 0x7b && code <= 0x7e);
}

bool is_space(char32_t code) {
  return (code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x20) || code == 0x85 || code == 0xa0 ||
         code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 || code == 0x202f ||
         code == 0x205f || code == 0x3000;
}

bool in_word(char32_t code) {
  if (code < 0x80) return (code >= '0' && code <= '9') || (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
  return unicode() ? iswalnum_l(static_cast<wint_t>(code), unicode()) != 0 : !is_space(code);
}

bool is_article(std::u32string_view word) { return word == U"a" || word == U"an" || word == U"the"; }

std::u32string without_articles(const std::u32string& text) {
  std::u32string result;
  for (std::size_t i = 0; i < text.size();) {
    const auto begin = text.begin() + static_cast<std::ptrdiff_t>(i);
    const auto end = std::find_if(begin, text.end(), [](char32_t code) { return !in_word(code); });
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

}  // namespace

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> result;
  bool gap = true;
  for (const char32_t code : decoded(text)) {
    if (is_space(code)) {
      gap = true;
      continue;
    }
    if (gap) result.emplace_back();
    gap = false;
    append(result.back(), code);
  }
  return result;
}

std::string normalise_answer(std::string_view text) {
  std::u32string kept;
  for (const char32_t code : decoded(text)) {
    if (!is_punctuation(code)) kept += lower(code);
  }
  std::string plain;
  for (const char32_t code : without_articles(kept)) append(plain, code);
  std::string result;
  for (const auto& word : words(plain)) result += (result.empty() ? "" : " ") + word;
  return result;
}

}  // namespace atp::metrics
