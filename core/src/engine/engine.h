#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "atp/error.h"
#include "atp/export.h"
#include "atp/options.h"
#include "atp/registry.h"
#include "atp/value.h"
#include "data/token_rows.h"

// The seam between the host, which knows no tensor, and libatp_core, which the host loads by path together with
// libtorch when a step needs it. Plain data goes in and comes out; everything with numbers in it happens behind this
// interface.
namespace atp {

struct PluginChoice {
  std::string name;
  Params options;
};

struct BackboneJob {
  PluginChoice backbone;
  std::string folder;        // the checkpoint in Hub layout; empty: random weights
  std::string random_shape;  // a shape's name or a config.json's path
  std::uint64_t random_seed = 0;
  std::int64_t vocabulary = 0;  // of the tokenizer, for random weights
  // What tells its weights from others: {digest}, or {random, seed}. A result keeps it, and fits no other backbone;
  // null: not known, and nothing is compared.
  Value contents = {};
  std::string precision = "float32";
  std::optional<double> dropout = {};  // the checkpoint's own where not given
};

struct TensorShape {
  std::string name;
  std::vector<std::int64_t> shape;
  bool of_tasks = false;  // the first dimension is the task
};

// A trained result that another step reads: its tensors' file and, where it holds several prompts, the task's.
struct ResultFile {
  std::string name;  // for messages: "sources.mnli"
  std::string file;  // …/checkpoint/tensors.safetensors
  std::string task;
  // For a plan, where the file is not there yet: what the step that makes it will write.
  std::vector<TensorShape> planned = {};
  std::vector<std::string> planned_tasks = {};
  std::string planned_prompt = {};  // Method::prompt
  std::string tensor = {};          // the one of the model's tensors that it holds ("down"); "": all, by their names
  std::optional<std::int64_t> row = {};  // the prompt is this row of `tensor` [t, m, d]
};

// What is trained or scored: everything that fixes the model.
struct ModelJob {
  BackboneJob backbone;
  PluginChoice method;  // an empty name: the untouched backbone (evaluate only)
  std::optional<PluginChoice> combiner = {};
  std::vector<std::string> tasks;  // the method's tasks
  std::int64_t source_length = 256;
  // What the method's inputs name, by their keys. attention_from: one with all tensors, or one for each.
  std::map<std::string, std::vector<ResultFile>> inputs = {};
  std::vector<std::int32_t> frequent_pieces = {};  // ids that a vocabulary start draws from
  std::uint64_t seed = 0;
  // Of the step that trains it: a group whose rate is 0 stays as it starts, and does not count as trained.
  double learning_rate = 1;
  std::map<std::string, double> learning_rates = {};
};

using Scores = std::vector<std::pair<std::string, double>>;  // metric → score, the primary one first

// One split of one task, ready for the backbone. `decode` and `score` stay in the host: text is none of the engine's
// business.
struct SplitData {
  std::string task;
  std::int64_t task_number = 0;  // among the model's tasks
  std::shared_ptr<const TokenRows> rows;
  std::int64_t target_length = 0;  // tokens to generate at most, </s> included
  std::function<std::string(const std::vector<std::int32_t>&)> decode = {};
  std::function<Scores(const std::vector<std::string>&)> score = {};  // one prediction per row
  // A row's source and target as text, for predictions.jsonl; where empty, its lines go without them.
  std::function<std::pair<std::string, std::string>(std::int64_t row)> texts = {};
};

struct TrainSettings {
  double learning_rate = 0;
  std::map<std::string, double> learning_rates = {};  // by parameter group
  double weight_decay = 0;
  std::int64_t warmup_updates = 0;
  std::int64_t batch_size = 32;
  std::int64_t accumulation = 1;
  double epsilon = 1e-8;           // AdamW's
  double clip = 1.0;               // 0: none
  bool micro_batch_means = false;  // the released code's: a mean of micro-batches' means, not over all target tokens
  std::int64_t epochs = 0;         // one of epochs and updates is positive
  std::int64_t updates = 0;
  std::string order = "shuffled";         // shuffled | by_length | file
  std::string sampling = "proportional";  // of a mixture's tasks: proportional | equal | temperature
  double sampling_temperature = 10;
  std::int64_t evaluate_every = 0;         // updates; 0: every epoch
  std::int64_t patience = 0;               // evaluations without a better score before stopping; 0: never
  std::int64_t checkpoint_every = 0;       // updates between resumable states; 0: at evaluations and about every minute
  std::int64_t evaluation_batch_size = 0;  // 0: batch_size
};

struct TrainJob {
  ModelJob model;
  std::vector<SplitData> train;       // one per task; a mixture is their concatenation
  std::vector<SplitData> validation;  // may be empty: then the last state is the result
  TrainSettings settings;
  // The step's, which exists: metrics.jsonl, predictions.jsonl (of the best state, on validation), checkpoint/ and
  // state/ are written here. state/ is left in place even when the step is finished: the caller removes it once its own
  // record of the result is on disk, and a process that finds it before that gets the same result again at once.
  std::string folder;
  std::string identity;  // the step's hash: a state of another one is refused
};

// A trained method in files of some format (exchange/format.h has the list).
struct AdapterFile {
  std::string path;
  std::string format;                     // "": the one that it looks like
  std::string task;                       // of several, this one alone; "": all
  std::optional<std::int64_t> part = {};  // the same by its number, for files that do not name their tasks
};

struct EvaluateJob {
  ModelJob model;
  std::optional<ResultFile> result = {};    // tensors to load into the method
  std::optional<AdapterFile> adapter = {};  // in place of a result: what another program trained
  std::vector<SplitData> splits;
  std::int64_t batch_size = 32;
  bool merge = false;  // what the method attaches goes into the weights of a copy of the backbone
  // predictions.jsonl is written here, its rows with their task where there are several splits; "": nowhere, and only
  // the splits' `score` sees what was generated.
  std::string folder;
};

struct TrainedCount {
  std::int64_t parameters = 0;  // trained, in all
  double parameters_per_task = 0;
  std::int64_t backbone_parameters = 0;
  double share() const {  // of the backbone's, 0 … 1 and more
    return backbone_parameters > 0 ? static_cast<double>(parameters) / static_cast<double>(backbone_parameters) : 0;
  }
  std::vector<std::string> groups = {};   // that learning rates can be given for
  std::vector<TensorShape> tensors = {};  // that the result holds: trained, frozen, kept
  std::string prompt = {};                // Method::prompt
  std::vector<Problem> notes = {};        // MethodContext::note: what is allowed, and may be a mistake
};

// What a step found out; the pipeline writes it into result.json.
struct StepResult {
  bool finished = true;                                // false: stopped by the user, resumable
  std::vector<std::pair<std::string, Scores>> scores;  // per task (train: of the best state on validation)
  std::int64_t best_update = 0;
  double best_epoch = 0;
  std::int64_t updates = 0;
  std::int64_t resumed_at = 0;  // update that this process started from
  int threads = 0;              // that were used: a resumed training keeps those that it was begun with
  TrainedCount trained;
};

// What such files say of the method, beside its tensors.
struct AdapterDescription {
  std::string method;                          // the plugin's name: "prompt_tuning", "lora" …
  Value options = Value::map();                // the method's, as far as the files fix them
  std::string combiner = {};                   // "": the method has none
  Value combiner_options = Value::map();       // the combiner's, as far as the files fix them
  std::vector<std::string> tasks = {};         // by their numbers; empty where the files do not say
  std::vector<std::string> sources = {};       // names of the source prompts, in their order
  std::vector<std::string> source_files = {};  // that they were read from, where each has one of its own
};

struct AdapterSummary : AdapterDescription {
  std::string format;
  std::vector<TensorShape> tensors;  // by the names that results have
  std::string backbone;              // the plugin's name; "": the files do not say
};

struct AdapterTarget {
  std::string path;
  std::string format;
  std::string base_model;  // the checkpoint's name among people, for formats that keep it
};

// What is lost where one prompt stands for those that a method gives each input.
struct MeanPromptCost {
  std::int64_t rows = 0;    // that it is the mean of
  std::int64_t tokens = 0;  // its length
  double deviation = 0;     // root mean square distance of the rows' prompts from it, as a share of its norm
  // Means over the rows of each row's mean over its target tokens: with the prompts of their own, and with this one.
  double loss = 0;
  double loss_of_mean = 0;
};

struct Progress {
  std::int64_t update = 0;
  std::int64_t updates = 0;
  double loss = 0;
  std::string phase;  // "train", "validation", "evaluate"
};

// What the engine needs of its caller while it works.
struct Control {
  const std::atomic<bool>* stop = nullptr;  // set: finish the update, save, return unfinished
  std::function<void(const Progress&)> progress = {};
};

class ATP_EXPORT Engine {
 public:
  virtual ~Engine();
  // From shapes alone. Throws where a result that the model reads, or will read, does not fit it.
  virtual TrainedCount count(const ModelJob& model) = 0;
  // From shapes alone, and no splits. Throws where a result or an adapter that is there does not fit the model or was
  // trained on another backbone, and where what the model attaches cannot be merged.
  virtual void check(const EvaluateJob& job) = 0;
  virtual StepResult train(const TrainJob& job, const Control& control) = 0;
  virtual StepResult evaluate(const EvaluateJob& job, const Control& control) = 0;

