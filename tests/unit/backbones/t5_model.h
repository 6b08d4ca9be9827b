#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "atp/tensor_file.h"
#include "plugins/backbones/t5/t5.h"
#include "tests/places.h"

// What the tests of the T5 backbone share: the small checkpoints of tests/goldens/make_t5.py.
namespace atp::t5 {

inline const std::string goldens = tests::in_source_tree("/tests/goldens/t5/");
inline const std::vector<std::string> golden_shapes = {"first", "second", "unequal"};

T5 load_golden(const std::string& shape, at::ScalarType precision = at::kFloat);
T5 make_tiny(at::ScalarType precision = at::kFloat, std::uint64_t seed = 0);

Lengths lengths_of(const std::vector<std::int64_t>& rows);
Lengths lengths_of(const at::Tensor& rows);

// [B, L] of ids from 2 on, drawn from a seed.
at::Tensor some_ids(std::int64_t rows, std::int64_t length, std::int64_t vocabulary, std::uint64_t seed);

// The largest difference, relative to the largest value of `expected`.
double difference(const at::Tensor& found, const at::Tensor& expected);

}  // namespace atp::t5
