#include "recipe/resolver.h"

// A step with everything written out, and a plan's values with their origins.
namespace atp {

namespace {

Value choice_value(const std::string& kind, const Choice& choice) {
  Value value = Value::map();
  value.origin = choice.origin;
  Value& name = value.set("name", Value(choice.name));
  name.origin = choice.origin;
  Value options = with_origins(choice.options, "default of " + kind + " '" + choice.name + "'");
  options.erase("combiner");
  for (const auto& option : choice.options.options().all())
    if (option.names_results()) options.erase(option.key);
  if (!options.members().empty()) value.set("options", std::move(options));
  return value;
}

Value task_value(const TaskChoice& task) {
  if (task.in_place) return with_origins(task.options, "default of tasks made in a recipe");
  Value value(task.name);
  value.origin = task.origin;
  if (task.options.values().members().empty() && task.labels.is_null()) return value;
  Value map = Value::map();
  map.origin = task.origin;
  map.set("name", value);
  if (!task.options.values().members().empty())
    map.set("options", with_origins(task.options, "default of task '" + task.name + "'"));
  if (!task.labels.is_null()) map.set("labels", task.labels);
  return map;
}

Value input_value(const Input& input) {
  if (!input.file.empty()) {
    Value file(input.file);
    file.origin = input.origin;
    Value map = Value::map();
    map.origin = input.origin;
    map.set(input.part.empty() ? "file" : input.part, file);
    if (!input.task.empty()) map.set("task", Value(input.task)).origin = input.origin;
    return map;
  }
  std::string title = input.item.empty() ? input.step : input.step + "." + input.item;
  if (!input.task.empty()) title += "." + input.task;
  if (input.row >= 0) title += "." + input.part + "." + input.label;
  Value value(title);
  value.origin = input.origin;
  return value;
}

void set_missing(Value& map, const Value& more) {
  for (const auto& [key, value] : more.members())
    if (!map.find(key)) map.set(key, value);
}

}  // namespace

void Resolver::write_out(Step& step) const {
  const auto said_at = [&](Value value) {
    value.origin = step.origin;
    return value;
  };
  Value out = Value::map();
  out.origin = step.origin;
  out.set("step", said_at(step.name));
  if (!step.item.empty()) out.set("item", said_at(step.item));
  out.set("verb", said_at(step.verb));
  for (const auto& input : step.inputs) {
    Value value = input_value(input);
    value.key_origin = {};
    if (!out.find(input.role)) out.set(input.role, Value::list()).origin = input.origin;
    out.find(input.role)->push_back(std::move(value));
  }
  if (step.verb == "evaluate" && step.inputs.empty()) out.set("of", said_at("backbone"));
  if (!step.tasks.empty()) {
    Value& tasks = out.set("tasks", Value::list());
    tasks.origin = step.tasks.front().origin;
    for (const auto& task : step.tasks) tasks.push_back(task_value(task));
  }
  if (step.method) out.set("method", choice_value("method", *step.method));
  if (step.combiner) out.set("combiner", choice_value("combiner", *step.combiner));
  Value settings = with_origins(step.settings, "default of '" + step.verb + "'");
  if (Value* seed = settings.find("seed"); seed && !step.settings.said("seed"))
    seed->origin = {"default of the recipe"};
  if (step.method)  // a default that the method's table gives
    for (const auto& option : step.method->options.options().all())
      if (Value* value = settings.find(option.key); value && !step.settings.said(option.key))
        value->origin = {"default of method '" + step.method->name + "'"};
  set_missing(out, settings);
  if (step.verb != "report") {
    Value backbone = choice_value("backbone", step.backbone);
    Value keys = with_origins(step.backbone_keys, "default of 'backbone'");
    keys.erase("name");
    set_missing(backbone, keys);
    out.set("backbone", std::move(backbone));
    out.set("data", with_origins(step.data, "default of 'data'"));
  }
  step.resolved = std::move(out);
}

namespace {

std::string heading(const ResolvedTrial& trial, std::size_t number, std::size_t count) {
  if (count == 1 && trial.trial.labels.empty()) return "";
  return "# trial " + std::to_string(number + 1) + " of " + std::to_string(count) + ": " + trial.trial.name() + "\n";
}

Value with_places(const Value& value) {
  if (value.is_map()) {
    Value map = Value::map();
    for (const auto& [key, member] : value.members()) map.set(key, with_places(member));
    return map;
  }
  if (value.is_list()) {
    Value list = Value::list();
    for (const auto& item : value.items()) list.push_back(with_places(item));
    return list;
  }
  Value leaf = Value::map();
  leaf.set("value", value);
  leaf.set("origin", Value(value.origin.text()));
  return leaf;
}

}  // namespace

std::string explain(const std::vector<ResolvedTrial>& trials) {
  std::string text;
  std::vector<std::pair<const Step*, std::size_t>> written;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    text += (i == 0 ? "" : "\n") + heading(trials[i], i, trials.size());
    for (const auto& step : trials[i].steps) {
      const auto note = [](const Value& value) { return value.origin.text(); };
      std::string same;
      for (const auto& [other, trial] : written)
        if (other->title() == step.title() && other->resolved == step.resolved) same = std::to_string(trial + 1);
      Value titled = Value::map();
      titled.set(step.title(), step.resolved);
      text += same.empty() ? write_yaml(titled, note) : step.title() + ": ~  # as in trial " + same + "\n";
      if (same.empty()) written.emplace_back(&step, i);
    }
  }
  return text;
}

Value explain_json(const std::vector<ResolvedTrial>& trials) {
  Value all = Value::list();
  for (const auto& trial : trials) {
    Value labels = Value::map(), steps = Value::map();
    for (const auto& [axis, label] : trial.trial.labels) labels.set(axis, Value(label));
    for (const auto& step : trial.steps) steps.set(step.title(), with_places(step.resolved));
    Value one = Value::map();
    one.set("labels", std::move(labels));
    one.set("steps", std::move(steps));
    all.push_back(std::move(one));
  }
  Value document = Value::map();
  document.set("trials", std::move(all));
  return document;
}

}  // namespace atp
