#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "atp/error.h"
#include "atp/options.h"
#include "atp/registry.h"
#include "atp/value.h"

// From a YAML file to trials made of resolved steps. The only part that sees yaml-cpp; everything after it sees Values
// that know their place. Grammar: docs/recipes.md.
namespace atp {

struct Assignment {  // --set key=value, the value parsed as YAML
  std::string key;
  std::string value;
};

// The recipe as one tree: `extends` merged, assignments applied, relative paths still as written (their origin's file
// says what they are relative to). Throws RecipeError with every mistake of form (not YAML, two equal keys, no such
// file, a cycle).
Value load_recipe(const std::string& path, const std::vector<Assignment>& assignments);
Value parse_yaml(const std::string& text,
                 const std::string& name);  // one document; plain scalars by YAML 1.2's core schema

// One point of the sweep: the tree with its axes' changes applied, `sweep` taken out.
struct Trial {
  std::vector<std::pair<std::string, std::string>> labels;  // axis → label: {"variant", "no attention"}
  Value recipe;
  std::string name() const;  // "variant=no attention,seed=42"; "" without a sweep
};
std::vector<Trial> expand_sweep(const Value& recipe, Problems& problems);

// A plugin by name, or {name, options}, with its options checked.
struct Choice {
  std::string name;
  Params options;
  Origin origin;
};

// A task by name, or made in place: {name: mine, files: {...}, source: "{question}", ...}.
struct TaskChoice {
  std::string name;
  Params options;  // the task's own, or the in-place table's
  bool in_place = false;
  Origin origin;
};

// Another step's result, or a file, that a step reads.
struct Input {
  std::string role;  // "source_prompts", "start_from", "attention_from", "of"
  std::string step;  // "sources"; empty for a file
  std::string item;  // "mnli"; empty: all results of that step
  std::string file;  // absolute
  Origin origin;
};

// One result that is to be made: a step of a trial, one for each item of `each`.
struct Step {
  std::string name;  // "sources"
  std::string item;  // "mnli"; empty for a step that makes one result
  std::string verb;  // train | evaluate | report
  Choice backbone;
  Params backbone_keys;  // precision, checkpoint, tokenizer …: the core's keys of `backbone:`
  Params data;           // source_length, root, …
  Params settings;       // the verb's own table
  std::optional<Choice> method = {};
  std::optional<Choice> combiner = {};
  std::vector<TaskChoice> tasks = {};
  std::vector<Input> inputs = {};
  Value resolved;  // everything above written out: what recipe.yaml in a step's folder says
  Origin origin;

  std::string title() const;  // "sources.mnli"
};

// What the recipe's checker asks the plugins; loads a library only for the names that the recipe says.
class Catalogue {
 public:
  virtual ~Catalogue() = default;
  // nullptr where nothing of that name is offered; throws PluginError where the library that offers it cannot be
  // loaded.
  virtual const Registry::Entry* find(const std::string& kind, const std::string& name) = 0;
  virtual std::vector<std::string> names(const std::string& kind) = 0;  // without loading
};

// The steps of one trial, inputs before those that read them. Every mistake is added to `problems`.
std::vector<Step> resolve_steps(const Trial& trial, Catalogue& catalogue, Problems& problems);

// The core's own tables: what a recipe, and each verb, may say (plugins add theirs).
const Options& recipe_options();
const Options& backbone_options();
const Options& data_options();
const Options& verb_options(const std::string& verb);
const Options& in_place_task_options();
const std::vector<std::string>& verbs();

Value recipe_schema(Catalogue& catalogue);  // JSON Schema, draft 2020-12

}  // namespace atp
