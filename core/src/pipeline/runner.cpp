#include "pipeline/runner.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "atp/log.h"
#include "data/tokenised.h"
#include "io/durable_file.h"
#include "pipeline/failure_text.h"
#include "pipeline/jobs.h"
#include "pipeline/progress.h"
#include "pipeline/record.h"
#include "pipeline/run_index.h"

namespace atp {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto pause_between_looks = std::chrono::milliseconds(200);

std::int64_t tokens_in(const TokenRows& rows) {
  std::int64_t tokens = 0;
  for (std::int64_t row = 0; row < rows.size(); ++row)
    tokens += static_cast<std::int64_t>(rows.source(row).size() + rows.target(row).size());
  return tokens;
}

void note_splits(const Work& work, const std::vector<SplitData>& data, const std::string& split,
                 std::vector<UsedSplit>& used) {
  for (const auto& part : data)
    for (const auto& task : work.tasks)
      if (task->name == part.task)
        used.push_back({split, part.task, used_split(*task, work.step, split), part.rows->truncated_sources(),
                        tokens_in(*part.rows)});
}

// One line for a task, however many steps use the same splits of it.
void warn_of_cut_sources(const Work& work, Console& console,
                         const std::vector<std::pair<std::string, const std::vector<SplitData>*>>& data) {
  for (const auto& task : work.tasks) {
    std::vector<std::pair<std::string, const TokenRows*>> splits;
    for (const auto& [split, parts] : data)
      for (const auto& part : *parts)
        if (part.task == task->name) splits.emplace_back(split, part.rows.get());
    if (const auto text = cut_sources_text(source_length(work.step), splits); !text.empty())
      console.warn_once("task '" + task->name + "': " + text);
  }
}

// Tokens of an example on average, times the examples that this process's updates saw.
std::int64_t tokens_seen(const Work& work, const StepResult& result, const std::vector<UsedSplit>& used) {
  std::int64_t tokens = 0, examples = 0;
  for (const auto& split : used) {
    if (work.step.verb == "train" && split.split != "train") continue;
    tokens += split.tokens;
    examples += static_cast<std::int64_t>(split.rows.size());
  }
  if (work.step.verb != "train" || examples == 0) return tokens;
  const auto seen = [&](std::int64_t updates) {
    return examples_seen(updates, step_integer(work.step, "batch_size", 1), examples);
  };
  return static_cast<std::int64_t>(static_cast<double>(tokens) / static_cast<double>(examples) *
                                   static_cast<double>(seen(result.updates) - seen(result.resumed_at)));
}

// What the processes before this one spent on a step that is resumed, as far as they could say.
void add_earlier(const StepFolder& folder, RunCircumstances& circumstances) {
  const auto earlier = folder.run_record();
  if (!earlier) return;
  circumstances.seconds += number_in(*earlier, "seconds");
  circumstances.tokens += integer_in(*earlier, "tokens");
}

}  // namespace

std::string StepFailure::text() const { return "'" + step + "': " + message + (log.empty() ? "" : "\n  log: " + log); }

int RunOutcome::exit_status() const { return stopped ? 130 : failures.empty() ? 0 : 1; }

Runner::Runner(Plan& plan, Planner& planner, Machinery machinery, Console& console, RunSettings settings,
               const std::atomic<bool>& stop)
    : plan_(plan),
      planner_(planner),
      machinery_(std::move(machinery)),
      console_(console),
      settings_(std::move(settings)),
      digest_(plan.digest()),
      stop_(stop),
      fates_(plan.works.size(), Fate::open),
      announced_(plan.works.size(), false) {}

std::string Runner::label(const Work& work) const {
  return work.trial.empty() ? work.title() : work.title() + " (" + work.trial + ")";
}

std::string Runner::title(std::size_t index) const {
  return "[" + std::to_string(index + 1) + "/" + std::to_string(plan_.works.size()) + "] " + label(plan_.works[index]);
}

bool Runner::is_ready(std::size_t index) const {
  const auto& inputs = plan_.works[index].inputs;
  return std::all_of(inputs.begin(), inputs.end(), [&](const WorkInput& input) {
    return input.work == WorkInput::npos || fates_[input.work] == Fate::done;
  });
}

bool Runner::is_doomed(std::size_t index) const {
  const auto& inputs = plan_.works[index].inputs;
  return std::any_of(inputs.begin(), inputs.end(), [&](const WorkInput& input) {
    return input.work != WorkInput::npos && (fates_[input.work] == Fate::failed || fates_[input.work] == Fate::skipped);
  });
}

