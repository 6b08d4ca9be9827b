#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "atp/value.h"
#include "sdk/json_tree.h"

namespace atp {

namespace {

using nlohmann::json;

// Line and column, from 1, of a byte of a text that starts on a line; columns in characters.
Origin place_of(std::string_view text, std::size_t byte, const Origin& start_of_text) {
  const auto before = text.substr(0, byte);
  const auto line = std::count(before.begin(), before.end(), '\n');
  const auto start = before.rfind('\n') + 1;  // npos + 1 is 0
  const auto column = std::count_if(before.begin() + static_cast<std::ptrdiff_t>(start), before.end(),
                                    [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  return {start_of_text.file, std::max(1, start_of_text.line) + static_cast<int>(line), static_cast<int>(column) + 1};
}

// "…] parse error at line 1, column 5: syntax error while parsing value - invalid literal; last read: 'tru'": the part
// after `start` and before `end`, or an empty text.
std::string part_of(const std::string& message, const std::string& start, const std::string& end) {
  const auto at = message.find(start);
  if (at == std::string::npos) return "";
  const auto first = at + start.size();
  return message.substr(first, message.find(end, first) - first);
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-'; }

// Where the word, or the one character, starts that the parser stopped at.
std::size_t word_start(std::string_view text, std::size_t at) {
  if (at == text.size() || !is_word(text[at])) {
    const bool in_literal = at > 0 && at < text.size() && is_word(text[at - 1]) && text[at] != ',';
    if (!in_literal) return at;
    --at;
  }
  while (at > 0 && is_word(text[at - 1])) --at;
  return at;
}

std::string word_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_word(text[end]) && end - at < 40) ++end;
  if (end == at) ++end;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
  return std::string(text.substr(at, end - at));
}

// What was found and what was expected, in our words and not nlohmann's.
std::string fault_of(const std::string& message, const std::string& found, bool after_comma) {
  static const std::vector<std::pair<std::string, std::string>> expectations = {
      {"; expected string literal", "a key in double quotes"},
      {"; expected ':'", "':' after the key"},
      {"; expected ']'", "',' or ']'"},
      {"; expected '}'", "',' or '}'"},
      {"; expected end of input", "nothing after the value"},
  };
  const auto says = [&](const char* words) { return message.find(words) != std::string::npos; };
  if (says("out_of_range")) return "a number is too large: " + found;
  if (says("unexpected end of input") || says("missing closing quote"))
    return "the text ends too early; is a bracket or a quote not closed?";
  const std::string reason = part_of(message, " - ", "; last read");
  if (reason.starts_with("invalid string") || reason.starts_with("invalid number")) return reason;
  if (after_comma && (found == "]" || found == "}"))
    return "found '" + found + "' after a comma; expected no comma there";
  const auto expected =
      std::find_if(expectations.begin(), expectations.end(), [&](const auto& one) { return says(one.first.c_str()); });
  return "found '" + found + "', expected " +
         (expected == expectations.end() ? "a value (texts stand in double quotes)" : expected->second);
}

void append_text(std::string& out, const std::string& text) {
  // Invalid UTF-8 becomes U+FFFD: a prediction may be cut inside a character.
  out += json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

void append(std::string& out, const Value& value, int indent, int level, bool sorted) {
  const auto new_line = [&](int depth) {
    if (indent >= 0) out += "\n" + std::string(static_cast<std::size_t>(indent * depth), ' ');
  };
  if (value.is_map()) {
    std::vector<const Value::Member*> members;
    for (const auto& member : value.members()) members.push_back(&member);
    if (sorted) std::sort(members.begin(), members.end(), [](auto* a, auto* b) { return a->first < b->first; });
    out += '{';
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out += indent >= 0 || sorted ? "," : ", ";
      new_line(level + 1);
      append_text(out, members[i]->first);
      out += sorted ? ":" : ": ";
      append(out, members[i]->second, indent, level + 1, sorted);
    }
    if (!members.empty()) new_line(level);
    out += '}';
  } else if (value.is_list()) {
    out += '[';
    for (std::size_t i = 0; i < value.items().size(); ++i) {
      if (i > 0) out += indent >= 0 || sorted ? "," : ", ";
      new_line(level + 1);
      append(out, value.items()[i], indent, level + 1, sorted);
    }
    if (!value.items().empty()) new_line(level);
    out += ']';
  } else if (value.is_text()) {
    append_text(out, value.text());
  } else if (value.is_null() || (value.is_number() && !std::isfinite(value.number()))) {
    out += "null";
  } else {
    out += value.scalar_text();
  }
}

}  // namespace

std::string json_fault(const std::exception& error) {
  const std::string message = error.what();
  std::string found = part_of(message, "last read: '", "'; expected");
  found.erase(0, found.find_first_not_of(" \t\r\n"));
  return "not JSON: " + fault_of(message, found, false);
}

FormatError json_error(const Origin& start, std::string_view text, std::size_t read, const std::exception& error) {
  const std::string message = error.what();
  std::size_t at = std::min(text.size(), read > 0 ? read - 1 : 0);
  if (message.find("invalid string") == std::string::npos) at = word_start(text, at);
  const auto before = text.substr(0, at).find_last_not_of(" \t\r\n");
  const bool after_comma = before != std::string_view::npos && text[before] == ',';
  return {place_of(text, at, start), "not JSON: " + fault_of(message, word_at(text, at), after_comma)};
}

Value parse_json(std::string_view text, const std::string& name) {
  JsonTree tree({name}, text);
  json::sax_parse(text.begin(), text.end(), &tree);
  return tree.take();
}

std::string to_json(const Value& value, int indent) {
  std::string out;
  append(out, value, indent, 0, false);
  return out;
}

std::string canonical_json(const Value& value) {
  std::string out;
  append(out, value, -1, 0, true);
  return out;
}

}  // namespace atp
