#pragma once

#include <cstdint>
#include <optional>

#include "engine/engine.h"
#include "recipe/recipe.h"

namespace atp {

// The training that would have left an adapter: method, combiner and source prompts as its files say, on the tasks and
// the backbone that are given as a recipe has them. Throws RecipeError where a plugin is missing or does not know what
// they say.
Step adapter_step(const AdapterSummary& summary, const Value& tasks, const Value& backbone,
                  std::optional<std::int64_t> source_length, Catalogue& catalogue);

}  // namespace atp
