#pragma once

#include <functional>
#include <map>
#include <memory>
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

struct Assignment {  // --set key=value, the value parsed as YAML; its origin's file is "--set KEY"
  std::string key;
  std::string value;
};
Assignment parse_assignment(const std::string& text);  // "a.b.c=1e-5"; RecipeError without a key or '='

// One document; plain scalars by YAML 1.2's core schema (`no` is a text, 1e-5 a number). `name` is the origins' file.
// Throws RecipeError with every mistake of form: not YAML, two equal keys, a merge key, tabs, invalid UTF-8.
Value parse_yaml(const std::string& text, const std::string& name);
// Block style; parse_yaml reads the same data back. `comment`, where given, is asked for a note beside each scalar.
std::string write_yaml(const Value& value, const std::function<std::string(const Value&)>& comment = {});

// The recipe as one tree: `extends` merged, assignments applied, relative paths still as written (their origin's file
// says what they are relative to: absolute_path). Throws RecipeError with every mistake of form in a file, no such
// file, a cycle of `extends`, an assignment to what is not there.
Value load_recipe(const std::string& path, const std::vector<Assignment>& assignments = {});

// A path that a recipe says: relative to the folder of the file that says it; --set's to the current one.
std::string absolute_path(const std::string& path, const Origin& origin);
struct PluginPath {
  std::string path;  // absolute
  Origin origin;
};
// The recipe's `plugins:`; to be made known to the catalogue before steps are resolved.
std::vector<PluginPath> plugin_paths(const Value& recipe, Problems& problems);

// One point of the sweep: the tree with its axes' changes applied, `sweep` taken out.
struct Trial {
  // axis → label: {"variant", "no attention"}. A list axis is called by the last word of its key, or by as many of its
  // last words as tell it from the other axes.
  std::vector<std::pair<std::string, std::string>> labels;
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
  Value labels = {};  // {name: sst2, labels: {0: negative, 1: positive}}: the task's label words → others
};

// One result of another step, or a file, that a step reads. "All results of a step" are as many inputs.
struct Input {
  std::string role;  // the method's option ("source_prompts"), or "of"
  std::string
      step;  // "sources"; empty for a file, and where the untouched backbone is evaluated (then no input at all)
  std::string item;   // "mnli"; empty: the one result of a step without `each`
  std::string task;   // one task of a result that was trained on a mixture; empty: the whole result
  std::string file;   // absolute
  std::string part;   // the tensor that is meant: {files: {part: file}}, "joint.source_prompts"
  int row = -1;       // of that tensor, where it holds several prompts; -1: all of it
  std::string label;  // of the row, for people: "mnli"
  Origin origin;
};

// One result that is to be made: a step of a trial, one for each item of `each`.
struct Step {
  std::string name;  // "sources"
  std::string item;  // "mnli"; empty for a step that makes one result; evaluate: the evaluated result's
  std::string verb;  // train | evaluate | report
  Choice backbone;
  Params backbone_keys;  // backbone_options(): precision (the step's own, if it says one), checkpoint, tokenizer …
  Params data;           // data_options(): source_length, limit … as this step has them
  Params settings;       // verb_options(verb)
  std::optional<Choice> method = {};
  std::optional<Choice> combiner = {};
  std::vector<TaskChoice> tasks = {};
  std::vector<Input> inputs = {};
  // evaluate: the training of a result that no step of this recipe made, as its folder says; it reads no inputs again.
  std::shared_ptr<const Step> model = {};
  // Everything above written out: what recipe.yaml in a step's folder says. A default's origin is "default of …" in
  // place of a file.
  Value resolved;
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

// What a finished step's recipe.yaml says, inputs by their names alone. `problems`: plugins that are not found, or know
// their options no longer.
Step recorded_step(const Value& recipe, Catalogue& catalogue, Problems& problems);
std::string unusable_result(const std::string& path, const Problems& problems);  // the message for those
// The folder with a recipe.yaml that `path` is, or whose tensors' file it is; "" where there is none.
std::string result_folder(const std::string& path);

// Those that --only names ("target" or "target.boolq"), and what they read. All of them where `only` is empty.
std::vector<Step> select_steps(std::vector<Step> steps, const std::vector<std::string>& only, Problems& problems);

struct ResolvedTrial {
  Trial trial;
  std::vector<Step> steps;
};
// expand_sweep, resolve_steps and select_steps over all trials. Throws RecipeError with every mistake.
std::vector<ResolvedTrial> resolve_recipe(const Value& recipe, const std::vector<std::string>& only,
                                          Catalogue& catalogue);

// Every value of every step with its origin: as YAML with a note on each line, and for JSON, where each value is
// {"value", "origin"}.
std::string explain(const std::vector<ResolvedTrial>& trials);
Value explain_json(const std::vector<ResolvedTrial>& trials);

// The core's own tables: what a recipe, and each verb, may say (plugins add theirs).
const Options& recipe_options();
const Options& backbone_options();
const Options& random_checkpoint_options();  // backbone: {checkpoint: {random, seed}}
const Options& data_options();
const Options& few_shot_options();  // data: {few_shot: {k, per_label, draw}}
// A method's own table may repeat a key of "train" to give it another default or range (fine_tuning: learning_rate).
const Options& verb_options(const std::string& verb);
// Keys of `data:` and `backbone:` that a step of this verb may say for itself.
const std::vector<std::string>& step_overrides(const std::string& verb);
const Options& in_place_task_options();
const std::vector<std::string>& verbs();

Value recipe_schema(Catalogue& catalogue);  // JSON Schema, draft 2020-12

}  // namespace atp
