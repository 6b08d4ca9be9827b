#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <doctest/doctest.h>

#include "atp/backbone.h"

namespace {

at::Generator generator(std::uint64_t seed) { return at::make_generator<at::CPUGeneratorImpl>(seed); }

std::int64_t next_of(at::Generator generator) {
  return at::ones({1}, at::kLong).random_(0, 1'000'000'000, generator).item<std::int64_t>();
}

}  // namespace

TEST_CASE("drop_out: a share of the elements is zero, the others are divided by the share that is kept") {
  for (const auto type : {at::kDouble, at::kFloat, at::kBFloat16})
    for (const double rate : {0.1, 0.5, 0.8}) {
      CAPTURE(rate);
      const auto values = at::ones({200, 501}, type).requires_grad_(true);
      const auto dropped = atp::drop_out(values, rate, generator(1));
      const auto is_zero = dropped.eq(0);
      CHECK(is_zero.to(at::kDouble).mean().item<double>() == doctest::Approx(rate).epsilon(0.005));
      const auto kept = (at::ones({1}, at::kDouble) / (1 - rate)).to(type);
      CHECK(dropped.equal(at::where(is_zero, at::zeros_like(dropped), kept)));
      dropped.sum().backward();
      CHECK(values.grad().equal(dropped));
    }
}

TEST_CASE("drop_out: the generator alone decides; with rate 0 nothing is drawn") {
  const auto values = at::ones({301, 7});
  CHECK(atp::drop_out(values, 0.5, generator(1)).equal(atp::drop_out(values, 0.5, generator(1))));
  CHECK_FALSE(atp::drop_out(values, 0.5, generator(1)).equal(atp::drop_out(values, 0.5, generator(2))));
  const auto used = generator(1), unused = generator(1);
  CHECK_FALSE(atp::drop_out(values, 0.5, used).equal(atp::drop_out(values, 0.5, used)));
  CHECK(atp::drop_out(values, 0, unused).is_same(values));
  CHECK(next_of(unused) == next_of(generator(1)));
}
