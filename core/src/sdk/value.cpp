#include "atp/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace atp {

const char* Value::type_name() const {
  static constexpr const char* names[] = {"null", "boolean", "integer", "number", "text", "list", "map"};
  return names[data_.index()];
}

namespace {

[[noreturn]] void wrong_type(const Value& value, const char* wanted) {
  throw Error(value.origin, std::string("found ") + value.type_name() + ", expected " + wanted);
}

std::string number_text(double number) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  std::string result(text, end);
  if (result.find_first_of(".en") == std::string::npos) result += ".0";  // reads back as a number, not an integer
  return result;
}

}  // namespace

bool Value::boolean() const {
  if (const auto* value = std::get_if<bool>(&data_)) return *value;
  wrong_type(*this, "true or false");
}

std::int64_t Value::integer() const {
  if (const auto* value = std::get_if<std::int64_t>(&data_)) return *value;
  wrong_type(*this, "an integer");
}

double Value::number() const {
  if (const auto* value = std::get_if<double>(&data_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&data_)) return static_cast<double>(*value);
  wrong_type(*this, "a number");
}

const std::string& Value::text() const {
  if (const auto* value = std::get_if<std::string>(&data_)) return *value;
  wrong_type(*this, "a text");
}

const Value::List& Value::items() const {
  if (const auto* value = std::get_if<List>(&data_)) return *value;
  wrong_type(*this, "a list");
}
Value::List& Value::items() { return const_cast<List&>(std::as_const(*this).items()); }

const Value::Map& Value::members() const {
  if (const auto* value = std::get_if<Map>(&data_)) return *value;
  wrong_type(*this, "a map");
}
Value::Map& Value::members() { return const_cast<Map&>(std::as_const(*this).members()); }

std::string Value::scalar_text() const {
  if (is_null()) return "";
  if (is_text()) return text();
  if (is_boolean()) return boolean() ? "true" : "false";
  if (is_integer()) return std::to_string(integer());
  if (is_number()) return number_text(number());
  wrong_type(*this, "a scalar");
}

const Value* Value::find(std::string_view key) const {
  const auto* map = std::get_if<Map>(&data_);
  if (!map) return nullptr;
  const auto found = std::find_if(map->begin(), map->end(), [&](const Member& member) { return member.first == key; });
  return found == map->end() ? nullptr : &found->second;
}
Value* Value::find(std::string_view key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

const Value& Value::at(std::string_view key) const {
  if (!is_map()) wrong_type(*this, "a map");
  if (const auto* value = find(key)) return *value;
  std::vector<std::string> keys;
  for (const auto& member : members()) keys.push_back(member.first);
  throw Error(origin, "no key '" + std::string(key) + "'" + did_you_mean(std::string(key), keys));
}

Value& Value::set(const std::string& key, Value value) {
  if (is_null()) data_ = Map{};
  if (auto* old = find(key)) return *old = std::move(value);
  return members().emplace_back(key, std::move(value)).second;
}

bool Value::erase(std::string_view key) {
  if (!is_map()) return false;
  return std::erase_if(members(), [&](const Member& member) { return member.first == key; }) > 0;
}

void Value::push_back(Value value) {
  if (is_null()) data_ = List{};
  items().push_back(std::move(value));
}

}  // namespace atp
