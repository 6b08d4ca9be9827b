#include "recipe/table_check.h"

#include <algorithm>
#include <boost/filesystem.hpp>

#include "recipe/recipe.h"
#include "recipe/words.h"

namespace atp {

namespace {

const Origin& key_place(const Value& value) { return value.key_origin.known() ? value.key_origin : value.origin; }

// The value with its path, if the option is one, made absolute.
Value placed(const Option& option, Value value, Problems& problems) {
  if (option.type != Option::Type::path || !value.is_text() || !value.origin.known()) return value;
  Value path(absolute_path(value.text(), value.origin));
  path.origin = value.origin;
  path.key_origin = value.key_origin;
  if (!boost::filesystem::exists(path.text()))
    problems.add(value.origin, "'" + option.key + "': no file or folder '" + path.text() + "'");
  return path;
}

void mark(Value& value, const std::string& whose) {
  if (!value.origin.known()) value.origin = {whose};
  if (value.is_list())
    for (auto& item : value.items()) mark(item, whose);
  if (value.is_map())
    for (auto& member : value.members()) mark(member.second, whose);
}

}  // namespace

std::string unknown_key(const std::string& key, const std::vector<std::string>& known) {
  if (key == "compat") return "'compat' is said once, at the top of the recipe";
  const std::string nearest = did_you_mean(key, known);
  if (known.empty()) return "unknown key '" + key + "'; no options are known here";
  return "unknown key '" + key + "'" + (nearest.empty() ? "; expected one of: " + joined(known) : nearest);
}

Params check_table(const Options& table, const Value& given, const Origin& where, Problems& problems) {
  if (!given.is_map()) return table.check(given, where, problems);
  Value known = Value::map();
  known.origin = given.origin;
  for (const auto& [key, value] : given.members()) {
    const Option* option = table.find(key);
    if (!option) {
      problems.add(key_place(value), unknown_key(key, table.keys()));
      continue;
    }
    Value& kept = known.set(key, placed(*option, value, problems));
    const bool takes_text = option->type == Option::Type::text || option->type == Option::Type::any;
    if (option->allows_null && !takes_text && value.is_text() && value.text() == "none") {
      kept = Value();
      kept.origin = value.origin;
      kept.key_origin = value.key_origin;
    }
  }
  return table.check(known, where, problems);
}

Options with_defaults_of(const Options& table, const Options& others) {
  Options result;
  for (const auto& option : table.all()) {
    const Option* other = others.find(option.key);
    result.add(other ? *other : option);
  }
  return result;
}

Options without(const Options& table, const std::vector<std::string>& keys) {
  Options result;
  for (const auto& option : table.all())
    if (!contains(keys, option.key)) result.add(option);
  return result;
}

Value with_origins(const Params& params, const std::string& whose) {
  Value values = Value::map();
  values.origin = params.where();
  for (const auto& option : params.options().all())
    if (params.has(option.key)) values.set(option.key, params.value(option.key));
  mark(values, whose);
  return values;
}

SharedKeys::Key& SharedKeys::at(const std::string& key, const Value& value) {
  Key& entry = keys_[key_place(value).text() + " " + key];
  entry.place = key_place(value);
  return entry;
}

void SharedKeys::read(const Value& map, const std::vector<std::string>& known, const std::string& method) {
  if (!map.is_map()) return;
  for (const auto& [key, value] : map.members()) {
    Key& entry = at(key, value);
    if (contains(known, key))
      entry.is_known = true;
    else if (!method.empty() && contains(usual_inputs(), key))
      entry.message = "method '" + method + "' takes no '" + key + "'";
    else
      entry.message = unknown_key(key, known);
  }
}

void SharedKeys::accept(const Value& map, const std::vector<std::string>& known) {
  if (!map.is_map()) return;
  for (const auto& [key, value] : map.members()) {
    Key& entry = at(key, value);
    const bool is_near = !contains(known, key) && !did_you_mean(key, known).empty();
    if (is_near)
      entry.message = unknown_key(key, known);
    else
      entry.is_known = true;
  }
}

void SharedKeys::report(Problems& problems) const {
  for (const auto& [id, key] : keys_)
    if (!key.is_known) problems.add(key.place, key.message);
}

}  // namespace atp
