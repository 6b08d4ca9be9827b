#include <boost/filesystem.hpp>

#include "recipe/plugin_choice.h"
#include "recipe/words.h"

// A training that is read back from its folder, in place of the recipe that once asked for it.
namespace atp {

namespace {

namespace fs = boost::filesystem;

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
  Reader(const Value& recipe, Catalogue& catalogue, Problems& problems)
      : recipe_(recipe), catalogue_(catalogue), problems_(problems) {}

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
      if (auto known = task_choice(catalogue_, task, problems_)) step.tasks.push_back(std::move(*known));
    if (step.method)
      for (const auto& option : step.method->options.options().all())
        if (option.names_results()) read_inputs(step, option.key);
    return step;
  }

 private:
  std::optional<Choice> choice(const std::string& kind) {
    const Value* said = recipe_.find(kind);
    if (!said) return {};
    const Value& name = said->at("name");
    const auto* entry = find_entry(catalogue_, kind, name.text(), name.origin, problems_);
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
  Catalogue& catalogue_;
  Problems& problems_;
};

}  // namespace

Step recorded_step(const Value& recipe, Catalogue& catalogue, Problems& problems) {
  return Reader(recipe, catalogue, problems).step();
}

std::string unusable_result(const std::string& path, const Problems& problems) {
  std::string text = path + ": this result cannot be made use of with the plugins that are found";
  for (const auto& problem : problems.list()) text += "\n" + problem.text();
  return text;
}

std::string result_folder(const std::string& path) {
  boost::system::error_code error;
  fs::path folder = fs::canonical(path, error);
  if (error) return "";
  if (folder.filename() == "tensors.safetensors") folder = folder.parent_path();
  if (folder.filename() == "checkpoint") folder = folder.parent_path();
  if (!fs::is_regular_file(folder / "recipe.yaml", error)) return "";
  for (const char* other : {"result.json", "checkpoint", "state", "log.txt"})  // a recipe alone is no result
    if (fs::exists(folder / other, error)) return folder.string();
  return "";
}

}  // namespace atp
