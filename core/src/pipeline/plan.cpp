#include "pipeline/plan.h"

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cstdlib>

#include "atp/log.h"
#include "atp/words.h"
#include "data/data_files.h"
#include "data/tokenised.h"
#include "pipeline/adapter_step.h"
#include "pipeline/jobs.h"
#include "pipeline/record.h"
#include "plugin_host/row_readers.h"

namespace atp {

namespace {

namespace fs = boost::filesystem;

bool is_folder(const std::string& path) {
  boost::system::error_code error;
  return fs::is_directory(path, error);
}

bool is_file(const std::string& path) {
  boost::system::error_code error;
  return fs::is_regular_file(path, error);
}

std::string text_of(Splits splits) {
  switch (splits) {
    case Splits::official:
      return "official";
    case Splits::halve_dev:
      return "halve_dev";
    case Splits::hold_out:
      return "hold_out";
  }
  return "";
}

std::vector<std::string> names_of(const std::vector<Trial>& trials) {
  std::vector<std::string> names;
  for (const auto& trial : trials) names.push_back(trial.name());
  return names;
}

// A checkpoint's folder by path or by name below --models.
std::string checkpoint_folder(const std::string& said, const Origin& origin, const std::string& models) {
  std::vector<std::string> tried = {absolute_path(said, origin)};
  if (!models.empty()) tried.push_back((fs::path(models) / said).string());
  for (const auto& folder : tried)
    if (is_folder(folder)) return folder;
  throw RecipeError(origin, "checkpoint '" + said + "': no such folder. Looked for\n  " + joined(tried, ", ") +
                                "\nGive a path, a folder below --models DIR ($ATP_MODELS" +
                                (models.empty() ? "; neither is given" : "") +
                                "), or {random: tiny} for random weights");
}

}  // namespace

const char* state_name(WorkState state) {
  switch (state) {
    case WorkState::done:
      return "done";
    case WorkState::resumable:
      return "resumable";
    case WorkState::to_do:
      return "to do";
    case WorkState::failed:
      return "failed";
  }
  return "";
}

bool Plan::finished() const {
  return std::all_of(works.begin(), works.end(), [](const Work& work) { return work.state == WorkState::done; });
}

std::string Plan::digest() const {
  std::string text = name;
  for (const auto& work : works) text += "\n" + work.id;
  return text_digest(text);
}

std::string recipe_name(const std::string& path) {
  std::string name = file_name_of(fs::path(path).stem().string());
  return name == "steps" || name == "cache" ? name + "_" : name;  // OUT's own folders
}

std::vector<std::string> splits_of(const Step& step) {
  if (step.verb == "train") return {"train", "validation"};
  const Value* split = step_value(step, "split");
  return {split ? split->text() : "test"};
}

const Work& model_of(const Work& work, const Plan& plan) {
  if (work.recorded) return *work.recorded;
  return work.step.verb == "train" || work.inputs.empty() ? work : plan.works[work.model];
}

const Value* step_value(const Step& step, const std::string& key) {
  for (const Params* params : {&step.settings, &step.data, &step.backbone_keys})
    if (params->options().find(key))
      if (const Value* value = params->values().find(key)) return value;
  return nullptr;
}

std::int64_t step_integer(const Step& step, const std::string& key, std::int64_t fallback) {
  const Value* value = step_value(step, key);
  return value && value->is_integer() ? value->integer() : fallback;
}

std::int64_t source_length(const Step& step) { return step_integer(step, "source_length", default_source_length); }

Split used_split(const TaskUse& task, const Step& step, const std::string& split) {
  const bool trains = step.verb == "train";
  if (trains && split != "train") return task.data->split(split, step_integer(step, "validation_limit", 0));
  std::optional<FewShot> few_shot;
  if (const Value* said = trains ? step_value(step, "few_shot") : nullptr; said && said->is_map())
    few_shot = {said->at("k").integer(), said->at("per_label").boolean(), said->at("draw").integer()};
  return task.data->split(split, step_integer(step, "limit", 0), few_shot);
}

std::int64_t examples_seen(std::int64_t updates, std::int64_t batch_size, std::int64_t examples) {
  const std::int64_t of_epoch = (examples + batch_size - 1) / batch_size;  // updates
  return updates / of_epoch * examples + std::min(updates % of_epoch * batch_size, examples);
}

Planner::Planner(Places places, Machinery machinery, ContentDigests& digests)
    : places_(std::move(places)), machinery_(std::move(machinery)), digests_(digests) {}

std::vector<std::size_t> Planner::find_works(const TrialSteps& steps, const std::string& name,
                                             const std::string& item) {
  std::vector<std::size_t> found;
  for (const auto& step : steps)
    if (step.name == name && (item.empty() || step.item == item)) found.push_back(step.work);
  return found;
}

Plan Planner::plan(const std::vector<ResolvedTrial>& trials) {
  Plan plan;
  plan.name = recipe_name(places_.recipe);
  for (const auto& trial : trials) {
    mistakes_.enter_trials({trial.trial.name()});
    plan.trials.push_back(trial.trial);
    plan_trial(trial, plan);
  }
  mistakes_.enter_trials(names_of(plan.trials));
  report_missing_files();
  mistakes_.throw_if_any();
  return plan;
}

// Once for each task, whatever number of splits and steps want them.
void Planner::report_missing_files() {
  for (const auto& missing : missing_)
    mistakes_.collect(missing.first->origin, [&] {
      missing.first->data->require_files({missing.second.begin(), missing.second.end()});
    });
}

void Planner::plan_trial(const ResolvedTrial& trial, Plan& plan) {
  const std::size_t number = plan.trial_steps.size();
  plan.trial_steps.emplace_back();
  for (const auto& step : trial.steps) {
    mistakes_.collect(step.origin, [&] {
      TrialSteps& steps = plan.trial_steps[number];
      if (step.verb == "report") return add_report(step, number, steps, plan);
      steps.push_back({step.name, step.item, plan_step(step, trial.trial.name(), steps, plan)});
    });
  }
}

std::size_t Planner::plan_step(const Step& step, const std::string& trial, const TrialSteps& steps, Plan& plan) {
  Work work;
  work.step = step;
  work.trial = trial;
  work.model = plan.works.size();
  for (const auto& input : step.inputs) {
    if (input.step.empty()) {
      if (!is_file(input.file) && (input.role != "of" || !is_folder(input.file)))
        throw RecipeError(input.origin, "'" + input.role + "': no such file: " + input.file);
      work.inputs.push_back({input, WorkInput::npos});
      continue;
    }
    const auto found = find_works(steps, input.step, input.item);
    if (found.empty()) throw RecipeError(input.origin, "step '" + input.step + "' cannot be planned: see above");
    for (const std::size_t index : found) {
      work.inputs.push_back({input, index});
      if (input.role == "of") work.model = index;
    }
  }
  for (const auto& choice : step.tasks)
    mistakes_.collect(choice.origin, [&] { work.tasks.push_back(task_use(choice, step.data)); });
  if (work.tasks.empty() && work.model != plan.works.size()) work.tasks = plan.works[work.model].tasks;
  if (work.model == plan.works.size())
    work.checkpoint = checkpoint_use(step, places_.models);
  else
    work.checkpoint = plan.works[work.model].checkpoint;

  static_cast<void>(digests_.take_asked());
  if (work.model == plan.works.size()) work.checkpoint.contents = checkpoint_contents(work.checkpoint, digests_);
  if (step.verb == "evaluate" && !step.inputs.empty() && step.inputs.front().step.empty()) {
    work.recorded = read_recorded(work);
    work.step.method = work.recorded->step.method;  // which are part of the work's identity
    work.step.combiner = work.recorded->step.combiner;
  }
  work.identity = step_identity(contents_of(work, plan), digests_);
  work.files = digests_.take_asked();
  work.id = identity_hash(work.identity);
  const auto known = by_id_.find(work.id);
  if (known != by_id_.end()) return known->second;
  find_state(work);
  by_id_[work.id] = plan.works.size();
  plan.works.push_back(std::move(work));
  return plan.works.size() - 1;
}

void Planner::add_report(const Step& step, std::size_t trial, const TrialSteps& steps, Plan& plan) {
  auto report = std::find_if(plan.reports.begin(), plan.reports.end(),
                             [&](const ReportWork& known) { return known.step.name == step.name; });
  if (report == plan.reports.end()) report = plan.reports.insert(report, {step, {}});
  for (const auto& input : step.inputs)
    for (const auto& known : steps)
      if (known.name == input.step && (input.item.empty() || known.item == input.item))
        report->results.emplace_back(trial, known);
}

std::shared_ptr<const TaskUse> Planner::task_use(const TaskChoice& choice, const Params& data) {
  const auto said = [&](const char* key) { return data.options().find(key) ? data.values().find(key) : nullptr; };
  TaskSettings settings;
  const Value* root = said("root");
  settings.root = data_root(places_.data, root ? absolute_path(root->text(), root->origin) : "");
  if (const Value* splits = said("splits")) settings.official_splits = splits->text() == "official";
  if (const Value* skip = said("skip_bad_rows")) settings.skip_bad_rows = skip->boolean();
  if (choice.labels.is_map())
    for (const auto& [label, text] : choice.labels.members()) settings.labels.emplace_back(label, text.scalar_text());
  if (const Value* prefix = said("task_prefix")) settings.task_prefix = prefix->boolean();
  const Value* all_files = said("files");  // task → {split: path}
  const Value* files = all_files && all_files->is_map() ? all_files->find(choice.name) : nullptr;
  if (files && files->is_map())
    for (const auto& [split, path] : files->members()) settings.files[split] = absolute_path(path.text(), path.origin);

  const std::string key = choice.name + "\n" + settings.root + "\n" + (settings.official_splits ? "o" : "") +
                          (settings.task_prefix ? "p" : "") + (settings.skip_bad_rows ? "s" : "") +
                          canonical_json(choice.labels) + (choice.in_place ? "i" : "") + "\n" +
                          canonical_json(choice.options.values()) + (files ? canonical_json(*files) : "");
  auto& use = tasks_[key];
  if (use) return use;
  auto made = std::make_shared<TaskUse>();
  made->name = choice.name;
  made->origin = choice.origin;
  made->options = choice.options;
  if (!choice.in_place) {
    made->plugin = machinery_.catalogue.find("task", choice.name);
    if (!made->plugin) throw RecipeError(choice.origin, "no plugin offers a task '" + choice.name + "'");
  }
  TextTask task = choice.in_place ? in_place_task(choice.name, choice.options)
                                  : machinery_.registry.make<TextTask>(choice.name, choice.options);
  for (const auto& metric : task.metrics)
    if (!machinery_.catalogue.find("metric", metric))
      throw RecipeError(choice.origin, "task '" + choice.name + "': no plugin offers its metric '" + metric + "'" +
                                           did_you_mean(metric, machinery_.catalogue.names("metric")));
  settings.cache = example_cache(*made);
  settings.reader_of = row_readers(machinery_.catalogue, machinery_.registry);
  made->data = std::make_shared<TaskData>(std::move(task), std::move(settings));
  return use = made;
}

// A plugin's bytes count, not only the version that it states: who builds a task anew sees what it makes now.
ExampleCache Planner::example_cache(const TaskUse& task) {
  ExampleCache cache{places_.cache.empty() ? "" : places_.cache + "/examples", {}, {}};
  const bool has_library = task.plugin && !task.plugin->library.empty();
  cache.maker = (has_library ? digests_.file(task.plugin->library) : "") + canonical_json(task.options.values());
  cache.digest = [this](const std::string& path) { return digests_.file(path); };
  cache.reader = [this](const std::string& form) {
    const auto* entry = machinery_.catalogue.find("reader", form);
    return entry && !entry->library.empty() ? digests_.file(entry->library) : "";
  };
  return cache;
}

std::vector<const Registry::Entry*> Planner::readers_of(const TaskUse& use,
                                                        const std::vector<std::string>& splits) const {
  std::vector<const Registry::Entry*> readers;
  for (const auto& split : splits) {
    if (!use.data->has_split(split)) continue;
    for (const auto& form : forms_of_plugins(use.data->files(split))) {
      const auto* entry = machinery_.catalogue.find("reader", form);
      if (entry && !std::count(readers.begin(), readers.end(), entry)) readers.push_back(entry);
    }
  }
  return readers;
}

TaskContents Planner::task_contents(const TaskUse& use, const std::vector<std::string>& splits) {
  const TextTask& task = use.data->task();
  TaskContents contents{use.name, use.plugin, Value::map(), use.options, {}, {}};
  contents.rule.set("splits", use.data->settings().official_splits ? "official" : text_of(task.splits));
  contents.rule.set("prefix", use.data->prefix());
  Value& labels = contents.rule.set("labels", Value::list());
  for (const auto& label : use.data->labels()) labels.push_back(label);
  Value& metrics = contents.rule.set("metrics", Value::list());
  for (const auto& metric : task.metrics) {
    metrics.push_back(metric);
    contents.metrics.push_back(machinery_.catalogue.find("metric", metric));  // it is there: task_use
  }

  std::vector<std::string> needed = splits;
  if (!use.data->has_split("validation")) std::erase(needed, "validation");  // then the last state is the result
  std::map<std::string, std::string> digests;
  for (const auto& split : needed) {
    const DataFiles files = use.data->files(split);
    if (files.found())
      digests[files.split] = contents_digest(files, use.data->settings().cache.digest);
    else if (!use.data->task().generate)
      missing_[&use].insert(split);
  }
  contents.files.assign(digests.begin(), digests.end());
  contents.readers = readers_of(use, needed);
  return contents;
}

CheckpointUse checkpoint_use(const Step& step, const std::string& models) {
  CheckpointUse use;
  const Value* tokenizer = step_value(step, "tokenizer");
  const Value* said = step_value(step, "checkpoint");
  if (!said || said->is_null())
    throw RecipeError(step.backbone_keys.where(), "'checkpoint' is missing; a folder, or {random: tiny, seed: 0}");
  if (said->is_map()) {
    const Value& shape = said->at("random");
    const std::string file = absolute_path(shape.text(), shape.origin);
    use.random_shape = is_file(file)                                       ? file
                       : is_folder(file) && is_file(file + "/config.json") ? file + "/config.json"
                                                                           : shape.text();
    const Value* seed = said->find("seed");
    use.random_seed = seed ? static_cast<std::uint64_t>(seed->integer()) : 0;
    if (const Value* other = said->find("tokenizer"); other && !other->is_null()) tokenizer = other;
  } else {
    use.folder = checkpoint_folder(said->text(), said->origin, models);
    if (!is_file(use.folder + "/config.json"))
      throw FormatError(said->origin, use.folder + ": no config.json, so no checkpoint in Hub layout");
  }
  if (tokenizer && !tokenizer->is_null())
    use.tokenizer = absolute_path(tokenizer->text(), tokenizer->origin);
  else
    use.tokenizer = use.folder.empty() ? own_tokenizer() : use.folder;
  if (is_folder(use.tokenizer)) use.tokenizer = tokenizer_file(use.tokenizer);
  return use;
}

Value checkpoint_contents(const CheckpointUse& checkpoint, ContentDigests& digests) {
  Value contents = Value::map();
  if (!checkpoint.folder.empty()) {
    contents.set("digest", digests.checkpoint(checkpoint.folder));
    return contents;
  }
  contents.set("random",
               is_file(checkpoint.random_shape) ? digests.file(checkpoint.random_shape) : checkpoint.random_shape);
  contents.set("seed", checkpoint.random_seed);
  return contents;
}

std::string Planner::input_digest(const WorkInput& input, const Plan& plan) {
  if (input.work != WorkInput::npos) return plan.works[input.work].id;
  if (!is_folder(input.input.file)) return digests_.file(input.input.file);
  std::map<std::string, std::string> digests;
  for (const auto& entry : fs::recursive_directory_iterator(input.input.file))
    if (is_file(entry.path().string())) {
      const std::string path = entry.path().string();
      digests[path.substr(input.input.file.size())] = digests_.file(path);
    }
  std::string text;
  for (const auto& [name, digest] : digests) text += name + " " + digest + "\n";
  return text_digest(text);
}

// The model of a result that no step of this recipe made, or of another program's files, on this recipe's backbone.
std::shared_ptr<const Work> Planner::read_recorded(const Work& work) {
  const Input& input = work.inputs.front().input;
  auto model = std::make_shared<Work>();
  std::vector<std::string> tasks;
  try {
    if (work.step.model) {
      model->step = *work.step.model;
      for (const auto& task : model->step.tasks) tasks.push_back(task.name);
    } else {
      const AdapterSummary summary = machinery_.engine().describe_adapter({input.file, "", ""});
      model->step = adapter_step(summary, work.step.resolved.at("tasks"), work.step.resolved.at("backbone"),
                                 source_length(work.step), machinery_.catalogue);
      tasks = summary.tasks;
      if (tasks.empty() && !work.tasks.empty()) tasks.push_back(work.tasks.front()->name);
    }
  } catch (const Error& error) {
    throw RecipeError(input.origin, std::string("'of': ") + error.what());
  }
  model->checkpoint = work.checkpoint;
  for (const auto& one : model->step.inputs) model->inputs.push_back({one, WorkInput::npos});
  for (const auto& task : tasks) {
    auto use = std::make_shared<TaskUse>();
    use->name = task;
    model->tasks.push_back(std::move(use));
  }
  return model;
}

StepContents Planner::contents_of(const Work& work, const Plan& plan) {
  StepContents contents;
  contents.step = &work.step;
  // What a result is scored with is the model that was trained: its hash says everything about it.
  const bool own_model = work.model == plan.works.size();
  contents.tokenizer = digests_.file(work.checkpoint.tokenizer);
  if (own_model) {
    contents.backbone = machinery_.catalogue.find("backbone", work.step.backbone.name);
    contents.checkpoint = work.checkpoint.contents;
    if (work.step.method) contents.method = machinery_.catalogue.find("method", work.step.method->name);
    if (work.step.combiner) contents.combiner = machinery_.catalogue.find("combiner", work.step.combiner->name);
  }
  for (const auto& task : work.tasks)
    mistakes_.collect(task->origin, [&] { contents.tasks.push_back(task_contents(*task, splits_of(work.step))); });
  for (const auto& input : work.inputs)
    contents.inputs.push_back(
        {input.input.role,
         input.input.task + input.input.part + (input.input.row < 0 ? "" : "[" + std::to_string(input.input.row) + "]"),
         input_digest(input, plan)});
  return contents;
}

void Planner::find_state(Work& work) const {
  const StepFolder folder(places_.out, work.id);
  work.failure = folder.failure();
  if (folder.damaged()) log::warn(folder.file("result.json") + " is damaged; '" + work.title() + "' is done again");
  if (folder.complete(work.step.verb)) {
    work.state = WorkState::done;
    const Value result = folder.result();
    work.trained.parameters = integer_in(result, "trained_parameters");
    work.trained.backbone_parameters = integer_in(result, "backbone_parameters");
    work.trained.parameters_per_task = number_in(result, "trained_parameters_per_task");
    work.updates = integer_in(result, "updates");
    work.examples = integer_in(result, "examples");
  } else if (!work.failure.empty()) {
    work.state = WorkState::failed;
  } else if (folder.resumable()) {
    work.state = WorkState::resumable;
  }
}

StepContents Planner::plugins_of(const Work& work) const {
  StepContents plugins;
  plugins.backbone = machinery_.registry.find("backbone", work.step.backbone.name);
  if (work.step.method) plugins.method = machinery_.registry.find("method", work.step.method->name);
  if (work.step.combiner) plugins.combiner = machinery_.registry.find("combiner", work.step.combiner->name);
  for (const auto& task : work.tasks) {
    plugins.tasks.push_back({task->name, task->plugin, {}, {}, {}, {}});
    for (const auto& metric : task->data->task().metrics)
      plugins.tasks.back().metrics.push_back(machinery_.registry.find("metric", metric));
    plugins.tasks.back().readers = readers_of(*task, splits_of(work.step));
  }
  return plugins;
}

void Planner::require_unchanged(const Work& work) {
  constexpr const char* advice = "; the same command plans anew, and what is finished stays";
  for (const auto& [path, digest] : work.files) {
    if (!is_file(path) && !is_folder(path))
      throw DataError({path}, std::string("was there when the run was planned, and is gone") + advice);
    if (digests_.file(path) != digest)
      throw DataError({path}, std::string("has changed since the run was planned") + advice);
  }
}

std::shared_ptr<const Tokenizer> Planner::tokenizer(const std::string& path) {
  auto& opened = tokenizers_[path];
  if (!opened) opened = Tokenizer::open(path);
  return opened;
}

namespace {

// The names of the trials that want each piece of work.
std::vector<std::vector<std::string>> trials_by_work(const Plan& plan) {
  std::vector<std::vector<std::string>> names(plan.works.size());
  for (std::size_t trial = 0; trial < plan.trials.size(); ++trial)
    for (const auto& step : plan.trial_steps[trial]) names[step.work].push_back(plan.trials[trial].name());
  return names;
}

}  // namespace

void Planner::count_work(Plan& plan) {
  bool has_engine = false;
  mistakes_.enter_trials(names_of(plan.trials));
  mistakes_.collect({}, [&] {
    static_cast<void>(machinery_.engine());
    has_engine = true;
  });
  const auto trials = trials_by_work(plan);
  for (std::size_t i = 0; i < plan.works.size(); ++i) {
    Work& work = plan.works[i];
    if (work.state == WorkState::done) continue;
    mistakes_.enter_trials(trials[i]);
    check_target_lengths(work);
    mistakes_.collect(work.step.origin, [&] {
      if (work.step.verb == "train")
        count_training(work, plan, has_engine);
      else
        count_evaluation(work, plan, has_engine);
    });
  }
  for (std::size_t i = 0; i < plan.works.size(); ++i) {
    const Work& work = plan.works[i];
    if (work.trained.groups.empty()) continue;
    mistakes_.enter_trials(trials[i]);
    mistakes_.collect(work.step.origin, [&] { check_rates(work, plan); });
  }
  mistakes_.throw_if_any();
}

namespace {

std::string nothing_to_train(const Step& step, const std::vector<std::string>& groups) {
  if (!groups.empty())
    return "'" + step.title() + "' has nothing to train: its learning rate is 0 for all that it could train (" +
           joined(groups, ", ") + "); give learning_rate, or learning_rates, above 0";
  std::string said;
  if (step.method)
    for (const auto& [key, value] : step.method->options.values().members())
      if (step.method->options.said(key) && !value.is_map() && !value.is_list() && key != "combiner" &&
          !step.method->options.options().find(key)->names_results())
        said += (said.empty() ? " (" : ", ") + key + ": " + value.scalar_text();
  return "'" + step.title() + "' has nothing to train: method '" + (step.method ? step.method->name : "") + "'" + said +
         (said.empty() ? "" : ")") + (step.combiner ? " with combiner '" + step.combiner->name + "'" : "") +
         " has no trained parameters; choose another combiner, or options with which the method trains something";
}

std::string quoted_title(const Work& work) {
  return "'" + work.title() + "'" + (work.trial.empty() ? "" : " (" + work.trial + ")");
}

void add_note(Plan& plan, const Origin& origin, const std::string& what) {
  const std::string text = (origin.known() ? origin.text() + ": " : "") + what;
  if (!std::count(plan.notes.begin(), plan.notes.end(), text)) plan.notes.push_back(text);
}

// The paper's own recipes have such runs (CB: 160 updates).
void note_short_run(const Work& work, Plan& plan) {
  const std::int64_t warmup = step_integer(work.step, "warmup_updates", 0);
  if (warmup < 1 || work.updates > warmup || work.updates == 0) return;
  const Value* said = step_value(work.step, "warmup_updates");
  add_note(plan, said && said->origin.known() ? said->origin : work.step.origin,
           "the " + std::to_string(work.updates) + " updates of " + quoted_title(work) + " end within its warm-up of " +
               std::to_string(warmup) + ": the learning rate is never reached");
}

// Options without effect: what the method says of its own, and a temperature that nothing is sampled by.
void note_options(const Work& work, Plan& plan) {
  for (const auto& note : work.trained.notes)
    add_note(plan, note.origin, "method '" + work.step.method->name + "': " + note.message);
  const Params& settings = work.step.settings;
  if (settings.said("sampling_temperature") && settings.text("sampling") != "temperature")
    add_note(plan, settings.origin("sampling_temperature"),
             "'sampling_temperature' has an effect where 'sampling' is temperature; here it is " +
                 settings.text("sampling"));
}

// What is said for parameters that the step does not train; in a sweep's trial this may well be meant.
void note_unused_keys(const Work& work, Plan& plan) {
  const auto& groups = work.trained.groups;
  const auto note = [&](const Origin& origin, const std::string& group, const std::string& what) {
    if (std::count(groups.begin(), groups.end(), group)) return;
    add_note(plan, origin,
             what + ", which " + quoted_title(work) + " does not train (it trains: " + joined(groups, ", ") + ")");
  };
  for (const auto& input : work.inputs) {
    const bool gives_prompt = work.step.method && work.step.method->options.options().find("attention_from");
    if (input.input.role == "start_from" && gives_prompt)  // other methods without a prompt start all that they train
      note(input.input.origin, "prompt", "'start_from' gives a first value for 'prompt'");
    if (input.input.role == "attention_from")
      note(input.input.origin, "attention", "'attention_from' gives first values for 'attention'");
  }
}

}  // namespace

// The groups that a training has whose method and combiner are used as they usually are: words and switches at their
// defaults (target_prompt: trained).
std::vector<std::string> Planner::usual_groups(const Work& work, const Plan& plan) try {
  ModelJob model = model_job(work, plan, places_.out, *tokenizer(work.checkpoint.tokenizer));
  const Params& said = model.method.options;
  Value options = said.values();
  for (const auto& option : said.options().all()) {
    const bool is_switch = option.type == Option::Type::text || option.type == Option::Type::boolean;
    if (is_switch && !option.fallback.is_null()) options.set(option.key, option.fallback);
    if (option.input == Option::Input::first_values) model.inputs.erase(option.key);
  }
  const Option* combiner = said.options().find("combiner");
  if (combiner && combiner->fallback.is_text())
    if (const auto* entry = machinery_.catalogue.find("combiner", combiner->fallback.text())) {
      Problems none;
      model.combiner = PluginChoice{entry->name, entry->options.check(Value(), {}, none)};
    }
  model.method.options = Params(said.options(), std::move(options), said.where());
  return machinery_.engine().count(model).groups;
} catch (const Error&) {  // another combiner may not fit what this one is given
  return {};
}

// A rate for a group that a step does not train is a mistake, unless it is said for other steps or trials too and one
// of them trains it, or the step's method usually does: in a sweep's trial this may well be meant.
void Planner::check_rates(const Work& work, Plan& plan) {
  const Value* rates = step_value(work.step, "learning_rates");
  if (!rates || !rates->is_map()) return;
  const auto has = [](const std::vector<std::string>& groups, const std::string& group) {
    return std::find(groups.begin(), groups.end(), group) != groups.end();
  };
  const auto trained_elsewhere = [&](const std::string& group, const Origin& place) {
    return std::any_of(plan.works.begin(), plan.works.end(), [&](const Work& other) {
      const Value* others = other.step.verb == "train" ? step_value(other.step, "learning_rates") : nullptr;
      const Value* same = others && others->is_map() ? others->find(group) : nullptr;
      if (!same || same->origin.text() != place.text()) return false;
      if (!other.trained.groups.empty()) return has(other.trained.groups, group);
      return has(
          machinery_.engine().count(model_job(other, plan, places_.out, *tokenizer(other.checkpoint.tokenizer))).groups,
          group);
    });
  };
  const auto& groups = work.trained.groups;
  for (const auto& [group, rate] : rates->members()) {
    if (has(groups, group)) continue;
    const std::string trains = "'" + work.title() + "' trains: " + joined(groups, ", ");
    if (trained_elsewhere(group, rate.origin) || has(usual_groups(work, plan), group))
      add_note(plan, rate.origin,
               "a learning rate is given for '" + group + "', which " + quoted_title(work) +
                   " does not train (it trains: " + joined(groups, ", ") + ")");
    else
      mistakes_.add(rate.key_origin.known() ? rate.key_origin : rate.origin,
                    "'learning_rates': no group '" + group + "'" + did_you_mean(group, groups) + " (" + trains + ")");
  }
}

void Planner::check_target_lengths(const Work& work) {
  const std::int64_t given = step_integer(work.step, "target_length", 0);
  for (const auto& task : work.tasks)
    mistakes_.collect(task->origin, [&] {
      static_cast<void>(target_length(task->data->task(), *tokenizer(work.checkpoint.tokenizer),
                                      given > 0 ? std::optional(given) : std::nullopt));
    });
}

void Planner::count_training(Work& work, Plan& plan, bool has_engine) {
  const Value* few_shot = step_value(work.step, "few_shot");
  for (const auto& task : work.tasks)
    mistakes_.collect(few_shot && few_shot->is_map() ? few_shot->origin : task->origin, [&] {
      work.examples += static_cast<std::int64_t>(used_split(*task, work.step, "train").size());
      if (has_validation(*task)) static_cast<void>(used_split(*task, work.step, "validation"));
    });
  const std::int64_t batch = std::max<std::int64_t>(1, step_integer(work.step, "batch_size", 1));
  work.updates = step_integer(work.step, "updates", 0);
  if (work.updates == 0) work.updates = step_integer(work.step, "epochs", 0) * ((work.examples + batch - 1) / batch);
  note_short_run(work, plan);

  if (!has_engine) return;
  const ModelJob model = model_job(work, plan, places_.out, *tokenizer(work.checkpoint.tokenizer));
  work.trained = machinery_.engine().count(model);
  if (work.trained.parameters == 0)
    throw RecipeError(work.step.origin, nothing_to_train(work.step, work.trained.groups));
  note_unused_keys(work, plan);
  note_options(work, plan);
}

// A result with parameters for each of several tasks has none for another task.
void Planner::check_known_tasks(const Work& work, const Plan& plan) {
  const Work& model = model_of(work, plan);
  if (model.tasks.size() < 2) return;
  std::string names;
  for (const auto& task : model.tasks) names += (names.empty() ? "" : ", ") + task->name;
  for (const auto& choice : work.step.tasks) {
    const auto is_it = [&](const auto& task) { return task->name == choice.name; };
    if (std::any_of(model.tasks.begin(), model.tasks.end(), is_it)) continue;
    auto tensors = model.trained.tensors;
    if (tensors.empty())
      tensors = machinery_.engine()
                    .count(model_job(model, plan, places_.out, *tokenizer(model.checkpoint.tokenizer)))
                    .tensors;
    if (std::none_of(tensors.begin(), tensors.end(), [](const TensorShape& tensor) { return tensor.of_tasks; })) return;
    throw RecipeError(choice.origin.known() ? choice.origin : work.step.origin,
                      "'" + model.title() + "' has parameters for each of its tasks (" + names + "), and none for '" +
                          choice.name + "'; score it on its own tasks, or train it on '" + choice.name + "' too");
  }
}

void Planner::count_evaluation(Work& work, const Plan& plan, bool has_engine) {
  for (const auto& task : work.tasks)
    mistakes_.collect(task->origin, [&] {
      work.examples += static_cast<std::int64_t>(used_split(*task, work.step, splits_of(work.step).front()).size());
    });
  if (work.inputs.empty()) {  // the untouched backbone: its config is read, so that it is known to be one
    const ModelJob model = model_job(work, plan, places_.out, *tokenizer(work.checkpoint.tokenizer));
    if (has_engine) work.trained.backbone_parameters = machinery_.engine().count(model).backbone_parameters;
  } else if (has_engine) {
    work.trained.backbone_parameters = model_of(work, plan).trained.backbone_parameters;
    check_known_tasks(work, plan);
  }
  if (!has_engine) return;
  const Value* merge = step_value(work.step, "merge");
  const bool merges = merge && merge->boolean();
  if (!merges && !work.recorded) return;
  mistakes_.collect(work.recorded ? work.inputs.front().input.origin : merge->origin, [&] {
    machinery_.engine().check(scoring_job(work, plan, places_.out, *tokenizer(work.checkpoint.tokenizer)));
  });
}

// Tokens of `examples` rows of a split, from evenly spaced ones of them.
std::int64_t tokens_of(const TaskUse& task, const std::string& split, const Step& step, const Tokenizer& tokenizer) {
  constexpr std::size_t sampled = 1000;
  const Split examples = used_split(task, step, split);
  if (examples.empty()) return 0;
  const std::size_t stride = (examples.size() + sampled - 1) / sampled;
  const std::int64_t length = source_length(step);
  std::int64_t tokens = 0, count = 0;
  for (std::size_t i = 0; i < examples.size(); i += stride, ++count)
    tokens += static_cast<std::int64_t>(tokenizer.encode(examples.source(i), length).ids.size() +
                                        tokenizer.encode(examples.target(i)).size()) +
              1;
  return tokens * static_cast<std::int64_t>(examples.size()) / count;
}

void Planner::count_tokens(Plan& plan) {
  for (auto& work : plan.works) {
    if (work.state == WorkState::done || work.examples == 0) continue;
    const auto pieces = tokenizer(work.checkpoint.tokenizer);
    std::int64_t once = 0;
    for (const auto& task : work.tasks) once += tokens_of(*task, splits_of(work.step).front(), work.step, *pieces);
    const std::int64_t batch = step_integer(work.step, "batch_size", 1);
    const std::int64_t seen = work.step.verb == "train" ? examples_seen(work.updates, batch, work.examples) : 0;
    work.tokens = seen > 0 ? static_cast<std::int64_t>(static_cast<double>(once) * static_cast<double>(seen) /
                                                       static_cast<double>(work.examples))
                           : once;
  }
}

}  // namespace atp
