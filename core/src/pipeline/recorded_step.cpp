#include "pipeline/recorded_step.h"

#include <algorithm>
#include <boost/filesystem.hpp>

#include "atp/file.h"
#include "atp/words.h"
#include "pipeline/jobs.h"

namespace atp {

namespace {

namespace fs = boost::filesystem;

// OUT/steps/<id> of a folder or a link to it; or a result that stands alone, as atp convert makes one.
StepFolder folder_at(const std::string& path) {
  boost::system::error_code error;
  const fs::path folder = fs::canonical(path, error);
  const std::string expected =
      "; expected the folder of a finished training: OUT/<recipe>/<step>, OUT/<recipe>/<trial>/<step> or "
      "OUT/steps/<id>";
  if (error) {
    std::vector<std::string> names;
    const fs::path parent = fs::path(path).parent_path();
    if (fs::is_directory(parent.empty() ? "." : parent, error))
      for (const auto& entry : fs::directory_iterator(parent.empty() ? "." : parent))
        names.push_back(entry.path().filename().string());
    const std::string nearest = did_you_mean(fs::path(path).filename().string(), names);
    throw RecipeError(path + ": no such result" + (nearest.empty() ? expected : nearest));
  }
  const bool is_step = fs::is_regular_file(folder / "recipe.yaml");
  if (is_step && folder.parent_path().filename() != "steps" && fs::is_regular_file(folder / "result.json"))
    return StepFolder::alone(folder.string());
  if (!is_step || folder.parent_path().filename() != "steps") throw RecipeError(path + ": no step's folder" + expected);
  return StepFolder(folder.parent_path().parent_path().string(), folder.filename().string());
}

// A scored result has no tensors of its own.
[[noreturn]] void refuse_evaluation(const std::string& path, const StepFolder& folder) {
  std::string model = "a training";
  const Value result = folder.result();
  if (const Value* inputs = result.at("identity").find("inputs"))
    for (const auto& input : inputs->items())
      if (input.at("role").text() == "of")
        model = fs::path(folder.path()).parent_path().string() + "/" + input.at("result").text();
  throw RecipeError(path + ": this step scored a result; predictions are made by what it scored: " + model);
}

// The model is the one that was trained only with the very weights and pieces that it was trained with.
void check_contents(const std::string& path, Work& work, const Value& identity, ContentDigests& digests) {
  const Value& backbone = identity.at("backbone");
  const auto check = [&](const std::string& what, const std::string& place, const std::string& now, const Value* then) {
    if (then && then->is_text() && then->text() != now)
      throw RecipeError(path + ": the " + what + " " + place +
                        " is not the one that this result was trained with: its contents are others now. Bring that "
                        "one back, or train again");
  };
  if (!fs::is_regular_file(work.checkpoint.tokenizer))
    throw RecipeError(path +
                      ": the tokenizer that this result was trained with is not there: " + work.checkpoint.tokenizer);
  check("tokenizer", work.checkpoint.tokenizer, digests.file(work.checkpoint.tokenizer), backbone.find("tokenizer"));
  const Value& checkpoint = backbone.at("checkpoint");
  work.checkpoint.contents = checkpoint_contents(work.checkpoint, digests);
  if (!work.checkpoint.folder.empty())
    check("checkpoint", work.checkpoint.folder, work.checkpoint.contents.at("digest").text(),
          checkpoint.find("digest"));
  else if (fs::is_regular_file(work.checkpoint.random_shape))
    check("config", work.checkpoint.random_shape, work.checkpoint.contents.at("random").text(),
          checkpoint.find("random"));
}

Work read_work(const std::string& path, const StepFolder& folder, const std::string& models, Machinery& machinery,
               Planner& planner, ContentDigests& digests) {
  if (!folder.finished())
    throw RecipeError(path + ": this step is not finished; the recipe that it belongs to goes on with it (atp-run)");
  const std::string file = folder.file("recipe.yaml");
  const Value recipe = parse_yaml(read_file(file), file);
  if (recipe.at("verb").text() != "train") refuse_evaluation(path, folder);
  if (!folder.complete("train")) throw RecipeError(path + ": its tensors are not there: " + folder.tensors());

  Work work;
  Problems problems;
  work.step = recorded_step(recipe, machinery.catalogue, problems);
  if (!problems.empty()) throw RecipeError(unusable_result(path, problems));
  work.id = folder.id();
  for (const auto& input : work.step.inputs) work.inputs.push_back({input, WorkInput::npos});
  try {
    work.checkpoint = checkpoint_use(work.step, models);
  } catch (const Error& error) {
    throw RecipeError(path + ": what this result was trained with is not there\n" + error.what());
  }
  check_contents(path, work, folder.result().at("identity"), digests);
  for (const auto& choice : work.step.tasks) work.tasks.push_back(planner.task_use(choice, work.step.data));
  return work;
}

std::size_t task_number(const Work& work, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& task : work.tasks) names.push_back(task->name);
  if (name.empty() && names.size() == 1) return 0;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  if (name.empty())
    throw RecipeError("'" + work.title() +
                      "' was trained on several tasks; say which one with --task: " + joined(names));
  throw RecipeError("--task: '" + work.title() + "' was not trained on '" + name + "'" + did_you_mean(name, names) +
                    " (it was on: " + joined(names) + ")");
}

}  // namespace

RecordedTask::RecordedTask(const std::string& path, const std::string& task, const Places& places,
                           Machinery& machinery) {
  ContentDigests digests("");
  Planner planner(places, machinery, digests);
  const StepFolder folder = folder_at(path);
  work_ = read_work(path, folder, places.models, machinery, planner, digests);
  tensors_ = folder.tensors();
  number_ = task_number(work_, task);
  tokenizer_ = planner.tokenizer(work_.checkpoint.tokenizer);
}

std::optional<std::int64_t> RecordedTask::target_length() const {
  const auto length = step_integer(work_.step, "target_length", 0);
  return length > 0 ? std::optional(length) : std::nullopt;
}

EvaluateJob RecordedTask::job(SplitData split) const {
  EvaluateJob job;
  job.model = model_job(work_, {}, "", *tokenizer_);
  job.result = ResultFile{work_.title(), tensors_, {}};
  split.task_number = static_cast<std::int64_t>(number_);
  job.splits = {std::move(split)};
  return job;
}

}  // namespace atp
