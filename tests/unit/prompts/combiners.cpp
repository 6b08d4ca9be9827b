#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
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

// First values, and, for those that centre pools, the rows of `text`.
atp::Start first() {
  atp::Start start{.seed = 9, .precision = at::kDouble};
  start.training_inputs = [](const auto& show) { show(text(77)); };
  return start;
}

std::shared_ptr<atp::PromptCombiner> combiner(const std::string& name, const atp::PromptShape& shape,
                                              const atp::Value& given = {}) {
  const auto made = all_plugins().make<atp::PromptCombiner>(name, shape, checked("combiner", name, given));
  made->initialise(first());
  return made;
}

const atp::PromptShape three{.sources = 3, .length = 4, .width = 6};

at::Tensor some_sources() { return drawn({3, 4, 6}, 2); }
at::Tensor some_targets() { return drawn({2, 4, 6}, 3); }

// The reference, one row and one number at a time.

at::Tensor maximum(const at::Tensor& tokens) { return std::get<0>(tokens.max(0)); }  // [l, d] → [d]

at::Tensor own_tokens(std::int64_t row) { return text(50).values[row].narrow(0, 0, row == 0 ? 3 : 5); }

at::Tensor layer_norm(const at::Tensor& vector) { return (vector - vector.mean()) / (vector.var(false) + 1e-5).sqrt(); }

// H of attempt and token_level.
at::Tensor bottleneck(const std::map<std::string, at::Tensor>& tensors, const at::Tensor& pooled) {
  auto hidden = tensors.at("attention.down.weight").mv(pooled);
  hidden = hidden / (1 + (-hidden).exp());
  return layer_norm(tensors.at("attention.up.weight").mv(hidden));
}

// The source prompts, and the row's own as the last.
std::vector<at::Tensor> prompts_of(std::int64_t row, bool target) {
  std::vector<at::Tensor> prompts = some_sources().unbind(0);
  if (target) prompts.push_back(some_targets()[row]);
  return prompts;
}

// e^{s_j} over their sum.
std::vector<double> softmax(const std::vector<double>& scores) {
  std::vector<double> weights;
  double sum = 0;
  for (const auto score : scores) sum += std::exp(score);
  for (const auto score : scores) weights.push_back(std::exp(score) / sum);
  return weights;
}

double product(const at::Tensor& one, const at::Tensor& other) { return one.dot(other).item<double>(); }

// The gradient of `loss` in every number of a tensor, against central differences.
void check_gradient(const std::function<at::Tensor()>& loss, at::Tensor tensor) {
  tensor.mutable_grad().reset();
  loss().backward();
  REQUIRE(tensor.grad().defined());
  const auto gradient = tensor.grad().flatten();
  const at::NoGradGuard no_gradient;
  auto flat = tensor.detach().view({-1});  // shares the tensor's memory
  for (std::int64_t i = 0; i < flat.numel(); ++i) {
    const auto before = flat[i].item<double>(), step = 1e-5;
    flat[i].fill_(before + step);
    const auto above = loss().item<double>();
    flat[i].fill_(before - step);
    const auto below = loss().item<double>();
    flat[i].fill_(before);
    CHECK(gradient[i].item<double>() == doctest::Approx((above - below) / (2 * step)).epsilon(1e-6).scale(1));
  }
}

// Eq. 3 and 4 for a query of the row's own.
void check_weights_of_prompts(const atp::PromptCombiner& made, double temperature,
                              const std::function<at::Tensor(std::int64_t row)>& query) {
  for (const bool target : {true, false}) {
    CAPTURE(target);
    const auto mixture = made.combine(some_sources(), target ? some_targets() : at::Tensor(), text(50));
    for (std::int64_t row = 0; row < 2; ++row) {
      const auto prompts = prompts_of(row, target);
      std::vector<double> scores;
      for (const auto& prompt : prompts) scores.push_back(product(maximum(prompt), query(row)) / temperature);
      const auto weights = softmax(scores);
      auto expected = target ? prompts.back().clone() : at::zeros({4, 6}, at::kDouble);
      for (std::size_t j = 0; j < prompts.size(); ++j) expected += weights[j] * prompts[j];
      CHECK(at::allclose(mixture.weights[row], at::tensor(weights, at::kDouble), 1e-10, 1e-12));
      CHECK(at::allclose(mixture.prompt[row], expected, 1e-10, 1e-12));
    }
  }
}

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
  const auto tensors = made->save();
  check_weights_of_prompts(*made, 6 * std::numbers::e,
                           [&](auto row) { return bottleneck(tensors, maximum(own_tokens(row))); });
}

