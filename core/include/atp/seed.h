#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "atp/export.h"

namespace atp {

// A random stream of its own for every choice: the hash (XXH3, 64 bits) of the run's seed, a purpose ("dropout",
// "order", "initial:prompt") and up to two counters. Nothing depends on what was drawn before.
ATP_EXPORT std::uint64_t derive_seed(std::uint64_t seed, std::string_view purpose, std::uint64_t first = 0,
                                     std::uint64_t second = 0);

// The permutation of 0 … n−1 that `torch.randperm(n, generator=manual_seed(seed))` gives on a CPU: for i = 0 … n−2 swap
// i with i + draw mod (n − i), draws from std::mt19937(seed).
ATP_EXPORT std::vector<std::int64_t> permutation(std::int64_t n, std::uint32_t seed);

}  // namespace atp
