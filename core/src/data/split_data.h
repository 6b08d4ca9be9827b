#pragma once

#include <memory>
#include <string>

#include "atp/registry.h"
#include "data/task_data.h"
#include "data/tokenised.h"
#include "engine/engine.h"

namespace atp {

struct SplitRequest {
  std::int64_t source_length = default_source_length;
  std::optional<std::int64_t> target_length = {};  // the recipe's; needed for tasks without labels
  std::string cache_folder;                        // "" keeps tokens in memory
};

// Examples of a task as the engine wants it: tokenised rows, decode, and a score that owns all it needs.
// `task_number` is left 0.
SplitData split_data(const TaskData& data, const Split& examples, const SplitRequest& request,
                     const std::shared_ptr<const Tokenizer>& tokenizer, const Registry& registry);

}  // namespace atp
