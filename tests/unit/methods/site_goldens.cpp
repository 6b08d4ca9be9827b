// Methods that attach inside the backbone against tests/goldens/make_sites.py: PEFT's LoRA, IA3, prefix and prompt
// tuning, and BitFit and adapters on transformers' T5.
#include <ATen/ops/allclose.h>

#include <utility>

#include "atp/tensor_file.h"
#include "tests/places.h"
#include "tests/unit/methods/on_t5.h"

namespace {

const std::string goldens = tests::in_source_tree("/tests/goldens/sites");

std::vector<std::int64_t> numbers_of(const at::Tensor& tensor) {
  const auto flat = tensor.contiguous();
  return {flat.const_data_ptr<std::int64_t>(), flat.const_data_ptr<std::int64_t>() + flat.numel()};
}

atp::Batch batch_of(const atp::TensorFile& file) {
  const auto lengths = [&](const std::string& name) {
    const auto device = file.tensor(name);
    return atp::Lengths{.host = numbers_of(device), .device = device};
  };
  atp::Batch batch{.ids = file.tensor("ids"),
                   .lengths = lengths("lengths"),
                   .labels = file.tensor("labels"),
                   .label_lengths = lengths("label_lengths"),
                   .tasks = {},
                   .rows = {}};
  batch.rows.resize(batch.lengths.host.size());
  batch.tasks = at::zeros({batch.size()}, at::kLong);
  return batch;
}

std::vector<std::pair<std::string, atp::Value>> methods_of_goldens() {
  return {{"lora", options({{"rank", 3}, {"alpha", 6}})},
          {"ia3", atp::Value::map()},
          {"prefix_tuning", options({{"prefix_length", 4}})},
          {"prompt_tuning", options({{"prompt_length", 5}})},
          {"bitfit", atp::Value::map()},
          {"adapter", options({{"reduction", 4}})},
          {"adapter_drop", options({{"reduction", 4}, {"dropped_layers", 2}})}};
}

}  // namespace

TEST_CASE("losses, gradients and greedy ids against PEFT and transformers") {
  const atp::TensorFile file(goldens + "/golden.safetensors");
  const auto batch = batch_of(file);
  for (const auto& [method, method_options] : methods_of_goldens()) {
    const auto name = method;
    CAPTURE(name);
    atp::BackboneRequest request{.checkpoint = {}, .precision = at::kDouble};
    request.checkpoint.folder = goldens + "/checkpoint";
    atp::Model model;
    model.backbone = t5_methods().make<atp::Backbone>("t5", request, t5_options("backbone", "t5"));
    model.method = method_on(model.backbone, {name, method_options, {"one"}});
    atp::Start start{.precision = at::kDouble, .backbone = model.backbone.get()};
    for (const auto* parameter : std::as_const(*model.method).parameters())
      start.given[parameter->name] = file.tensor(name + "/value/" + parameter->name);
    model.method->initialise(start);

    const auto pass = model.pass(batch);
    const auto encoded = model.backbone->encode(model.embed(batch), pass);
    const auto losses = model.backbone->loss(encoded, batch.labels, batch.label_lengths, pass).sums;
    CHECK(at::allclose(losses.detach(), file.tensor(name + "/losses"), 1e-9, 1e-9));
    losses.sum().backward();
    std::size_t wanted = 0;
    for (const auto& entry : file.entries()) wanted += entry.name.rfind(name + "/gradient/", 0) == 0;
    CHECK(model.method->parameters().size() == wanted);
    for (const auto* parameter : std::as_const(*model.method).parameters()) {
      CAPTURE(parameter->name);
      CHECK(at::allclose(parameter->value.grad(), file.tensor(name + "/gradient/" + parameter->name), 1e-8, 1e-9));
    }
    const auto generated = model.backbone->generate(encoded, 6, pass);
    const auto expected = file.tensor(name + "/generated");
    for (std::int64_t row = 0; row < batch.size(); ++row) {
      auto ids = numbers_of(expected[row]);
      while (!ids.empty() && ids.back() == 0) ids.pop_back();  // an end, or the id 0 itself
      auto found = generated[static_cast<std::size_t>(row)];
      while (!found.empty() && found.back() == 0) found.pop_back();
      CHECK(std::vector<std::int64_t>(found.begin(), found.end()) == ids);
    }
  }
}
