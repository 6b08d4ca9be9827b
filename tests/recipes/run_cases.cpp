// Runs the cases of tests/recipes: recipe-cases [--update | --json] FOLDER…   (see README.md there)
#include <boost/filesystem.hpp>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include "recipe/recipe.h"
#include "tests/recipes/file_catalogue.h"

namespace fs = boost::filesystem;

namespace atp::test {
namespace {

struct Arguments {
  std::vector<Assignment> assignments = {};
  std::vector<std::string> only = {};
  bool explain = false;
};

std::string read(const fs::path& path) {
  std::ifstream file(path.string(), std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Arguments read_arguments(const fs::path& path) {
  Arguments arguments;
  std::istringstream lines(read(path));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("--set "))
      arguments.assignments.push_back(parse_assignment(line.substr(6)));
    else if (line.starts_with("--only "))
      arguments.only.push_back(line.substr(7));
    else if (line == "--explain")
      arguments.explain = true;
    else if (!line.empty())
      throw std::runtime_error(path.string() + ": unknown argument '" + line + "'");
  }
  return arguments;
}

// Values that the recipe says, not the defaults: "epochs=5 order=file".
std::string said(const Params& params) {
  std::string text;
  for (const auto& [key, value] : params.values().members()) {
    const Option* option = params.options().find(key);
    const bool is_input = key == "combiner" || (option && option->names_results());
    if (value.origin.known() && key != "name" && !is_input) text += " " + key + "=" + to_json(value);
  }
  return text;
}

std::string brackets(const std::string& text) { return text.empty() ? "" : "(" + text.substr(1) + ")"; }

// target.boolq: train boolq; attempt(prompt_length=20) attempt(rank=10); source_prompts=sources.mnli; epochs=20; data …
std::string line_of(const Step& step) {
  std::string line = step.title() + ": " + step.verb;
  for (const auto& task : step.tasks)
    line += " " + task.name + (task.in_place ? "*" : "") + brackets(said(task.options));
  if (step.method) line += "; " + step.method->name + brackets(said(step.method->options));
  if (step.combiner) line += " + " + step.combiner->name + brackets(said(step.combiner->options));
  std::string role;
  for (const auto& input : step.inputs) {
    line += input.role == role ? ", " : "; " + input.role + "=";
    line += (input.part.empty() || input.row >= 0 ? "" : input.part + ":") + input.file + input.step;
    if (!input.item.empty()) line += "." + input.item;
    if (!input.task.empty()) line += "[" + input.task + "]";
    if (input.row >= 0) line += "." + input.part + "[" + std::to_string(input.row) + "]=" + input.label;
    role = input.role;
  }
  if (const auto settings = said(step.settings); !settings.empty()) line += ";" + settings;
  if (step.verb == "report") return line + "\n";
  if (const auto data = said(step.data); !data.empty()) line += "; data" + data;
  return line + "; " + step.backbone.name + brackets(said(step.backbone_keys) + said(step.backbone.options)) + "\n";
}

// A step that an earlier trial has too, with the same values, is named only.
std::string plan(const std::vector<ResolvedTrial>& trials) {
  std::string text;
  std::set<std::string> written;
  for (const auto& [trial, steps] : trials) {
    std::string same;
    if (!trial.labels.empty()) text += "[" + trial.name() + "]\n";
    for (const auto& step : steps) {
      const auto id = step.title() + to_json(step.resolved);
      if (written.count(id))
        same += " " + step.title();
      else
        text += line_of(step);
      written.insert(id);
    }
    if (!same.empty()) text += "as before:" + same + "\n";
  }
  return text;
}

std::string without_folder(std::string text, const std::string& folder) {
  for (auto at = text.find(folder); at != std::string::npos; at = text.find(folder)) text.erase(at, folder.size());
  return text;
}

// What the case gives, and the file that says what it should give.
std::pair<std::string, std::string> outcome(Catalogue& catalogue, const fs::path& folder) {
  fs::current_path(folder);
  std::string text, file = "expect";
  try {
    const Arguments arguments = read_arguments(folder / "args");
    const auto trials = resolve_recipe(load_recipe("recipe.yaml", arguments.assignments), arguments.only, catalogue);
    text = arguments.explain ? explain(trials) : plan(trials);
  } catch (const RecipeError& error) {
    text = error.what() + std::string("\n");
    file = "error";
  }
  return {without_folder(text, folder.string() + "/"), file};
}

bool run(Catalogue& catalogue, const fs::path& folder, bool update) {
  const auto [text, file] = outcome(catalogue, folder);
  const std::string other = file == "expect" ? "error" : "expect";
  if (update) {
    std::ofstream((folder / file).string(), std::ios::binary) << text;
    fs::remove(folder / other);
    return true;
  }
  if (fs::exists(folder / file) && !fs::exists(folder / other) && read(folder / file) == text) return true;
  std::cout << folder.filename().string() << ": wrong\n--- expected ("
            << (fs::exists(folder / "error") ? "error" : "expect") << ")\n"
            << read(folder / (fs::exists(folder / "error") ? "error" : "expect")) << "--- found (" << file << ")\n"
            << text;
  return false;
}

}  // namespace
}  // namespace atp::test

int main(int count, char** words) {
  bool update = false, as_json = false, good = true;
  std::vector<fs::path> folders;
  for (int i = 1; i < count; ++i) {
    if (std::string(words[i]) == "--update")
      update = true;
    else if (std::string(words[i]) == "--json")
      as_json = true;
    else
      folders.push_back(fs::canonical(words[i]));
  }
  if (folders.empty()) {
    std::cerr << "usage: recipe-cases [--update | --json] FOLDER…\n";
    return 2;
  }
  atp::test::FileCatalogue catalogue((folders.front().parent_path() / "catalogue.yaml").string());
  if (as_json) {  // for check_schema.py: the schema, and each case's recipe as written
    atp::Value recipes = atp::Value::map(), all = atp::Value::map();
    for (const auto& folder : folders)
      recipes.set(folder.filename().string(),
                  atp::parse_yaml(atp::test::read(folder / "recipe.yaml"), folder.filename().string()));
    all.set("schema", atp::recipe_schema(catalogue));
    all.set("recipes", std::move(recipes));
    std::cout << atp::to_json(all) << "\n";
    return 0;
  }
  for (const auto& folder : folders) good = atp::test::run(catalogue, folder, update) && good;
  return good ? 0 : 1;
}
