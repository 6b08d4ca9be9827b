// Functions attached inside the T5: each against the same change made to the weights, or written out by hand.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <doctest/doctest.h>

#include <set>

#include "atp/error.h"
#include "t5_model.h"

namespace atp::t5 {

namespace {

// Three rows of sources and labels, in float64.
struct Case {
  explicit Case(const T5& t5) : model(t5) {
    embedded = {.values = model.embed(some_ids(3, 9, model.shape().vocabulary, 1)),
                .lengths = lengths_of(std::vector<std::int64_t>{9, 4, 1}),
                .weights = {}};
    labels = some_ids(3, 5, model.shape().vocabulary, 2);
  }
  Pass with(const Sites& sites) const {
    Pass pass;
    pass.sites = &sites;
    return pass;
  }
  at::Tensor logits(const Pass& pass = {}) const { return model.logits(model.encode(embedded, pass), labels, pass); }
  at::Tensor logits(const Sites& sites) const { return logits(with(sites)); }

  const T5& model;
  Embedded embedded;
  at::Tensor labels;
};

at::Tensor random(at::IntArrayRef shape, std::uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::kDouble);
}

at::Tensor weight(const T5& model, const std::string& name) {
  for (const auto& [known, tensor] : model.weights())
    if (known == name) return tensor;
  FAIL("no weight " << name);
  return {};
}

// The logits with a weight changed, which is put back afterwards.
at::Tensor logits_with(const Case& example, const std::string& name, const at::Tensor& value) {
  at::Tensor changed = weight(example.model, name);
  const at::Tensor before = changed.clone();
  changed.copy_(value);
  const at::Tensor logits = example.logits();
  changed.copy_(before);
  return logits;
}

// Greedy ids and the best ids of teacher forcing on them agree: caches see what the loss sees.
void check_generation(const Case& example, const Sites& sites) {
  const Pass pass = example.with(sites);
  const Encoded encoded = example.model.encode(example.embedded, pass);
  constexpr std::int64_t most = 8;
  const auto generated = example.model.generate(encoded, most, pass);
  at::Tensor forced = at::zeros({3, most}, at::kLong);
  for (std::int64_t row = 0; row < 3; ++row) {
    const auto& ids = generated[static_cast<std::size_t>(row)];
    for (std::size_t i = 0; i < ids.size(); ++i) forced[row][static_cast<std::int64_t>(i)].fill_(ids[i]);
    if (ids.size() < most) forced[row][static_cast<std::int64_t>(ids.size())].fill_(1);
  }
  const at::Tensor best = at::argmax(example.model.logits(encoded, forced, pass), -1);
  for (std::int64_t row = 0; row < 3; ++row) {
    const auto known = std::min(most, static_cast<std::int64_t>(generated[static_cast<std::size_t>(row)].size()) + 1);
    CHECK(at::equal(best[row].narrow(0, 0, known), forced[row].narrow(0, 0, known)));
  }
}

}  // namespace

TEST_CASE("every linear map and layer norm is a place: what is attached equals the changed weight") {
  for (const auto& shape : golden_shapes) {
    const T5 model = load_golden(shape, at::kDouble);
    const Case example(model);
    const at::Tensor plain = example.logits();
    for (const Site& site : model.sites()) {
      if (site.kind != Site::Kind::linear && site.kind != Site::Kind::norm) continue;
      if (site.name == "lm_head") continue;  // tied: its weight is also the embedding
      CAPTURE(shape);
      CAPTURE(site.name);
      Sites sites;
      at::Tensor merged = weight(model, site.name + ".weight").clone();
      if (site.kind == Site::Kind::linear) {
        const at::Tensor a = random({2, site.input_width}, 1) * 0.1, b = random({site.output_width, 2}, 2) * 0.1;
        sites.attach(site.name, {.after = [=](const at::Tensor& input, const at::Tensor& output, const SiteContext&) {
                       return output + at::linear(at::linear(input, a), b);  // LoRA
                     }});
        merged += b.matmul(a);
        CHECK(merged.size(0) == site.output_width);
        const at::Tensor scale = random({site.input_width}, 3) * 0.1 + 1;
        sites.attach(site.name, {.before = [=](const at::Tensor& input, const SiteContext&) { return input * scale; }});
        merged = merged * scale;
      } else {
        // What is normalised but not weighted: another weight takes the place of the checkpoint's, 0 or not.
        merged = random({site.input_width}, 4);
        sites.attach(site.name, {.after = [=](const at::Tensor& normalised, const at::Tensor&, const SiteContext&) {
                       return normalised * merged;
                     }});
      }
      const at::Tensor changed = logits_with(example, site.name + ".weight", merged);
      CHECK(difference(example.logits(sites), changed) < 1e-9);
      CHECK(difference(plain, changed) > 1e-6);
    }
    CHECK(at::equal(example.logits(), plain));
  }
}

