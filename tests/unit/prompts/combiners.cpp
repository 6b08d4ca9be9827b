#include <ATen/ops/allclose.h>
#include <ATen/ops/full.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <numbers>

#include "atp/combiner.h"
#include "tests/unit/train/experiment.h"

namespace {

at::Tensor drawn(at::IntArrayRef shape, std::uint64_t seed) {
  return at::empty(shape, at::kDouble).normal_(0, 1, at::make_generator<at::CPUGeneratorImpl>(seed));
}

// Two rows of 3 and 5 tokens; what stands in the padding is `padding`.
atp::Embedded text(double padding) {
  auto values = drawn({2, 5, 6}, 1);
  values[0].narrow(0, 3, 2).fill_(padding);
  return {.values = values, .lengths = {{3, 5}, at::tensor({3, 5}, at::kLong)}, .weights = {}};
}

std::shared_ptr<atp::PromptCombiner> combiner(const std::string& name, const atp::PromptShape& shape,
                                              const atp::Value& given = {}) {
  const auto made = all_plugins().make<atp::PromptCombiner>(name, shape, checked("combiner", name, given));
  made->initialise({.seed = 9, .precision = at::kDouble});
  return made;
}

const atp::PromptShape three{.sources = 3, .length = 4, .width = 6};

}  // namespace

TEST_CASE("the max-pool sees a row's own tokens alone") {
  const auto low = atp::max_over_tokens(text(-100)), high = atp::max_over_tokens(text(100));
  CHECK(low.equal(high));
  CHECK(low[0].equal(std::get<0>(text(0).values[0].narrow(0, 0, 3).max(0))));
  CHECK(low[1].equal(std::get<0>(text(0).values[1].max(0))));
}

TEST_CASE("equal maxima: the gradient goes to the first alone") {
  const auto prompt = at::tensor({1.0, 7.0, 3.0, 7.0, 7.0, 2.0, 5.0, 5.0}).view({1, 4, 2}).set_requires_grad(true);
  atp::max_over_prompt(prompt).sum().backward();
  CHECK(prompt.grad().equal(at::tensor({0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0}).view({1, 4, 2})));
  // Long rows too, where a vectorised reduction may see the later one first.
  for (const auto length : {64, 100, 257}) {
    const auto equal = at::full({3, length, 40}, 0.5).set_requires_grad(true);
    atp::max_over_prompt(equal).sum().backward();
    CHECK(equal.grad().select(1, 0).sum().item<float>() == 120);
    CHECK(equal.grad().sum().item<float>() == 120);
  }
}

TEST_CASE("attempt: Eq. 3 and 4 written out") {
  const auto made = combiner("attempt", three, options({{"rank", 2}}));
  const auto sources = drawn({3, 4, 6}, 2), target = drawn({2, 4, 6}, 3);
  const auto mixture = made->combine(sources, target, text(50));
  const auto tensors = made->save();
  for (std::int64_t b = 0; b < 2; ++b) {
    const auto pooled = atp::max_over_tokens(text(50))[b];
    auto hidden = tensors.at("attention.down.weight").mv(pooled);
    hidden = hidden / (1 + (-hidden).exp());
    const auto raised = tensors.at("attention.up.weight").mv(hidden);
    const auto query = (raised - raised.mean()) / (raised.var(false) + 1e-5).sqrt();
    std::vector<at::Tensor> scores, prompts;
    for (std::int64_t j = 0; j < 4; ++j) {
      prompts.push_back(j < 3 ? sources[j] : target[b]);
      scores.push_back(std::get<0>(prompts.back().max(0)).dot(query) / (6 * std::numbers::e));
    }
    const auto weights = at::softmax(at::stack(scores), 0);
    auto expected = target[b].clone();
    for (std::int64_t j = 0; j < 4; ++j) expected += weights[j] * prompts[static_cast<std::size_t>(j)];
    CHECK(at::allclose(mixture.weights[b], weights, 1e-12, 1e-12));
    CHECK(at::allclose(mixture.prompt[b], expected, 1e-12, 1e-12));
  }
}

TEST_CASE("attempt without a target prompt mixes the sources alone; a low temperature picks one") {
  auto shape = three;
  shape.target = false;
  const auto sources = drawn({3, 4, 6}, 2);
  const auto soft = combiner("attempt", shape)->combine(sources, {}, text(0));
  CHECK(soft.weights.sizes() == at::IntArrayRef{2, 3});
  CHECK(at::allclose(soft.weights.sum(1), at::full({2}, 1.0, at::kDouble)));
  const auto hard = combiner("attempt", shape, options({{"temperature", 1e-6}}))->combine(sources, {}, text(0));
  const auto best = hard.weights[0].argmax().item<std::int64_t>();
  CHECK(at::allclose(hard.prompt[0], sources[best]));
}

TEST_CASE("attempt: gradient reaches the target through the scores, and never the sources") {
  const auto sources = drawn({3, 4, 6}, 2), target = drawn({2, 4, 6}, 3).set_requires_grad(true);
  const auto made = combiner("attempt", three, options({{"rank", 2}}));
  // The weights alone, without the prompt itself.
  made->combine(sources, target, text(0)).weights.select(1, 0).sum().backward();
  CHECK(target.grad().abs().sum().item<double>() > 0);
  CHECK_FALSE(sources.grad().defined());
}

TEST_CASE("attempt starts from N(0, 0.01²), LayerNorm 1 and 0, which do not decay; T is d·e") {
  const auto made = combiner("attempt", {.sources = 3, .length = 4, .width = 64});
  const auto tensors = made->save();
  CHECK(tensors.at("attention.down.weight").sizes() == at::IntArrayRef{100, 64});
  CHECK(tensors.at("attention.up.weight").sizes() == at::IntArrayRef{64, 100});
  for (const auto* name : {"attention.down.weight", "attention.up.weight"}) {
    CHECK(tensors.at(name).std().item<double>() == doctest::Approx(0.01).epsilon(0.05));
    CHECK(tensors.at(name).mean().item<double>() == doctest::Approx(0).scale(0.01).epsilon(0.1));
  }
  CHECK_FALSE(tensors.at("attention.down.weight").equal(tensors.at("attention.up.weight").t()));
  CHECK(tensors.at("attention.norm.weight").equal(at::full({64}, 1.0, at::kDouble)));
  CHECK(tensors.at("attention.norm.bias").equal(at::full({64}, 0.0, at::kDouble)));
  for (const auto* parameter : made->parameters()) CHECK(parameter->decays == (parameter->shape.size() == 2));
}

TEST_CASE("no_attention: the mean of the sources beside the target, nothing trained") {
  const auto made = combiner("no_attention", three);
  CHECK(made->parameters().empty());
  const auto sources = drawn({3, 4, 6}, 2), target = drawn({2, 4, 6}, 3);
  const auto mixture = made->combine(sources, target, text(0));
  CHECK(at::allclose(mixture.prompt, target + (sources[0] + sources[1] + sources[2]) / 3));
  CHECK(at::allclose(mixture.weights, at::tensor({1.0 / 3, 1.0 / 3, 1.0 / 3, 0.0}, at::kDouble).expand({2, 4})));
  CHECK(at::allclose(made->combine(sources, {}, text(0)).prompt[1], sources.mean(0)));
}
