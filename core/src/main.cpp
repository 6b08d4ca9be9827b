// atp-run: a recipe's trials, from data to tables.
#include <iostream>

#include "atp/error.h"
#include "command_line.h"
#include "pipeline/recipe_run.h"

namespace {

namespace po = boost::program_options;

constexpr const char* examples = R"(
Examples
  atp-run recipes/quickstart.yaml                    everything in it that is not finished yet
  atp-run recipe.yaml --dry-run                      what would be done, and how much of it
  atp-run recipe.yaml --set train.learning_rate=0.1 --set seed=7
  atp-run recipe.yaml --only target.boolq --out results --threads 4
  atp-run recipe.yaml --data ~/data --models ~/models --device cuda

Exit status: 0 all done, 1 a step failed, 2 the command or the recipe is wrong, 130 stopped (the same command goes on).
)";

po::options_description options() {
  po::options_description table("Options");
  auto add = table.add_options();
  add("set", po::value<std::vector<std::string>>()->value_name("KEY=VALUE"),
      "change one value of the recipe, read as YAML; may be repeated");
  add("only", po::value<std::vector<std::string>>()->value_name("STEP"),
      "only this step and what it needs; may be repeated");
  add("data", po::value<std::string>()->value_name("DIR"), "data root, below which tasks find their files ($ATP_DATA)");
  add("tasks", po::value<std::string>()->value_name("DIR"), "tasks in YAML: DIR/NAME.yaml ($ATP_TASKS)");
  add("models", po::value<std::string>()->value_name("DIR"), "where checkpoints are looked up by name ($ATP_MODELS)");
  add("out", po::value<std::string>()->value_name("DIR")->default_value("out"), "where results go");
  atp::add_engine_options(table);
  add("dry-run", "print the plan and do nothing");
  add("explain", "print every value of every step with its origin");
  add("fresh",
      "redo this recipe's steps; a finished one stays until its successor is done. Stopped, the same command goes on; "
      "a run without --fresh gives the rest of it up");
  add("json", "one JSON document on standard output: the plan, the values, or what was done");
  add("quiet", "warnings and errors only");
  add("verbose", "everything");
  add("version", "print the version");
  add("help", "print this text");
  return table;
}

std::string shell_quoted(const std::string& word) {
  if (!word.empty() && word.find_first_of(" \t\n'\"\\$&|;<>()*?[]#~`{}!") == std::string::npos) return word;
  std::string text = "'";
  for (const char letter : word) text += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return text + "'";
}

std::string text_at(const po::variables_map& values, const char* name) {
  return values.count(name) ? values[name].as<std::string>() : "";
}

std::vector<std::string> list_at(const po::variables_map& values, const char* name) {
  return values.count(name) ? values[name].as<std::vector<std::string>>() : std::vector<std::string>();
}

atp::RunRequest request_of(const po::variables_map& values, const std::vector<std::string>& arguments) {
  if (!values.count("recipe")) throw atp::RecipeError("which recipe? atp-run RECIPE [options] (see --help)");
  if (values.count("quiet") && values.count("verbose"))
    throw atp::RecipeError("--quiet and --verbose contradict each other");
  atp::RunRequest request;
  request.recipe = values["recipe"].as<std::string>();
  for (const auto& text : list_at(values, "set")) request.assignments.push_back(atp::parse_assignment(text));
  request.only = list_at(values, "only");
  request.data = atp::named_folder(values, "data", "ATP_DATA");
  request.models = atp::named_folder(values, "models", "ATP_MODELS");
  request.tasks = text_at(values, "tasks");
  request.out = text_at(values, "out");
  if (request.out.empty()) throw atp::RecipeError("--out needs a folder");
  while (request.out.size() > 1 && request.out.back() == '/') request.out.pop_back();
  request.libtorch = text_at(values, "libtorch");
  request.engine = atp::engine_settings(values);
  request.dry_run = values.count("dry-run") > 0;
  request.explain = values.count("explain") > 0;
  request.fresh = values.count("fresh") > 0;
  request.json = values.count("json") > 0;
  if (values.count("quiet")) request.verbosity = atp::Verbosity::quiet;
  if (values.count("verbose")) request.verbosity = atp::Verbosity::verbose;
  request.command = "atp-run";
  for (const auto& argument : arguments) request.command += " " + shell_quoted(argument);
  return request;
}

int run(const std::vector<std::string>& arguments) {
  const po::options_description shown = options();
  const auto values = atp::parse_arguments(arguments, shown, {"recipe"});
  if (values.count("help")) {
    std::cout << "atp-run RECIPE [options]\n\nRuns a recipe: trains, scores and reports what is not finished yet.\n\n"
              << shown << examples;
    return 0;
  }
  if (values.count("version")) {
    std::cout << "atp " ATP_VERSION "\n";
    return 0;
  }
  return atp::run_recipe(request_of(values, arguments), std::cout);
}

}  // namespace

int main(int count, char** arguments) {
  return atp::run_program("atp-run", [&] { return run({arguments + 1, arguments + count}); });
}