RunOutcome Runner::run() {
  take_finished();
  work_through();
  // Once all of a plan is redone the next --fresh begins at its first step; a run without --fresh gives it up.
  if (!settings_.fresh || std::all_of(fates_.begin(), fates_.end(), [](Fate fate) { return fate == Fate::done; }))
    for (const auto& work : plan_.works) forget_afresh(work);
  return outcome_;
}

void Runner::take_finished() {
  for (std::size_t i = 0; i < plan_.works.size(); ++i)
    if (plan_.works[i].state == WorkState::done) {
      tidy(plan_.works[i]);
      ++outcome_.reused;
      finish(i);
    }
}

void Runner::work_through() {
  while (!stop_) {
    bool busy = false, moved = false;
    for (std::size_t i = 0; i < plan_.works.size() && !stop_; ++i) {
      if (fates_[i] != Fate::open) continue;
      if (is_doomed(i)) {
        fates_[i] = Fate::skipped;
        outcome_.skipped.push_back(label(plan_.works[i]));
        moved = true;
      } else if (is_ready(i)) {
        const Attempt made = attempt(i);
        if (made == Attempt::busy) busy = true;
        if (made == Attempt::stopped) {
          outcome_.stopped = true;
          return;
        }
        moved = moved || made != Attempt::busy;
      }
    }
    if (!busy && !moved) return;
    if (busy && !moved) std::this_thread::sleep_for(pause_between_looks);
  }
  outcome_.stopped = std::count(fates_.begin(), fates_.end(), Fate::open) > 0;
}

// A process that was killed after it wrote a result leaves state and lock behind.
void Runner::tidy(const Work& work) {
  const StepFolder folder(settings_.out, work.id);
  if (!folder.has_state() && !StepLock::is_there(settings_.out, work.id)) return;
  if (const auto lock = StepLock::try_take(settings_.out, work.id)) folder.forget_state();
}

void Runner::forget_afresh(const Work& work) {
  const StepFolder folder(settings_.out, work.id);
  if (!folder.has_afresh()) return;
  if (const auto lock = StepLock::try_take(settings_.out, work.id)) folder.forget_afresh();
}

// Rows of the index and links for people, for each trial that this work serves. The links come last: where one is
// missing, a process was killed on the way here, and the rows are written again.
void Runner::finish(std::size_t index) {
  fates_[index] = Fate::done;
  const std::string& id = plan_.works[index].id;
  std::vector<RunRow> rows;
  bool changed = plan_.works[index].state != WorkState::done;
  for (std::size_t trial = 0; trial < plan_.trials.size(); ++trial)
    for (const auto& step : plan_.trial_steps[trial]) {
      if (step.work != index) continue;
      const std::string name = plan_.trials[trial].name();
      changed = changed || !is_linked(settings_.out, plan_.name, name, step.title(), id);
      const auto found = rows_of_step(settings_.out, id, plan_.name, name, step.title());
      rows.insert(rows.end(), found.begin(), found.end());
    }
  if (!changed) return;
  RunIndex(settings_.out).add(rows);
  for (std::size_t trial = 0; trial < plan_.trials.size(); ++trial)
    for (const auto& step : plan_.trial_steps[trial])
      if (step.work == index) link_step(settings_.out, plan_.name, plan_.trials[trial].name(), step.title(), id);
}

Runner::Attempt Runner::attempt(std::size_t index) {
  const Work& work = plan_.works[index];
  const StepFolder folder(settings_.out, work.id);
  try {
    const std::optional<StepLock> lock = StepLock::try_take(settings_.out, work.id);
    if (!lock) {
      if (!announced_[index]) log::info("'" + label(work) + "' is being worked on by another process; waiting for it");
      announced_[index] = true;
      return Attempt::busy;
    }
    if (is_done(work, folder)) {  // by another process meanwhile
      folder.forget_state();
      say_done(index, folder.result(), folder.run_record().value_or(Value()));
      ++outcome_.reused;
      finish(index);
      return Attempt::done;
    }
    return attempt_locked(index, folder);
  } catch (...) {  // the output folder, before or after the work itself
    note_failure(index, failure_text(), "");
    return Attempt::failed;
  }
}

bool Runner::is_done(const Work& work, const StepFolder& folder) const {
  return folder.complete(work.step.verb) && (!settings_.fresh || folder.is_anew(digest_));
}

