#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "atp/error.h"
#include "atp/export.h"
#include "atp/value.h"

namespace atp {

// One key that a recipe may say: what is read, what is checked, what `atp schema` prints.
//   Options{integer("rank", 100).at_least(1).help("width of the bottleneck"),
//           number("temperature").positive().help("T of the softmax; d·e where not given"),
//           text("initial", "vocabulary").one_of({"vocabulary", "normal"})}
// Without a default the key is optional and absent, or, after `.required()`, must be said.
struct ATP_EXPORT Option {
  enum class Type { boolean, integer, number, text, path, list, map, any };
  // What a value names that the pipeline resolves: results of other steps, or files.
  enum class Input {
    none,
    first_values,  // one result, for what is trained
    prompt,        // one result's prompt
    prompts,       // the prompts of several
    results        // all tensors of several
  };

  std::string key;
  Type type = Type::any;
  Value fallback;  // null: no default
  bool is_required = false;
  bool allows_null = false;  // `key: none` / `key: ~` is a way to say "not at all"
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool minimum_excluded = false, maximum_excluded = false;
  std::vector<std::string> choices;  // a text must be one of them
  bool choices_open = false;         // they stand beside the option's own type: a number, or one of these words
  std::string unit_name;
  std::string help_text;
  Input input = Input::none;
  bool affects_result = true;  // false: not part of a step's hash (log intervals, names of columns)

  Option& at_least(double value) { return minimum = value, *this; }
  Option& at_most(double value) { return maximum = value, *this; }
  Option& below(double value) { return maximum = value, maximum_excluded = true, *this; }
  Option& positive() { return minimum = 0, minimum_excluded = true, *this; }
  Option& one_of(std::vector<std::string> names) { return choices = std::move(names), *this; }
  Option& or_one_of(std::vector<std::string> names) { return choices_open = true, one_of(std::move(names)); }
  Option& required() { return is_required = true, *this; }
  Option& nullable() { return allows_null = true, *this; }
  Option& unit(std::string name) { return unit_name = std::move(name), *this; }
  Option& names(Input what) { return input = what, *this; }
  Option& help(std::string text) { return help_text = std::move(text), *this; }
  Option& not_in_hash() { return affects_result = false, *this; }
  bool names_results() const { return input != Input::none; }
  bool names_several() const { return input == Input::prompts || input == Input::results; }
  const char* type_name() const;
};

ATP_EXPORT Option boolean(std::string key, Value fallback = {});
ATP_EXPORT Option integer(std::string key, Value fallback = {});
ATP_EXPORT Option number(std::string key, Value fallback = {});
ATP_EXPORT Option text(std::string key, Value fallback = {});
ATP_EXPORT Option path(std::string key, Value fallback = {});
ATP_EXPORT Option list(std::string key, Value fallback = {});
ATP_EXPORT Option map(std::string key, Value fallback = {});
ATP_EXPORT Option any(std::string key, Value fallback = {});

// Which faults of the released ATTEMPT code a plugin can reproduce (METHODS; `atp help compat`). A recipe says at its
// top which it wants; Params::has_fault tells.
ATP_EXPORT Option faults(std::vector<std::string> names);

class Params;

// A table of options. Two tables can be joined; a key that both hold is a bug of the second and throws
// std::logic_error.
class ATP_EXPORT Options {
 public:
  Options() = default;
  Options(std::initializer_list<Option> options);
  Options& add(Option option);
  Options& add(const Options& others);

  const std::vector<Option>& all() const { return options_; }
  const Option* find(const std::string& key) const;
  std::vector<std::string> keys() const;

  // Checks `given` (a map, or null for an empty one) against the table: unknown keys with the nearest name, types,
  // ranges, choices, required keys. Each mistake is added to `problems`; the result holds every key with a value,
  // defaults filled in. `where` is the place that a missing key is reported at.
  Params check(const Value& given, const Origin& where, Problems& problems) const;

 private:
  std::vector<Option> options_;
};

// A checked, read-only subtree of the recipe. Reading a key that is in no table is a bug and throws std::logic_error.
class ATP_EXPORT Params {
 public:
  Params();
  Params(Options options, Value values, Origin where);

  bool has(const std::string& key) const;   // said, or has a default
  bool said(const std::string& key) const;  // said in the recipe: its value's origin is known
  bool boolean(const std::string& key) const;
  std::int64_t integer(const std::string& key) const;
  double number(const std::string& key) const;
  const std::string& text(const std::string& key) const;
  const Value& value(const std::string& key) const;
  std::optional<double> optional_number(const std::string& key) const;
  std::optional<std::int64_t> optional_integer(const std::string& key) const;
  std::optional<std::string> optional_text(const std::string& key) const;

  bool has_fault(const std::string& name) const;  // of those that the table lists with `faults`

  Origin origin(const std::string& key) const;  // the key's value where said, else the map
  const Origin& where() const { return where_; }
  const Value& values() const { return values_; }  // a map of all keys that have a value
  const Options& options() const { return options_; }

 private:
  Options options_;
  Value values_;
  Origin where_;
};

}  // namespace atp
