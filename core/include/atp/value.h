#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "atp/error.h"
#include "atp/export.h"

namespace atp {

// A tree of plain data that knows where each of its parts was written: a recipe's subtree, a line of JSON, a config
// file. Maps keep the order of their file.
class ATP_EXPORT Value {
 public:
  using List = std::vector<Value>;
  using Member = std::pair<std::string, Value>;
  using Map = std::vector<Member>;

  Value() = default;  // null
  Value(bool value) : data_(value) {}
  Value(int value) : data_(static_cast<std::int64_t>(value)) {}
  Value(std::int64_t value) : data_(value) {}
  Value(std::uint64_t value) : data_(static_cast<std::int64_t>(value)) {}
  Value(double value) : data_(value) {}
  Value(const char* value) : data_(std::string(value)) {}
  Value(std::string value) : data_(std::move(value)) {}
  Value(List value) : data_(std::move(value)) {}
  Value(Map value) : data_(std::move(value)) {}

  static Value list() { return Value(List{}); }
  static Value map() { return Value(Map{}); }

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  bool is_boolean() const { return std::holds_alternative<bool>(data_); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(data_); }
  bool is_number() const { return is_integer() || std::holds_alternative<double>(data_); }
  bool is_text() const { return std::holds_alternative<std::string>(data_); }
  bool is_list() const { return std::holds_alternative<List>(data_); }
  bool is_map() const { return std::holds_alternative<Map>(data_); }
  const char* type_name() const;  // "null", "boolean", "integer", "number", "text", "list", "map"

  // Each throws Error, with the origin, where the value is of another type.
  bool boolean() const;
  std::int64_t integer() const;
  double number() const;  // integers too
  const std::string& text() const;
  const List& items() const;
  List& items();
  const Map& members() const;
  Map& members();
  std::string scalar_text() const;  // any scalar as it would be written: 3 → "3", true → "true", null → ""

  // Maps. `find` gives nullptr, `at` throws Error naming the key.
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  const Value& at(std::string_view key) const;
  Value& set(const std::string& key, Value value);  // adds or replaces; a null becomes a map first
  bool erase(std::string_view key);
  void push_back(Value value);  // a null becomes a list first

  // Where it was written, and (for a map's member) where its key was.
  Origin origin;
  Origin key_origin;

  bool operator==(const Value& other) const { return data_ == other.data_; }  // data alone, not origins

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Map> data_;
};

// One JSON document. Throws FormatError naming `name` with line and column; refuses two equal keys in one map.
ATP_EXPORT Value parse_json(std::string_view text, const std::string& name);
// One line of JSON without spaces, or `indent` spaces a level. Numbers are the shortest text that reads back equal;
// NaN and infinities become null. `canonical` sorts the keys of every map, for hashing.
ATP_EXPORT std::string to_json(const Value& value, int indent = -1);
ATP_EXPORT std::string canonical_json(const Value& value);

}  // namespace atp
