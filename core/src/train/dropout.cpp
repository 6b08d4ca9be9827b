#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/native_dropout_backward.h>

#include <cmath>
#include <limits>

#include "atp/backbone.h"

namespace atp {

namespace {

// SplitMix64 (Steele, Lea, Flood 2014), as a function of the position in its sequence.
std::uint64_t mix(std::uint64_t seed, std::uint64_t position) {
  std::uint64_t z = seed + (position + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Fills a CPU tensor with `scale` where a 32-bit draw is below `limit`, else 0: one draw from the generator seeds
// numbers that can be made in any order, several times faster than a generator's own sequence.
template <class T>
void fill_mask(T* mask, std::int64_t count, std::uint64_t seed, std::uint32_t limit, T scale) {
  for (std::int64_t pair = 0; pair < count / 2; ++pair) {
    const std::uint64_t bits = mix(seed, static_cast<std::uint64_t>(pair));
    mask[2 * pair] = static_cast<std::uint32_t>(bits) < limit ? scale : T(0);
    mask[2 * pair + 1] = static_cast<std::uint32_t>(bits >> 32) < limit ? scale : T(0);
  }
  if (count % 2 == 1)
    mask[count - 1] =
        static_cast<std::uint32_t>(mix(seed, static_cast<std::uint64_t>(count / 2))) < limit ? scale : T(0);
}

at::Tensor dropout_mask(const at::Tensor& values, double rate, const at::Generator& generator) {
  at::Tensor mask = at::empty_like(values, at::MemoryFormat::Contiguous);
  const double scale = 1 / (1 - rate);
  at::Tensor number = at::empty({1}, at::kLong).random_(0, std::numeric_limits<std::int64_t>::max(), generator);
  const auto seed = static_cast<std::uint64_t>(*number.const_data_ptr<std::int64_t>());
  const auto limit = static_cast<std::uint32_t>(std::lround((1 - rate) * 4294967295.0));
  if (mask.scalar_type() == at::kFloat)
    fill_mask(mask.mutable_data_ptr<float>(), mask.numel(), seed, limit, static_cast<float>(scale));
  else
    fill_mask(mask.mutable_data_ptr<double>(), mask.numel(), seed, limit, scale);
  return mask;
}

}  // namespace

at::Tensor drop_out(const at::Tensor& values, double rate, const at::Generator& generator) {
  if (rate == 0) return values;
  if (values.is_cpu() && values.scalar_type() != at::kBFloat16) return values * dropout_mask(values, rate, generator);
  // values · mask · scale in one kernel (the name says what libtorch made it for; it has a derivative of its own). The
  // mask takes a byte an element, and the scale is not rounded to bfloat16, which would shrink everything by 0.2%.
  const at::Tensor mask = at::empty(values.sizes(), values.options().dtype(at::kBool)).bernoulli_(1 - rate, generator);
  return at::native_dropout_backward(values, mask, 1 / (1 - rate));
}

}  // namespace atp
