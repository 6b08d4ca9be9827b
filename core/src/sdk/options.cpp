#include "atp/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include "atp/words.h"

namespace atp {

namespace {

Option make(Option::Type type, std::string key, Value fallback) {
  Option option;
  option.type = type;
  option.key = std::move(key);
  option.fallback = std::move(fallback);
  return option;
}

std::string quoted(const Value& value) {
  return value.is_list() || value.is_map() ? std::string(value.type_name()) : "'" + value.scalar_text() + "'";
}

std::string short_number(double number) {
  return number == static_cast<double>(static_cast<std::int64_t>(number))
             ? std::to_string(static_cast<std::int64_t>(number))
             : Value(number).scalar_text();
}

// Whether a text would be of the option's type if it did not stand in quotes.
bool fits_without_quotes(const Option& option, const std::string& text) {
  if (option.type == Option::Type::boolean) return text == "true" || text == "false";
  if (text.empty() || text.find_first_not_of("+-.0123456789eE") != std::string::npos) return false;
  double number = 0;
  const char* first = text.data() + (text[0] == '+' ? 1 : 0);
  const auto [end, error] = std::from_chars(first, text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  return option.type == Option::Type::number ||
         (option.type == Option::Type::integer && text.find_first_of(".eE") == std::string::npos);
}

bool has_type(const Option& option, const Value& value) {
  if (option.choices_open && value.is_text()) return !fits_without_quotes(option, value.text());
  switch (option.type) {
    case Option::Type::boolean:
      return value.is_boolean();
    case Option::Type::integer:
      return value.is_integer();
    case Option::Type::number:
      return value.is_number();
    case Option::Type::text:
    case Option::Type::path:
      return value.is_text();
    case Option::Type::list:
      return value.is_list();
    case Option::Type::map:
      return value.is_map();
    case Option::Type::any:
      return true;
  }
  return false;
}

// How a value of another type would be one of the option's.
std::string advice(const Option& option, const Value& value) {
  const bool is_scalar = !value.is_list() && !value.is_map();
  if (option.type == Option::Type::text && option.choices.empty())
    return is_scalar ? " (in quotes it is one)" : " (one that starts with a bracket stands in quotes)";
  if (option.type == Option::Type::list && is_scalar) return ": write [" + value.scalar_text() + "]";
  const bool is_whole =
      value.is_number() && value.number() == std::floor(value.number()) && std::abs(value.number()) < 1e15;
  if (option.type == Option::Type::integer && is_whole)
    return ": write " + std::to_string(static_cast<std::int64_t>(value.number()));
  return "";
}

// "a number", "a number or one of learned, pool_norm"; of an option that takes anything, what its line of help says.
std::string expectation(const Option& option) {
  if (option.choices_open) return std::string(option.type_name()) + " or one of " + joined(option.choices);
  return option.type == Option::Type::any && !option.help_text.empty() ? option.help_text : option.type_name();
}

// A value of another type than the option's.
std::string type_fault(const Option& option, const Value& value) {
  const std::string start = "'" + option.key + "': found ";
  if (value.is_text() && fits_without_quotes(option, value.text()))
    return start + "text \"" + value.text() + "\", expected " + option.type_name() + ": take the quotes away";
  const std::string expected = option.choices.empty() || option.choices_open
                                   ? expectation(option)
                                   : option.type_name() + (" (one of: " + joined(option.choices) + ")");
  return start + quoted(value) + ", expected " + expected + advice(option, value);
}

// What is wrong with a value, or an empty text.
std::string fault(const Option& option, const Value& value) {
  const std::string found = "'" + option.key + "': found " + quoted(value) + ", expected ";
  if (!has_type(option, value)) return type_fault(option, value);
  if (value.is_number() && option.type != Option::Type::any) {
    const double number = value.number();
    const bool low = option.minimum_excluded ? !(number > option.minimum) : !(number >= option.minimum);
    if (low) return found + (option.minimum_excluded ? "a number above " : "at least ") + short_number(option.minimum);
    const bool high = option.maximum_excluded ? !(number < option.maximum) : !(number <= option.maximum);
    if (high) return found + (option.maximum_excluded ? "a number below " : "at most ") + short_number(option.maximum);
  }
  if (value.is_text() && !option.choices.empty() &&
      std::find(option.choices.begin(), option.choices.end(), value.text()) == option.choices.end())
    return found + (option.choices_open ? expectation(option) : "one of " + joined(option.choices)) +
           did_you_mean(value.text(), option.choices);
  return "";
}

}  // namespace

const char* Option::type_name() const {
  switch (type) {
    case Type::boolean:
      return "true or false";
    case Type::integer:
      return "an integer";
    case Type::number:
      return "a number";
    case Type::text:
      return "a text";
    case Type::path:
      return "a path";
    case Type::list:
      return "a list";
    case Type::map:
      return "a map";
    case Type::any:
      return "any value";
  }
  return "";
}

Option boolean(std::string key, Value fallback) {
  return make(Option::Type::boolean, std::move(key), std::move(fallback));
}
Option integer(std::string key, Value fallback) {
  return make(Option::Type::integer, std::move(key), std::move(fallback));
}
Option number(std::string key, Value fallback) {
  return make(Option::Type::number, std::move(key), std::move(fallback));
}
Option text(std::string key, Value fallback) { return make(Option::Type::text, std::move(key), std::move(fallback)); }
Option path(std::string key, Value fallback) { return make(Option::Type::path, std::move(key), std::move(fallback)); }
Option list(std::string key, Value fallback) { return make(Option::Type::list, std::move(key), std::move(fallback)); }
Option map(std::string key, Value fallback) { return make(Option::Type::map, std::move(key), std::move(fallback)); }
Option faults(std::vector<std::string> names) {
  return list("compat").one_of(std::move(names)).help("faults of the released code; said at the top of the recipe");
}
Option any(std::string key, Value fallback) { return make(Option::Type::any, std::move(key), std::move(fallback)); }

Options::Options(std::initializer_list<Option> options) {
  for (const auto& option : options) add(option);
}

Options& Options::add(Option option) {
  if (find(option.key)) throw std::logic_error("two options '" + option.key + "' in one table");
  options_.push_back(std::move(option));
  return *this;
}

Options& Options::add(const Options& others) {
  for (const auto& option : others.options_) add(option);
  return *this;
}

const Option* Options::find(const std::string& key) const {
  const auto found = std::find_if(options_.begin(), options_.end(), [&](const Option& o) { return o.key == key; });
  return found == options_.end() ? nullptr : &*found;
}

std::vector<std::string> Options::keys() const {
  std::vector<std::string> keys;
  for (const auto& option : options_) keys.push_back(option.key);
  return keys;
}

Params Options::check(const Value& given, const Origin& where, Problems& problems) const {
  Value values = Value::map();
  if (!given.is_null() && !given.is_map()) {
    problems.add(given.origin.known() ? given.origin : where,
                 std::string("found ") + given.type_name() + ", expected a map of options (" + joined(keys()) + ")");
  } else if (given.is_map()) {
    for (const auto& [key, value] : given.members()) {
      const Option* option = find(key);
      const Origin& place = value.key_origin.known() ? value.key_origin : value.origin;
      if (!option) {
        problems.add(place,
                     "unknown key '" + key + "'" + did_you_mean(key, keys()) +
                         (options_.empty() ? " (no options are known here)" : " (one of: " + joined(keys()) + ")"));
      } else if (value.is_null()) {
        if (!option->allows_null) problems.add(place, "'" + key + "' has no value; expected " + expectation(*option));
      } else if (const auto wrong = fault(*option, value); !wrong.empty()) {
        problems.add(value.origin, wrong);
      } else {
        values.set(key, value);
      }
    }
  }
  for (const auto& option : options_) {
    const bool said = given.is_map() && given.find(option.key);
    if (said) continue;
    if (option.is_required) problems.add(where, "'" + option.key + "' is missing; expected " + expectation(option));
    if (!option.fallback.is_null()) values.set(option.key, option.fallback);
  }
  return Params(*this, std::move(values), where);
}

Params::Params() : values_(Value::map()) {}

Params::Params(Options options, Value values, Origin where)
    : options_(std::move(options)), values_(std::move(values)), where_(std::move(where)) {}

namespace {
const Value* look_up(const Options& options, const Value& values, const std::string& key) {
  if (!options.find(key)) throw std::logic_error("option '" + key + "' is read but stands in no table");
  return values.find(key);
}
}  // namespace

bool Params::has(const std::string& key) const { return look_up(options_, values_, key) != nullptr; }

bool Params::said(const std::string& key) const {
  const auto* value = look_up(options_, values_, key);
  return value && value->origin.known();
}

const Value& Params::value(const std::string& key) const {
  if (const auto* value = look_up(options_, values_, key)) return *value;
  throw RecipeError(where_, "'" + key + "' is missing; expected " + options_.find(key)->type_name());
}

bool Params::boolean(const std::string& key) const { return value(key).boolean(); }
std::int64_t Params::integer(const std::string& key) const { return value(key).integer(); }
double Params::number(const std::string& key) const { return value(key).number(); }
const std::string& Params::text(const std::string& key) const { return value(key).text(); }

std::optional<double> Params::optional_number(const std::string& key) const {
  return has(key) ? std::optional(number(key)) : std::nullopt;
}
std::optional<std::int64_t> Params::optional_integer(const std::string& key) const {
  return has(key) ? std::optional(integer(key)) : std::nullopt;
}
std::optional<std::string> Params::optional_text(const std::string& key) const {
  return has(key) ? std::optional(text(key)) : std::nullopt;
}

Origin Params::origin(const std::string& key) const {
  const auto* value = look_up(options_, values_, key);
  return value && value->origin.known() ? value->origin : where_;
}

bool Params::has_fault(const std::string& name) const {
  const Option* option = options_.find("compat");
  if (!option) return false;
  if (std::find(option->choices.begin(), option->choices.end(), name) == option->choices.end())
    throw std::logic_error("fault '" + name + "' is not listed in the table of options");
  const Value* faults = values_.find("compat");
  return faults && std::any_of(faults->items().begin(), faults->items().end(),
                               [&](const Value& one) { return one.text() == name; });
}

}  // namespace atp
