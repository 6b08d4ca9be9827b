#pragma once

#include <optional>
#include <string>
#include <vector>

#include "atp/export.h"
#include "engine/engine.h"
#include "train/model.h"
#include "train/state.h"

namespace atp {

// Trains to the end, or until `control` says stop: resumes from `state`, evaluates, keeps the best state, saves on the
// way. Leaves the best values in the model; `trained` is left to the caller.
ATP_EXPORT StepResult run_training(const Model& model, const TrainJob& job, const Control& control,
                                   std::optional<TrainingState> state, int threads);

}  // namespace atp
