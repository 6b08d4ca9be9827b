#pragma once

#include <string>

#include "pipeline/plan.h"

namespace atp {

// A finished training, read back from its folder: recipe.yaml says what it is, result.json what it was made with.
struct RecordedStep {
  StepFolder folder;
  Work work;  // its tasks, method, backbone and checkpoint; inputs by name only, since nothing is read of them again
};

// `path`: a step's folder, or a name of it (OUT/<recipe>/[<trial>/]<step>). Throws RecipeError where that is no
// finished training; where the checkpoint or the tokenizer that it was trained with is not there, or holds something
// else now; where a plugin is missing, or knows its options no longer.
RecordedStep read_recorded_step(const std::string& path, const std::string& models, Machinery& machinery,
                                Planner& planner, ContentDigests& digests);

// The number of one of its tasks; "" stands for the only one. Throws RecipeError with the nearest name.
std::size_t task_number(const Work& work, const std::string& name);

}  // namespace atp
