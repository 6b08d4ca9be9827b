#include "recipe/faults.h"

#include <algorithm>

#include "recipe/plugin_choice.h"
#include "recipe/table_check.h"
#include "recipe/words.h"

namespace atp {

namespace {

constexpr const char* released = "attempt-b5121e5";
constexpr const char* key = "compat";

void collect(const Params& params, std::vector<std::string>& names) {
  if (!params.options().find(key) || !params.has(key)) return;
  for (const auto& name : params.value(key).items())
    if (!contains(names, name.text())) names.push_back(name.text());
}

}  // namespace

const std::vector<std::string>& released_faults() {
  static const std::vector<std::string> names{"attention_rate",    "attention_norm", "padding_in_pool",
                                              "constant_weights",  "temperature",    "vocabulary",
                                              "micro_batch_means", "stsb_rounding",  "adamw"};
  return names;
}

Value wanted_faults(const Value& said, Problems& problems) {
  const auto& known = released_faults();
  const std::string expected =
      std::string(", expected ") + released + " (all faults of the released code), or a list of: " + joined(known);
  Value wanted = Value::list();
  wanted.origin = said.origin;
  if (said.is_text() && said.text() == released) {
    for (const auto& name : known) wanted.push_back(Value(name));
  } else if (!said.is_list()) {
    problems.add(said.origin, "'compat': found " + found_text(said) + expected);
  } else {
    for (const auto& one : said.items()) {
      if (one.is_text() && contains(known, one.text()))
        wanted.push_back(one);
      else
        problems.add(one.origin, "'compat': found " + found_text(one) + expected +
                                     (one.is_text() ? did_you_mean(one.text(), known) : ""));
    }
  }
  return wanted;
}

Options without_faults(const Options& table) { return table.find(key) ? without(table, {key}) : table; }

Params with_faults(const Params& params, const Options& table, const Value& wanted) {
  const Option* option = table.find(key);
  if (!option) return params;
  Value names = Value::list();
  names.origin = wanted.origin;
  for (const auto& name : wanted.items())
    if (contains(option->choices, name.text())) names.push_back(name);
  Options known = params.options();
  if (!known.find(key)) known.add(*option);
  Value values = params.values();
  if (!names.items().empty()) values.set(key, std::move(names));
  return Params(std::move(known), std::move(values), params.where());
}

Value faults_of_training(const Value& wanted, const Params& settings) {
  const bool has_own_rate =
      settings.has("learning_rates") && settings.value("learning_rates").find("attention") != nullptr;
  const bool accumulates = settings.has("accumulation") && settings.integer("accumulation") > 1;
  Value left = Value::list();
  left.origin = wanted.origin;
  for (const auto& name : wanted.items()) {
    const bool is_of_rate = name.text() == "attention_rate" || name.text() == "adamw";
    if (is_of_rate ? has_own_rate : name.text() != "micro_batch_means" || accumulates) left.push_back(name);
  }
  return left;
}

std::vector<std::string> faults_in(const Step& step) {
  std::vector<std::string> names;
  collect(step.settings, names);
  collect(step.backbone.options, names);
  if (step.method) collect(step.method->options, names);
  if (step.combiner) collect(step.combiner->options, names);
  for (const auto& task : step.tasks) collect(task.options, names);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace atp
