#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "data/task_data.h"
#include "data/tokenizer.h"
#include "engine/engine.h"
#include "pipeline/content_hash.h"
#include "pipeline/mistakes.h"
#include "pipeline/step_folder.h"
#include "pipeline/step_identity.h"
#include "recipe/recipe.h"

// Trials made of steps become a graph of unique pieces of work: what two trials share is there once.
namespace atp {

// Where a plan looks for what a recipe names.
struct Places {
  std::string recipe;  // the recipe's file
  std::string out = "out";
  std::string data;        // --data; "" where not given
  std::string models;      // --models or $ATP_MODELS; "" where not given
  std::string cache = {};  // of examples; "" where a plan is to leave nothing behind
};

enum class WorkState { done, resumable, to_do, failed };
const char* state_name(WorkState state);  // as `--dry-run --json` writes it

// A task of a step, with its rows at hand once they are asked for.
struct TaskUse {
  std::string name;
  Origin origin;
  std::shared_ptr<const TaskData> data;
  const Registry::Entry* plugin = nullptr;  // nullptr: made in the recipe
  Params options;
};

// Where a model's weights and pieces come from.
struct CheckpointUse {
  std::string folder;        // Hub layout; "" for random weights
  std::string random_shape;  // a shape's name or a config.json
  std::uint64_t random_seed = 0;
  std::string tokenizer;  // its file
  Value contents = {};    // checkpoint_contents() of this
};

// A result that a piece of work reads.
struct WorkInput {
  Input input;
  std::size_t work = npos;  // its place in Plan::works; npos: a file
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
};

// One unique piece of work: a training or an evaluation.
struct Work {
  std::string id;
  Step step;          // as the first trial that wants it says
  std::string trial;  // that trial's name
  Value identity;     // what the id is the hash of
  std::vector<WorkInput> inputs;
  std::size_t model = 0;  // the work that trains what is scored; itself for a training and for the untouched backbone
  // The training of what is scored, where no step of this recipe made it: as its folder says (Step::model), or as the
  // files of another program do.
  std::shared_ptr<const Work> recorded = {};
  CheckpointUse checkpoint;
  std::vector<std::shared_ptr<const TaskUse>> tasks;
  std::map<std::string, std::string> files;  // that it reads → their digests when it was planned
  WorkState state = WorkState::to_do;
  std::string failure;  // of the last attempt

  // Filled in by `count_work`; of a finished one by its result.
  TrainedCount trained;
  std::int64_t examples = 0;
  std::int64_t updates = 0;
  std::int64_t tokens = 0;  // about, of sources and targets over the whole step; 0: not counted

  std::string title() const { return step.title(); }
};

// A step of one trial; several may be the same piece of work.
struct TrialStep {
  std::string name, item;
  std::size_t work = 0;

  std::string title() const { return item.empty() ? name : name + "." + item; }
};

// A report, made once over all trials.
struct ReportWork {
  Step step;
  std::vector<std::pair<std::size_t, TrialStep>> results;  // trial and its step
};

struct Plan {
  std::string name;  // of the recipe: its results' folder below OUT
  std::string title;
  std::vector<Trial> trials;
  std::vector<Work> works;                          // inputs before those that read them
  std::vector<std::vector<TrialStep>> trial_steps;  // per trial, in the recipe's order
  std::vector<ReportWork> reports;
  std::vector<std::string> notes;  // what is allowed and may be a mistake

  bool finished() const;
  // Of recipe and works: two runs of the same plan share what --fresh has redone.
  std::string digest() const;
};

// What plans and runs need of the plugins; tests bring their own.
struct Machinery {
  Catalogue& catalogue;
  const Registry& registry;
  std::function<Engine&()> engine;  // makes it when it is first asked for
  std::function<DeviceReport()> device;
};

class Planner {
 public:
  Planner(Places places, Machinery machinery, ContentDigests& digests);

