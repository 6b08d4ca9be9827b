#pragma once

#include <optional>
#include <string>

#include "atp/export.h"
#include "engine/engine.h"
#include "train/model.h"

namespace atp {

// One prompt in the place of those that a method puts before its inputs: their mean.
struct MeanPrompt {
  at::Tensor prompt;  // [m, d] float32 (float64 backbones: float64), on the CPU
  MeanPromptCost cost;
};

// Over all rows of the split. Nothing where `control` says stop. Throws RecipeError naming `method` where it does
// anything else than to put a prompt of one length before each input, DataError for an empty split.
ATP_EXPORT std::optional<MeanPrompt> mean_prompt(const Model& model, const std::string& method, const SplitData& split,
                                                 std::int64_t batch_size, const Control& control);

}  // namespace atp
