#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "recipe/plugin_choice.h"
#include "recipe/recipe.h"
#include "recipe/table_check.h"

namespace atp {

// A step as the recipe writes it, and the results that it makes.
struct DeclaredStep {
  std::string name;
  std::string verb;
  Value body;  // of the verb
  Origin origin;
  std::vector<Step> results = {};
  std::vector<Step> broken = {};  // results with a mistake; what they refer to is checked all the same
  bool is_broken = false;  // some of its results could not be worked out; what refers to it is not reported again
};

// Finds the results that a recipe's words mean: "sources", "sources.mnli", {file: prompt.pt}.
class References {
 public:
  References(const std::deque<DeclaredStep>& steps, Problems& problems) : steps_(steps), problems_(problems) {}

  // All results of a step, one of them, or one task's part of a result that was trained on several. `verbs` are those
  // whose results can stand here.
  // `takes_prompts`: "joint.source_prompts" may stand here.
  std::vector<Input> results(const Value& word, const std::string& role, const std::vector<std::string>& verbs,
                             bool takes_prompts = false) const;
  // What stands behind an option that names results: one, or any number.
  std::vector<Input> inputs(const Value& value, const Option& option) const;
  const Step* find(const Input& input) const;

 private:
  const DeclaredStep* declared(const std::string& name) const;
  std::vector<Input> named_result(const DeclaredStep& step, const std::string& item, Input input) const;
  std::optional<std::vector<Input>> kept_prompts(const DeclaredStep& step, const std::string& item, Input input) const;
  std::vector<Input> files(const Value& map, const std::string& role) const;

  const std::deque<DeclaredStep>& steps_;
  Problems& problems_;
  mutable std::size_t depth_ = 0;  // of source prompts that are themselves another result's
};

// Inputs before those that read them, else in the given order. A cycle is a problem.
std::vector<Step> in_order(std::vector<Step> steps, Problems& problems);

// Works out the steps of one trial.
class Resolver {
 public:
  Resolver(const Trial& trial, Catalogue& catalogue, Problems& problems);
  std::vector<Step> steps();

 private:
  // What is said for one result of a train step, weakest first: the recipe's `train:`, the step, the item of `each`.
  using Layers = std::vector<const Value*>;
  struct Item {
    std::string name;
    std::vector<TaskChoice> tasks;
    Value layer;
    Origin origin;
    bool is_valid = true;  // false: its other keys are checked all the same
  };

  void declare(const std::string& name, const Value& value);
  void check_data_files();
  void read_backbone();
  void read_checkpoint(Value& checkpoint);

  void train(DeclaredStep& step);
  void read_inputs(Step& result);
  std::vector<Item> items(DeclaredStep& step);
  std::vector<Item> each_item(const Value& list);
  Item item(const Value& value);
  bool train_result(const DeclaredStep& declared, const Item& item, Step& step);
  std::optional<NamedPlugin> plugin(const std::string& kind, const Layers& layers, const std::string& fallback,
                                    const Origin& where);
  Params settings(const Layers& layers, const Options& table, const Origin& where);
  static std::vector<std::string> train_keys();  // the core's
  void check_keys(const Layers& layers, const NamedPlugin& method, const NamedPlugin* combiner);
  void check_ambiguous(const Layers& layers, const NamedPlugin& method, const NamedPlugin& combiner);

  void evaluate(DeclaredStep& step);
  void evaluate_backbone(DeclaredStep& step);
  void evaluate_file(DeclaredStep& step, const Value& of);
  std::shared_ptr<const Step> trained_in(const std::string& folder, const Origin& origin);
  void report(DeclaredStep& step);
  Value report_axes(const Value& said, const std::string& key, const Value& fallback);

  // A step with the recipe's backbone and data, changed by what the step says for itself.
  Step new_step(const DeclaredStep& declared, const std::string& item, const Layers& layers,
                const Step* base = nullptr);
  void add_faults(Step& step) const;
  void write_out(Step& step) const;

  const Trial& trial_;
  Catalogue& catalogue_;
  Problems& problems_;
  Params top_;
  Value train_defaults_;
  Value data_;           // as said
  Value backbone_keys_;  // the core's keys, as said
  Choice backbone_;
  Value faults_ = Value::list();  // that the recipe wants back
  std::deque<DeclaredStep> declared_;
  SharedKeys shared_;
  References references_;
};

}  // namespace atp
