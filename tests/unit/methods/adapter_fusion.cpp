#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/tanh.h>

#include <cmath>
#include <numbers>

#include "tests/unit/methods/on_t5.h"

// AdapterFusion's formula, one vector at a time.

namespace {

const OnT5 fusion = {
    "adapter_fusion", options({{"adapters", "adapters"}, {"reduction", 4}}), {"one"}, {{"adapters", 2}}};

at::Tensor gelu_new(const at::Tensor& x) {
  return 0.5 * x * (1 + at::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}

}  // namespace

TEST_CASE("AdapterFusion: an attention of the sublayer's output over what each adapter makes of it") {
  const at::NoGradGuard no_gradient;
  const auto model = model_on_t5(fusion);
  const auto saved = model.method->save();
  const auto adapters = made_adapters(*model.backbone, start_on(*model.backbone));
  const std::string site = "decoder.block.0.layer.2";
  const auto output = at::empty({2, 3, 16}, at::kDouble).normal_(0, 1, at::make_generator<at::CPUGeneratorImpl>(5));
  const auto* functions = model.method->sites()->find(site);
  REQUIRE(functions);
  const auto found = functions->front().after({}, output, {});
  for (std::int64_t b = 0; b < 2; ++b)
    for (std::int64_t i = 0; i < 3; ++i) {
      const auto y = output[b][i];
      std::vector<at::Tensor> adapted;
      std::vector<double> weights;
      double sum = 0;
      for (const auto& adapter : adapters) {
        const auto of = [&](const std::string& what) { return adapter.tensors.at(site + ".adapter." + what)[0]; };
        adapted.push_back(y + at::mv(of("up.weight"), gelu_new(at::mv(of("down.weight"), y) + of("down.bias"))) +
                          of("up.bias"));
        const auto asked = at::mv(saved.at(site + ".fusion.query").t(), y);
        const auto answered = at::mv(saved.at(site + ".fusion.key").t(), adapted.back());
        weights.push_back(std::exp((asked * answered).sum().item<double>()));
        sum += weights.back();
      }
      const auto mixed = (weights[0] * adapted[0] + weights[1] * adapted[1]) / sum;
      CHECK(at::allclose(found[b][i], at::mv(saved.at(site + ".fusion.value").t(), mixed), 1e-9, 1e-9));
    }
  CHECK_FALSE(model.method->sites()->find("decoder.block.0.layer.1"));  // none after cross-attention
}

TEST_CASE("AdapterFusion starts with V the identity, and keeps the adapters and the mean of their layer norms") {
  const auto backbone = t5();
  const auto method = method_on(backbone, fusion);
  const auto start = start_on(*backbone);
  method->initialise(start);
  const auto saved = method->save();
  const auto& adapters = start.results.at("adapters");
  CHECK(saved.at("encoder.block.0.layer.1.fusion.value").equal(at::eye(16, at::kDouble)));
  for (std::int64_t n = 0; n < 2; ++n) {
    const std::string name = "encoder.block.1.layer.0.adapter.up.weight";
    CHECK(saved.at(name)[n].equal(adapters[static_cast<std::size_t>(n)].tensors.at(name)[0]));
  }
  const std::string norm = "decoder.final_layer_norm.weight";
  CHECK(at::allclose(saved.at(norm), (adapters[0].tensors.at(norm) + adapters[1].tensors.at(norm)) / 2));
  for (const auto* parameter : method->parameters()) CHECK(parameter->group == "fusion");
  CHECK(method->parameters().size() == 6 * 3);
}

TEST_CASE("AdapterFusion: results of another method or size, and too few, are refused") {
  const auto backbone = t5();
  auto start = start_on(*backbone);
  start.results["adapters"][1].tensors.erase("encoder.block.0.layer.0.adapter.down.weight");
  CHECK(contains(message_of([&] { method_on(backbone, fusion)->initialise(start); }),
                 "'adapters.second' has no tensor 'encoder.block.0.layer.0.adapter.down.weight'"));
  auto other = fusion;
  other.options = options({{"adapters", "adapters"}, {"reduction", 8}});
  CHECK(contains(message_of([&] { method_on(backbone, other)->initialise(start_on(*backbone)); }),
                 "of 'adapters.first' has shape [1, 4, 16]; expected one of one task, [2, 16]"));
  other = fusion;
  other.inputs["adapters"] = 1;
  CHECK(contains(message_of([&] { method_on(backbone, other); }), "'adapters' names one result; expected two or more"));
}

TEST_CASE("AdapterFusion: trained parameters on T5-base") {
  const OnT5 what = {"adapter_fusion", options({{"adapters", "adapters"}}), {"one"}, {{"adapters", 4}}};
  const auto method = method_on(t5_outline("base"), what);
  std::int64_t count = 0;
  for (const auto* parameter : method->parameters()) count += parameter->count();
  CHECK(count == 48 * 3 * 768 * 768);
}
