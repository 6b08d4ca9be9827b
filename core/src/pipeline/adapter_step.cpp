#include "pipeline/adapter_step.h"

#include <boost/filesystem.hpp>

namespace atp {

namespace {

Value named(const std::string& name, const Value& options, const Options& known) {
  Value choice = Value::map(), said = Value::map();
  choice.set("name", name);
  // What its tensors say too need not be an option of it; all else must be one.
  for (const auto& [key, value] : options.members())
    if (known.find(key) || key != "targets") said.set(key, value);
  choice.set("options", said);
  return choice;
}

const Options& options_of(Catalogue& catalogue, const std::string& kind, const std::string& name) {
  const auto* entry = catalogue.find(kind, name);
  if (!entry) throw RecipeError("no " + kind + " '" + name + "' is found, which the files are of (atp plugins)");
  return entry->options;
}

// Keys of a result that the pipeline's inputs gave stand for themselves.
Value without_inputs(Value options) {
  for (const char* key : {"combiner", "source_prompts", "start_from", "attention_from"}) options.erase(key);
  return options;
}

}  // namespace

Step adapter_step(const AdapterSummary& summary, const Value& tasks, const Value& backbone,
                  std::optional<std::int64_t> source_length, Catalogue& catalogue) {
  Value train = Value::map();
  train.set("tasks", tasks);
  train.set("method",
            named(summary.method, without_inputs(summary.options), options_of(catalogue, "method", summary.method)));
  if (!summary.combiner.empty())
    train.set("combiner",
              named(summary.combiner, summary.combiner_options, options_of(catalogue, "combiner", summary.combiner)));
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
  recipe.set("backbone", backbone);
  if (source_length) recipe.set("data", Value::map()).set("source_length", *source_length);
  recipe.set("steps", steps);
  return resolve_recipe(recipe, {}, catalogue).at(0).steps.at(0);
}

}  // namespace atp
