#pragma once

#include "atp/method.h"
#include "engine/engine.h"

namespace atp {

// Adds to `start` what the method's inputs name: first values by parameter, prompts and whole results by option. Throws
// FormatError and RecipeError, at the input's place in the recipe, for what a file does not hold.
void read_inputs(const ModelJob& job, const Method& method, Start& start);

// The same for a method on the meta device: shapes alone, of files that are there and of steps that are still to run.
// Draws what is not given, and throws what that, or a value of another shape, would throw in the run.
void plan_inputs(const ModelJob& job, Method& method, Start start);

}  // namespace atp
