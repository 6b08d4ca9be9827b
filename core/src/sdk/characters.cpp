#include "atp/characters.h"

#include <utf8proc.h>

#include <algorithm>
#include <cctype>

namespace atp {

namespace {

constexpr char32_t replacement = 0xfffd;

utf8proc_category_t category(char32_t character) { return utf8proc_category(static_cast<utf8proc_int32_t>(character)); }

// The first character of `text`, and how many bytes it takes.
char32_t first_character(std::string_view text, std::size_t& bytes) {
  utf8proc_int32_t code = -1;
  const auto* start = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto taken = utf8proc_iterate(start, static_cast<utf8proc_ssize_t>(text.size()), &code);
  bytes = taken > 0 ? static_cast<std::size_t>(taken) : 1;
  return taken > 0 ? static_cast<char32_t>(code) : replacement;
}

void append(std::string& text, char32_t character) {
  utf8proc_uint8_t bytes[4];
  const auto count = utf8proc_encode_char(static_cast<utf8proc_int32_t>(character), bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
}

}  // namespace

std::u32string characters(std::string_view text) {
  std::u32string result;
  result.reserve(text.size());
  for (std::size_t bytes = 0; !text.empty(); text.remove_prefix(bytes)) result += first_character(text, bytes);
  return result;
}

std::string utf8(std::u32string_view characters) {
  std::string text;
  text.reserve(characters.size());
  for (const char32_t character : characters) append(text, character);
  return text;
}

bool is_letter(char32_t character) {
  if (character < 0x80) return std::isalpha(static_cast<int>(character)) != 0;
  const auto class_of = category(character);
  return class_of >= UTF8PROC_CATEGORY_LU && class_of <= UTF8PROC_CATEGORY_LO;
}

bool is_mark(char32_t character) {
  const auto class_of = category(character);
  return class_of >= UTF8PROC_CATEGORY_MN && class_of <= UTF8PROC_CATEGORY_ME;
}

bool is_number(char32_t character) {
  if (character < 0x80) return character >= '0' && character <= '9';
  const auto class_of = category(character);
  return class_of >= UTF8PROC_CATEGORY_ND && class_of <= UTF8PROC_CATEGORY_NO;
}

bool is_space(char32_t character) {
  if (character < 0x80) return character == ' ' || (character >= 0x09 && character <= 0x0d);
  const auto class_of = category(character);
  return character == 0x85 || (class_of >= UTF8PROC_CATEGORY_ZS && class_of <= UTF8PROC_CATEGORY_ZP);
}

char32_t lower(char32_t character) {
  if (character < 0x80) return character >= 'A' && character <= 'Z' ? character + 32 : character;
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(character)));
}

std::string pad_punctuation(std::string_view text) {
  std::string result;
  result.reserve(text.size() + text.size() / 8);
  const auto space = [&] {
    if (!result.ends_with(' ')) result += ' ';
  };
  for (std::size_t bytes = 0; !text.empty(); text.remove_prefix(bytes)) {
    const char32_t character = first_character(text, bytes);
    if (is_space(character)) {
      space();
    } else if (character == '_' || is_letter(character) || is_number(character) || is_mark(character)) {
      append(result, character);
    } else {
      space();
      append(result, character);
      result += ' ';
    }
  }
  return result;
}

namespace {

// Where the tag that starts at `text` ends: after its '>'. 0 where none starts there.
std::size_t tag_length(std::string_view text) {
  const auto is_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  std::size_t at = text.starts_with("</") ? 2 : 1;
  if (at >= text.size() || !std::isalpha(static_cast<unsigned char>(text[at]))) return 0;
  while (at < text.size() && is_name(text[at])) ++at;
  while (at < text.size() && text[at] == ' ') ++at;
  if (at < text.size() && text[at] == '/') ++at;
  return at < text.size() && text[at] == '>' ? at + 1 : 0;
}

bool is_line_break(std::string_view tag) {
  std::string name;
  for (const char c : tag)
    if (std::isalpha(static_cast<unsigned char>(c)))
      name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name == "br";
}

}  // namespace

std::string without_tags(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = text.front() == '<' ? tag_length(text) : 0;
    if (length == 0) {
      result += text.front();
    } else if (is_line_break(text.substr(0, length))) {
      result += ' ';
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result;
}

}  // namespace atp