  // Throws RecipeError with everything that is missing or contradicts itself: task files, checkpoints, metrics …
  Plan plan(const std::vector<ResolvedTrial>& trials);
  // Reads the rows of all work that is not done, and asks the engine what is trained. Throws RecipeError with all that
  // is wrong.
  void count_work(Plan& plan);
  // Tokens of all work that is not done, from at most 1,000 examples of each split.
  void count_tokens(Plan& plan);

  // Throws DataError naming a file of this work that is gone, or not what it was when the work was planned.
  void require_unchanged(const Work& work);
  std::shared_ptr<const Tokenizer> tokenizer(const std::string& path);
  // A task as a step with these data options uses it.
  std::shared_ptr<const TaskUse> task_use(const TaskChoice& choice, const Params& data);
  StepContents plugins_of(const Work& work) const;  // whose versions are recorded

 private:
  using TrialSteps = std::vector<TrialStep>;
  void plan_trial(const ResolvedTrial& trial, Plan& plan);
  std::size_t plan_step(const Step& step, const std::string& trial, const TrialSteps& steps, Plan& plan);
  std::shared_ptr<const Work> read_recorded(const Work& work);
  std::string input_digest(const WorkInput& input, const Plan& plan);
  void add_report(const Step& step, std::size_t trial, const TrialSteps& steps, Plan& plan);
  ExampleCache example_cache(const TaskUse& task);
  std::vector<const Registry::Entry*> readers_of(const TaskUse& use, const std::vector<std::string>& splits) const;
  TaskContents task_contents(const TaskUse& task, const std::vector<std::string>& splits);
  static std::vector<std::size_t> find_works(const TrialSteps& steps, const std::string& name, const std::string& item);
  StepContents contents_of(const Work& work, const Plan& plan);
  void report_missing_files();
  void find_state(Work& work) const;
  void check_target_lengths(const Work& work);  // a task without labels needs the recipe's
  void count_training(Work& work, Plan& plan, bool has_engine);
  void count_evaluation(Work& work, const Plan& plan, bool has_engine);
  void check_known_tasks(const Work& work, const Plan& plan);
  std::vector<std::string> usual_groups(const Work& work, const Plan& plan);
  void check_rates(const Work& work, Plan& plan);

  Places places_;
  Machinery machinery_;
  ContentDigests& digests_;
  Mistakes mistakes_;
  std::map<std::string, std::shared_ptr<const TaskUse>> tasks_;
  std::map<const TaskUse*, std::set<std::string>> missing_;  // splits without files
  std::map<std::string, std::shared_ptr<const Tokenizer>> tokenizers_;
  std::map<std::string, std::size_t> by_id_;
};

// Examples that so many updates see: an epoch's last batch holds what is left of it.
std::int64_t examples_seen(std::int64_t updates, std::int64_t batch_size, std::int64_t examples);

// The training of what `work` scores; itself for a training and for the untouched backbone.
const Work& model_of(const Work& work, const Plan& plan);
// The splits that a step reads: training and validation, or the one that is scored.
std::vector<std::string> splits_of(const Step& step);
// The examples of a split that a step works on: what it trains on or scores, limited and drawn as it says, or all of
// validation.
Split used_split(const TaskUse& task, const Step& step, const std::string& split);
// An option of a step that may stand in its verb's table or in that of `data`; nullptr where neither has it.
const Value* step_value(const Step& step, const std::string& key);
std::int64_t step_integer(const Step& step, const std::string& key, std::int64_t fallback);
std::int64_t source_length(const Step& step);  // tokens of the longest source

// Where a step's weights and tokenizer are; `models` is --models. Throws RecipeError naming the places looked at.
CheckpointUse checkpoint_use(const Step& step, const std::string& models);
// What tells its weights from others, wherever they lie: {digest}, or {random, seed}.
Value checkpoint_contents(const CheckpointUse& checkpoint, ContentDigests& digests);

// A recipe's name among results: its file's, without folder and ending.
std::string recipe_name(const std::string& path);

}  // namespace atp
