#include "t5_model.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>

namespace atp::t5 {

T5 load_golden(const std::string& shape, at::ScalarType precision) {
  return T5({.checkpoint = {.folder = goldens + shape, .random_shape = {}}, .precision = precision});
}

T5 make_tiny(at::ScalarType precision, std::uint64_t seed) {
  return T5(
      {.checkpoint = {.folder = {}, .random_shape = "tiny", .seed = seed, .vocabulary = 50}, .precision = precision});
}

Lengths lengths_of(const std::vector<std::int64_t>& rows) {
  at::Tensor device = at::empty({static_cast<std::int64_t>(rows.size())}, at::kLong);
  std::copy(rows.begin(), rows.end(), device.mutable_data_ptr<std::int64_t>());
  return {rows, device};
}

Lengths lengths_of(const at::Tensor& rows) {
  const auto* values = rows.const_data_ptr<std::int64_t>();
  return lengths_of(std::vector<std::int64_t>(values, values + rows.numel()));
}

at::Tensor some_ids(std::int64_t rows, std::int64_t length, std::int64_t vocabulary, std::uint64_t seed) {
  return at::empty({rows, length}, at::kLong).random_(2, vocabulary, at::detail::createCPUGenerator(seed));
}

double difference(const at::Tensor& found, const at::Tensor& expected) {
  const at::Tensor a = found.to(at::kDouble), b = expected.to(at::kDouble);
  return ((a - b).abs().max() / (b.abs().max() + 1e-300)).item<double>();
}

}  // namespace atp::t5
