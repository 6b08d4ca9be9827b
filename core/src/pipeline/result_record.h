#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/split.h"
#include "engine/engine.h"
#include "pipeline/plan.h"

// What a finished step's result.json and run.json say.
namespace atp {

// A split as it was used.
struct UsedSplit {
  std::string split;
  std::string task;
  Split rows;
  std::int64_t truncated_sources = 0;
  std::int64_t tokens = 0;
};

// splits.jsonl: for each split that a step used its examples' numbers in their file, in their order.
std::string splits_record(const std::vector<UsedSplit>& splits);

// result.json: nothing but what the identity decides, so that it is the same byte by byte whenever it is made.
//   scores       metric → score; of several tasks "average" (of their primary metrics) and "task.metric"
//   task_scores  task → metric → score
//   splits       split → task → examples, what became of the file's rows, digest of the examples' numbers
//   (splits.jsonl)
Value result_record(const Work& work, const StepResult& result, const std::vector<UsedSplit>& splits);

struct RunCircumstances {
  double seconds = 0;  // of work, over all processes that stopped or finished the step; a killed one's are not known
  std::string started, finished;  // UTC
  DeviceReport device;
  int threads = 0;  // that the step ran with: a resumed one keeps those that it was begun with
  std::int64_t resumed_at = 0;
  std::int64_t tokens = 0;  // that went through the backbone in these seconds; 0: not known
};
// run.json: how and where. Two runs of one step differ in it.
Value run_record(const Work& work, const RunCircumstances& circumstances, const StepContents& plugins);

// The peak that run.json tells starts here, where the kernel allows that (else it is the process's so far).
void forget_peak_memory();

std::string utc_now();  // "2026-01-31T12:00:00Z"

}  // namespace atp
