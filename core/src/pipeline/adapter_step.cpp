#include "pipeline/adapter_step.h"

#include <algorithm>
#include <boost/filesystem.hpp>

namespace atp {

namespace {

// Faults of the released code, which a recipe says once, at its top.
void take_faults(Value& options, Value& faults) {
  const Value* own = options.find("compat");
  if (!own) return;
  for (const auto& fault : own->items())
    if (std::find(faults.items().begin(), faults.items().end(), fault) == faults.items().end()) faults.push_back(fault);
  options.erase("compat");
}

// A plugin as a recipe names it. What the pipeline resolves for a method stands beside it there.
Value named(const std::string& name, Value options, const Options& known, Value& faults) {
  take_faults(options, faults);
  options.erase("combiner");
  for (const auto& option : known.all())
    if (option.names_results()) options.erase(option.key);
  Value choice = Value::map();
  choice.set("name", name);
  choice.set("options", std::move(options));
  return choice;
}

const Options& options_of(Catalogue& catalogue, const std::string& kind, const std::string& name) {
  const auto* entry = catalogue.find(kind, name);
  if (!entry) throw RecipeError("no " + kind + " '" + name + "' is found, which the files are of (atp plugins)");
  return entry->options;
}

}  // namespace

Step adapter_step(const AdapterSummary& summary, const Value& tasks, const Value& backbone,
                  std::optional<std::int64_t> source_length, Catalogue& catalogue) {
  Value train = Value::map(), faults = Value::list();
  train.set("tasks", tasks);
  train.set("method", named(summary.method, summary.options, options_of(catalogue, "method", summary.method), faults));
  if (!summary.combiner.empty())
    train.set("combiner", named(summary.combiner, summary.combiner_options,
                                options_of(catalogue, "combiner", summary.combiner), faults));
  if (!summary.source_files.empty()) {
    Value& sources = train.set("source_prompts", Value::list());
    for (const auto& path : summary.source_files) {
      Value file = Value::map();
      file.set("file", boost::filesystem::absolute(path).string());
      sources.push_back(file);
    }
  }
  Value verb = Value::map(), steps = Value::map(), recipe = Value::map();
  verb.set("train", train);
  steps.set("adapter", verb);
  if (Value* options = recipe.set("backbone", backbone).find("options")) take_faults(*options, faults);
  if (!faults.items().empty()) recipe.set("compat", faults);
  if (source_length) recipe.set("data", Value::map()).set("source_length", *source_length);
  recipe.set("steps", steps);
  return resolve_recipe(recipe, {}, catalogue).at(0).steps.at(0);
}

}  // namespace atp
