#include "engine/engine.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <torch/version.h>

#include <filesystem>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "atp/error.h"
#include "data/token_rows.h"
#include "engine/device.h"
#include "engine/model_builder.h"
#include "engine/result_file.h"
#include "eval/evaluator.h"
#include "eval/mean_prompt.h"
#include "exchange/conversion.h"
#include "train/state.h"
#include "train/training.h"

namespace atp {

Engine::~Engine() = default;

namespace {

// Whose computation it is, for messages of others, which do not say: "method 'lora' on backbone 't5': ".
std::string owner_of(const ModelJob& job) {
  return (job.method.name.empty() ? "" : "method '" + job.method.name + "' on ") + "backbone '" +
         job.backbone.backbone.name + "': ";
}

// libtorch's own errors end here: the host knows atp's alone. The owner stands before words that are not atp's.
template <class Work>
auto translated(const std::string& owner, Work&& work) {
  try {
    return work();
  } catch (const Error&) {
    throw;
  } catch (const c10::OutOfMemoryError& error) {
    throw Error(std::string("the device's memory is full: ") + error.what_without_backtrace() +
                "; use a smaller batch_size, or more accumulation");
  } catch (const c10::Error& error) {
    throw Error(owner + "libtorch: " + error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    throw Error("memory is full; use a smaller batch_size, or more accumulation");
  } catch (const std::filesystem::filesystem_error& error) {
    throw Error(error.path1().string() + ": " + error.code().message());
  } catch (const std::exception& error) {
    throw PluginError(owner + "a fault of the plugin or of atp, please report it: " + error.what());
  }
}

class TorchEngine final : public Engine {
 public:
  TorchEngine(const Registry& registry, at::Device device, int threads)
      : builder_(registry, device), device_(device), threads_(threads) {
    at::set_num_threads(threads);
  }

  TrainedCount count(const ModelJob& model) override {
    return translated(owner_of(model), [&] {
      ModelBuilder::check_files(model.backbone);
      std::vector<Problem> notes;
      const auto outline = builder_.outline(model, [&](const Origin& origin, const std::string& text) {
        notes.push_back({origin, text});
      });
      builder_.try_first_values(model, outline);
      auto count = count_of(outline, model);
      count.notes = std::move(notes);
      return count;
    });
  }

  void check(const EvaluateJob& job) override {
    translated(owner_of(job.model), [&] { builder_.check(job); });
  }

  StepResult train(const TrainJob& job, const Control& control) override {
    return translated(owner_of(job.model), [&] {
      auto state = load_state(job.folder, job.identity);
      if (state) check_device(*state, job);
      const auto threads = state ? state->threads : threads_;
      const ThreadCount count(threads, threads_);
      const auto model = builder_.fresh(job.model, job.train);
      auto result = run_training(model, job, control, std::move(state), threads);
      result.threads = threads;
      result.trained = count_of(model, job.model);
      if (result.finished) write_result(job.folder, job.model, model);
      return result;
    });
  }

  StepResult evaluate(const EvaluateJob& job, const Control& control) override {
    return translated(owner_of(job.model), [&] {
      auto model = builder_.trained(job);
      if (job.merge) builder_.merge(job.model, model);
      StepResult result;
      result.threads = threads_;
      std::vector<Evaluation> evaluations;
      for (const auto& split : job.splits) {
        auto evaluation = atp::evaluate(model, split, job.batch_size, control, "evaluate");
        if (!evaluation) {
          result.finished = false;
          return result;
        }
        result.scores.emplace_back(split.task, evaluation->scores);
        evaluations.push_back(std::move(*evaluation));
      }
      if (!job.folder.empty()) write_predictions(job.folder + "/predictions.jsonl", evaluations, job.splits);
      result.trained = count_of(model, job.model);
      return result;
    });
  }

  AdapterSummary describe_adapter(const AdapterFile& file) override {
    return translated("", [&] { return summary_of(file, read_adapter(file)); });
  }

  void convert_adapter(const AdapterFile& file, const AdapterTarget& target) override {
    translated("", [&] { write_adapter(read_adapter(file), target); });
  }

  std::optional<MeanPromptCost> convert_mean_prompt(const EvaluateJob& job, const AdapterTarget& target,
                                                    const Control& control) override {
    return translated(owner_of(job.model), [&]() -> std::optional<MeanPromptCost> {
      require_written(target.format);
      const auto& split = job.splits.front();
      const auto model = builder_.trained(job);
      const auto mean = mean_prompt(model, job.model.method.name, split, job.batch_size, control);
      if (!mean) return {};
      Adapter adapter = prompt_tuning_adapter(mean->prompt);
      adapter.tasks = {split.task};
      adapter.backbone = backbone_identity(job.model.backbone);
      write_adapter(std::move(adapter), target);
      return mean->cost;
    });
  }

  TrainedCount adopt_adapter(const AdapterFile& file, const ModelJob& job, const std::string& folder) override {
    return translated(owner_of(job), [&] {
      const auto model = builder_.adopted(job, read_adapter(file), file.path);
      write_result(folder, job, model);
      return count_of(model, job);
    });
  }

 private:
  // A resumed step runs with the threads that it was started with; the others with those of this process.
  struct ThreadCount {
    ThreadCount(int now, int later) : after(later) { at::set_num_threads(now); }
    ~ThreadCount() { at::set_num_threads(after); }
    int after;
  };

  void check_device(const TrainingState& state, const TrainJob& job) const {
    const std::string here = device_.is_cpu() ? "cpu" : "cuda";
    if (state.device != here)
      throw Error(job.folder + " holds a step that was begun on " + state.device + ", and this process runs on " +
                  here + "; go on with --device " + state.device + ", or remove the folder: the step starts over then");
  }

  ModelBuilder builder_;
  at::Device device_;
  int threads_;
};

}  // namespace
}  // namespace atp

atp::Engine* atp_make_engine(const atp::EngineSettings& settings, const atp::Registry& registry,
                             atp::DeviceReport& report) {
  return atp::translated("", [&]() -> atp::Engine* {
    const auto device = atp::choose_device(settings);
    const auto threads = settings.threads > 0 ? settings.threads : atp::all_cores();
    report = {.device = atp::describe(device), .threads = threads, .libtorch_version = TORCH_VERSION};
    return new atp::TorchEngine(registry, device, threads);
  });
}
