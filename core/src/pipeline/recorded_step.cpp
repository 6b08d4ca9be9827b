#include "pipeline/recorded_step.h"

#include <algorithm>
#include <boost/filesystem.hpp>

#include "atp/file.h"
#include "recipe/plugin_choice.h"
#include "recipe/words.h"

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

// Options as they were, those that the pipeline resolved left out. `problems`: what the plugin knows no longer.
Params recorded_options(const Registry::Entry& entry, const Value& choice, Problems& problems) {
  Options table;
  for (Option option : entry.options.all()) {
    if (option.key == "combiner" || option.names_results()) option.is_required = false;
    table.add(std::move(option));
  }
  const Value* options = choice.find("options");
  const Params checked = table.check(options ? *options : Value(), choice.origin, problems);
  return Params(entry.options, checked.values(), choice.origin);
}

// The part of a map that a table knows.
Value part_of(const Value& map, const Options& table) {
  Value part = Value::map();
  part.origin = map.origin;
  for (const auto& [key, value] : map.members())
    if (table.find(key)) part.set(key, value);
  return part;
}

class Reader {
 public:
  Reader(const Value& recipe, Machinery& machinery) : recipe_(recipe), machinery_(machinery) {}

  Step step() {
    Step step;
    step.name = recipe_.at("step").text();
    if (const Value* item = recipe_.find("item")) step.item = item->text();
    step.verb = recipe_.at("verb").text();
    step.origin = recipe_.origin;
    step.resolved = recipe_;
    if (const auto backbone = choice("backbone")) step.backbone = *backbone;
    Value keys = part_of(recipe_.at("backbone"), backbone_options());
    step.backbone_keys = backbone_options().check(keys, keys.origin, problems_);
    step.data = data_options().check(part_of(recipe_.at("data"), data_options()), recipe_.origin, problems_);
    Options table;
    for (const auto& option : verb_options(step.verb).all())
      if (!contains({"each", "task", "tasks", "method", "combiner", "of"}, option.key)) table.add(option);
    step.settings = table.check(part_of(recipe_, table), recipe_.origin, problems_);
    step.method = choice("method");
    step.combiner = choice("combiner");
    for (const auto& task : recipe_.at("tasks").items())
      if (auto known = task_choice(machinery_.catalogue, task, problems_)) step.tasks.push_back(std::move(*known));
    if (step.method)
      for (const auto& option : step.method->options.options().all())
        if (option.names_results()) read_inputs(step, option.key);
    return step;
  }

  void throw_if_any(const std::string& path) const {
    if (problems_.empty()) return;
    std::string text = path + ": this result cannot be made use of with the plugins that are found";
    for (const auto& problem : problems_.list()) text += "\n" + problem.text();
    throw RecipeError(text);
  }

 private:
  std::optional<Choice> choice(const std::string& kind) {
    const Value* said = recipe_.find(kind);
    if (!said) return {};
    const Value& name = said->at("name");
    const auto* entry = find_entry(machinery_.catalogue, kind, name.text(), name.origin, problems_);
    if (!entry) return {};
    return Choice{name.text(), recorded_options(*entry, *said, problems_), name.origin};
  }

  // As many as there were: a method's shape depends on it.
  void read_inputs(Step& step, const std::string& role) {
    const Value* said = recipe_.find(role);
    if (!said || !said->is_list()) return;
    for (const auto& one : said->items()) {
      Input input;
      input.role = role;
      input.file = one.is_map() && !one.members().empty() ? one.members().front().second.scalar_text() : one.text();
      input.origin = one.origin;
      step.inputs.push_back(std::move(input));
    }
  }

  const Value& recipe_;
  Machinery& machinery_;
  Problems problems_;
};

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

}  // namespace

RecordedStep read_recorded_step(const std::string& path, const std::string& models, Machinery& machinery,
                                Planner& planner, ContentDigests& digests) {
  RecordedStep recorded{folder_at(path), {}};
  const StepFolder& folder = recorded.folder;
  if (!folder.finished())
    throw RecipeError(path + ": this step is not finished; the recipe that it belongs to goes on with it (atp-run)");
  const std::string file = folder.file("recipe.yaml");
  const Value recipe = parse_yaml(read_file(file), file);
  if (recipe.at("verb").text() != "train") refuse_evaluation(path, folder);
  if (!folder.complete("train")) throw RecipeError(path + ": its tensors are not there: " + folder.tensors());

  Work& work = recorded.work;
  Reader reader(recipe, machinery);
  work.step = reader.step();
  reader.throw_if_any(path);
  work.id = folder.id();
  for (const auto& input : work.step.inputs) work.inputs.push_back({input, WorkInput::npos});
  try {
    work.checkpoint = checkpoint_use(work.step, models);
  } catch (const Error& error) {
    throw RecipeError(path + ": what this result was trained with is not there\n" + error.what());
  }
  check_contents(path, work, folder.result().at("identity"), digests);
  for (const auto& choice : work.step.tasks) work.tasks.push_back(planner.task_use(choice, work.step.data));
  return recorded;
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

}  // namespace atp
