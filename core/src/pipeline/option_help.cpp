#include "pipeline/option_help.h"

#include <cmath>
#include <iomanip>
#include <ostream>

namespace atp {

namespace {

struct NamedTable {
  std::string name;  // "train", "method attempt"
  std::string summary;
  Options options;
};

std::vector<NamedTable> core_tables() {
  std::vector<NamedTable> tables{{"recipe", "the keys of a recipe", recipe_options()},
                                 {"backbone", "the frozen model", backbone_options()},
                                 {"data", "where data is and how it is cut", data_options()},
                                 {"task", "a task made in the recipe", in_place_task_options()}};
  for (const auto& verb : verbs()) tables.push_back({verb, "a step's verb", verb_options(verb)});
  return tables;
}

// Plugins that cannot be loaded have nothing to say here; `atp plugins` says why.
std::vector<NamedTable> plugin_tables(Catalogue& catalogue) {
  std::vector<NamedTable> tables;
  for (const char* kind : {"backbone", "method", "combiner", "task", "metric"})
    for (const auto& name : catalogue.names(kind)) try {
        if (const auto* entry = catalogue.find(kind, name))
          tables.push_back({std::string(kind) + " " + name, entry->summary, entry->options});
      } catch (const PluginError&) {
      }
  return tables;
}

std::string number_text(double number) {
  return number == std::floor(number) ? std::to_string(static_cast<std::int64_t>(number)) : Value(number).scalar_text();
}

std::string expectation(const Option& option) {
  std::string text = option.type_name();
  if (!option.unit_name.empty()) text += " of " + option.unit_name;
  if (std::isfinite(option.minimum))
    text += (option.minimum_excluded ? ", above " : ", at least ") + number_text(option.minimum);
  if (std::isfinite(option.maximum))
    text += (option.maximum_excluded ? ", below " : ", at most ") + number_text(option.maximum);
  std::string choices;
  for (const auto& choice : option.choices) choices += (choices.empty() ? "" : " | ") + choice;
  if (!choices.empty()) text += (option.choices_open ? ", or " : ": ") + choices;
  if (option.is_required) return text + "; required";
  if (option.fallback.is_null()) return text + "; optional";
  return text + "; default " +
         (option.fallback.is_list() || option.fallback.is_map() ? to_json(option.fallback)
                                                                : option.fallback.scalar_text());
}

void print_option(const Option& option, std::ostream& out) {
  out << "  " << option.key << "  (" << expectation(option) << ")\n";
  if (!option.help_text.empty()) out << "      " << option.help_text << "\n";
}

bool print_matches(const std::string& word, const std::vector<NamedTable>& tables, std::ostream& out) {
  const auto dot = word.rfind('.');
  const std::string table_wanted = dot == std::string::npos ? "" : word.substr(0, dot);
  const std::string key = dot == std::string::npos ? word : word.substr(dot + 1);
  bool found = false;
  for (const auto& table : tables) {
    const bool whole = table.name == word || table.name.substr(table.name.find(' ') + 1) == word;
    const bool here = table_wanted.empty() || table.name == table_wanted ||
                      table.name.substr(table.name.find(' ') + 1) == table_wanted;
    const Option* option = here ? table.options.find(key) : nullptr;
    if (!whole && !option) continue;
    out << (found ? "\n" : "") << table.name << (table.summary.empty() ? "" : ": " + table.summary) << "\n";
    found = true;
    if (!whole) print_option(*option, out);
    if (whole)
      for (const auto& each : table.options.all()) print_option(each, out);
  }
  return found;
}

}  // namespace

void print_help(const std::string& word, Catalogue& catalogue, std::ostream& out) {
  auto tables = core_tables();
  for (auto& table : plugin_tables(catalogue)) tables.push_back(std::move(table));
  if (print_matches(word, tables, out)) return;
  std::vector<std::string> known;
  for (const auto& table : tables) {
    known.push_back(table.name.substr(table.name.find(' ') + 1));
    for (const auto& key : table.options.keys()) known.push_back(key);
  }
  throw RecipeError("no key, verb or plugin '" + word + "'" + did_you_mean(word, known));
}

}  // namespace atp
