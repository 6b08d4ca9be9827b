// The T5 backbone against transformers: logits, losses, generated ids. tests/goldens/make_t5.py says what is in a
// golden.
#include <ATen/TensorOperators.h>
#include <ATen/ops/concat.h>
#include <doctest/doctest.h>

#include "t5_model.h"

namespace atp::t5 {

namespace {

struct Golden {
  Golden(const TensorFile& file, const std::string& name) : file_(file), name_(name) {}
  at::Tensor operator[](const std::string& key) const { return file_.tensor(name_ + "." + key); }
  bool has(const std::string& key) const { return file_.find(name_ + "." + key) != nullptr; }

  const TensorFile& file_;
  std::string name_;
};

Encoded encode(const T5& model, const Golden& golden) {
  at::Tensor values = model.embed(golden["ids"]);
  at::Tensor lengths = golden["lengths"];
  if (golden.has("prompt")) {
    const at::Tensor prompt = golden["prompt"].to(values.scalar_type());
    values = at::concat({prompt.unsqueeze(0).expand({values.size(0), -1, -1}), values}, 1);
    lengths = lengths + prompt.size(0);
  }
  return model.encode({.values = values, .lengths = lengths_of(lengths), .weights = {}}, {});
}

void check_generated(const Golden& golden, const std::vector<std::vector<std::int32_t>>& found) {
  const at::Tensor ids = golden["generated"], margins = golden["margins"];
  for (std::int64_t row = 0; row < ids.size(0); ++row) {
    CAPTURE(row);
    const auto& mine = found[static_cast<std::size_t>(row)];
    for (std::int64_t i = 0; i < ids.size(1); ++i) {
      CAPTURE(i);
      if (margins[row][i].item<float>() <= 1e-3) break;  // either id is right, and what follows differs
      const auto expected = ids[row][i].item<std::int64_t>();
      const std::int64_t place = static_cast<std::int64_t>(mine.size());
      CHECK((i < place ? mine[static_cast<std::size_t>(i)] : 1) == expected);
      if (expected == 1) {
        CHECK(place == i);
        break;
      }
    }
  }
}

}  // namespace

TEST_CASE("logits, losses and generated ids are transformers'") {
  for (const auto& shape : golden_shapes) {
    const TensorFile file(goldens + shape + "/golden.safetensors");
    for (const auto precision : {at::kFloat, at::kDouble}) {
      const T5 model = load_golden(shape, precision);
      for (const std::string name : {"padded", "long"}) {
        CAPTURE(shape);
        CAPTURE(name);
        const Golden golden(file, name);
        const Encoded encoded = encode(model, golden);
        const at::Tensor labels = golden["labels"], rows = golden["label_lengths"];
        const at::Tensor logits = model.logits(encoded, labels, {});
        for (std::int64_t row = 0; row < labels.size(0); ++row) {
          const auto length = rows[row].item<std::int64_t>();
          const at::Tensor wrong =
              (logits[row].narrow(0, 0, length).to(at::kFloat) - golden["logits"][row].narrow(0, 0, length)).abs();
          CHECK(wrong.max().item<float>() < 1e-4f);
        }
        const Losses losses = model.loss(encoded, labels, lengths_of(rows), {});
        CHECK((losses.sums.scalar_type() == precision));
        CHECK(losses.tokens == lengths_of(rows).host);
        CHECK(difference(losses.sums, golden["losses"]) < 1e-5);
        const auto most = golden["generated"].size(1);
        check_generated(golden, model.generate(encoded, most, {}));
        for (const auto& row : model.generate(encoded, 2, {})) CHECK(row.size() <= 2);
      }
    }
  }
}

TEST_CASE("logits may end before the vocabulary does (the released code's: at row 32,100)") {
  const TensorFile file(goldens + "first/golden.safetensors");
  const Golden golden(file, "long");
  const T5 whole = load_golden("first"), cut({.checkpoint = {.folder = goldens + "first", .random_shape = {}}}, 20);
  const Encoded encoded = encode(whole, golden);
  const at::Tensor logits = cut.logits(encoded, golden["labels"], {});
  CHECK(logits.size(2) == 20);
  CHECK(difference(logits, whole.logits(encoded, golden["labels"], {}).narrow(2, 0, 20)) < 1e-6);
  for (const auto& row : cut.generate(encoded, 5, {}))
    for (const auto id : row) CHECK(id < 20);
}

TEST_CASE("bfloat16 is near, and its losses are float32") {
  for (const auto& shape : golden_shapes) {
    CAPTURE(shape);
    const TensorFile file(goldens + shape + "/golden.safetensors");
    const Golden golden(file, "long");
    const T5 model = load_golden(shape, at::kBFloat16);
    const Encoded encoded = encode(model, golden);
    CHECK((encoded.states.scalar_type() == at::kBFloat16));
    const Losses losses = model.loss(encoded, golden["labels"], lengths_of(golden["label_lengths"]), {});
    CHECK((losses.sums.scalar_type() == at::kFloat));
    CHECK(difference(losses.sums, golden["losses"]) < 0.05);  // 8 bits of mantissa through five sublayers
    CHECK(model.generate(encoded, 3, {}).size() == 3);
  }
}

}  // namespace atp::t5
