#include "recipe/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <sstream>
#include <string_view>

#include "recipe/recipe.h"
#include "recipe/yaml_brackets.h"
#include "sdk/utf8.h"

namespace atp {

namespace {

constexpr std::size_t most_nodes = 1'000'000;  // aliases of aliases grow without bound

bool all_digits(std::string_view text, std::string_view digits = "0123456789") {
  return !text.empty() && text.find_first_not_of(digits) == std::string_view::npos;
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_decimal(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  const auto exponent = text.find_first_of("eE");
  if (exponent != std::string_view::npos) {
    auto digits = text.substr(exponent + 1);
    if (!digits.empty() && (digits[0] == '-' || digits[0] == '+')) digits.remove_prefix(1);
    if (!all_digits(digits)) return false;
    text = text.substr(0, exponent);
  }
  const auto point = text.find('.');
  if (point == std::string_view::npos) return all_digits(text);
  const auto before = text.substr(0, point), after = text.substr(point + 1);
  return (before.empty() || all_digits(before)) && (after.empty() ? !before.empty() : all_digits(after));
}

Value whole_number(std::string_view digits, int base, const std::string& written) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size())
    throw RecipeError("'" + written + "' does not fit an integer of 64 bits");
  return value;
}

}  // namespace

Value plain_scalar(const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return {};
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  const bool has_sign = text[0] == '-' || text[0] == '+';
  const std::string_view unsigned_text = std::string_view(text).substr(has_sign ? 1 : 0);
  if (unsigned_text == ".inf" || unsigned_text == ".Inf" || unsigned_text == ".INF")
    return text[0] == '-' ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  if (text == ".nan" || text == ".NaN" || text == ".NAN") return std::numeric_limits<double>::quiet_NaN();
  const std::string_view digits = std::string_view(text).substr(text[0] == '+' ? 1 : 0);
  if (all_digits(unsigned_text)) return whole_number(digits, 10, text);
  if (text.starts_with("0o") && all_digits(std::string_view(text).substr(2), "01234567"))
    return whole_number(std::string_view(text).substr(2), 8, text);
  if (text.starts_with("0x") && all_digits(std::string_view(text).substr(2), "0123456789abcdefABCDEF"))
    return whole_number(std::string_view(text).substr(2), 16, text);
  if (!is_decimal(text)) return text;
  double value = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc())
    throw RecipeError("'" + text + "' is out of the range of numbers (about 1e-308 to 1e308)");
  return value;
}

namespace {

// From yaml-cpp's places (lines and columns from 0, columns in bytes) to ours (from 1, columns in characters).
class Places {
 public:
  Places(const std::string& text, std::string name) : name_(std::move(name)) {
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines_.push_back(line);
  }

