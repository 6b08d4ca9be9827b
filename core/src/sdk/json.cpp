#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "atp/value.h"
#include "sdk/json_tree.h"

namespace atp {

namespace {

using nlohmann::json;

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

// nlohmann's own words are "[json.exception.parse_error.101] parse error at line 1, column 5: …".
std::string json_fault(const std::exception& error) {
  const std::string text = error.what();
  const auto end = text.find("] ");
  return "not JSON: " + (end == std::string::npos ? text : text.substr(end + 2));
}

Value parse_json(std::string_view text, const std::string& name) {
  JsonTree tree({name});
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