TEST_CASE("the head is a place") {
  const T5 model = load_golden("second", at::kDouble);
  const Case example(model);
  const at::Tensor bias = random({model.shape().vocabulary}, 1);
  Sites sites;
  sites.attach("lm_head", {.after = [=](const at::Tensor&, const at::Tensor& output, const SiteContext&) {
                 return output + bias;
               }});
  CHECK(difference(example.logits(sites), example.logits() + bias) < 1e-12);
  check_generation(example, sites);
}

TEST_CASE("a sublayer's output is changed before it is added to what came in") {
  const T5 model = load_golden("unequal", at::kDouble);
  const Case example(model);
  std::int64_t count = 0;
  for (const Site& site : model.sites()) {
    if (site.kind != Site::Kind::sublayer) continue;
    CAPTURE(site.name);
    ++count;
    Sites sites;
    sites.attach(site.name, {.after = [](const at::Tensor& input, const at::Tensor& output, const SiteContext&) {
                   CHECK(input.sizes() == output.sizes());
                   return output * 1.5;
                 }});
    const bool attends = site.name.find(".layer.0") != std::string::npos ||
                         (site.decoder && site.name.find(".layer.1") != std::string::npos);
    const std::string kind = !attends ? ".DenseReluDense.wo" : ".SelfAttention.o";
    const std::string last =
        site.decoder && site.name.find(".layer.1") != std::string::npos ? ".EncDecAttention.o" : kind;
    const std::string name = site.name + last + ".weight";
    CHECK(difference(example.logits(sites), logits_with(example, name, weight(model, name) * 1.5)) < 1e-9);
    check_generation(example, sites);
  }
  CHECK(count == 2 * 1 + 3 * 3);
}

TEST_CASE("keys and values are places of every attention; those of one position alone too") {
  for (const auto& shape : golden_shapes) {
    const T5 model = load_golden(shape, at::kDouble);
    const Case example(model);
    std::set<std::string> changed;
    for (const Site& site : model.sites()) {
      if (site.kind != Site::Kind::keys && site.kind != Site::Kind::values) continue;
      CAPTURE(site.name);
      const at::Tensor scale = random({site.output_width}, 5) * 0.3 + 1;
      Sites sites;
      sites.attach(site.name, {.after = [=](const at::Tensor& input, const at::Tensor& output, const SiteContext&) {
                     CHECK(input.size(-1) == site.input_width);
                     return output * scale;
                   }});
      std::string name = site.name;
      name.resize(name.rfind('.') + 1);
      name += site.kind == Site::Kind::keys ? "k.weight" : "v.weight";
      changed.insert(name);
      CHECK(difference(example.logits(sites), logits_with(example, name, weight(model, name) * scale.unsqueeze(1))) <
            1e-9);
      check_generation(example, sites);
    }
    CHECK(changed.size() ==
          static_cast<std::size_t>(2 * (model.shape().encoder_layers + 2 * model.shape().decoder_layers)));
  }
}

TEST_CASE("prefixes stand before all positions: open to every row, the same with a cache") {
  const T5 model = load_golden("unequal", at::kDouble);
  const Case example(model);
  constexpr std::int64_t length = 3;
  for (const std::string attention : {"encoder.block.0.layer.0.SelfAttention", "decoder.block.1.layer.0.SelfAttention",
                                      "decoder.block.2.layer.1.EncDecAttention"}) {
    CAPTURE(attention);
    const std::int64_t inner = model.shape().heads * model.shape().head_width;
    const auto grow = [&](Sites& sites, const at::Tensor& keys, const at::Tensor& values) {
      for (const auto& [name, prefix] : {std::pair{".keys", keys}, std::pair{".values", values}})
        sites.attach(attention + name,
                     {.after = [prefix = prefix](const at::Tensor&, const at::Tensor& output, const SiteContext&) {
                       return at::concat({prefix.unsqueeze(0).expand({output.size(0), -1, -1}), output}, 1);
                     }});
    };
    const at::Tensor keys = random({length, inner}, 1), values = random({length, inner}, 2);
    Sites sites;
    grow(sites, keys, values);
    CHECK(difference(example.logits(sites), example.logits()) > 1e-4);
    check_generation(example, sites);

    Sites last_first;
    const at::Tensor order_keys = at::concat({keys.narrow(0, 1, 2), keys.narrow(0, 0, 1)}),
                     order_values = at::concat({values.narrow(0, 1, 2), values.narrow(0, 0, 1)});
    grow(last_first, order_keys, order_values);
    const double moved = difference(example.logits(last_first), example.logits(sites));
    const bool has_positions = attention.find("SelfAttention") != std::string::npos;
    CHECK((has_positions ? moved > 1e-6 : moved < 1e-9));

    Sites short_of_values;
    short_of_values.attach(attention + ".keys",
                           {.after = [](const at::Tensor&, const at::Tensor& output, const SiteContext&) {
                             return at::concat({output.narrow(1, 0, 1), output}, 1);
                           }});
    CHECK_THROWS_AS(example.logits(short_of_values), PluginError);
  }
}

