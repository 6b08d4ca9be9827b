#include "pipeline/jobs.h"

#include <algorithm>

#include "data/split_data.h"

namespace atp {

namespace {

std::string name_of(const Input& input) {
  if (input.step.empty()) return input.file;
  std::string name = input.step;
  for (const auto& part : {input.item, input.task})
    if (!part.empty()) name += "." + part;
  return input.row < 0 ? name : name + "." + input.part + "." + input.label;
}

ResultFile result_file(const WorkInput& input, const Plan& plan, const std::string& out) {
  if (input.work == WorkInput::npos) {
    ResultFile file{name_of(input.input), input.input.file, input.input.task};
    file.tensor = input.input.part;
    return file;
  }
  const Work& work = plan.works[input.work];
  ResultFile file{name_of(input.input), StepFolder(out, work.id).tensors(), input.input.task};
  if (input.input.row >= 0) {
    file.tensor = input.input.part;
    file.row = input.input.row;
  }
  if (work.state == WorkState::done) return file;
  file.planned = work.trained.tensors;
  file.planned_prompt = work.trained.prompt;
  for (const auto& task : work.tasks) file.planned_tasks.push_back(task->name);
  return file;
}

std::optional<std::int64_t> optional_integer(const Step& step, const std::string& key) {
  const Value* value = step_value(step, key);
  return value && value->is_integer() ? std::optional(value->integer()) : std::nullopt;
}

double number(const Step& step, const std::string& key, double fallback) {
  const Value* value = step_value(step, key);
  return value && value->is_number() ? value->number() : fallback;
}

std::string text(const Step& step, const std::string& key, const std::string& fallback) {
  const Value* value = step_value(step, key);
  return value && value->is_text() ? value->text() : fallback;
}

SplitData split_of(const TaskUse& task, const Step& step, const std::string& split, const std::string& cache,
                   const std::shared_ptr<const Tokenizer>& tokenizer, const Registry& registry) {
  SplitRequest request;
  request.source_length = source_length(step);
  request.target_length = optional_integer(step, "target_length");
  request.cache_folder = cache;
  return split_data(*task.data, used_split(task, step, split), request, tokenizer, registry);
}

TrainSettings train_settings(const Step& step) {
  TrainSettings settings;
  settings.learning_rate = number(step, "learning_rate", settings.learning_rate);
  if (const Value* rates = step_value(step, "learning_rates"); rates && rates->is_map())
    for (const auto& [group, rate] : rates->members()) settings.learning_rates[group] = rate.number();
  settings.weight_decay = number(step, "weight_decay", settings.weight_decay);
  settings.warmup_updates = step_integer(step, "warmup_updates", settings.warmup_updates);
  settings.batch_size = step_integer(step, "batch_size", settings.batch_size);
  settings.accumulation = step_integer(step, "accumulation", settings.accumulation);
  settings.clip = number(step, "clip", settings.clip);
  settings.updates = step_integer(step, "updates", 0);
  settings.epochs = settings.updates > 0 ? 0 : step_integer(step, "epochs", 0);
  settings.order = text(step, "order", settings.order);
  if (step.settings.has_fault("adamw")) {
    settings.epsilon = 1e-6;
    settings.weight_decay = 0;
  }
  if (step.settings.has_fault("attention_rate")) settings.learning_rates.erase("attention");
  settings.micro_batch_means = step.settings.has_fault("micro_batch_means");
  settings.sampling = text(step, "sampling", settings.sampling);
  settings.sampling_temperature = number(step, "sampling_temperature", settings.sampling_temperature);
  settings.evaluate_every = step_integer(step, "evaluate_every", 0);
  settings.patience = step_integer(step, "patience", 0);
  settings.checkpoint_every = step_integer(step, "checkpoint_every", 0);
  settings.evaluation_batch_size = step_integer(step, "evaluation_batch_size", 0);
  return settings;
}

}  // namespace

bool has_validation(const TaskUse& task) { return task.data->has_split("validation"); }

ModelJob model_job(const Work& work, const Plan& plan, const std::string& out, const Tokenizer& tokenizer) {
  const Work& model = model_of(work, plan);
  const Step& step = model.step;
  ModelJob job;
  job.backbone.backbone = {step.backbone.name, step.backbone.options};
  job.backbone.folder = model.checkpoint.folder;
  job.backbone.random_shape = model.checkpoint.random_shape;
  job.backbone.random_seed = model.checkpoint.random_seed;
  job.backbone.contents = model.checkpoint.contents;
  job.backbone.vocabulary = tokenizer.vocabulary();
  job.backbone.precision = text(step, "precision", job.backbone.precision);
  if (const Value* dropout = step_value(step, "dropout"); dropout && dropout->is_number())
    job.backbone.dropout = dropout->number();
  if (step.method) job.method = {step.method->name, step.method->options};
  if (step.combiner) job.combiner = PluginChoice{step.combiner->name, step.combiner->options};
  if (step.method)
    for (const auto& task : model.tasks) job.tasks.push_back(task->name);
  for (const auto& input : model.inputs) {
    job.inputs[input.input.role].push_back(result_file(input, plan, out));
  }
  job.source_length = step_integer(step, "source_length", job.source_length);
  job.frequent_pieces = tokenizer.frequent_pieces();
  job.seed = static_cast<std::uint64_t>(step_integer(step, "seed", 0));
  const auto settings = train_settings(step);
  job.learning_rate = settings.learning_rate;
  job.learning_rates = settings.learning_rates;
  return job;
}

TrainJob train_job(const Work& work, const Plan& plan, const JobPlaces& places,
                   const std::shared_ptr<const Tokenizer>& tokenizer, const Registry& registry) {
  TrainJob job;
  job.model = model_job(work, plan, places.out, *tokenizer);
  job.settings = train_settings(work.step);
  job.folder = places.folder;
  job.identity = work.id;
  for (std::size_t i = 0; i < work.tasks.size(); ++i) {
    const auto add = [&](std::vector<SplitData>& splits, const char* name) {
      splits.push_back(split_of(*work.tasks[i], work.step, name, places.cache, tokenizer, registry));
      splits.back().task_number = static_cast<std::int64_t>(i);
    };
    add(job.train, "train");
    if (has_validation(*work.tasks[i])) add(job.validation, "validation");
  }
  return job;
}

EvaluateJob scoring_job(const Work& work, const Plan& plan, const std::string& out, const Tokenizer& tokenizer) {
  EvaluateJob job;
  job.model = model_job(work, plan, out, tokenizer);
  for (const auto& input : work.inputs)
    if (input.input.role == "of" && work.recorded && !work.step.model)
      job.adapter = AdapterFile{input.input.file, "", ""};
    else if (input.input.role == "of")
      job.result = result_file(input, plan, out);
  job.batch_size = step_integer(work.step, "batch_size", job.batch_size);
  if (const Value* merge = step_value(work.step, "merge"); merge && merge->is_boolean()) job.merge = merge->boolean();
  return job;
}

EvaluateJob evaluate_job(const Work& work, const Plan& plan, const JobPlaces& places,
                         const std::shared_ptr<const Tokenizer>& tokenizer, const Registry& registry) {
  EvaluateJob job = scoring_job(work, plan, places.out, *tokenizer);
  job.folder = places.folder;
  for (const auto& task : work.tasks) {
    job.splits.push_back(split_of(*task, work.step, splits_of(work.step).front(), places.cache, tokenizer, registry));
    const auto& names = job.model.tasks;  // a task that the model does not know is scored as its first one
    const auto known = std::find(names.begin(), names.end(), task->name);
    job.splits.back().task_number = known == names.end() ? 0 : known - names.begin();
  }
  return job;
}

}  // namespace atp
