#pragma once

#include <string>

#include "atp/registry.h"
#include "data/tokenizer.h"
#include "engine/engine.h"
#include "pipeline/plan.h"

// A planned piece of work as the engine wants it.
namespace atp {

// Where a job reads and writes.
struct JobPlaces {
  std::string out;     // inputs: OUT/steps/<id>
  std::string folder;  // of the step that is worked on
  std::string cache;   // of tokenised rows; "": in memory
};

bool has_validation(const TaskUse& task);

// The model that `work` trains or scores.
ModelJob model_job(const Work& work, const Plan& plan, const std::string& out, const Tokenizer& tokenizer);
TrainJob train_job(const Work& work, const Plan& plan, const JobPlaces& places,
                   const std::shared_ptr<const Tokenizer>& tokenizer, const Registry& registry);
// What scores a result, without the splits that it is scored on.
EvaluateJob scoring_job(const Work& work, const Plan& plan, const std::string& out, const Tokenizer& tokenizer);
EvaluateJob evaluate_job(const Work& work, const Plan& plan, const JobPlaces& places,
                         const std::shared_ptr<const Tokenizer>& tokenizer, const Registry& registry);

}  // namespace atp
