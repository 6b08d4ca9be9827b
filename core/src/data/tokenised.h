#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/task_data.h"
#include "data/token_rows.h"
#include "data/tokenizer.h"

namespace atp {

constexpr std::int64_t default_source_length = 256;  // of recipes and commands that say none; the paper's

struct TokenLengths {
  std::int64_t source = 0;  // tokens at most, </s> included
  std::int64_t target = 0;
};

// Tokens to generate at most, </s> included: the longest label's for a task with labels, otherwise the recipe's. Throws
// RecipeError where a task without labels has none: there is no silent default.
std::int64_t target_length(const TextTask& task, const Tokenizer& tokenizer, std::optional<std::int64_t> given);

// "sources longer than 256 tokens are cut: 3 of 8551 in train", with a count for each of these splits (one without a
// name is "3 of 8551"); "" where none is cut.
std::string cut_sources_text(std::int64_t length, const std::vector<std::pair<std::string, const TokenRows*>>& splits);

// A split's token ids, from a file below `cache_folder` that is named by what it holds (the store's key, the order of
// its rows, the tokenizer, the lengths) and is memory-mapped; made where it is not there or not whole, on all cores.
// Several processes may do so at once. An empty `cache_folder`: a temporary file.
std::shared_ptr<const TokenRows> tokenise(const Split& split, const Tokenizer& tokenizer, const TokenLengths& lengths,
                                          const std::string& cache_folder);

}  // namespace atp