TEST_CASE("one attention with a prefix, written out by hand") {
  // One row of one token: its self-attention in the encoder sees the prefix, one and two positions before it, and
  // itself.
  const T5 model = load_golden("unequal", at::kDouble);
  const std::int64_t heads = model.shape().heads, width = model.shape().head_width, inner = heads * width;
  const std::string name = "encoder.block.0.layer.0.SelfAttention";
  const at::Tensor keys = random({2, inner}, 1), values = random({2, inner}, 2);
  Sites sites;
  at::Tensor normed, mixed;
  sites.attach(name + ".keys", {.after = [&](const at::Tensor& input, const at::Tensor& output, const SiteContext&) {
                 normed = input;
                 return at::concat({keys.unsqueeze(0), output}, 1);
               }});
  sites.attach(name + ".values", {.after = [&](const at::Tensor&, const at::Tensor& output, const SiteContext&) {
                 return at::concat({values.unsqueeze(0), output}, 1);
               }});
  sites.attach(name + ".o", {.before = [&](const at::Tensor& input, const SiteContext&) { return mixed = input; }});
  Pass pass;
  pass.sites = &sites;
  const at::Tensor ids = some_ids(1, 1, model.shape().vocabulary, 1);
  model.encode({.values = model.embed(ids), .lengths = lengths_of(std::vector<std::int64_t>{1}), .weights = {}}, pass);

  const at::Tensor x = normed.view({-1});
  const at::Tensor q = weight(model, name + ".q.weight").matmul(x);
  const at::Tensor all_keys = at::concat({keys, weight(model, name + ".k.weight").matmul(x).unsqueeze(0)});
  const at::Tensor all_values = at::concat({values, weight(model, name + ".v.weight").matmul(x).unsqueeze(0)});
  // The first half of the buckets is for keys before the query, with one for each short distance.
  const at::Tensor bias = weight(model, name + ".relative_attention_bias.weight");
  for (std::int64_t head = 0; head < heads; ++head) {
    at::Tensor scores = all_keys.narrow(1, head * width, width).matmul(q.narrow(0, head * width, width));
    for (std::int64_t place = 0; place < 3; ++place) scores[place] += bias[2 - place][head];
    const at::Tensor expected = scores.softmax(0).matmul(all_values.narrow(1, head * width, width));
    CHECK(difference(mixed.view({-1}).narrow(0, head * width, width), expected) < 1e-9);
  }
}

TEST_CASE("attached functions see the rows' tasks, the pass's generator, the encoder's output in the decoder alone") {
  const T5 model = load_golden("first", at::kDouble);
  const Case example(model);
  Sites sites;
  Pass pass = example.with(sites);
  pass.tasks = lengths_of(std::vector<std::int64_t>{2, 0, 1}).device;
  pass.generator = at::detail::createCPUGenerator(1);
  int seen = 0;
  for (const std::string stack : {"encoder", "decoder"})
    sites.attach(stack + ".final_layer_norm",
                 {.after = [&, stack](const at::Tensor&, const at::Tensor& output, const SiteContext& context) {
                   ++seen;
                   CHECK(at::equal(context.tasks, pass.tasks));
                   CHECK(context.generator == pass.generator);
                   CHECK((context.encoded != nullptr) == (stack == "decoder"));
                   return output;
                 }});
  CHECK(difference(example.logits(pass), example.logits()) < 1e-12);  // nothing attached: rows without padding
  CHECK(seen == 2);
}

TEST_CASE("several at one place run in their order") {
  const T5 model = load_golden("first", at::kDouble);
  const Case example(model);
  Sites sites, reversed;
  const SiteFunction twice = {
      .after = [](const at::Tensor&, const at::Tensor& output, const SiteContext&) { return output * 2; }};
  const SiteFunction plus = {
      .after = [](const at::Tensor&, const at::Tensor& output, const SiteContext&) { return output + 1; }};
  sites.attach("lm_head", twice);
  sites.attach("lm_head", plus);
  reversed.attach("lm_head", plus);
  reversed.attach("lm_head", twice);
  CHECK(difference(example.logits(sites), example.logits() * 2 + 1) < 1e-12);
  CHECK(difference(example.logits(reversed), (example.logits() + 1) * 2) < 1e-12);
}

TEST_CASE("a site that does not exist is named, with the nearest one") {
  const T5 model = load_golden("first");
  const Case example(model);
  Sites sites;
  sites.attach("encoder.block.0.layer.0.SelfAtention.q", {});
  CHECK_THROWS_WITH_AS(example.logits(sites),
                       doctest::Contains("no site 'encoder.block.0.layer.0.SelfAtention.q'; did you mean "
                                         "'encoder.block.0.layer.0.SelfAttention.q'"),
                       PluginError);
  for (const std::string name : {"encoder.block.0.layer.0", "encoder.block.0.layer.0.layer_norm"}) {
    Sites before;
    before.attach(name, {.before = [](const at::Tensor& x, const SiteContext&) { return x; }});
    CHECK_THROWS_WITH_AS(example.logits(before), doctest::Contains("attach `after`"), PluginError);
  }
}

}  // namespace atp::t5
