#include <cmath>

#include "recipe/faults.h"
#include "recipe/recipe.h"
#include "recipe/words.h"

// JSON Schema (draft 2020-12) of recipes, built from the same tables that recipes are checked with. It serves editors:
// required keys are left to the checker, since `extends` may bring them.
namespace atp {

namespace {

using Map = Value::Map;

Value object(Map members) { return Value(std::move(members)); }
Value type(const char* name) { return object({{"type", name}}); }
Value reference(const std::string& name) { return object({{"$ref", "#/$defs/" + name}}); }

Value texts(const std::vector<std::string>& words) {
  Value list = Value::list();
  for (const auto& word : words) list.push_back(Value(word));
  return list;
}

Value any_of(std::vector<Value> schemas) { return object({{"anyOf", Value(Value::List(std::move(schemas)))}}); }

const char* json_type(Option::Type type) {
  switch (type) {
    case Option::Type::boolean:
      return "boolean";
    case Option::Type::integer:
      return "integer";
    case Option::Type::number:
      return "number";
    case Option::Type::text:
    case Option::Type::path:
      return "string";
    case Option::Type::list:
      return "array";
    case Option::Type::map:
      return "object";
    case Option::Type::any:
      return nullptr;
  }
  return nullptr;
}

Value number_value(double number) {
  const bool is_whole = std::abs(number) < 1e15 && number == std::floor(number);
  return is_whole ? Value(static_cast<std::int64_t>(number)) : Value(number);
}

void add_range(Value& schema, const Option& option) {
  if (std::isfinite(option.minimum))
    schema.set(option.minimum_excluded ? "exclusiveMinimum" : "minimum", number_value(option.minimum));
  if (std::isfinite(option.maximum))
    schema.set(option.maximum_excluded ? "exclusiveMaximum" : "maximum", number_value(option.maximum));
}

Value option_schema(const Option& option) {
  Value schema = Value::map();
  const char* name = option.choices_open ? nullptr : json_type(option.type);
  if (name && option.allows_null)
    schema.set("type", texts({name, "null"}));
  else if (name)
    schema.set("type", Value(name));
  const std::string unit = option.unit_name.empty() ? "" : " [" + option.unit_name + "]";
  if (!option.help_text.empty() || !unit.empty()) schema.set("description", Value(option.help_text + unit));
  if (!option.fallback.is_null()) schema.set("default", option.fallback);
  add_range(schema, option);  // says nothing of a text
  if (option.choices_open)
    schema.set("anyOf", Value(Value::List{type(json_type(option.type)), object({{"enum", texts(option.choices)}})}));
  if (!option.choices.empty() && option.type == Option::Type::text) {
    Value choices = texts(option.choices);
    if (option.allows_null) choices.push_back(Value());
    schema.set("enum", std::move(choices));
  }
  return schema;
}

Value properties_of(const Options& table) {
  Value properties = Value::map();
  for (const auto& option : table.all()) properties.set(option.key, option_schema(option));
  return properties;
}

Value closed(Value properties) {
  return object({{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}});
}

// What plugins offer, as far as their libraries can be loaded.
class Offers {
 public:
  explicit Offers(Catalogue& catalogue) {
    for (const char* kind : {"backbone", "method", "combiner", "task"}) {
      for (const auto& name : catalogue.names(kind)) {
        try {
          if (const auto* entry = catalogue.find(kind, name)) entries_.push_back(*entry);
        } catch (const PluginError&) {
          names_.emplace_back(kind, name);  // its name is good, its options are not known
        }
      }
    }
    metrics_ = catalogue.names("metric");
  }

  std::vector<Registry::Entry> of(const std::string& kind) const {
    std::vector<Registry::Entry> found;
    for (const auto& entry : entries_)
      if (entry.kind == kind) found.push_back(entry);
    return found;
  }
  Value names(const std::string& kind) const {
    Value one_of = Value::list();
    for (const auto& entry : of(kind)) {
      Value one = object({{"const", entry.name}});
      if (!entry.summary.empty()) one.set("description", Value(entry.summary));
      one_of.push_back(std::move(one));
    }
    for (const auto& [other, name] : names_)
      if (other == kind) one_of.push_back(object({{"const", name}}));
    return one_of.items().empty() ? type("string") : object({{"oneOf", one_of}});
  }
  Value metrics() const { return metrics_.empty() ? type("string") : object({{"enum", texts(metrics_)}}); }

