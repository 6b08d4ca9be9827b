#include "train/optimiser.h"

#include <ATen/ops/tensor.h>
#include <doctest/doctest.h>

#include "atp/error.h"

namespace {

atp::Parameter trained(const std::string& name, const std::string& group, std::vector<double> values,
                       bool decays = true) {
  atp::Parameter parameter{.name = name,
                           .shape = {static_cast<std::int64_t>(values.size())},
                           .group = group,
                           .decays = decays,
                           .initial = {}};
  parameter.value = at::tensor(values, at::kDouble).set_requires_grad(true);
  return parameter;
}

void set_gradient(const atp::Parameter& parameter, std::vector<double> values) {
  parameter.value.mutable_grad() = at::tensor(values, at::kDouble);
}

double at_place(const at::Tensor& tensor, std::int64_t i) { return tensor.detach()[i].item<double>(); }

}  // namespace

TEST_CASE("AdamW as transformers 4.6 had it") {
  // Expected values: transformers 4.6's AdamW (lr 0.1, eps 1e-2, weight_decay 0.1, correct_bias) over the gradients
  // (0.5, −2), (1, 0), (−0.25, 0.125), worked out in Python with its formula.
  auto parameter = trained("p", "prompt", {1, -1});
  atp::AdamW optimiser({&parameter}, {.learning_rate = 0.1, .weight_decay = 0.1, .epsilon = 1e-2});
  const double gradients[][2] = {{0.5, -2}, {1, 0}, {-0.25, 0.125}};
  const double expected[][2] = {{0.9293551627855564, -0.9045161788900855},
                                {0.8455778785901436, -0.8381957899153327},
                                {0.791460922647032, -0.789027750454375}};
  for (int i = 0; i < 3; ++i) {
    set_gradient(parameter, {gradients[i][0], gradients[i][1]});
    optimiser.step(1);
    for (int j = 0; j < 2; ++j) CHECK(at_place(parameter.value, j) == doctest::Approx(expected[i][j]).epsilon(1e-12));
  }
}

TEST_CASE("each group has its rate, and decay spares what does not decay") {
  auto prompt = trained("prompt", "prompt", {1}), scale = trained("scale", "attention", {1}, false);
  atp::AdamW optimiser({&prompt, &scale},
                       {.learning_rate = 0.4, .learning_rates = {{"attention", 0.2}}, .weight_decay = 0.5});
  CHECK(optimiser.rate("prompt") == 0.4);
  CHECK(optimiser.rate("attention") == 0.2);
  set_gradient(prompt, {0});
  set_gradient(scale, {0});
  optimiser.step(0.5);
  CHECK(at_place(prompt.value, 0) == doctest::Approx(1 - 0.4 * 0.5 * 0.5));
  CHECK(at_place(scale.value, 0) == 1);
}

TEST_CASE("a saved optimiser goes on bit for bit") {
  auto one = trained("p", "prompt", {1, 2}), other = trained("p", "prompt", {1, 2});
  atp::AdamW first({&one}, {.learning_rate = 0.1});
  set_gradient(one, {0.3, -0.7});
  first.step(1);
  other.value.detach().copy_(one.value.detach());
  atp::AdamW second({&other}, {.learning_rate = 0.1});
  second.restore(first.save(), 1);
  for (auto* parameter : {&one, &other}) set_gradient(*parameter, {-0.1, 0.9});
  first.step(1);
  second.step(1);
  CHECK(one.value.equal(other.value));
  CHECK_THROWS_WITH_AS(second.restore({}, 1), doctest::Contains("first_moment/p"), atp::FormatError);
}

TEST_CASE("one global norm over everything trained") {
  auto a = trained("a", "prompt", {0, 0}), b = trained("b", "attention", {0});
  set_gradient(a, {3, 0});
  set_gradient(b, {4});
  CHECK(atp::clip_gradients({&a, &b}, 0).item<double>() == 5);
  CHECK(at_place(a.value.grad(), 0) == 3);  // 0: left as they are
  CHECK(atp::clip_gradients({&a, &b}, 10).item<double>() == 5);
  CHECK(at_place(b.value.grad(), 0) == 4);  // below the limit: left as they are
  CHECK(atp::clip_gradients({&a, &b}, 1).item<double>() == 5);
  CHECK(at_place(a.value.grad(), 0) == doctest::Approx(3 / (5 + 1e-6)));
  CHECK(at_place(b.value.grad(), 0) == doctest::Approx(4 / (5 + 1e-6)));
}