TEST_CASE("token_level: Eq. 5 written out, a weight for each token of each prompt") {
  const auto made = combiner("token_level", three, options({{"rank", 2}, {"temperature", 0.5}}));
  const auto tensors = made->save();
  for (const bool target : {true, false}) {
    const auto mixture = made->combine(some_sources(), target ? some_targets() : at::Tensor(), text(50));
    CHECK(mixture.weights.sizes() == at::IntArrayRef{2, 4, target ? 4 : 3});
    for (std::int64_t row = 0; row < 2; ++row) {
      const auto query = bottleneck(tensors, maximum(own_tokens(row)));
      const auto prompts = prompts_of(row, target);
      for (std::int64_t l = 0; l < 4; ++l) {
        std::vector<double> scores;
        for (const auto& prompt : prompts) scores.push_back(product(prompt[l], query) / 0.5);
        const auto weights = softmax(scores);
        auto expected = target ? prompts.back()[l].clone() : at::zeros({6}, at::kDouble);
        for (std::size_t j = 0; j < prompts.size(); ++j) expected += weights[j] * prompts[j][l];
        CHECK(at::allclose(mixture.weights[row][l], at::tensor(weights, at::kDouble), 1e-10, 1e-12));
        CHECK(at::allclose(mixture.prompt[row][l], expected, 1e-10, 1e-12));
      }
    }
  }
}

TEST_CASE("linear: H is the layer norm of one map of the input") {
  const auto made = combiner("linear", three, options({{"temperature", 3}}));
  const auto map = made->save().at("attention.map.weight");
  CHECK(map.sizes() == at::IntArrayRef{6, 6});
  check_weights_of_prompts(*made, 3, [&](auto row) { return layer_norm(map.mv(maximum(own_tokens(row)))); });
}

TEST_CASE("dot: the input's pool is the query, and nothing is trained") {
  const auto made = combiner("dot", three);
  CHECK(made->parameters().empty());
  check_weights_of_prompts(*made, 6 * std::numbers::e, [](auto row) { return maximum(own_tokens(row)); });
}

TEST_CASE("single_prompt is attempt with one source prompt, and refuses more") {
  const atp::PromptShape one{.sources = 1, .length = 4, .width = 6};
  const auto single = combiner("single_prompt", one), attempt = combiner("attempt", one);
  const auto source = some_sources().narrow(0, 0, 1);
  CHECK(single->combine(source, some_targets(), text(0))
            .prompt.equal(attempt->combine(source, some_targets(), text(0)).prompt));
  CHECK(single->save().size() == attempt->save().size());
  CHECK(contains(message_of([] { combiner("single_prompt", three); }),
                 "single_prompt takes one source prompt, and source_prompts has 3"));
}

TEST_CASE("smop: the k largest of the router's shares, as they are, beside the target") {
  for (const std::int64_t k : {1, 2, 3}) {
    CAPTURE(k);
    const auto made = combiner("smop", three, options({{"top_k", k}}));
    const auto router = made->save().at("attention.router.weight");
    CHECK(at::allclose(router.matmul(router.t()), at::eye(3, at::kDouble)));
    for (const bool target : {true, false}) {
      const auto mixture = made->combine(some_sources(), target ? some_targets() : at::Tensor(), text(50));
      for (std::int64_t row = 0; row < 2; ++row) {
        std::vector<double> scores;
        for (std::int64_t j = 0; j < 3; ++j) scores.push_back(product(router[j], own_tokens(row).mean(0)));
        auto weights = softmax(scores);
        auto sorted = weights;
        std::sort(sorted.rbegin(), sorted.rend());
        auto expected = target ? some_targets()[row] : at::zeros({4, 6}, at::kDouble);
        for (std::size_t j = 0; j < 3; ++j) {
          if (weights[j] < sorted[static_cast<std::size_t>(k - 1)]) weights[j] = 0;
          expected = expected + weights[j] * some_sources()[static_cast<std::int64_t>(j)];
        }
        if (target) weights.push_back(0);
        CHECK(at::allclose(mixture.weights[row], at::tensor(weights, at::kDouble)));
        CHECK(at::allclose(mixture.prompt[row], expected));
      }
    }
  }
  CHECK(contains(message_of([] {
                   combiner("smop", three, options({{"top_k", 4}}));
                 }),
                 "'top_k' is 4, and there are 3 source prompts to choose from"));
}

