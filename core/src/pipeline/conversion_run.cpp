#include "pipeline/conversion_run.h"

#include <unistd.h>

#include <boost/filesystem.hpp>
#include <cerrno>
#include <iomanip>
#include <ostream>
#include <system_error>

#include "atp/log.h"
#include "atp/words.h"
#include "data/split_data.h"
#include "io/durable_file.h"
#include "pipeline/adapter_step.h"
#include "pipeline/jobs.h"
#include "pipeline/progress.h"
#include "pipeline/recorded_step.h"
#include "pipeline/stop_signal.h"
#include "pipeline/workshop.h"

namespace atp {

namespace {

namespace fs = boost::filesystem;

std::string shape_words(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> sizes;
  for (const auto size : shape) sizes.push_back(std::to_string(size));
  return "[" + joined(sizes) + "]";
}

Value texts_value(const std::vector<std::string>& texts) {
  Value list = Value::list();
  for (const auto& text : texts) list.push_back(text);
  return list;
}

Value summary_value(const AdapterSummary& summary) {
  Value value = Value::map();
  value.set("format", summary.format);
  value.set("method", summary.method);
  value.set("options", summary.options);
  if (!summary.combiner.empty()) {
    value.set("combiner", summary.combiner);
    value.set("combiner_options", summary.combiner_options);
  }
  value.set("tasks", texts_value(summary.tasks));
  value.set("source_prompts", texts_value(summary.sources));
  Value& tensors = value.set("tensors", Value::map());
  for (const auto& tensor : summary.tensors) {
    Value sizes = Value::list();
    for (const auto size : tensor.shape) sizes.push_back(size);
    tensors.set(tensor.name, sizes);
  }
  return value;
}

void print_summary(const ConversionRequest& request, const AdapterSummary& summary, std::ostream& out) {
  if (request.json) {
    out << to_json(summary_value(summary), 2) << "\n";
    return;
  }
  constexpr std::size_t shown = 8;
  out << request.from << ": format " << summary.format << "\n  method " << summary.method << " "
      << to_json(summary.options) << "\n";
  if (!summary.combiner.empty())
    out << "  combiner " << summary.combiner << " " << to_json(summary.combiner_options) << "\n";
  if (!summary.tasks.empty()) out << "  tasks " << joined(summary.tasks) << "\n";
  if (!summary.sources.empty()) out << "  source prompts " << joined(summary.sources) << "\n";
  for (std::size_t i = 0; i < summary.tensors.size() && i < shown; ++i)
    out << "  " << summary.tensors[i].name << " " << shape_words(summary.tensors[i].shape) << "\n";
  if (summary.tensors.size() > shown) out << "  … " << summary.tensors.size() << " tensors in all\n";
}

std::string target_format(const ConversionRequest& request) {
  if (!request.to_format.empty()) return request.to_format;
  const std::string ending = fs::path(request.to).extension().string();
  if (ending == ".npy") return "npy";
  if (ending == ".pt") return "attempt";
  if (!request.checkpoint.empty()) return "result";
  throw RecipeError("atp convert: which format is " + request.to +
                    " to have? Say --to peft, attempt, npy or result (docs/exchange.md has them all)");
}

// A folder is made, and never mixed with what lies in another; a file is replaced. Said before anything is computed.
void require_place(const std::string& path) {
  boost::system::error_code error;
  const bool is_there = fs::is_directory(path, error);
  if (is_there && !fs::is_empty(path))
    throw RecipeError(path + ": this folder is there, and holds something; name another");
  const fs::path folder = is_there ? fs::absolute(path) : fs::absolute(path).parent_path();
  if (!fs::is_directory(folder, error)) throw RecipeError(path + ": there is no folder " + folder.string());
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    throw RecipeError(path + ": cannot be written: the folder " + folder.string() + ": " +
                      std::generic_category().message(errno));
}

// What the files say of a plugin that is here is something that it has.
void require_known_options(const std::string& path, const std::string& kind, const std::string& name,
                           const Value& options, Catalogue& catalogue) {
  const auto* entry = name.empty() ? nullptr : catalogue.find(kind, name);
  if (!entry) return;
  for (const auto& [key, value] : options.members())
    if (!entry->options.find(key))
      throw RecipeError(path + ": " + kind + " '" + name + "' has no option '" + key + "'" +
                        did_you_mean(key, entry->options.keys()));
}

// How a result's recipe names the checkpoint, for formats that keep such a name; "" where there is none.
std::string base_model(const std::string& result) {
  const std::string file = result + "/recipe.yaml";
  if (!fs::is_regular_file(file)) return "";
  const Value recipe = parse_yaml(read_file(file), file);
  const Value* backbone = recipe.find("backbone");
  const Value* checkpoint = backbone && backbone->is_map() ? backbone->find("checkpoint") : nullptr;
  return checkpoint && checkpoint->is_text() ? checkpoint->text() : "";
}

// --- results out of other programs' files ----------------------------------------------------------------------------

std::string backbone_name(const ConversionRequest& request, const AdapterSummary& summary, Catalogue& catalogue) {
  if (!request.backbone.empty()) return request.backbone;
  if (!summary.backbone.empty()) return summary.backbone;
  const auto names = catalogue.names("backbone");
  if (names.size() == 1) return names.front();
  throw RecipeError("atp convert: " + request.from + " does not say of which backbone it is, and there are " +
                    (names.empty() ? "none" : joined(names)) + "; say it with --backbone");
}

// The backbone, tasks and lengths that the command says.
Step step_of(const ConversionRequest& request, const AdapterSummary& summary, const std::vector<std::string>& tasks,
             Catalogue& catalogue) {
  Value backbone = Value::map();
  backbone.set("name", backbone_name(request, summary, catalogue));
  backbone.set("checkpoint", parse_yaml(request.checkpoint, "--checkpoint"));
  if (!request.tokenizer.empty()) backbone.set("tokenizer", fs::absolute(request.tokenizer).string());
  return adapter_step(summary, texts_value(tasks), backbone, request.source_length, catalogue);
}

// recipe.yaml of the result: what fixes the model, and nothing of a training that was not ours.
Value written(const Step& step) {
  Value out = Value::map();
  for (const char* key : {"step", "verb", "source_prompts", "tasks", "method", "combiner", "backbone", "data"})
    if (const Value* value = step.resolved.find(key)) out.set(key, *value);
  return out;
}

Value record(const Work& work, const AdapterSummary& summary, const TrainedCount& trained, ContentDigests& digests) {
  Value result = Value::map();
  result.set("verb", "train");
  Value& tasks = result.set("tasks", Value::list());
  for (const auto& task : work.step.tasks) tasks.push_back(task.name);
  result.set("scores", Value::map());
  result.set("trained_parameters", trained.parameters);
  result.set("trained_parameters_per_task", trained.parameters_per_task);
  result.set("backbone_parameters", trained.backbone_parameters);
  result.set("converted_from", summary.format);
  Value& backbone = result.set("identity", Value::map()).set("backbone", Value::map());
  backbone.set("checkpoint", work.checkpoint.contents);
  backbone.set("tokenizer", digests.file(work.checkpoint.tokenizer));
  return result;
}

void make_result(const ConversionRequest& request, const AdapterFile& from, const AdapterSummary& summary,
                 Machinery& machinery) {
  if (request.checkpoint.empty())
    throw RecipeError(
        "atp convert: a result is of a backbone; say which with --checkpoint (a folder, or a name below "
        "--models)");
  if (summary.format == "result")
    throw RecipeError("atp convert: " + request.from +
                      " is a result already; it can be scored and predicted with as it is");
  const auto tasks = request.task.empty() ? summary.tasks : std::vector<std::string>{request.task};
  if (tasks.empty())
    throw RecipeError("atp convert: a result is of a task, and " + request.from +
                      " does not say of which; say it with --task");
  Work work;
  work.step = step_of(request, summary, tasks, machinery.catalogue);
  ContentDigests digests("");
  work.checkpoint = checkpoint_use(work.step, request.models);
  work.checkpoint.contents = checkpoint_contents(work.checkpoint, digests);
  for (const auto& input : work.step.inputs) work.inputs.push_back({input, WorkInput::npos});
  Planner planner({"", "", "", request.models}, machinery, digests);
  for (const auto& choice : work.step.tasks) work.tasks.push_back(planner.task_use(choice, work.step.data));

  ModelJob job = model_job(work, {}, "", *planner.tokenizer(work.checkpoint.tokenizer));
  if (auto sources = job.inputs.find("source_prompts"); sources != job.inputs.end())
    for (std::size_t i = 0; i < sources->second.size(); ++i) sources->second[i].name = summary.sources.at(i);
  const TrainedCount trained = machinery.engine().adopt_adapter(from, job, request.to);
  write_durably(request.to + "/recipe.yaml", write_yaml(written(work.step)));
  write_durably(request.to + "/result.json", to_json(record(work, summary, trained, digests), 2) + "\n");
}

// --- one prompt in the place of one for each input -------------------------------------------------------------------

void print_cost(const ConversionRequest& request, const std::string& task, const MeanPromptCost& cost,
                std::ostream& out) {
  if (request.json) {
    Value value = Value::map();
    value.set("task", task);
    value.set("rows", cost.rows);
    value.set("tokens", cost.tokens);
    value.set("deviation", cost.deviation);
    value.set("loss", cost.loss);
    value.set("loss_of_mean", cost.loss_of_mean);
    out << to_json(value, 2) << "\n";
    return;
  }
  out << std::fixed << "  the mean of the prompts of " << cost.rows << " rows of " << task
      << "'s validation split; root mean square, they differ from it by " << std::setprecision(2)
      << 100 * cost.deviation << "% of its norm\n  mean loss on these rows: " << std::setprecision(6) << cost.loss
      << " with their own prompts, " << cost.loss_of_mean << " with this one\n";
}

// Gives whether it was done: the user may have stopped it.
bool write_mean(const ConversionRequest& request, const std::string& format, Machinery& machinery, std::ostream& out) {
  if (format == "result")
    throw RecipeError("atp convert: --lossy writes other programs' formats; make a result of what it has written");
  const RecordedTask recorded(request.from, request.task, {"", "", request.data, request.models}, machinery);
  const Step& step = recorded.work().step;
  const TaskUse& task = recorded.task();
  if (!has_validation(task))
    throw RecipeError("atp convert: --lossy takes a mean over validation rows, and task '" + task.name + "' has none");
  const SplitRequest rows{
      .source_length = source_length(step), .target_length = recorded.target_length(), .cache_folder = ""};
  const auto used = task.data->split("validation", *request.lossy_rows);
  const EvaluateJob job = recorded.job(split_data(*task.data, used, rows, recorded.tokenizer(), machinery.registry));
  Console console(request.json ? Verbosity::quiet : Verbosity::normal);
  ProgressLine line(console, recorded.work().title());
  const Control control{&stop_signal(), [&](const Progress& progress) { line.show(progress); }};
  const auto cost =
      machinery.engine().convert_mean_prompt(job, {request.to, format, base_model(request.from)}, control);
  if (!cost) {
    log::warn("stopped; nothing is written");
    return false;
  }
  if (!request.json) out << request.to << ": prompt_tuning, as format " << format << "\n";
  print_cost(request, task.name, *cost, out);
  return true;
}

}  // namespace

int run_conversion(const ConversionRequest& request, std::ostream& out) {
  const std::string format = request.to.empty() ? "" : target_format(request);
  if (!request.to.empty()) require_place(request.to);
  if (request.lossy_rows && request.to.empty())
    throw RecipeError("atp convert: --lossy needs an OUT, where the prompt is written");
  if (request.lossy_rows && request.part)
    throw RecipeError("atp convert: --part is for files that do not name their tasks, and a result does: say --task");
  Workshop workshop(request.lossy_rows ? request.engine : EngineSettings{.device = "cpu"}, request.libtorch, {},
                    request.tasks);
  Machinery machinery = workshop.machinery();
  if (request.lossy_rows) return write_mean(request, format, machinery, out) ? 0 : 130;
  Engine& engine = machinery.engine();
  const AdapterFile from{request.from, request.from_format, request.task, request.part};
  const AdapterSummary summary = engine.describe_adapter(from);
  require_known_options(request.from, "method", summary.method, summary.options, machinery.catalogue);
  require_known_options(request.from, "combiner", summary.combiner, summary.combiner_options, machinery.catalogue);
  if (request.to.empty()) {
    print_summary(request, summary, out);
    return 0;
  }
  if (format == "result")
    make_result(request, from, summary, machinery);
  else
    engine.convert_adapter(from, {request.to, format, base_model(request.from)});
  if (!request.json) out << request.to << ": " << summary.method << ", as format " << format << "\n";
  return 0;
}

}  // namespace atp
