#include <algorithm>
#include <stdexcept>

#include "data/tokenised.h"
#include "recipe/recipe.h"
#include "recipe/words.h"

// What the core lets a recipe say. Defaults are the paper's (appendix A) where it gives one.
namespace atp {

const Options& recipe_options() {
  static const Options table{
      text("title").help("what the experiment is, for people").not_in_hash(),
      integer("seed", 42).at_least(0).help("seed of every step that says none of its own"),
      any("backbone").required().help("the frozen model: a backbone by name, or {name, checkpoint, …}"),
      map("data").help("where data is and how it is cut; defaults of every step"),
      map("train").help("defaults of every train step"),
      map("steps").required().help("step name → {verb: {…}}"),
      map("sweep").help("axes; the trials are their product"),
      any("compat").help(
          "faults of the authors' released code to reproduce: attempt-b5121e5 for all, or a list of them"),
      path("extends").help("the recipe that this one starts from"),
      list("plugins").help("plugin libraries to load beside those on the search path").not_in_hash(),
  };
  return table;
}

const Options& backbone_options() {
  static const Options table{
      text("name").required().help("a backbone plugin"),
      any("checkpoint")
          .required()
          .help("a folder in Hub layout (a path, or a name below --models), or {random: shape or config.json, seed}"),
      path("tokenizer").help("spiece.model for a checkpoint that brings none; atp's own small one where not given"),
      text("precision", "float32").one_of({"float32", "bfloat16", "float64"}).help("of the frozen weights"),
  };
  return table;
}

const Options& random_checkpoint_options() {
  static const Options table{
      text("random").required().help("a shape by name, or the path of a config.json"),
      integer("seed", 0).at_least(0).help("of the random weights"),
      path("tokenizer").help("as beside `checkpoint`"),
  };
  return table;
}

const Options& data_options() {
  static const Options table{
      path("root").help("data root, below which tasks find their files; --data goes before it").not_in_hash(),
      integer("source_length", default_source_length).at_least(1).unit("tokens").help("longest source, </s> included"),
      integer("target_length").at_least(1).unit("tokens").help("longest target of tasks without labels, </s> included"),
      integer("limit")
          .at_least(1)
          .unit("examples")
          .help("the first so many: of the training split in a train step, of the evaluated one in an evaluate step"),
      integer("validation_limit")
          .at_least(1)
          .unit("examples")
          .help("the first so many of the validation split choose a train step's checkpoint; all where not given"),
      boolean("task_prefix", true).help("the task's name and one space before the source, as in the released code"),
      text("splits", "task").one_of({"task", "official"}).help("by the task's rule, or the files' own as they are"),
      map("few_shot")
          .help("{k, per_label, draw}: train on k examples drawn from the training split, or on k of each label"),
      boolean("skip_bad_rows", false)
          .help("go without rows that cannot be used, however many; otherwise more than 1% of them stop a task")
          .not_in_hash(),
      map("files").help("task → {split: path}, in place of the files that the task looks for"),
  };
  return table;
}

const Options& few_shot_options() {
  static const Options table{
      integer("k").required().at_least(1).unit("examples").help("of the task, or of each label"),
      boolean("per_label", false).help("k of each label, in place of k in all"),
      integer("draw", 0).at_least(0).help("which draw; each is the same whatever else the recipe says"),
  };
  return table;
}

namespace {

Options train_options() {
  return {
      list("each").help("tasks; one result for each (an item may be a map that overrides keys for its task)"),
      list("tasks").help("tasks; one result, trained on their mixture"),
      any("task").help("one task, one result"),
      any("method").required().help("what is trained: a method by name, or {name, options}"),
      any("combiner").help("how prompts are mixed, for methods that do: a combiner by name, or {name, options}"),
      integer("seed").at_least(0).help("the recipe's where not given"),
      number("learning_rate", 0.3).at_least(0).help("highest rate of the schedule"),
      map("learning_rates").help("parameter group → its own rate (attention: 0.1)"),
      number("weight_decay", 1e-5)
          .at_least(0)
          .help("after the update, in AdamW's way; none for layer norms and biases"),
      integer("warmup_updates", 500).at_least(0).unit("updates").help("from 0 to the rate, linearly; then to 0"),
      integer("batch_size", 32).at_least(1).unit("examples").help("of one update"),
      integer("accumulation", 1).at_least(1).unit("micro-batches").help("that an update's examples are cut into"),
      number("clip", 1.0).at_least(0).help("largest norm of the whole gradient; 0: no clipping"),
      integer("epochs", 5).at_least(1).help("passes over the training split"),
      integer("updates").at_least(1).help("in place of epochs"),
      text("order", "shuffled").one_of({"shuffled", "by_length", "file"}).help("of the training examples"),
      text("sampling", "proportional")
          .one_of({"proportional", "equal", "temperature"})
          .help(
              "of a mixture's tasks, in an epoch of as many examples as they have: each example once, as many of each "
              "task, or in between"),
      number("sampling_temperature", 10.0)
          .at_least(1)
          .help("with sampling: temperature; a task's share is its number of examples to the power of 1 over this"),
      number("dropout").at_least(0).below(1).help("the checkpoint's where not given"),
      integer("evaluate_every").at_least(1).unit("updates").help("validation; after every epoch where not given"),
      integer("patience").at_least(1).unit("evaluations").help("without a better score before training stops"),
      integer("checkpoint_every")
          .at_least(1)
          .unit("updates")
          .help("between resumable states; about every minute where not given")
          .not_in_hash(),
      integer("evaluation_batch_size").at_least(1).unit("examples").help("batch_size where not given"),
      faults({"attention_rate", "micro_batch_means", "adamw"}),
  };
}

Options evaluate_options() {
  return {
      any("of").required().help(
          "a step, one of its results, {file: PATH} of another result or of other programs' files, or backbone"),
      list("tasks").help("tasks to score on; each result's own where not given"),
      text("split", "test").one_of({"train", "validation", "test"}).help("that is scored"),
      integer("batch_size", 32).at_least(1).unit("examples").help("generated for at once"),
      boolean("merge", false).help("what the method adds to linear maps goes into a copy of their weights (lora, ia3)"),
  };
}

Options report_options() {
  return {
      any("of").required().help("steps or results, or a list of them"),
      any("rows").help("axes, or task, step, method, combiner, metric, split; the sweep's axes but the seed where not "
                       "given, without a sweep the step"),
      any("columns", Value(Value::List{Value("task")})).help("as rows"),
      list("metrics").help("by name; each task's first where not given"),
      boolean("average", false).help("one more column: the mean over a row's columns, so over its tasks"),
  };
}

}  // namespace

const Options& verb_options(const std::string& verb) {
  static const Options train = train_options(), evaluate = evaluate_options(), report = report_options();
  if (verb == "train") return train;
  if (verb == "evaluate") return evaluate;
  if (verb == "report") return report;
  throw std::logic_error("no verb '" + verb + "'");
}

const std::vector<std::string>& step_overrides(const std::string& verb) {
  static const std::vector<std::string> model{"source_length", "target_length", "limit", "task_prefix", "precision"};
  static const std::vector<std::string> train{"source_length", "target_length", "limit",    "validation_limit",
                                              "few_shot",      "task_prefix",   "precision"};
  static const std::vector<std::string> none;
  return verb == "report" ? none : verb == "train" ? train : model;
}

const Options& in_place_task_options() {
  static const Options table{
      text("name").required().help("what the task is called"),
      map("files").required().help("split (train, validation or dev, test) → path"),
      text("source").required().help("template of the source: \"question: {question}\""),
      text("target").required().help("template of the target"),
      list("metrics").required().help("by name; the first chooses the best checkpoint"),
      any("labels").help("label set: a list, or a map from the files' words to the model's"),
      text("prefix").help("before every source, one space between; none where not given"),
      text("splits", "official").one_of({"official", "halve_dev", "hold_out"}).help("how splits come from the files"),
      text("format")
          .one_of({"tsv", "csv", "jsonl", "json", "parquet"})
          .help("of the files: by their names where not given; .gz, and archive.zip:file, are looked through"),
      list("columns").help("names of the columns, for tables whose first line does not say them"),
      text("summary").help("one line for atp tasks").not_in_hash(),
  };
  return table;
}

const std::vector<std::string>& verbs() {
  static const std::vector<std::string> names{"train", "evaluate", "report"};
  return names;
}

const std::vector<std::string>& planned_verbs() {
  static const std::vector<std::string> names{"analyse", "export"};
  return names;
}

const std::vector<std::string>& usual_inputs() {
  static const std::vector<std::string> names{"combiner", "source_prompts", "start_from", "attention_from"};
  return names;
}

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace atp