TEST_CASE("smop: noise on the router's scores while training, in proportion to them and of no gradient of its own") {
  const auto made = combiner("smop", three, options({{"top_k", 2}, {"noise", 0.5}, {"balancing", 0.3}}));
  auto& router = *made->parameters().front();
  const auto first = router.value.detach().clone();
  const auto stream = [] { return at::make_generator<at::CPUGeneratorImpl>(21); };
  const auto drawn_noise = at::empty({2, 3}, at::kDouble).normal_(0, 0.5, stream());
  const auto direction = drawn({2, 4, 6}, 4);

  // The formula, one number at a time, for any router: the noise is what the first one's scores make of it.
  std::vector<at::Tensor> expected_prompts(2);
  const auto written_out = [&](const at::Tensor& map) {
    std::vector<std::vector<double>> gates, chosen;
    std::vector<double> penalties;
    double loss = 0;
    for (std::int64_t row = 0; row < 2; ++row) {
      std::vector<double> scores;
      for (std::int64_t j = 0; j < 3; ++j) {
        const auto mean = own_tokens(row).mean(0);
        scores.push_back(product(map[j], mean) + product(first[j], mean) * drawn_noise[row][j].item<double>());
      }
      const auto weights = softmax(scores);
      const auto least = *std::min_element(weights.begin(), weights.end());
      auto prompt = some_targets()[row];
      auto& of_row = chosen.emplace_back();
      for (std::size_t j = 0; j < 3; ++j) {
        of_row.push_back(weights[j] > least ? 1 : 0);
        prompt = prompt + of_row[j] * weights[j] * some_sources()[static_cast<std::int64_t>(j)];
      }
      gates.push_back(weights);
      expected_prompts[static_cast<std::size_t>(row)] = prompt;
      loss += (prompt * direction[row]).sum().item<double>();
    }
    for (std::size_t row = 0; row < 2; ++row) {
      double penalty = 0;
      for (std::size_t j = 0; j < 3; ++j) penalty += 0.3 * 3 * (chosen[0][j] + chosen[1][j]) / 4 * gates[row][j];
      penalties.push_back(penalty);
      loss += penalty;
    }
    return std::pair(loss, penalties);
  };
  const auto [loss, penalties] = written_out(first);
  const auto mixture = made->combine_in_training(some_sources(), some_targets(), text(50), stream());
  for (std::int64_t row = 0; row < 2; ++row)
    CHECK(at::allclose(mixture.prompt[row], expected_prompts[static_cast<std::size_t>(row)], 1e-10, 1e-12));
  CHECK(at::allclose(mixture.penalty, at::tensor(penalties, at::kDouble), 1e-10, 1e-12));

  ((mixture.prompt * direction).sum() + mixture.penalty.sum()).backward();
  for (std::int64_t j = 0; j < 3; ++j)
    for (std::int64_t k = 0; k < 6; ++k) {
      const auto loss_at = [&](double step) {
        auto map = first.clone();
        map[j][k] += step;
        return written_out(map).first;
      };
      CHECK(router.value.grad()[j][k].item<double>() ==
            doctest::Approx((loss_at(1e-6) - loss_at(-1e-6)) / 2e-6).epsilon(1e-6).scale(1));
    }
}

TEST_CASE("smop: what is off changes nothing, and evaluation sees neither noise nor penalty") {
  const auto stream = at::make_generator<at::CPUGeneratorImpl>(21);
  const auto plain = combiner("smop", three);
  const auto evaluated = plain->combine(some_sources(), some_targets(), text(50));
  const auto trained = plain->combine_in_training(some_sources(), some_targets(), text(50), stream);
  CHECK(trained.prompt.equal(evaluated.prompt));
  CHECK_FALSE(trained.penalty.defined());
  const auto noisy = combiner("smop", three, options({{"noise", 1}, {"balancing", 0.01}}));
  const auto unseen = noisy->combine(some_sources(), some_targets(), text(50));
  CHECK(unseen.prompt.equal(evaluated.prompt));
  CHECK_FALSE(unseen.penalty.defined());
  // Choices that are spread evenly cost λ; gates that all go one way cost up to t · λ.
  const auto balanced = combiner("smop", {.sources = 2, .length = 4, .width = 6}, options({{"balancing", 0.01}}));
  auto& router = balanced->parameters().front()->value;
  const at::NoGradGuard no_gradient;
  router.zero_();
  router[0] = 100 * own_tokens(0).mean(0);
  const auto two = some_sources().narrow(0, 0, 2);
  const auto penalty = balanced->combine_in_training(two, some_targets(), text(50), stream).penalty;
  const bool same_way = product(own_tokens(0).mean(0), own_tokens(1).mean(0)) > 0;
  CHECK(penalty.mean().item<double>() == doctest::Approx(same_way ? 0.02 : 0.01));
}