Runner::Attempt Runner::attempt_locked(std::size_t index, const StepFolder& folder) {
  const StepFolder place = settings_.fresh ? folder.begin_afresh(digest_) : folder;
  place.create();
  if (settings_.fresh && place.complete(plan_.works[index].step.verb)) {  // killed before it took the place
    place.forget_state();
    place.take_place_of(folder);
    say_done(index, folder.result(), folder.run_record().value_or(Value()));
    ++outcome_.done;
    finish(index);
    return Attempt::done;
  }
  place.forget_result();
  console_.begin_log(place.file("log.txt"));
  Attempt made = Attempt::failed;
  try {
    made = work_on(index, place);
  } catch (...) {
    const std::string message = failure_text();
    note_failure(index, message, place.file("log.txt"));
    try {
      place.remember_failure(message + "\n");
    } catch (const Error&) {  // the disk that made it fail is full for this note too
    }
  }
  console_.end_log();
  if (made != Attempt::done) return made;
  if (settings_.fresh) place.take_place_of(folder);
  ++outcome_.done;
  finish(index);
  return Attempt::done;
}

void Runner::note_failure(std::size_t index, const std::string& message, const std::string& log_file) {
  const std::string name = label(plan_.works[index]);
  log::error("'" + name + "' failed: " + message);
  fates_[index] = Fate::failed;
  outcome_.failures.push_back({name, message, log_file});
}

Runner::Attempt Runner::work_on(std::size_t index, const StepFolder& folder) {
  const Work& work = plan_.works[index];
  folder.forget_failure();
  write_durably(folder.file("recipe.yaml"), write_yaml(work.step.resolved));
  log::info(title(index) + (folder.resumable() ? ": going on" : ": begins"));
  log::debug(title(index) + ": in " + folder.path());

  RunCircumstances circumstances;
  circumstances.started = utc_now();
  const auto began = Clock::now();
  forget_peak_memory();
  std::vector<UsedSplit> used;
  const StepResult result = compute(work, folder, title(index), used);
  circumstances.seconds = std::chrono::duration<double>(Clock::now() - began).count();
  circumstances.finished = utc_now();
  circumstances.device = machinery_.device();
  circumstances.threads = result.threads;
  circumstances.resumed_at = result.resumed_at;
  circumstances.tokens = tokens_seen(work, result, used);
  if (result.resumed_at > 0) add_earlier(folder, circumstances);
  const Value run = run_record(work, circumstances, planner_.plugins_of(work));
  write_durably(folder.file("run.json"), to_json(run, 2) + "\n");
  if (!result.finished) {
    log::info(title(index) + ": stopped" +
              (work.step.verb == "train" ? " after update " + std::to_string(result.updates) + ", saved" : ""));
    return Attempt::stopped;
  }
  const Value record = result_record(work, result, used);
  folder.finish(record);
  say_done(index, record, run);
  return Attempt::done;
}

// The engine's part of a step. The data was read when it was planned, and maybe is again here: it must be the same.
StepResult Runner::compute(const Work& work, const StepFolder& folder, const std::string& title,
                           std::vector<UsedSplit>& used) {
  const JobPlaces places{settings_.out, folder.path(), settings_.out + "/cache/tokens"};
  planner_.require_unchanged(work);
  const auto tokenizer = planner_.tokenizer(work.checkpoint.tokenizer);
  ProgressLine line(console_, title);
  const Control control{&stop_, [&](const Progress& progress) { line.show(progress); }};
  if (work.step.verb == "train") {
    const TrainJob job = train_job(work, plan_, places, tokenizer, machinery_.registry);
    note_splits(work, job.train, "train", used);
    note_splits(work, job.validation, "validation", used);
    warn_of_cut_sources(work, console_, {{"train", &job.train}, {"validation", &job.validation}});
    planner_.require_unchanged(work);
    write_durably(folder.file("splits.jsonl"), splits_record(used));
    return machinery_.engine().train(job, control);
  }
  const EvaluateJob job = evaluate_job(work, plan_, places, tokenizer, machinery_.registry);
  const std::string split = splits_of(work.step).front();
  note_splits(work, job.splits, split, used);
  warn_of_cut_sources(work, console_, {{split, &job.splits}});
  planner_.require_unchanged(work);
  write_durably(folder.file("splits.jsonl"), splits_record(used));
  return machinery_.engine().evaluate(job, control);
}

// The same line whichever process did it.
void Runner::say_done(std::size_t index, const Value& result, const Value& run) const {
  std::string scores;
  const Value* tasks = said_in(result, "task_scores");
  if (tasks && tasks->is_map())
    for (const auto& [task, values] : tasks->members())
      for (const auto& [metric, score] : values.members()) {
        char text[32];
        std::snprintf(text, sizeof text, " %.1f", score.is_number() ? score.number() : 0);
        scores += (scores.empty() ? ": " : ", ") + (tasks->members().size() > 1 ? task + " " : "") + metric + text;
      }
  log::info(title(index) + ": done in " + duration_text(number_in(run, "seconds")) + scores);
}

}  // namespace atp
