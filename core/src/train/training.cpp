#include "train/training.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "atp/error.h"
#include "eval/evaluator.h"
#include "train/metrics_log.h"
#include "train/trainer.h"

namespace atp {

namespace {

using Clock = std::chrono::steady_clock;

// States are saved this often, or less often where saving takes more than a twentieth of the time.
constexpr std::chrono::seconds between_states{60};
constexpr int share_of_saving = 20;

double primary_mean(const std::vector<Evaluation>& evaluations) {
  double sum = 0;
  for (const auto& evaluation : evaluations) {
    if (evaluation.scores.empty())
      throw DataError("task '" + evaluation.task + "' has no metric to choose the best state by");
    const auto& [metric, score] = evaluation.scores.front();
    if (!std::isfinite(score))
      throw NumericError("task '" + evaluation.task + "': metric '" + metric + "' is " + std::to_string(score) +
                         "; no best state can be chosen by it");
    sum += score;
  }
  return sum / static_cast<double>(evaluations.size());
}

// One training from its start, or a saved position, to its end.
class Training {
 public:
  Training(const Model& model, const TrainJob& job, const Control& control, std::optional<TrainingState> state,
           int threads)
      : model_(model),
        job_(job),
        control_(control),
        trainer_(model, job.train, job.settings, job.model.seed),
        metrics_(job.folder + "/metrics.jsonl", state ? state->metrics_length : 0, model.device, job.train) {
    if (state) {
      state_ = std::move(*state);
      trainer_.restore(state_.tensors, state_.done);
      if (state_.best && !job.validation.empty()) take_best();
      state_.tensors.clear();
    }
    state_.identity = job.identity;
    state_.device = model.device.is_cpu() ? "cpu" : "cuda";
    state_.threads = threads;
    resumed_at_ = trainer_.done();
  }

  StepResult run() {
    for (;;) {
      if (evaluation_due() && !evaluate_all()) return stopped();
      if (trainer_.finished() || out_of_patience()) break;
      if (stop()) return stopped();
      metrics_.add(trainer_.step());
      report();
      if (save_due()) save();
    }
    if (!is_saved()) save();
    restore_best();
    return result(true);
  }

 private:
  bool stop() const { return control_.stop && *control_.stop; }
  bool out_of_patience() const { return job_.settings.patience > 0 && state_.without_better >= job_.settings.patience; }

  bool evaluation_due() const {
    const auto done = trainer_.done();
    if (job_.validation.empty() || done == state_.evaluated) return false;
    const auto every = job_.settings.evaluate_every > 0 ? job_.settings.evaluate_every : trainer_.per_epoch();
    return done % every == 0 || trainer_.finished();
  }

  // False: stopped in the middle; the same evaluation is made again when the step is resumed.
  bool evaluate_all() {
    metrics_.flush();
    const auto& settings = job_.settings;
    const auto size = settings.evaluation_batch_size > 0 ? settings.evaluation_batch_size : settings.batch_size;
    std::vector<Evaluation> evaluations;
    Best now{.update = trainer_.done(), .epoch = trainer_.epoch()};
    for (const auto& split : job_.validation) {
      auto evaluation = evaluate(model_, split, size, control_, "validation");
      if (!evaluation) return false;
      now.scores.emplace_back(split.task, evaluation->scores);
      evaluations.push_back(std::move(*evaluation));
    }
    now.score = primary_mean(evaluations);
    metrics_.add_validation(now.update, now.epoch, now.scores);
    state_.evaluated = now.update;
    ++state_.without_better;
    if (!state_.best || now.score > state_.best->score) {  // equal scores: the earlier one stays
      state_.best = std::move(now);
      state_.without_better = 0;
      for (const auto* parameter : model_.method->parameters())
        best_["best/" + parameter->name] = parameter->value.detach().clone();
      write_predictions(job_.folder + "/predictions.jsonl", evaluations, job_.validation);
    }
    save();
    return true;
  }

  bool save_due() const {
    if (job_.settings.checkpoint_every > 0) return trainer_.done() % job_.settings.checkpoint_every == 0;
    return Clock::now() - saved_ > std::max<Clock::duration>(between_states, share_of_saving * saving_took_);
  }

  bool is_saved() const { return saved_done_ == trainer_.done() && saved_evaluated_ == state_.evaluated; }

  void save() {
    const auto began = Clock::now();
    state_.metrics_length = metrics_.flush();
    state_.done = trainer_.done();
    state_.tensors = trainer_.save();
    for (const auto& [name, tensor] : best_) state_.tensors.emplace(name, tensor);
    save_state(job_.folder, state_);
    state_.tensors.clear();
    saved_done_ = state_.done;
    saved_evaluated_ = state_.evaluated;
    saved_ = Clock::now();
    saving_took_ = saved_ - began;
  }

  void take_best() {
    for (const auto* parameter : model_.method->parameters()) {
      const auto name = "best/" + parameter->name;
      const auto found = state_.tensors.find(name);
      if (found == state_.tensors.end() || found->second.sizes() != parameter->value.sizes())
        throw FormatError("the training state has no '" + name + "' of the shape that is trained");
      best_[name] = found->second.to(model_.device);
    }
  }

  void restore_best() {
    const at::NoGradGuard no_gradient;
    if (best_.empty()) return;
    for (auto* parameter : model_.method->parameters()) parameter->value.copy_(best_.at("best/" + parameter->name));
  }

  void report() const {
    if (control_.progress)
      control_.progress(
          {.update = trainer_.done(), .updates = trainer_.updates(), .loss = metrics_.last_loss(), .phase = "train"});
  }

  StepResult stopped() {
    if (!is_saved()) save();
    return result(false);
  }

  StepResult result(bool finished) const {
    StepResult result;
    result.finished = finished;
    result.updates = trainer_.done();
    result.resumed_at = resumed_at_;
    result.best_update = state_.best ? state_.best->update : trainer_.done();
    result.best_epoch = state_.best ? state_.best->epoch : trainer_.epoch();
    if (state_.best) result.scores = state_.best->scores;
    return result;
  }

  const Model& model_;
  const TrainJob& job_;
  const Control& control_;
  Trainer trainer_;
  MetricsLog metrics_;
  TrainingState state_;  // without its tensors, which are the trainer's and `best_`
  std::map<std::string, at::Tensor> best_;
  std::int64_t resumed_at_ = 0;
  Clock::time_point saved_ = Clock::now();
  Clock::duration saving_took_{0};
  std::int64_t saved_done_ = -1, saved_evaluated_ = -1;  // the position of the last state
};

}  // namespace

StepResult run_training(const Model& model, const TrainJob& job, const Control& control,
                        std::optional<TrainingState> state, int threads) {
  return Training(model, job, control, std::move(state), threads).run();
}

}  // namespace atp
