#include <algorithm>
#include <boost/filesystem.hpp>

#include "atp/file.h"
#include "recipe/change.h"
#include "recipe/resolver.h"
#include "recipe/words.h"

// What each verb makes of its keys.
namespace atp {

namespace {

const std::vector<std::string>& train_structure() {
  static const std::vector<std::string> keys{"each", "tasks", "task"};
  return keys;
}

// The verb's options that are numbers and words, not other plugins, tasks or steps.
Options plain_options(const std::string& verb) {
  return without(verb_options(verb), {"each", "tasks", "task", "method", "combiner", "of", "compat"});
}

void check_rates(const Params& settings, Problems& problems) {
  if (!settings.has("learning_rates")) return;
  const Value& rates = settings.value("learning_rates");
  Options groups;
  for (const auto& [group, rate] : rates.members()) groups.add(number(group).at_least(0));
  Problems found;
  groups.check(rates, rates.origin, found);
  for (const auto& problem : found.list()) problems.add(problem.origin, "'learning_rates': " + problem.message);
}

void check_accumulation(const Params& settings, Problems& problems) {
  if (!settings.has("accumulation") || !settings.has("batch_size")) return;
  if (settings.integer("accumulation") > settings.integer("batch_size"))
    problems.add(settings.origin("accumulation"),
                 "'accumulation': found '" + std::to_string(settings.integer("accumulation")) +
                     "', expected at most the examples of an update ('batch_size' is " +
                     std::to_string(settings.integer("batch_size")) + ")");
}

// The default number of epochs counts only where no number of updates is said.
Params without_unused_epochs(const Params& settings) {
  if (!settings.has("updates")) return settings;
  Value values = settings.values();
  values.erase("epochs");
  return Params(settings.options(), std::move(values), settings.where());
}

Params with_value(const Params& params, const std::string& key, Value value) {
  Value values = params.values();
  values.set(key, std::move(value));
  return Params(params.options(), std::move(values), params.where());
}

// A method's default rates count for the groups that the recipe gives none.
Params with_default_rates(const Params& settings, const std::string& method) {
  const Option* option = settings.options().find("learning_rates");
  if (!option->fallback.is_map() || !settings.said("learning_rates")) return settings;
  Value rates = settings.value("learning_rates");
  for (const auto& [group, rate] : option->fallback.members())
    if (!rates.find(group)) rates.set(group, rate).origin = {"default of method '" + method + "'"};
  return with_value(settings, "learning_rates", std::move(rates));
}

// `each: sst2` in place of `each: [sst2]`.
std::string no_list(const std::string& key, const Value& value) {
  return "'" + key + "': found " + found_text(value) + ", expected a list of tasks" +
         (value.is_text() ? ": write [" + value.text() + "]" : "");
}

Value as_list(const Value& value) {
  if (value.is_list()) return value;
  Value list = Value::list();
  list.origin = value.origin;
  list.key_origin = value.key_origin;
  list.push_back(value);
  return list;
}

}  // namespace

// --- train -----------------------------------------------------------------------------------------------------------

Resolver::Item Resolver::item(const Value& value) {
  Item item{"", {}, Value::map(), value.origin, false};
  const Value* task = value.is_map() ? value.find("task") : nullptr;
  const Value* name = task ? value.find("as") : nullptr;
  if (value.is_map() && !task && !value.find("name") && !value.find("files")) {
    problems_.add(value.origin,
                  "an item of 'each' is a task, or a map that names one and overrides keys for it: "
                  "{task: sst2, epochs: 3}; 'task' is missing");
    return item;
  }
  if (task) item.layer = value;
  item.layer.erase("task");
  item.layer.erase("as");
  item.layer.origin = value.origin;
  if (name && !name->is_text())
    problems_.add(name->origin, "'as': found " + found_text(*name) + ", expected a name for this item");
  Value named = task ? *task : value;
  if (const Value* labels = item.layer.find("labels")) {  // {task: sst2, labels: {…}}: the task's own
    if (named.is_text()) {
      Value map = Value::map();
      map.origin = named.origin;
      map.set("name", named);
      named = std::move(map);
    }
    if (named.is_map()) named.set("labels", *labels);
    item.layer.erase("labels");
  }
  for (const auto& key : train_keys()) {  // {name: sst2, epochs: 3}
    const Value* misplaced = task || !value.is_map() ? nullptr : value.find(key);
    if (!misplaced) continue;
    problems_.add(misplaced->key_origin,
                  "'" + key + "' is no option of a task; to override it for one, write {task: …, " + key + ": …}");
    named.erase(key);
  }
  auto choice = task_choice(catalogue_, named, problems_);
  if (!choice) return item;
  item.name = name && name->is_text() ? name->text() : choice->name;
  item.tasks.push_back(std::move(*choice));
  item.is_valid = true;
  return item;
}

std::vector<Resolver::Item> Resolver::items(DeclaredStep& step) {
  const Item wrong{"", {}, Value::map(), step.body.key_origin, false};
  std::vector<const Value*> said;
  for (const auto& key : train_structure())
    if (const Value* value = step.body.find(key)) said.push_back(value);
  if (said.empty())
    problems_.add(step.body.key_origin, "step '" + step.name +
                                            "': no task; expected 'each' (a result for each task), "
                                            "'tasks' (one result on their mixture) or 'task'");
  for (std::size_t i = 1; i < said.size(); ++i)
    problems_.add(said[i]->key_origin, "step '" + step.name + "': say one of 'each', 'tasks' and 'task'");
  if (said.size() != 1) return {wrong};
  const Value& value = *said.front();
  if (step.body.find("task")) {
    auto task = task_choice(catalogue_, value, problems_);
    return {task ? Item{"", {std::move(*task)}, Value::map(), value.origin} : wrong};
  }
  if (step.body.find("tasks")) {
    auto tasks = task_choices(catalogue_, value, "tasks", problems_);
    const bool is_whole = value.is_list() && !tasks.empty() && tasks.size() == value.items().size();
    return {Item{"", std::move(tasks), Value::map(), value.origin, is_whole}};
  }
  if (value.is_list() && !value.items().empty()) return each_item(value);
  problems_.add(value.origin, value.is_list() ? "'each' is empty; expected at least one task" : no_list("each", value));
  return {wrong};
}

std::vector<Resolver::Item> Resolver::each_item(const Value& list) {
  std::vector<Item> items;
  for (const auto& one : list.items()) {
    Item found = item(one);
    const auto same = [&](const Item& other) { return other.is_valid && other.name == found.name; };
    if (found.is_valid && std::any_of(items.begin(), items.end(), same)) {
      problems_.add(found.origin, "'each' has two items called '" + found.name +
                                      "'; tell them apart: {task: " + found.tasks.front().name + ", as: NAME}");
      found.is_valid = false;
    }
    items.push_back(std::move(found));
  }
  return items;
}

void Resolver::train(DeclaredStep& declared) {
  const auto found = items(declared);
  for (const auto& key : train_structure()) declared.body.erase(key);
  for (const auto& item : found) {
    Step step;
    const bool is_whole = train_result(declared, item, step) && item.is_valid;
    (is_whole ? declared.results : declared.broken).push_back(std::move(step));
    if (!is_whole) declared.is_broken = true;
  }
}

std::optional<NamedPlugin> Resolver::plugin(const std::string& kind, const Layers& layers, const std::string& fallback,
                                            const Origin& where) {
  Value choice;
  for (const Value* layer : layers) {
    const Value* said = layer->is_map() ? layer->find(kind) : nullptr;
    if (!said) continue;
    if (choice.is_null())
      choice = *said;
    else
      merge(choice, *said, kind);
  }
  if (choice.is_null() && fallback.empty()) {
    problems_.add(where, "'" + kind + "' is missing; expected one of: " + joined(catalogue_.names(kind)));
    return {};
  }
  if (choice.is_null()) {
    choice = Value(fallback);
    choice.origin = where;
  }
  if (choice.is_map()) {
    for (const auto& [key, value] : choice.members())
      if (key != "name" && key != "options")
        problems_.add(value.key_origin, "'" + kind + "': unknown key '" + key +
                                            "'; options stand in 'options', or "
                                            "beside '" +
                                            kind + "' in the step");
  }
  auto named = named_plugin(catalogue_, kind, choice, problems_);
  if (named && !named->options.is_null() && !named->options.is_map()) {
    problems_.add(named->options.origin, "'options': found " + found_text(named->options) + ", expected a map");
    named->options = Value();
  }
  if (named && named->options.is_map()) {
    for (const auto& [key, value] : named->options.members())
      if (!named->table().find(key))
        problems_.add(value.key_origin, kind + " '" + named->name + "': " + unknown_key(key, named->table().keys()));
  }
  return named;
}

std::vector<std::string> Resolver::train_keys() {
  auto words = without(verb_options("train"), {"each", "tasks", "task", "combiner", "compat"}).keys();
  for (const auto& key : step_overrides("train")) words.push_back(key);
  return words;
}

void Resolver::check_keys(const Layers& layers, const NamedPlugin& method, const NamedPlugin* combiner) {
  std::vector<std::string> words = train_keys();
  for (const auto& key : method.table().keys()) words.push_back(key);
  if (combiner)
    for (const auto& key : combiner->table().keys()) words.push_back(key);
  for (const Value* layer : layers) shared_.read(*layer, words, method.name);
}

void Resolver::check_ambiguous(const Layers& layers, const NamedPlugin& method, const NamedPlugin& combiner) {
  for (const Value* layer : layers) {
    if (!layer->is_map()) continue;
    for (const auto& [key, value] : layer->members()) {
      const bool in_both = method.table().find(key) && combiner.table().find(key);
      if (in_both && !verb_options("train").find(key))
        problems_.add(value.key_origin, "'" + key + "' is an option of method '" + method.name + "' and of combiner '" +
                                            combiner.name + "'; say it in 'options' of one of them");
    }
  }
}

bool Resolver::train_result(const DeclaredStep& declared, const Item& item, Step& step) {
  const Layers layers{&train_defaults_, &declared.body, &item.layer};
  const Origin& where = item.layer.members().empty() ? declared.body.key_origin : item.origin;
  step = new_step(declared, item.name, layers);
  step.tasks = item.tasks;
  const auto method = plugin("method", layers, "", where);
  const Option* takes = method ? method->entry->options.find("combiner") : nullptr;
  std::optional<NamedPlugin> combiner;
  if (takes) combiner = plugin("combiner", layers, takes->fallback.is_text() ? takes->fallback.text() : "", where);
  const bool is_known = method && (!takes || combiner);
  if (is_known) {
    check_keys(layers, *method, combiner ? &*combiner : nullptr);
  } else {
    for (const Value* layer : layers) shared_.accept(*layer, train_keys());
  }
  // Weakest first: `train:`, the plugin's own map, the step, the item.
  const auto options_of = [&](const NamedPlugin& plugin) -> Choice {
    const Layers weighed{&train_defaults_, &plugin.options, &declared.body, &item.layer};
    return {plugin.name, settings(weighed, plugin.table(), where), plugin.origin};
  };
  if (method) step.method = options_of(*method);
  if (combiner) {
    const Options own = without(combiner->table(), verb_options("train").keys());
    Choice choice = options_of(*combiner);
    if (own.all().size() < combiner->table().all().size())  // the verb's keys are not the combiner's
      choice.options = settings({&combiner->options}, combiner->table(), where);
    step.combiner = std::move(choice);
    check_ambiguous(layers, *method, *combiner);
  }
  Options table = plain_options("train");
  if (method) table = with_defaults_of(table, method->entry->options);
  Value seed = Value::map();
  if (top_.has("seed")) seed.set("seed", top_.value("seed"));
  Value options = method ? method->options : Value();  // {name: lora, options: {learning_rate: 1e-3}}
  step.settings =
      without_unused_epochs(settings({&seed, &train_defaults_, &options, &declared.body, &item.layer}, table, where));
  if (method) step.settings = with_default_rates(step.settings, method->name);
  check_rates(step.settings, problems_);
  check_accumulation(step.settings, problems_);
  return method.has_value();
}

// --- evaluate --------------------------------------------------------------------------------------------------------

void Resolver::evaluate_backbone(DeclaredStep& declared) {
  Step step = new_step(declared, "", {&declared.body});
  step.settings = settings({&declared.body}, plain_options("evaluate"), declared.body.key_origin);
  if (const Value* tasks = declared.body.find("tasks")) {
    step.tasks = task_choices(catalogue_, *tasks, "tasks", problems_);
  } else {
    problems_.add(declared.body.key_origin, "step '" + declared.name +
                                                "': 'tasks' is missing; expected the tasks to "
                                                "score the backbone on");
  }
  declared.results.push_back(std::move(step));
}

// The training of a result's folder, without what belongs to the machine that it was made on; nullptr, and a problem,
// where it cannot be scored.
std::shared_ptr<const Step> Resolver::trained_in(const std::string& folder, const Origin& origin) {
  const auto refuse = [&](const std::string& what) {
    problems_.add(origin, "'of': " + folder + what);
    return nullptr;
  };
  try {
    const std::string file = folder + "/recipe.yaml";
    const Value recipe = parse_yaml(read_file(file), file);
    const Value* verb = recipe.find("verb");
    if (!verb || !verb->is_text() || verb->text() != "train")
      return refuse(" is no training" +
                    (verb && verb->is_text() ? ", but a step that says '" + verb->text() + "'" : "") +
                    "; expected the folder of a finished one: OUT/<recipe>/<step>, or OUT/steps/<id>");
    if (!boost::filesystem::is_regular_file(folder + "/result.json") ||
        !boost::filesystem::is_regular_file(folder + "/checkpoint/tensors.safetensors"))
      return refuse(" is not finished; the recipe that it belongs to goes on with it (atp-run)");
    Problems found;
    auto step = std::make_shared<Step>(recorded_step(recipe, catalogue_, found));
    if (!found.empty()) {
      problems_.add(origin, "'of': " + unusable_result(folder, found));
      return nullptr;
    }
    Value data = step->data.values();
    for (const char* key : {"root", "files"}) data.erase(key);
    step->data = Params(step->data.options(), std::move(data), step->data.where());
    return step;
  } catch (const Error& error) {
    problems_.add(origin, std::string("'of': ") + error.what());
    return nullptr;
  }
}

// {file: PATH}: a result that no step of this recipe made, or what another program trained.
void Resolver::evaluate_file(DeclaredStep& declared, const Value& of) {
  declared.is_broken = true;
  for (const auto& [key, value] : of.members())
    if (key != "file") problems_.add(value.key_origin, "'of': found '" + key + "', expected {file: PATH}");
  const Value* said = of.find("file");
  if (!said && !of.members().empty()) return;
  if (!said || !said->is_text())
    return problems_.add(said ? said->origin : of.origin,
                         "'of': found " + found_text(said ? *said : of) +
                             ", expected {file: PATH}: a result's folder, or the files of a prompt or an adapter");
  Input input;
  input.role = "of";
  input.file = absolute_path(said->text(), said->origin);
  input.origin = said->origin;
  if (!boost::filesystem::exists(input.file))
    return problems_.add(said->origin, "'of': no file or folder '" + input.file + "'");
  const std::string folder = result_folder(input.file);
  std::shared_ptr<const Step> trained;
  if (!folder.empty() && !(trained = trained_in(folder, said->origin))) return;
  if (trained) input.file = folder + "/checkpoint/tensors.safetensors";

  Step step = new_step(declared, "", {&declared.body}, trained.get());
  step.settings = settings({&declared.body}, plain_options("evaluate"), declared.body.key_origin);
  if (const Value* tasks = declared.body.find("tasks"))
    step.tasks = task_choices(catalogue_, *tasks, "tasks", problems_);
  else if (trained)
    step.tasks = trained->tasks;
  else
    return problems_.add(said->origin, "'tasks' is missing; '" + input.file +
                                           "' is no result's folder, and does not say which tasks to score it on");
  step.model = std::move(trained);
  step.inputs.push_back(std::move(input));
  declared.results.push_back(std::move(step));
  declared.is_broken = false;
}

void Resolver::evaluate(DeclaredStep& declared) {
  std::vector<std::string> words = verb_options("evaluate").keys();
  for (const auto& key : step_overrides("evaluate")) words.push_back(key);
  shared_.read(declared.body, words);
  const Value* of = declared.body.find("of");
  if (!of || of->is_null()) {
    declared.is_broken = true;
    problems_.add(declared.body.key_origin, "step '" + declared.name +
                                                "': 'of' is missing; expected a step, one of its "
                                                "results, {file: PATH}, or backbone");
    return;
  }
  if (of->is_text() && of->text() == "backbone") return evaluate_backbone(declared);
  if (const Value* said = declared.body.find("precision"))
    problems_.add(said->key_origin,
                  "'precision' is the evaluated step's own: a result is scored as it was trained; take it out here, or "
                  "say it in that train step (it counts where 'of' is backbone)");
  if (of->is_map()) return evaluate_file(declared, *of);
  std::optional<std::vector<TaskChoice>> tasks;
  if (const Value* said = declared.body.find("tasks")) tasks = task_choices(catalogue_, *said, "tasks", problems_);
  const auto inputs = references_.results(*of, "of", {"train"});
  declared.is_broken = inputs.empty();
  if (inputs.empty()) {  // its own keys are checked all the same
    new_step(declared, "", {&declared.body});
    settings({&declared.body}, plain_options("evaluate"), declared.body.key_origin);
  }
  for (const auto& input : inputs) {
    const Step* trained = references_.find(input);
    Step step = new_step(declared, input.task.empty() ? input.item : input.task, {&declared.body}, trained);
    step.settings = settings({&declared.body}, plain_options("evaluate"), declared.body.key_origin);
    for (const auto& task : trained->tasks)
      if (input.task.empty() || task.name == input.task) step.tasks.push_back(task);
    if (tasks) step.tasks = *tasks;
    step.inputs.push_back(input);
    declared.results.push_back(std::move(step));
  }
}

// --- report ----------------------------------------------------------------------------------------------------------

Value Resolver::report_axes(const Value& said, const std::string& key, const Value& fallback) {
  if (said.is_null()) return fallback;
  std::vector<std::string> known;
  for (const auto& label : trial_.labels) known.push_back(label.first);
  for (const char* word : {"task", "step", "method", "combiner", "metric", "split"}) known.emplace_back(word);
  Value list = as_list(said);
  for (const auto& item : std::as_const(list).items()) {
    const std::string nearest = item.is_text() ? did_you_mean(item.text(), known) : "";
    if (!item.is_text())
      problems_.add(item.origin, "'" + key + "': found " + found_text(item) + ", expected the name of an axis");
    else if (!contains(known, item.text()))
      problems_.add(item.origin, "'" + key + "': no axis '" + item.text() + "'" +
                                     (nearest.empty() ? "; expected one of: " + joined(known) : nearest));
  }
  return list;
}

void Resolver::report(DeclaredStep& declared) {
  shared_.read(declared.body, verb_options("report").keys());
  Step step = new_step(declared, "", {});
  const Origin& where = declared.body.key_origin;
  step.settings = settings({&declared.body}, plain_options("report"), where);
  Value rows = Value::list();
  for (const auto& label : trial_.labels)
    if (label.first != "seed") rows.push_back(Value(label.first));
  if (rows.items().empty()) rows.push_back(Value("step"));
  const auto axes = [&](const std::string& key, const Value& fallback) {
    const Value said = step.settings.said(key) ? step.settings.value(key) : Value();
    step.settings = with_value(step.settings, key, report_axes(said, key, fallback));
  };
  axes("rows", rows);
  axes("columns", verb_options("report").find("columns")->fallback);
  if (step.settings.has("metrics")) {
    const auto offered = catalogue_.names("metric");
    for (const auto& metric : step.settings.value("metrics").items())
      if (!metric.is_text() || !contains(offered, metric.text()))
        problems_.add(metric.origin, "no metric " + found_text(metric) +
                                         (metric.is_text() ? did_you_mean(metric.text(), offered) : "") +
                                         " (there are: " + joined(offered) + ")");
  }
  const Value* of = declared.body.find("of");
  if (!of || of->is_null())
    return problems_.add(where,
                         "step '" + declared.name + "': 'of' is missing; expected the steps whose scores to show");
  const Value words = as_list(*of);
  for (const auto& word : words.items())
    for (auto& input : references_.results(word, "of", {"evaluate", "train"})) step.inputs.push_back(std::move(input));
  declared.results.push_back(std::move(step));
}

}  // namespace atp
