#pragma once

#include <cstdint>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "atp/value.h"

namespace atp {

// What nlohmann found wrong, in our words: "not JSON: found 'x', expected a value …".
std::string json_fault(const std::exception& error);
// The same with its place in a text that begins at `start`; `read` bytes of it were read.
FormatError json_error(const Origin& start, std::string_view text, std::size_t read, const std::exception& error);

// nlohmann's parser drives this; the tree it builds is ours, and keeps the order of keys. Every part stands on
// `origin`, which may be moved on while the tree grows; what is no JSON has its own place in `text`, where that is
// given.
class JsonTree : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit JsonTree(Origin place, std::string_view text = {}) : origin(std::move(place)), text_(text) {}
  Value take() { return std::move(root_); }
  bool closed() const { return open_.empty(); }

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
      throw FormatError(origin, "two keys '" + value + "' in one object; each may stand once");
    key_ = std::move(value);
    return true;
  }
  bool parse_error(std::size_t read, const std::string&, const nlohmann::json::exception& error) override {
    throw json_error(origin, text_, read, error);
  }

  Origin origin;

 private:
  Value* place(Value value) {
    if (open_.empty()) return &(root_ = std::move(value));
    Value& parent = *open_.back();
    if (parent.is_list()) return &parent.items().emplace_back(std::move(value));
    return &parent.members().emplace_back(std::move(key_), std::move(value)).second;
  }
  bool put(Value value) {
    value.origin = origin;
    place(std::move(value));
    return true;
  }
  bool open(Value value) {
    if (open_.size() >= 200) throw FormatError(origin, "not read: nested more than 200 levels deep");
    value.origin = origin;
    open_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  std::string key_;
  Value root_;
  std::vector<Value*> open_;  // a parent does not grow while its child is open, so the pointers stay valid
};

}  // namespace atp