  // Throws FormatError where the files are not what their format says.
  virtual AdapterSummary describe_adapter(const AdapterFile& file) = 0;
  // Throws RecipeError with the reason where the format cannot hold the adapter; nothing is written then.
  virtual void convert_adapter(const AdapterFile& file, const AdapterTarget& target) = 0;
  // Of a result: one prompt, the mean of what its method puts before the rows of the job's split, goes into the format.
  // Nothing where the user stopped it. Throws RecipeError where the method does anything else than that.
  virtual std::optional<MeanPromptCost> convert_mean_prompt(const EvaluateJob& job, const AdapterTarget& target,
                                                            const Control& control) = 0;
  // Makes a result of it: FOLDER/checkpoint, as a training of this model leaves it. Throws where the adapter does not
  // fit the model.
  virtual TrainedCount adopt_adapter(const AdapterFile& file, const ModelJob& model, const std::string& folder) = 0;
};

struct EngineSettings {
  std::string device = "auto";  // auto | cpu | cuda | cuda:N
  int threads = 0;              // 0: all cores
};

struct DeviceReport {
  std::string device;  // "cpu", "cuda:0 (NVIDIA H100 …)"
  int threads = 0;
  std::string libtorch_version;
};

}  // namespace atp

// libatp_core's one C symbol for the host, found by name after loading the library. The caller owns the engine.
extern "C" ATP_EXPORT atp::Engine* atp_make_engine(const atp::EngineSettings& settings, const atp::Registry& registry,
                                                   atp::DeviceReport& report);
