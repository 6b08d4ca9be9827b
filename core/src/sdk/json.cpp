#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "atp/value.h"

namespace atp {

namespace {

using nlohmann::json;

// nlohmann's parser drives this; the tree it builds is ours, and keeps the order of keys and their line.
class TreeBuilder : public nlohmann::json_sax<json> {
 public:
  explicit TreeBuilder(const std::string& name) : name_(name) {}
  Value take() { return std::move(root_); }

  bool null() override { return put(Value()); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(static_cast<std::int64_t>(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    return value > static_cast<number_unsigned_t>(INT64_MAX) ? put(static_cast<double>(value))
                                                             : put(static_cast<std::int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Value::map()); }
  bool start_array(std::size_t) override { return open(Value::list()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& value) override {
    if (open_.back()->find(value))
      throw FormatError(Origin{name_, 0, 0}, "two keys '" + value + "' in one object; each may stand once");
    key_ = std::move(value);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const json::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: …"
    std::string text = error.what();
    const auto end = text.find("] ");
    throw FormatError(Origin{name_, 0, 0}, "not JSON: " + (end == std::string::npos ? text : text.substr(end + 2)));
  }

 private:
  Value* place(Value value) {
    if (open_.empty()) return &(root_ = std::move(value));
    Value& parent = *open_.back();
    if (parent.is_list()) return &parent.items().emplace_back(std::move(value));
    return &parent.members().emplace_back(key_, std::move(value)).second;
  }
  bool put(Value value) {
    value.origin = {name_, 0, 0};
    place(std::move(value));
    return true;
  }
  bool open(Value value) {
    if (open_.size() >= 200) throw FormatError(Origin{name_, 0, 0}, "not read: nested more than 200 levels deep");
    value.origin = {name_, 0, 0};
    open_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::string name_, key_;
  Value root_;
  std::vector<Value*> open_;  // a parent does not grow while its child is open, so the pointers stay valid
};

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

Value parse_json(std::string_view text, const std::string& name) {
  TreeBuilder builder(name);
  json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
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
