// The device computes what the CPU computes in float32: losses, gradients, answers.
#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/tensor.h>

#include "tests/gpu/experiment.h"

namespace {

struct Case {
  std::string precision;
  double tolerance;
};
const std::vector<Case> cases = {{"float32", 1e-4}, {"bfloat16", 2e-2}};

Experiment experiment_of(const std::string& precision) {
  Experiment experiment{.precision = precision};
  if (on_gpu()) experiment.shape = "small", experiment.prompt_length = 100, experiment.vocabulary = 32128;
  return experiment;
}

atp::SplitData rows_of(const Experiment& experiment) {
  return on_gpu() ? random_split(16, 3, 200, experiment.vocabulary) : random_split(5, 3, 30, experiment.vocabulary);
}

// Gradients of everything that is trained, on the CPU, one after the other.
std::vector<at::Tensor> gradients_of(const atp::Model& model, const atp::Batch& batch) {
  const auto encoded = model.backbone->encode(model.embed(batch), {});
  model.backbone->loss(encoded, batch.labels, batch.label_lengths, {}).sums.sum().backward();
  std::vector<at::Tensor> gradients;
  for (const auto* parameter : model.method->parameters())
    gradients.push_back(parameter->value.grad().to(at::kCPU, at::kDouble));
  return gradients;
}

// How much better the CPU's model finds `id` than `other` behind the same ids: the difference of their logits.
double margin(const atp::Model& reference, const atp::SplitData& split, std::int64_t row,
              const std::vector<std::int32_t>& before, std::int32_t id, std::int32_t other) {
  const at::NoGradGuard no_gradient;
  const std::vector<atp::ExampleNumber> example = {{0, row}};
  const auto batch = atp::make_batch(example, {split}, at::kCPU);
  const auto encoded = reference.backbone->encode(reference.embed(batch), {});
  const auto loss = [&](std::int32_t last) {
    std::vector<std::int64_t> labels(before.begin(), before.end());
    labels.push_back(last);
    const auto length = static_cast<std::int64_t>(labels.size());
    const atp::Lengths lengths{.host = {length}, .device = at::tensor(std::vector<std::int64_t>{length})};
    return reference.backbone->loss(encoded, at::tensor(labels).unsqueeze(0), lengths, {}).sums.item<double>();
  };
  return loss(other) - loss(id);
}

}  // namespace

TEST_CASE("losses are the CPU's, in float32 and in bfloat16") {
  for (const auto& one : cases) {
    const auto precision = one.precision;
    const auto tolerance = one.tolerance;
    for (const std::string method : {"prompt_tuning", "attempt"}) {
      CAPTURE(precision);
      CAPTURE(method);
      auto experiment = experiment_of(precision);
      experiment.method = method;
      const auto split = rows_of(experiment);
      const auto found = losses_of(make_model(experiment, device()), batch_of(split, device()));
      experiment.precision = "float32";
      const auto expected = losses_of(make_model(experiment, at::kCPU), batch_of(split, at::kCPU));
      for (std::size_t row = 0; row < expected.size(); ++row)
        CHECK_MESSAGE(near(found[row], expected[row], tolerance), found[row], " and ", expected[row]);
    }
  }
}

TEST_CASE("gradients are the CPU's in float32") {
  for (const auto& one : {Case{"float32", 1e-3}, Case{"bfloat16", 1e-1}}) {
    const auto precision = one.precision;
    const auto tolerance = one.tolerance;
    CAPTURE(precision);
    auto experiment = experiment_of(precision);
    const auto split = rows_of(experiment);
    const auto found = gradients_of(make_model(experiment, device()), batch_of(split, device()));
    experiment.precision = "float32";
    const auto expected = gradients_of(make_model(experiment, at::kCPU), batch_of(split, at::kCPU));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto whole = at::linalg_vector_norm(expected[i]).item<double>();
      const auto apart = at::linalg_vector_norm(found[i] - expected[i]).item<double>();
      CHECK_MESSAGE(apart <= tolerance * whole, "parameter ", i, ": ", apart, " of ", whole);
    }
  }
}

TEST_CASE("answers are the CPU's, but where its two best logits are close") {
  for (const auto& one : cases) {
    const auto precision = one.precision;
    const auto tolerance = one.tolerance;
    CAPTURE(precision);
    auto experiment = experiment_of(precision);
    const auto split = rows_of(experiment);
    const auto generate = [&](const atp::Model& model, at::Device on) {
      const at::NoGradGuard no_gradient;
      const auto batch = batch_of(split, on);
      return model.backbone->generate(model.backbone->encode(model.embed(batch), {}), split.target_length, {});
    };
    const auto found = generate(make_model(experiment, device()), device());
    experiment.precision = "float32";
    const auto reference = make_model(experiment, at::kCPU);
    const auto expected = generate(reference, at::kCPU);
    int equal = 0;
    for (std::size_t row = 0; row < expected.size(); ++row) {
      // </s> is not among the ids: put it back where a row ends early.
      auto mine = found[row], right = expected[row];
      mine.push_back(1), right.push_back(1);
      const auto length = std::min(mine.size(), right.size());
      std::size_t same = 0;
      while (same < length && mine[same] == right[same]) ++same;
      if (same == length) {
        ++equal;
        continue;
      }
      const std::vector<std::int32_t> before(right.begin(), right.begin() + static_cast<std::ptrdiff_t>(same));
      const auto apart = margin(reference, split, static_cast<std::int64_t>(row), before, right[same], mine[same]);
      CHECK_MESSAGE(apart <= tolerance, "row ", row, ", token ", same, ": the logits are ", apart, " apart");
    }
    MESSAGE(precision << ": " << equal << " of " << expected.size() << " answers are equal");
  }
}