  Origin at(const YAML::Mark& mark) const {
    return mark.is_null() ? Origin{name_}
                          : at(static_cast<std::size_t>(mark.line), static_cast<std::size_t>(mark.column));
  }
  Origin at(std::size_t line, std::size_t byte) const {
    std::size_t column = 1;
    const std::string_view text = line < lines_.size() ? std::string_view(lines_[line]) : std::string_view();
    for (std::size_t i = 0; i < byte; ++i)
      if (i >= text.size() || (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) ++column;
    return {name_, static_cast<int>(line) + 1, static_cast<int>(column)};
  }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::string name_;
  std::vector<std::string> lines_;
};

std::size_t node_count(const Value& value) {
  std::size_t count = 1;
  if (value.is_list())
    for (const auto& item : value.items()) count += node_count(item);
  if (value.is_map())
    for (const auto& member : value.members()) count += node_count(member.second);
  return count;
}

// Builds a Value from yaml-cpp's events, which give each key and value with its place.
class Builder final : public YAML::EventHandler {
 public:
  Builder(const Places& places, Problems& problems) : places_(places), problems_(problems) {}
  Value take() { return std::move(root_); }
  const YAML::Mark& last_text() const { return last_text_; }  // the last scalar that is not plain

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) refuse(mark, "a key is expected before ':'");
    Value value;
    value.origin = in_map() ? open_.back().key_origin : places_.at(mark);
    keep(std::move(value), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) refuse(mark, "an alias cannot be a key; expected a text");
    const auto named = anchors_.find(anchor);
    if (named == anchors_.end()) refuse(mark, "an alias stands inside what it names");
    count(node_count(named->second), mark);
    keep(named->second, YAML::NullAnchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    if (tag != "?") last_text_ = mark;
    if (expects_key()) return take_key(mark, tag, text);
    count(1, mark);
    Value value;
    try {
      value = tag == "?" ? plain_scalar(text) : Value(text);
    } catch (const RecipeError& error) {
      problems_.add(places_.at(mark), error.what());
    }
    if (tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:str") refuse_tag(mark, tag);
    value.origin = places_.at(mark);
    keep(std::move(value), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    if (tag != "tag:yaml.org,2002:seq")
      open(Value::list(), mark, tag, anchor);
    else
      open(Value::list(), mark, "", anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    if (tag != "tag:yaml.org,2002:map")
      open(Value::map(), mark, tag, anchor);
    else
      open(Value::map(), mark, "", anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {  // a list or map whose end has not come
    Value value;
    YAML::anchor_t anchor = YAML::NullAnchor;
    bool has_key = false;
    std::string key = {};
    Origin key_origin = {};
    bool is_plain = false;  // the key stands without quotes
  };

  bool in_map() const { return !open_.empty() && open_.back().value.is_map(); }
  bool expects_key() const { return in_map() && !open_.back().has_key; }

  // Nothing sensible can be built after such a mistake.
  [[noreturn]] void refuse(const YAML::Mark& mark, const std::string& message) {
    problems_.add(places_.at(mark), message);
    problems_.throw_if_any();
    throw RecipeError(places_.at(mark), message);
  }
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    problems_.add(places_.at(mark), "the tag '" + tag + "' is not known; recipes are plain YAML without tags");
  }
  void count(std::size_t nodes, const YAML::Mark& mark) {
    nodes_ += nodes;
    if (nodes_ > most_nodes) refuse(mark, "too large: aliases unfold to more than a million values");
  }

  void take_key(const YAML::Mark& mark, const std::string& tag, const std::string& text) {
    if (tag == "?" && text == "<<")
      refuse(mark, "merge keys ('<<') are not supported; say the keys themselves, or use 'extends'");
    Open& map = open_.back();
    map.has_key = true;
    map.key = text;
    map.key_origin = places_.at(mark);
    map.is_plain = tag == "?";
  }

  void open(Value value, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (expects_key()) throw YAML::ParserException(mark, std::string("a key is a text; found a ") + value.type_name());
    if (!tag.empty() && tag != "?" && tag != "!") refuse_tag(mark, tag);
    count(1, mark);
    value.origin = places_.at(mark);
    open_.push_back({std::move(value), anchor});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    keep(std::move(done.value), done.anchor);
  }

  void keep(Value value, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) anchors_[anchor] = value;
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (!in_map()) {
      open_.back().value.push_back(std::move(value));
    } else {
      keep_member(std::move(value));
    }
  }

  void keep_member(Value value) {
    Open& map = open_.back();
    map.has_key = false;
    value.key_origin = map.key_origin;
    if (const auto colon = map.key.find(':'); map.is_plain && value.is_null() && colon != std::string::npos)
      problems_.add(map.key_origin, "'" + map.key + "': a space is missing after the ':'");
    if (const Value* first = map.value.find(map.key)) {
      problems_.add(map.key_origin, "the key '" + map.key + "' stands twice in one map; first at line " +
                                        std::to_string(first->key_origin.line));
      return;
    }
    map.value.set(map.key, std::move(value));
  }

  const Places& places_;
  Problems& problems_;
  Value root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Value> anchors_;
  std::size_t nodes_ = 0;
  YAML::Mark last_text_ = YAML::Mark::null_mark();
};

// Where a second document starts, if there is one.
class SecondDocument final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { start = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  YAML::Mark start;
};

Origin byte_place(const std::string& text, std::size_t byte, const std::string& name) {
  const auto before = std::string_view(text).substr(0, byte);
  const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  const auto start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return Places(text, name).at(line, byte - start);
}

// What yaml-cpp would take or report in a confusing way.
void check_characters(const std::string& text, const std::string& name, Problems& problems) {
  if (const auto wrong = invalid_utf8(text); wrong != std::string::npos) {
    problems.add(byte_place(text, wrong, name), "invalid UTF-8; expected a text file in UTF-8");
  } else if (const auto nul = text.find('\0'); nul != std::string::npos) {
    problems.add(byte_place(text, nul, name), "a NUL byte; expected a text file in UTF-8");
  }
  problems.throw_if_any();
  const Places places(text, name);
  for (std::size_t line = 0; line < places.lines().size(); ++line) {
    const std::string& content = places.lines()[line];
    const auto end = content.find_first_not_of(" \t\r");
    if (end == std::string::npos || content[end] == '#') continue;
    const auto tab = content.find('\t');
    if (tab < end) problems.add(places.at(line, tab), "a tab in the indentation; YAML is indented with spaces alone");
  }
  problems.throw_if_any();
}

// yaml-cpp takes the end of the file for the end of a quoted text.
void refuse_open_quote(const std::string& text, const YAML::Mark& mark, const Places& places) {
  if (mark.is_null()) return;
  std::size_t at = 0;
  for (int line = 0; line < mark.line; ++line) at = text.find('\n', at) + 1;
  at += static_cast<std::size_t>(mark.column);
  while (at < text.size() && (text[at] == '&' || text[at] == '!'))  // an anchor or a tag before the quote
    at = text.find_first_not_of(" \t\r\n", std::min(text.size(), text.find_first_of(" \t\r\n", at)));
  if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) return;
  const char quote = text[at];
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    const bool is_escape = quote == '"' ? text[i] == '\\' : text.compare(i, 2, "''") == 0;
    if (is_escape)
      ++i;
    else if (text[i] == quote)
      return;
  }
  throw RecipeError(places.at(mark), std::string("not YAML: the quote ") + quote + " is never closed");
}

void refuse_second_document(YAML::Parser& parser, const Places& places) {
  SecondDocument second;
  if (!parser.HandleNextDocument(second)) return;
  const auto line = static_cast<std::size_t>(std::max(0, second.start.line));
  const std::size_t from = line < 2 ? 0 : line - 2;
  for (std::size_t i = from; i <= line && i < places.lines().size(); ++i)
    if (places.lines()[i].starts_with("---"))
      throw RecipeError(places.at(i, 0), "a second document starts here; a recipe is one YAML document");
  throw RecipeError(places.at(second.start),
                    "not YAML: this is no part of what stands above it; is it indented like its neighbours?");
}

std::string bracket_message(const BracketFault& fault, const std::string& text, const std::string& name) {
  const std::string bracket = std::string("'") + fault.bracket + "'";
  if (fault.bracket == '[' || fault.bracket == '{') return "not YAML: this " + bracket + " is never closed";
  if (fault.opened == 0) return "not YAML: this " + bracket + " closes nothing";
  const Origin opened = byte_place(text, fault.opened_at, name);
  return "not YAML: this " + bracket + " cannot close the '" + fault.opened + "' of line " +
         std::to_string(opened.line) + ", column " + std::to_string(opened.column) + "; expected '" +
         (fault.opened == '[' ? "]" : "}") + "'";
}

// {question} and …: a map, and then more.
bool follows_bracket(const YAML::Mark& mark, const Places& places) {
  if (mark.is_null() || static_cast<std::size_t>(mark.line) >= places.lines().size()) return false;
  const std::string before =
      places.lines()[static_cast<std::size_t>(mark.line)].substr(0, static_cast<std::size_t>(mark.column));
  const auto last = before.find_last_not_of(' ');
  return last != std::string::npos && (before[last] == '}' || before[last] == ']');
}

// yaml-cpp's messages that a recipe's author is likely to see.
std::string in_our_words(const std::string& message) {
  static const std::vector<std::pair<std::string, std::string>> words = {
      {"illegal map value", "a second ': ' in one value; put the text in quotes, or what follows on lines of its own"},
      {"end of map not found", "this is no key of the map above it; is it indented like its neighbours?"},
      {"end of sequence not found", "this is no item of the list above it; is it indented like its neighbours?"},
      {"illegal block entry", "a list's '- ' cannot stand here; give the list lines of its own"},
      {"illegal map key", "a key cannot stand here; is it indented like its neighbours?"},
      {"unknown token", "a value cannot start with this character; put the text in quotes"},
      {"unknown escape character", "a backslash in double quotes means something else; use single quotes"},
      {"the referenced anchor is not defined", "this alias names nothing; no anchor of its name stands before it"},
  };
  for (const auto& [theirs, ours] : words)
    if (message.find(theirs) != std::string::npos) return ours;
  return message;
}

}  // namespace

Value parse_yaml(const std::string& text, const std::string& name) {
  Problems problems;
  check_characters(text, name, problems);
  const Places places(text, name);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    Builder builder(places, problems);
    parser.HandleNextDocument(builder);
    refuse_open_quote(text, builder.last_text(), places);
    refuse_second_document(parser, places);
    problems.throw_if_any();
    Value value = builder.take();
    if (!value.origin.known()) value.origin = {name};
    return value;
  } catch (const YAML::Exception& error) {
    const auto bracket = bracket_fault(text);
    if (bracket) throw RecipeError(byte_place(text, bracket->at, name), bracket_message(*bracket, text, name));
    problems.add(places.at(error.mark),
                 "not YAML: " + (follows_bracket(error.mark, places)
                                     ? "text after a closing bracket; put the whole value in quotes"
                                     : in_our_words(error.msg)));
    problems.throw_if_any();
    throw;
  }
}

}  // namespace atp
