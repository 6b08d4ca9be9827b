#include <algorithm>
#include <boost/filesystem.hpp>

#include "data/data_files.h"
#include "recipe/change.h"
#include "recipe/faults.h"
#include "recipe/resolver.h"
#include "recipe/words.h"

// From one trial's tree to its steps: declarations, backbone and data here, each verb's own part in verbs.cpp.
namespace atp {

namespace {

bool is_name(const std::string& text) {
  const auto fits = [](const char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; };
  return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

Value kept_keys(const Value& map, const Options& table) {
  Value kept = Value::map();
  kept.origin = map.origin;
  if (!map.is_map()) return kept;
  for (const auto& [key, value] : map.members())
    if (table.find(key)) kept.set(key, value);
  return kept;
}

// Everything else that stands there: a plugin's options beside the core's keys.
Value other_keys(const Value& map, const Options& table) {
  Value others = Value::map();
  others.origin = map.origin;
  for (const auto& [key, value] : map.members())
    if (!table.find(key) && key != "options") others.set(key, value);
  return others;
}

bool says_none(const Value& value) { return value.is_null() || (value.is_text() && value.text() == "none"); }

bool is_folder_or_file(const std::string& path) { return boost::filesystem::exists(path); }

// What is not said has its default, so that the same draw is the same step however it is written.
void check_few_shot(Params& data, Problems& problems) {
  if (!data.has("few_shot") || !data.value("few_shot").is_map()) return;
  const Value& said = data.value("few_shot");
  Problems found;
  Value draw = with_origins(check_table(few_shot_options(), said, said.origin, found), "default of 'few_shot'");
  for (const auto& problem : found.list()) problems.add(problem.origin, "'few_shot': " + problem.message);
  draw.origin = said.origin;
  draw.key_origin = said.key_origin;
  Value values = data.values();
  values.set("few_shot", std::move(draw));
  data = Params(data.options(), std::move(values), data.where());
}

// A step whose first key, and all others, are those that stand below a verb.
bool lacks_verb(const Value& step) {
  const auto& members = step.members();
  return std::all_of(members.begin(), members.end(), [](const auto& member) {
    return std::any_of(verbs().begin(), verbs().end(), [&](const auto& verb) {
      return verb_options(verb).find(member.first) || contains(step_overrides(verb), member.first) ||
             contains(usual_inputs(), member.first);
    });
  });
}

// Where a key would be right that stands at the top of the recipe.
std::string home_of(const std::string& key) {
  if (backbone_options().find(key)) return "backbone";
  if (data_options().find(key)) return "data";
  return verb_options("train").find(key) ? "train" : "";
}

Value placed_text(const Value& text) {
  Value path(absolute_path(text.text(), text.origin));
  path.origin = text.origin;
  path.key_origin = text.key_origin;
  return path;
}

}  // namespace

Resolver::Resolver(const Trial& trial, Catalogue& catalogue, Problems& problems)
    : trial_(trial), catalogue_(catalogue), problems_(problems), references_(declared_, problems) {
  const Value& recipe = trial.recipe;
  Value known = recipe;
  for (const auto& [key, value] : recipe.members()) {
    const std::string home = recipe_options().find(key) ? "" : home_of(key);
    if (home.empty()) continue;
    problems.add(value.key_origin, "'" + key + "' is no key of the recipe itself; it belongs below '" + home + "'");
    known.erase(key);
  }
  top_ = check_table(recipe_options(), known, recipe.origin, problems);
  if (top_.has("compat")) faults_ = wanted_faults(top_.value("compat"), problems);
  if (top_.has("train")) train_defaults_ = top_.value("train");
  data_ = top_.has("data") ? top_.value("data") : Value::map();
  check_table(data_options(), data_, data_.origin, problems);  // each step's own are checked again with its changes
  check_data_files();
  read_backbone();
  if (!top_.has("steps")) return;
  const Value& steps = top_.value("steps");
  if (steps.members().empty()) problems.add(steps.origin, "'steps' is empty; a recipe has at least one step");
  for (const auto& [name, value] : steps.members()) declare(name, value);
}

// data.files: task → {split: path}. Relative paths start beside the recipe.
void Resolver::check_data_files() {
  const Value* files = data_.find("files");
  if (!files || !files->is_map()) return;
  const auto offered = catalogue_.names("task");
  for (const auto& [task, splits] : files->members()) {
    if (!contains(offered, task))
      problems_.add(splits.key_origin, "'files': no task '" + task + "'" + did_you_mean(task, offered));
    if (!splits.is_map()) {
      problems_.add(splits.origin, "'files': found " + found_text(splits) + ", expected a map from splits to paths");
      continue;
    }
    for (const auto& [split, path] : splits.members()) {
      if (!path.is_text())
        problems_.add(path.origin, "'files': found " + found_text(path) + ", expected a path");
      else if (const auto file = file_on_disk(absolute_path(path.text(), path.origin)); !is_folder_or_file(file))
        problems_.add(path.origin, "'files': no file '" + file + "'");
    }
  }
}

void Resolver::declare(const std::string& name, const Value& value) {
  const auto wrong = [&](const Origin& origin, const std::string& what) {
    problems_.add(origin, "step '" + name + "': " + what);
  };
  if (!is_name(name)) wrong(value.key_origin, "a step's name is made of letters, digits, '_' and '-'");
  if (name == "backbone") wrong(value.key_origin, "'backbone' is the untouched backbone; give the step another name");
  declared_.push_back({name, "", Value(), value.key_origin});
  declared_.back().is_broken = true;
  const std::string expected = "expected one verb (" + joined(verbs()) + "), as in {train: {…}}";
  if (!value.is_map() || value.members().empty())
    return wrong(value.key_origin, "found " + (value.is_map() ? "an empty map" : found_text(value)) + ", " + expected);
  if (lacks_verb(value))
    return wrong(value.members().front().second.key_origin, "no verb; '" + value.members().front().first +
                                                                "' belongs below one (" + joined(verbs()) +
                                                                "), as in " + name + ": {train: {…}}");
  bool has_unknown = false;
  const Value* body = nullptr;
  for (const auto& [key, part] : value.members()) {
    if (contains(verbs(), key)) {
      if (body) return wrong(part.key_origin, "a second verb '" + key + "'; a step has one");
      declared_.back().verb = key;
      body = &part;
      continue;
    }
    has_unknown = true;
    if (contains(planned_verbs(), key))
      wrong(part.key_origin, "'" + key + "' is planned, but not there yet");
    else
      wrong(part.key_origin, "unknown verb '" + key + "'" +
                                 (did_you_mean(key, verbs()).empty() ? "; " + expected : did_you_mean(key, verbs())));
  }
  if (!body || has_unknown) {
    declared_.back().verb.clear();
    return;
  }
  if (!body->is_map())
    return wrong(body->key_origin, "'" + declared_.back().verb + "': found " + found_text(*body) + ", expected a map");
  declared_.back().body = *body;
  declared_.back().is_broken = false;
}

void Resolver::read_backbone() {
  if (!top_.has("backbone")) return;
  Value said = top_.value("backbone");
  if (!said.is_text() && !said.is_map())
    return problems_.add(said.origin,
                         "'backbone': found " + found_text(said) + ", expected a name or {name, checkpoint}");
  if (said.is_text()) {
    Value map = Value::map();
    map.origin = said.origin;
    map.set("name", said);
    said = std::move(map);
  }
  backbone_keys_ = kept_keys(said, backbone_options());
  auto plugin = named_plugin(catalogue_, "backbone", said, problems_);
  if (Value* checkpoint = backbone_keys_.find("checkpoint")) read_checkpoint(*checkpoint);
  check_table(backbone_options(), backbone_keys_, said.origin, problems_);
  Value options = other_keys(said, backbone_options());
  if (!plugin) return shared_.accept(options, backbone_options().keys());  // what the plugin takes is not known
  if (plugin->options.is_map())
    merge(options, plugin->options);
  else if (!plugin->options.is_null())
    problems_.add(plugin->options.origin, "'options': found " + found_text(plugin->options) + ", expected a map");
  const Options known = plugin->table();
  std::vector<std::string> words = backbone_options().keys();
  for (const auto& word : known.keys()) words.push_back(word);
  shared_.read(options, words);
  backbone_ = {plugin->name, check_table(known, kept_keys(options, known), said.origin, problems_), plugin->origin};
}

void Resolver::read_checkpoint(Value& checkpoint) {
  if (checkpoint.is_text()) {  // a name below --models is left as it stands
    if (const Value path = placed_text(checkpoint); is_folder_or_file(path.text())) checkpoint = path;
    return;
  }
  if (checkpoint.is_null()) return;
  if (!checkpoint.is_map())
    return problems_.add(checkpoint.origin,
                         "'checkpoint': found " + found_text(checkpoint) + ", expected a folder, or {random: SHAPE}");
  check_table(random_checkpoint_options(), checkpoint, checkpoint.origin, problems_);
  if (Value* shape = checkpoint.find("random"); shape && shape->is_text() && shape->text().ends_with(".json")) {
    *shape = placed_text(*shape);
    if (!is_folder_or_file(shape->text())) problems_.add(shape->origin, "'random': no file '" + shape->text() + "'");
  }
  if (!checkpoint.find("seed")) checkpoint.set("seed", random_checkpoint_options().find("seed")->fallback);
  Value tokenizer = checkpoint.find("tokenizer") ? *checkpoint.find("tokenizer") : Value();
  checkpoint.erase("tokenizer");  // last: `checkpoint` is a member of the map that this changes
  if (!tokenizer.is_null() && !backbone_keys_.find("tokenizer")) backbone_keys_.set("tokenizer", std::move(tokenizer));
}

Step Resolver::new_step(const DeclaredStep& declared, const std::string& item, const Layers& layers, const Step* base) {
  Value data = data_, backbone = backbone_keys_;
  if (backbone.is_null()) backbone = Value::map();
  if (base) {  // a result is scored as it was trained, but on other examples
    for (const auto& [key, value] : base->data.values().members())
      if (base->data.said(key) && key != "limit") data.set(key, value);
    if (base->backbone_keys.said("precision")) backbone.set("precision", base->backbone_keys.value("precision"));
  }
  if (declared.verb != "train")
    for (const char* key : {"few_shot", "validation_limit"}) data.erase(key);
  for (const Value* layer : layers) {
    if (!layer->is_map()) continue;
    for (const auto& key : step_overrides(declared.verb)) {
      const Value* value = layer->find(key);
      if (value) (data_options().find(key) ? data : backbone).set(key, *value);
    }
  }
  Step step;
  step.name = declared.name;
  step.item = item;
  step.verb = declared.verb;
  step.origin = declared.origin;
  step.backbone = backbone_;
  Problems known;  // what is wrong with the recipe's own keys is reported once, by the constructor
  step.backbone_keys = check_table(backbone_options(), kept_keys(backbone, backbone_options()), backbone.origin,
                                   backbone_keys_.is_null() ? known : problems_);
  step.data = check_table(data_options(), kept_keys(data, data_options()), data_.origin, problems_);
  check_few_shot(step.data, problems_);
  return step;
}

Params Resolver::settings(const Layers& layers, const Options& table, const Origin& where) {
  Value said = Value::map();
  said.origin = where;
  for (const Value* layer : layers) {
    if (!layer->is_map()) continue;
    const bool has_epochs = layer->find("epochs"), has_updates = layer->find("updates");
    if (table.find("updates") && has_epochs && has_updates)
      problems_.add(layer->find("updates")->key_origin, "'updates' stands in place of 'epochs'; say one of them");
    if (has_epochs) said.erase("updates");
    if (has_updates) said.erase("epochs");
    for (const auto& [key, value] : layer->members()) {
      const Option* option = table.find(key);
      if (!option) continue;
      if (option->names_results() && says_none(value)) {
        said.erase(key);
        continue;
      }
      Value* old = option->names_results() ? nullptr : said.find(key);
      if (old)
        merge(*old, value, key);
      else
        said.set(key, value);
    }
  }
  return check_table(table, said, where, problems_);
}

// Each plugin, and a train step's own settings, get those of the wanted faults that they know.
void Resolver::add_faults(Step& step) const {
  const auto add = [&](const char* kind, Choice& choice) {
    if (const auto* entry = choice.name.empty() ? nullptr : catalogue_.find(kind, choice.name))
      choice.options = with_faults(choice.options, entry->options, faults_);
  };
  if (step.verb == "train")
    step.settings = with_faults(step.settings, verb_options("train"), faults_of_training(faults_, step.settings));
  add("backbone", step.backbone);
  if (step.method) add("method", *step.method);
  if (step.combiner) add("combiner", *step.combiner);
  for (auto& task : step.tasks) {
    const auto* entry = task.in_place ? nullptr : catalogue_.find("task", task.name);
    if (entry) task.options = with_faults(task.options, entry->options, faults_);
  }
}

void Resolver::read_inputs(Step& result) {
  if (!result.method) return;
  for (const auto& option : result.method->options.options().all())
    if (option.names_results() && result.method->options.has(option.key))
      for (auto& input : references_.inputs(result.method->options.value(option.key), option))
        result.inputs.push_back(std::move(input));
}

std::vector<Step> Resolver::steps() {
  for (auto& step : declared_)
    if (step.verb == "train" && !step.is_broken) train(step);
  // Inputs and references mean results, so those must all be known.
  for (auto& step : declared_)
    for (auto* results : {&step.results, &step.broken})
      for (auto& result : *results) read_inputs(result);
  for (auto& step : declared_)
    if (step.verb == "evaluate" && !step.is_broken) evaluate(step);
  for (auto& step : declared_)
    if (step.verb == "report" && !step.is_broken) report(step);
  const bool has_train =
      std::any_of(declared_.begin(), declared_.end(), [](const auto& s) { return s.verb == "train"; });
  if (!has_train) {
    const Options known = without(verb_options("train"), {"each", "tasks", "task", "method", "compat"});
    shared_.read(train_defaults_, train_keys());
    check_table(known, kept_keys(train_defaults_, known), train_defaults_.origin, problems_);
  }
  shared_.report(problems_);
  std::vector<Step> all;
  for (auto& step : declared_)
    for (auto& result : step.results) all.push_back(result);
  for (auto& step : all) {
    add_faults(step);
    write_out(step);
  }
  return in_order(std::move(all), problems_);
}

std::vector<Step> resolve_steps(const Trial& trial, Catalogue& catalogue, Problems& problems) {
  return Resolver(trial, catalogue, problems).steps();
}

std::vector<ResolvedTrial> resolve_recipe(const Value& recipe, const std::vector<std::string>& only,
                                          Catalogue& catalogue) {
  Problems problems;
  plugin_paths(recipe, problems);
  std::vector<ResolvedTrial> resolved;
  for (auto& trial : expand_sweep(recipe, problems)) {
    auto steps = resolve_steps(trial, catalogue, problems);
    resolved.push_back({std::move(trial), std::move(steps)});
  }
  problems.throw_if_any();  // a name for --only cannot be judged before all steps are known
  for (auto& trial : resolved) trial.steps = select_steps(std::move(trial.steps), only, problems);
  problems.throw_if_any();
  return resolved;
}

}  // namespace atp