 private:
  std::vector<Registry::Entry> entries_;
  std::vector<std::pair<std::string, std::string>> names_;
  std::vector<std::string> metrics_;
};

// {if: {properties: {KEY: {const: NAME}}}, then: {properties: …}} for each plugin that has options.
Value conditions(const std::vector<Registry::Entry>& entries, const std::string& key,
                 const std::function<Value(const Registry::Entry&)>& then) {
  Value all = Value::list();
  for (const auto& entry : entries) {
    if (entry.options.all().empty()) continue;
    const Value named =
        object({{"properties", object({{"name", object({{"const", entry.name}})}})}, {"required", texts({"name"})}});
    const Value is_this =
        key == "name" ? object({{"const", entry.name}}) : any_of({object({{"const", entry.name}}), named});
    const Value test = object({{"properties", object({{key, is_this}})}, {"required", texts({key})}});
    all.push_back(object({{"if", test}, {"then", object({{"properties", then(entry)}})}}));
  }
  return all;
}

// A plugin by name, or {name, options}; the name may come from what this one is merged into.
Value choice_schema(const Offers& offers, const std::string& kind) {
  Value map = closed(object({{"name", offers.names(kind)}, {"options", type("object")}}));
  const Value all = conditions(offers.of(kind), "name", [](const Registry::Entry& entry) {
    return object({{"options", closed(properties_of(entry.options))}});
  });
  if (!all.items().empty()) map.set("allOf", all);
  return any_of({offers.names(kind), map});
}

Value task_schema(const Offers& offers) {
  Value map = object({{"type", "object"}, {"properties", object({{"name", offers.names("task")}})}});
  map.set("required", texts({"name"}));
  Value in_place = closed(properties_of(in_place_task_options()));
  in_place.find("properties")->set("metrics", object({{"type", "array"}, {"items", offers.metrics()}}));
  in_place.set("required", texts({"name", "files", "source", "target", "metrics"}));
  return any_of({offers.names("task"), in_place, map});
}

Value list_of(const char* definition) { return object({{"type", "array"}, {"items", reference(definition)}}); }

Value result_schema() {
  Value file = closed(object({{"file", type("string")}, {"files", type("object")}}));
  return any_of(
      {type("string"), type("null"), object({{"type", "array"}, {"items", any_of({type("string"), file})}}), file});
}

// The keys of a train step: the core's and, as one union, those of every method and combiner. What a key means for a
// method that has it is in `allOf`.
Value train_schema(const Offers& offers, bool is_item) {
  Value properties = properties_of(without_faults(verb_options("train")));
  const Value from_data = properties_of(data_options()), from_backbone = properties_of(backbone_options());
  for (const auto& key : step_overrides("train")) {
    const Value* schema = from_data.find(key) ? from_data.find(key) : from_backbone.find(key);
    Value copy = *schema;
    copy.erase("default");  // the recipe's
    properties.set(key, std::move(copy));
  }
  for (const char* kind : {"method", "combiner"})
    for (const auto& entry : offers.of(kind)) {
      const Options table = without_faults(entry.options);
      for (const auto& option : table.all())
        if (!properties.find(option.key))
          properties.set(option.key, option.names_results() ? reference("result") : Value::map());
    }
  properties.set("method", reference("method"));
  properties.set("combiner", reference("combiner"));
  properties.set("task", reference("task"));
  properties.set("tasks", list_of("task"));
  properties.set("each", object({{"type", "array"}, {"items", any_of({reference("task"), reference("item")})}}));
  properties.set("learning_rates",
                 object({{"type", "object"}, {"additionalProperties", object({{"type", "number"}, {"minimum", 0}})}}));
  for (const char* key : {"each", "tasks"})
    if (is_item) properties.erase(key);
  if (is_item) properties.set("as", type("string"));
  if (is_item) properties.set("labels", type("object"));  // the task's label words → others
  Value schema = closed(std::move(properties));
  if (is_item) schema.set("required", texts({"task"}));
  Value all = Value::list();
  for (const char* kind : {"method", "combiner"}) {
    const Value more = conditions(offers.of(kind), kind, [](const Registry::Entry& entry) {
      Value own = properties_of(without_faults(entry.options));
      own.erase("combiner");
      for (const auto& option : entry.options.all())
        if (option.names_results()) own.erase(option.key);
      return own;
    });
    for (const auto& one : more.items()) all.push_back(one);
  }
  if (!all.items().empty()) schema.set("allOf", all);
  return schema;
}

Value evaluate_schema() {
  Value properties = properties_of(verb_options("evaluate"));
  const Value from_data = properties_of(data_options()), from_backbone = properties_of(backbone_options());
  for (const auto& key : step_overrides("evaluate"))
    properties.set(key, from_data.find(key) ? *from_data.find(key) : *from_backbone.find(key));
  properties.set("of", type("string"));
  properties.set("tasks", list_of("task"));
  return closed(std::move(properties));
}

Value report_schema(const Offers& offers) {
  Value properties = properties_of(verb_options("report"));
  const Value words = any_of({type("string"), object({{"type", "array"}, {"items", type("string")}})});
  for (const char* key : {"of", "rows", "columns"}) properties.set(key, words);
  properties.set("metrics", object({{"type", "array"}, {"items", offers.metrics()}}));
  return closed(std::move(properties));
}

Value backbone_schema(const Offers& offers) {
  Value properties = properties_of(backbone_options());
  properties.set("name", offers.names("backbone"));
  properties.set("checkpoint", any_of({type("string"), closed(properties_of(random_checkpoint_options()))}));
  properties.set("options", type("object"));
  for (const auto& entry : offers.of("backbone"))
    for (const auto& option : entry.options.all()) properties.set(option.key, Value::map());
  Value map = closed(std::move(properties));
  const Value all = conditions(offers.of("backbone"), "name", [](const Registry::Entry& entry) {
    Value own = properties_of(without_faults(entry.options));
    own.set("options", closed(properties_of(entry.options)));
    return own;
  });
  if (!all.items().empty()) map.set("allOf", all);
  return any_of({offers.names("backbone"), map});
}

Value step_schema() {
  Value forms = Value::list();
  for (const auto& verb : verbs()) {
    Value form = closed(object({{verb, reference(verb)}}));
    form.set("required", texts({verb}));
    forms.push_back(std::move(form));
  }
  return object({{"oneOf", forms}});
}

Value sweep_schema() {
  const Value changes = object({{"type", texts({"object", "null"})}});
  const Value named = object({{"type", "object"}, {"minProperties", 1}, {"additionalProperties", changes}});
  const Value list = object({{"type", "array"}, {"minItems", 1}});
  Value schema = object({{"type", "object"}, {"additionalProperties", any_of({list, named})}});
  Value reserved = Value::map();
  for (const char* word : {"zip", "exclude", "samples", "select"}) reserved.set(word, Value(false));
  schema.set("properties", std::move(reserved));
  return schema;
}

}  // namespace

Value recipe_schema(Catalogue& catalogue) {
  const Offers offers(catalogue);
  Value properties = properties_of(recipe_options());
  properties.set("backbone", reference("backbone"));
  properties.set("data", closed(properties_of(data_options())));
  properties.set("train", reference("train"));
  properties.set("steps", object({{"type", "object"},
                                  {"propertyNames", object({{"pattern", "^[A-Za-z0-9_-]+$"}})},
                                  {"additionalProperties", reference("step")}}));
  properties.set("sweep", sweep_schema());
  properties.set("plugins", object({{"type", "array"}, {"items", type("string")}}));
  Value schema = object({{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "atp recipe"}});
  const Value recipe = closed(std::move(properties));
  for (const auto& [key, value] : recipe.members()) schema.set(key, value);
  schema.set("$defs", object({{"backbone", backbone_schema(offers)},
                              {"method", choice_schema(offers, "method")},
                              {"combiner", choice_schema(offers, "combiner")},
                              {"task", task_schema(offers)},
                              {"result", result_schema()},
                              {"step", step_schema()},
                              {"train", train_schema(offers, false)},
                              {"item", train_schema(offers, true)},
                              {"evaluate", evaluate_schema()},
                              {"report", report_schema(offers)}}));
  return schema;
}

}  // namespace atp