TEST_CASE("temperature: a number, the pools' mean norm, or trained from d·e and kept within bounds") {
  double norms = 0;
  for (const auto& prompt : some_sources().unbind(0)) norms += maximum(prompt).norm().item<double>() / 3;
  const auto query = [](auto row) { return maximum(own_tokens(row)); };
  check_weights_of_prompts(*combiner("dot", three, options({{"temperature", 0.25}})), 0.25, query);
  check_weights_of_prompts(*combiner("dot", three, options({{"temperature", "pool_norm"}})), norms, query);

  const auto learned = combiner("dot", three, options({{"temperature", "learned"}}));
  REQUIRE(learned->parameters().size() == 1);
  auto& tau = *learned->parameters().front();
  CHECK(tau.group == "attention");
  CHECK_FALSE(tau.decays);
  for (const auto& [value, bounded] : {std::pair(1.0, 1.0), {0.7, 0.7}, {-3.0, 0.005}, {9.0, 5.0}}) {
    tau.value.detach().fill_(value);
    check_weights_of_prompts(*learned, 6 * std::exp(bounded), query);
    tau.value.mutable_grad().reset();
    learned->combine(some_sources(), some_targets(), text(0)).weights.select(1, 0).sum().backward();
    CHECK((tau.value.grad().item<double>() == 0) == (value != bounded));
  }
}

TEST_CASE("centred pools: the input's pool less the mean over the rows that training starts with") {
  const auto made = combiner("dot", three, options({{"centred_pools", true}}));
  CHECK(made->parameters().empty());
  const auto mean = (maximum(own_tokens(0)) + maximum(own_tokens(1))) / 2;
  CHECK(at::allclose(made->save().at("attention.centre"), mean));
  check_weights_of_prompts(*made, 6 * std::numbers::e, [&](auto row) { return maximum(own_tokens(row)) - mean; });
  REQUIRE(made->buffers().size() == 1);
  CHECK(made->buffers().front()->group == "attention");  // attention_from brings it along
  auto given = first();
  given.training_inputs = {};
  given.given["attention.centre"] = at::zeros({6}, at::kDouble);
  made->initialise(given);
  check_weights_of_prompts(*made, 6 * std::numbers::e, [&](auto row) { return maximum(own_tokens(row)); });
}

TEST_CASE("every combiner: gradients against finite differences, in what it trains, the target and the sources") {
  for (const auto& entry : all_plugins().entries()) {
    if (entry.kind != "combiner") continue;
    CAPTURE(entry.name);
    const bool single = entry.name == "single_prompt";
    for (const auto* temperature : {"learned", "pool_norm"}) {
      for (const bool with_target : {true, false}) {
        auto sources = some_sources().narrow(0, 0, single ? 1 : 3).clone().set_requires_grad(true);
        auto target = with_target ? some_targets().set_requires_grad(true) : at::Tensor();
        auto shape = three;
        shape.sources = sources.size(0);
        const auto made = combiner(
            entry.name, shape,
            known_options("combiner", entry.name, options({{"temperature", temperature}, {"centred_pools", true}})));
        const auto direction = drawn({2, 4, 6}, 4), weight_direction = drawn({2, 4, 4}, 5);
        const auto loss = [&] {
          const auto mixture = made->combine(sources, target, text(0));
          auto share = weight_direction.narrow(2, 0, mixture.weights.size(-1));
          if (mixture.weights.dim() == 2) share = share.select(1, 0);
          return (mixture.prompt * direction).sum() + (mixture.weights * share).sum();
        };
        check_gradient(loss, sources);
        if (with_target) check_gradient(loss, target);
        for (auto* parameter : made->parameters()) {
          CAPTURE(parameter->name);
          check_gradient(loss, parameter->value);
        }
      }
    }
  }
}

TEST_CASE("every combiner: a row alone, in a batch and beside any padding gives the same mixture") {
  for (const auto& entry : all_plugins().entries()) {
    if (entry.kind != "combiner" || entry.name == "single_prompt") continue;
    CAPTURE(entry.name);
    const auto made = combiner(entry.name, three, known_options("combiner", entry.name, options({{"temperature", 1}})));
    const auto both = made->combine(some_sources(), some_targets(), text(-50));
    CHECK(made->combine(some_sources(), some_targets(), text(1e6)).prompt.equal(both.prompt));
    for (std::int64_t row = 0; row < 2; ++row) {
      const auto tokens = own_tokens(row).unsqueeze(0);
      const atp::Embedded alone{
          .values = tokens, .lengths = {{tokens.size(1)}, at::tensor({tokens.size(1)}, at::kLong)}, .weights = {}};
      const auto mixture = made->combine(some_sources(), some_targets().narrow(0, row, 1), alone);
      CHECK(at::allclose(mixture.prompt[0], both.prompt[row], 1e-12, 1e-12));
      CHECK(at::allclose(mixture.weights[0], both.weights[row], 1e-12, 1e-12));
    }
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
