#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "pipeline/console.h"
#include "pipeline/plan.h"
#include "pipeline/result_record.h"

namespace atp {

struct RunSettings {
  std::string out = "out";
  bool fresh = false;  // redo this recipe's steps; a finished one stays until its successor is
};

struct StepFailure {
  std::string step;      // "target.boolq (variant=…)"
  std::string message;   // said when it happened
  std::string log = {};  // the step's log file; "": it got no such far

  std::string text() const;  // all of it
};

// What became of a plan's work.
struct RunOutcome {
  std::int64_t done = 0;    // in this process
  std::int64_t reused = 0;  // finished before, or by another process meanwhile
  std::vector<StepFailure> failures;
  std::vector<std::string> skipped;  // they read a step that failed
  bool stopped = false;

  int exit_status() const;  // 0, 1 or 130
};

// Does the work of a plan, inputs first, each piece under its lock and at most once, whoever else works in OUT. A
// failed step stops only what reads it.
class Runner {
 public:
  Runner(Plan& plan, Planner& planner, Machinery machinery, Console& console, RunSettings settings,
         const std::atomic<bool>& stop);

  RunOutcome run();

 private:
  void take_finished();
  void work_through();
  enum class Attempt { done, busy, failed, stopped };
  Attempt attempt(std::size_t index);
  Attempt attempt_locked(std::size_t index, const StepFolder& folder);
  Attempt work_on(std::size_t index, const StepFolder& folder);
  StepResult compute(const Work& work, const StepFolder& folder, const std::string& title,
                     std::vector<UsedSplit>& used);
  bool is_done(const Work& work, const StepFolder& folder) const;
  void say_done(std::size_t index, const Value& result, const Value& run) const;
  void note_failure(std::size_t index, const std::string& message, const std::string& log_file);
  void tidy(const Work& work);
  void finish(std::size_t index);
  void forget_afresh(const Work& work);
  bool is_ready(std::size_t index) const;
  bool is_doomed(std::size_t index) const;
  std::string label(const Work& work) const;
  std::string title(std::size_t index) const;

  Plan& plan_;
  Planner& planner_;
  Machinery machinery_;
  Console& console_;
  RunSettings settings_;
  std::string digest_;  // the plan's
  const std::atomic<bool>& stop_;
  enum class Fate { open, done, failed, skipped };
  std::vector<Fate> fates_;
  RunOutcome outcome_;
  std::vector<bool> announced_;  // that another process holds it
};

}  // namespace atp
