// What holds of any T5: gradients, padding, dropout, generation against teacher forcing.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <doctest/doctest.h>

#include "atp/error.h"
#include "t5_model.h"

namespace atp::t5 {

namespace {

struct Example {
  Embedded input;
  at::Tensor labels;
  Lengths label_lengths;
};

Example make_example(const T5& model, const std::vector<std::int64_t>& lengths,
                     const std::vector<std::int64_t>& label_lengths, std::int64_t more = 0) {
  const auto rows = static_cast<std::int64_t>(lengths.size());
  const auto longest = *std::max_element(lengths.begin(), lengths.end());
  const auto longest_label = *std::max_element(label_lengths.begin(), label_lengths.end());
  const std::int64_t vocabulary = model.shape().vocabulary;
  at::Tensor ids = some_ids(rows, longest, vocabulary, 1), labels = some_ids(rows, longest_label, vocabulary, 2);
  if (more > 0) {  // padding with pieces that would be noticed
    ids = at::concat({ids, some_ids(rows, more, vocabulary, 3)}, 1);
    labels = at::concat({labels, some_ids(rows, more, vocabulary, 4)}, 1);
  }
  return {
      {.values = model.embed(ids), .lengths = lengths_of(lengths), .weights = {}}, labels, lengths_of(label_lengths)};
}

at::Tensor losses_of(const T5& model, const Example& example, const Pass& pass = {}) {
  return model.loss(model.encode(example.input, pass), example.labels, example.label_lengths, pass).sums;
}

const std::vector<std::int64_t> rows = {7, 1, 4}, label_rows = {3, 1, 5};

Pass dropping(double rate, std::uint64_t seed) {
  Pass pass;
  pass.dropout = rate;
  pass.generator = at::detail::createCPUGenerator(seed);
  return pass;
}

}  // namespace

TEST_CASE("the gradient of the losses in the embeddings is the slope of the losses") {
  for (const auto& shape : golden_shapes) {
    CAPTURE(shape);
    const T5 model = load_golden(shape, at::kDouble);
    for (const double rate : {0.0, 0.3}) {  // without dropout the fused attention, with it the plain one
      CAPTURE(rate);
      Example example = make_example(model, rows, label_rows);
      const at::Tensor start = example.input.values.clone();
      example.input.values = start.clone().requires_grad_(true);
      losses_of(model, example, dropping(rate, 5)).sum().backward();
      const at::Tensor gradient = example.input.values.grad();

      const at::NoGradGuard no_gradient;
      for (std::uint64_t direction = 0; direction < 3; ++direction) {
        const at::Tensor step =
            at::randn(start.sizes(), at::detail::createCPUGenerator(direction), start.options()) * 1e-5;
        const auto at_offset = [&](double factor) {
          example.input.values = start + step * factor;
          return losses_of(model, example, dropping(rate, 5)).sum().item<double>();
        };
        const double slope = (at_offset(1) - at_offset(-1)) / 2;
        const double expected = (gradient * step).sum().item<double>();
        CHECK(slope == doctest::Approx(expected).epsilon(1e-6));
      }
      CHECK(gradient[1].narrow(0, 1, 6).abs().max().item<double>() == 0);  // padding has no part in it
    }
  }
}

TEST_CASE("the gradient in every weight is the slope of the losses") {
  const T5 model = load_golden("unequal", at::kDouble);
  const Example example = make_example(model, rows, label_rows);
  for (auto [name, weight] : model.weights()) weight.requires_grad_(true);
  const Example with_gradient = make_example(model, rows, label_rows);
  losses_of(model, with_gradient).sum().backward();
  const at::NoGradGuard no_gradient;
  for (auto [name, weight] : model.weights()) {
    const std::string key(name);
    CAPTURE(key);
    REQUIRE(weight.grad().defined());
    const at::Tensor start = weight.clone();
    const at::Tensor step = at::randn(start.sizes(), at::detail::createCPUGenerator(3), start.options()) * 1e-5;
    const auto at_offset = [&, changed = weight](double factor) {
      changed.copy_(start + step * factor);
      return losses_of(model, make_example(model, rows, label_rows)).sum().item<double>();
    };
    const double slope = (at_offset(1) - at_offset(-1)) / 2;
    weight.copy_(start);
    CHECK(slope == doctest::Approx((weight.grad() * step).sum().item<double>()).epsilon(1e-5));
  }
}

TEST_CASE("padding a batch further changes nothing") {
  for (const auto& shape : golden_shapes) {
    for (const auto precision : {at::kDouble, at::kFloat}) {
      CAPTURE(shape);
      const double tolerance = precision == at::kDouble ? 1e-9 : 1e-5;
      const T5 model = load_golden(shape, precision);
      const Example example = make_example(model, rows, label_rows), padded = make_example(model, rows, label_rows, 9);
      const Encoded encoded = model.encode(example.input, {}), encoded_padded = model.encode(padded.input, {});
      CHECK(difference(losses_of(model, padded), losses_of(model, example)) < tolerance);
      CHECK(model.generate(encoded_padded, 6, {}) == model.generate(encoded, 6, {}));
      for (std::size_t row = 0; row < rows.size(); ++row) {  // and each row is what it is alone
        const auto number = static_cast<std::int64_t>(row);
        const Example alone = {{.values = example.input.values.narrow(0, number, 1).narrow(1, 0, rows[row]),
                                .lengths = lengths_of(std::vector<std::int64_t>{rows[row]}),
                                .weights = {}},
                               example.labels.narrow(0, number, 1).narrow(1, 0, label_rows[row]),
                               lengths_of(std::vector<std::int64_t>{label_rows[row]})};
        CHECK(difference(losses_of(model, alone), losses_of(model, example).narrow(0, number, 1)) < tolerance);
      }
    }
  }
}

TEST_CASE("rows without padding and absorbed keys and values compute what the plain way does") {
  // Anything attached anywhere makes the T5 take the plain way, [B, L, d] with keys and values, through everything.
  const auto same = [](const at::Tensor&, const at::Tensor& output, const SiteContext&) { return output; };
  for (const auto& shape : golden_shapes) {
    const T5 model = load_golden(shape, at::kDouble);
    Sites sites;
    for (const Site& site : model.sites())
      if (site.kind == Site::Kind::keys) sites.attach(site.name, {.after = same});
    Pass plain;
    plain.sites = &sites;
    for (const std::vector<std::int64_t>& lengths : {std::vector<std::int64_t>{7, 1, 4}, {5, 5, 5}, {3, 140, 1}}) {
      CAPTURE(shape);
      CAPTURE(lengths.front());
      Example example = make_example(model, lengths, label_rows);
      std::vector<at::Tensor> gradients;
      for (const bool plainly : {true, false}) {
        example.input.values = example.input.values.detach().clone().requires_grad_(true);
        losses_of(model, example, plainly ? plain : Pass()).sum().backward();
        gradients.push_back(example.input.values.grad());
      }
      CHECK(difference(gradients[1], gradients[0]) < 1e-9);
      const at::NoGradGuard no_gradient;
      CHECK(difference(losses_of(model, example), losses_of(model, example, plain)) < 1e-12);
      const Encoded encoded = model.encode(example.input, {});
      for (const std::int64_t most : {3, 30})  // fewer tokens than d_kv, and more
        CHECK(model.generate(encoded, most, {}) == model.generate(encoded, most, plain));
    }
  }
}

TEST_CASE("dropout depends on its generator alone") {
  const T5 model = load_golden("second");
  const Example example = make_example(model, rows, label_rows);
  const at::Tensor first = losses_of(model, example, dropping(0.2, 1));
  at::randn({100});  // the default generator has no part in it
  CHECK(at::equal(losses_of(model, example, dropping(0.2, 1)), first));
  CHECK_FALSE(at::equal(losses_of(model, example, dropping(0.2, 2)), first));
  CHECK_FALSE(at::equal(losses_of(model, example), first));
  Pass pass;
  pass.dropout = 0.2;
  CHECK_THROWS_WITH_AS(losses_of(model, example, pass), doctest::Contains("needs a generator"), PluginError);
}

TEST_CASE("dropout zeroes its share and keeps the mean") {
  const SiteTable no_sites;
  for (const double rate : {0.1, 0.5}) {
    const Run run(dropping(rate, 9), no_sites, nullptr);
    for (const auto precision : {at::kFloat, at::kDouble, at::kBFloat16}) {
      const at::Tensor values = at::full({999, 333}, 2, precision).requires_grad_(true);
      const at::Tensor kept = run.drop(values);
      kept.sum().backward();
      const at::Tensor dropped = kept.detach().to(at::kDouble);
      CHECK(at::equal(values.grad().to(at::kDouble) * 2, dropped));
      CHECK(dropped.eq(0).to(at::kDouble).mean().item<double>() == doctest::Approx(rate).epsilon(0.01));
      CHECK(dropped.mean().item<double>() == doctest::Approx(2).epsilon(0.01));
      CHECK(dropped.max().item<double>() == doctest::Approx(2 / (1 - rate)).epsilon(0.01));
      // No two neighbours, and no two rows, fall together more often than by chance.
      const at::Tensor zero = dropped.eq(0).to(at::kDouble);
      const double together = (zero.narrow(1, 1, 332) * zero.narrow(1, 0, 332)).mean().item<double>();
      const double below = (zero.narrow(0, 1, 998) * zero.narrow(0, 0, 998)).mean().item<double>();
      CHECK(together == doctest::Approx(rate * rate).epsilon(0.03));
      CHECK(below == doctest::Approx(rate * rate).epsilon(0.03));
    }
  }
}

TEST_CASE("generated ids are the argmax of teacher forcing") {
  for (const auto& shape : golden_shapes) {
    CAPTURE(shape);
    const T5 model = load_golden(shape, at::kDouble);
    const Example example = make_example(model, {150, 2, 30}, {1, 1, 1});
    const Encoded encoded = model.encode(example.input, {});
    constexpr std::int64_t most = 30;  // longer than `unequal`'s largest distance
    const auto generated = model.generate(encoded, most, {});
    at::Tensor labels = at::zeros({3, most}, at::kLong);
    for (std::int64_t row = 0; row < 3; ++row) {
      const auto& ids = generated[static_cast<std::size_t>(row)];
      for (std::size_t i = 0; i < ids.size(); ++i) labels[row][static_cast<std::int64_t>(i)].fill_(ids[i]);
      if (ids.size() < most) labels[row][static_cast<std::int64_t>(ids.size())].fill_(1);
    }
    const at::Tensor best = at::argmax(model.logits(encoded, labels, {}), -1);
    for (std::int64_t row = 0; row < 3; ++row) {
      const auto known = std::min(most, static_cast<std::int64_t>(generated[static_cast<std::size_t>(row)].size()) + 1);
      CHECK(at::equal(best[row].narrow(0, 0, known), labels[row].narrow(0, 0, known)));
    }
  }
}

}  // namespace atp::t5
