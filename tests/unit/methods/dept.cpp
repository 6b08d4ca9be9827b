#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>

#include <cmath>

#include "tests/unit/methods/on_t5.h"

// DePT's formula, row by row, and its counts.

TEST_CASE("DePT: the i-th token's embedding grows by alpha / √r times row i of A · B") {
  const at::NoGradGuard no_gradient;
  const auto model =
      model_on_t5({"dept", options({{"prompt_length", 3}, {"rank", 2}, {"max_length", 4}, {"alpha", 5}})});
  const auto saved = model.method->save();
  const auto batch = mixed_batch();
  const auto embedded = model.embed(batch);
  const auto plain = model.backbone->embed(batch.ids);
  REQUIRE(batch.ids.size(1) > 4);
  for (std::int64_t b = 0; b < batch.size(); ++b) {
    CHECK(embedded.values[b].narrow(0, 0, 3).equal(saved.at("prompt")));
    for (std::int64_t i = 0; i < batch.ids.size(1); ++i) {
      auto expected = plain[b][i].clone();
      for (std::int64_t k = 0; i < 4 && k < 2; ++k)
        expected += 5 / std::sqrt(2.0) * saved.at("low_rank.A")[i][k].item<double>() * saved.at("low_rank.B")[k];
      CHECK(at::allclose(embedded.values[b][3 + i], expected, 1e-12, 1e-12));
    }
    CHECK(embedded.lengths.host[static_cast<std::size_t>(b)] == batch.lengths.host[static_cast<std::size_t>(b)] + 3);
  }
}

TEST_CASE("DePT starts as its prompt alone: B is zero, A even within 1/√r") {
  const auto backbone = t5();
  const auto method = method_on(backbone, {"dept", options({{"prompt_length", 3}, {"rank", 4}})});
  method->initialise(start_on(*backbone));
  const auto first = method->save();
  CHECK(first.at("low_rank.B").abs().max().item<double>() == 0);
  const auto largest = first.at("low_rank.A").abs().max().item<double>();
  CHECK(largest <= 0.5);
  CHECK(largest > 0.49);  // of 1,024 draws
}

TEST_CASE("DePT costs what a prompt of 100 tokens costs on T5-base, in the three forms of its published adapters") {
  const auto base = t5_outline("base");
  for (const auto& [length, rank] : {std::pair(40, 45), {60, 30}, {80, 15}}) {
    std::int64_t count = 0;
    const auto method = method_on(base, {"dept", options({{"prompt_length", length}, {"rank", rank}})});
    for (const auto* parameter : method->parameters()) count += parameter->count();
    CHECK(count == 100 * 768);
    CHECK(method->parameters()[0]->group == "prompt");
    CHECK(method->parameters()[1]->group == "low_rank");
    CHECK(method->parameters()[2]->group == "low_rank");
  }
}
