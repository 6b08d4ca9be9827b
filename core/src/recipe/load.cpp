#include <algorithm>
#include <boost/filesystem.hpp>

#include "atp/file.h"
#include "recipe/change.h"
#include "recipe/recipe.h"

namespace atp {

namespace fs = boost::filesystem;

namespace {

constexpr const char* assigned = "--set ";  // starts the file name of an assignment's origin

std::string read_text(const std::string& path, const Origin& said_at, const std::string& what) {
  boost::system::error_code error;
  if (!fs::exists(path, error)) throw RecipeError(said_at, what + ": no such file");
  if (fs::is_directory(path, error)) throw RecipeError(said_at, what + ": a folder; expected a YAML file");
  try {
    return read_file(path);
  } catch (const Error& failure) {
    throw RecipeError(said_at, what + ": " + failure.what());
  }
}

Value read_map(const std::string& path, const Origin& said_at, const std::string& what) {
  Value tree = parse_yaml(read_text(path, said_at, what), path);
  if (tree.is_null()) throw RecipeError(Origin{path}, "the file is empty; expected a map with 'backbone' and 'steps'");
  if (!tree.is_map())
    throw RecipeError(tree.origin,
                      std::string("found ") + tree.type_name() + ", expected a map with 'backbone' and 'steps'");
  return tree;
}

// A recipe with those that it extends below it. `chain` holds the files that lead here.
Value read_extended(const std::string& path, const Origin& said_at, const std::string& what,
                    std::vector<std::string> chain) {
  Value tree = read_map(path, said_at, what);
  const Value* extends = tree.find("extends");
  if (!extends) return tree;
  const Value base_name = *extends;
  if (!base_name.is_text())
    throw RecipeError(base_name.origin,
                      std::string("'extends': found ") + base_name.type_name() + ", expected the path of one recipe");
  const auto place = fs::path(path).parent_path() / base_name.text();
  const std::string base_path =
      (fs::path(base_name.text()).is_absolute() ? fs::path(base_name.text()) : place).lexically_normal().string();
  chain.push_back(fs::weakly_canonical(path).string());
  const bool is_cycle = std::find(chain.begin(), chain.end(), fs::weakly_canonical(base_path).string()) != chain.end();
  if (is_cycle)
    throw RecipeError(base_name.origin,
                      "'extends': recipes extend each other in a circle; '" + base_name.text() + "' leads back here");
  Value base = read_extended(base_path, base_name.origin, "'extends': '" + base_path + "'", std::move(chain));
  tree.erase("extends");
  merge(base, tree);
  base.origin = tree.origin;
  return base;
}

void place_at(Value& value, const Origin& origin) {
  value.origin = value.key_origin = origin;
  if (value.is_list())
    for (auto& item : value.items()) place_at(item, origin);
  if (value.is_map())
    for (auto& member : value.members()) place_at(member.second, origin);
}

}  // namespace

Assignment parse_assignment(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw RecipeError("--set " + text + ": expected KEY=VALUE, as in --set train.batch_size=16");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Value load_recipe(const std::string& path, const std::vector<Assignment>& assignments) {
  Value recipe = read_extended(path, Origin{path}, "the recipe cannot be read", {});
  Problems problems;
  for (const auto& assignment : assignments) {
    const Origin origin{assigned + assignment.key};
    try {
      Value value = parse_yaml(assignment.value, "value");
      place_at(value, origin);
      change(recipe, assignment.key, std::move(value), origin, problems);
    } catch (const RecipeError& error) {
      const std::string what = error.what();  // "value:1:3: not YAML: …"
      const auto start = what.starts_with("value:") ? what.find(": ") + 2 : 0;
      problems.add(origin, "the value '" + assignment.value + "' cannot be read: " + what.substr(start));
    }
  }
  problems.throw_if_any();
  return recipe;
}

std::string absolute_path(const std::string& path, const Origin& origin) {
  if (fs::path(path).is_absolute()) return fs::path(path).lexically_normal().string();
  const bool on_command_line = !origin.known() || origin.file.starts_with("--");
  const fs::path folder = on_command_line ? fs::path() : fs::path(origin.file).parent_path();
  return fs::absolute(folder / path).lexically_normal().string();
}

std::vector<PluginPath> plugin_paths(const Value& recipe, Problems& problems) {
  std::vector<PluginPath> paths;
  const Value* plugins = recipe.find("plugins");
  if (!plugins || !plugins->is_list()) return paths;  // another type is recipe_options()' mistake to report
  for (const auto& item : plugins->items()) {
    if (!item.is_text()) {
      problems.add(item.origin, std::string("'plugins': found ") + item.type_name() + ", expected a library's path");
      continue;
    }
    paths.push_back({absolute_path(item.text(), item.origin), item.origin});
    if (!fs::exists(paths.back().path)) problems.add(item.origin, "'plugins': no file '" + paths.back().path + "'");
  }
  return paths;
}

}  // namespace atp
