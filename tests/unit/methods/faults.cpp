// What `compat` brings back of the released code, each against what METHODS.md says of it.
#include <ATen/ops/allclose.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/tensor.h>

#include "tests/unit/train/experiment.h"
#include "train/batches.h"

namespace {

atp::Value faults(const std::string& name) {
  atp::Value list = atp::Value::list();
  list.push_back(name);
  return list;
}

atp::Batch batch_of(const std::vector<std::vector<std::int32_t>>& sources) {
  std::vector<MemoryRows::Row> rows;
  std::vector<atp::ExampleNumber> examples;
  for (const auto& source : sources) {
    examples.push_back({0, static_cast<std::int64_t>(rows.size())});
    rows.push_back({source, {4, 1}});
  }
  return atp::make_batch(examples, {{.task = "copy", .task_number = 0, .rows = std::make_shared<MemoryRows>(rows)}},
                         at::kCPU);
}

}  // namespace

TEST_CASE("padding_in_pool: a shorter source's weights are those of a source that ends with padding") {
  Choices choices;
  choices.method = "attempt";
  choices.combiner_options.set("temperature", 2.0);
  auto released = choices;
  released.method_options.set("compat", faults("padding_in_pool"));
  const auto ours = make_model(choices), theirs = make_model(released);
  // Sources are cut at 8 tokens: the first is shorter, the second is not.
  const std::vector<std::int32_t> shorter{5, 7, 1}, whole{5, 7, 9, 3, 4, 2, 6, 1}, with_padding{5, 7, 1, 0};
  const auto found = theirs.embed(batch_of({shorter, whole})).weights;
  CHECK(at::allclose(found[0], ours.embed(batch_of({with_padding})).weights[0], 1e-9, 1e-12));
  CHECK(at::allclose(found[1], ours.embed(batch_of({whole})).weights[0], 1e-9, 1e-12));
  CHECK_FALSE(at::allclose(found[0], ours.embed(batch_of({shorter})).weights[0], 1e-9, 1e-12));
  const auto embedded = theirs.embed(batch_of({shorter, whole}));  // the padding is no part of what is encoded
  CHECK(embedded.lengths.host == std::vector<std::int64_t>{6, 11});
}

TEST_CASE("constant_weights: 1/(t+1) for each source prompt, and for the target beside itself") {
  Choices choices;
  choices.method = "attempt";
  choices.combiner = "no_attention";
  const atp::PromptShape shape{.sources = 3, .length = 2, .width = 4};
  const auto made = all_plugins().make<atp::PromptCombiner>(
      "no_attention", shape, checked("combiner", "no_attention", options({{"compat", faults("constant_weights")}})));
  const auto stream = at::make_generator<at::CPUGeneratorImpl>(1);
  const auto drawn = [&](at::IntArrayRef sizes) { return at::empty(sizes, at::kDouble).normal_(0, 1, stream); };
  const auto sources = drawn({3, 2, 4}), target = drawn({2, 2, 4});
  const atp::Embedded text{
      .values = drawn({2, 5, 4}), .lengths = {{5, 5}, at::tensor({5, 5}, at::kLong)}, .weights = {}};
  const auto mixture = made->combine(sources, target, text);
  CHECK(at::allclose(mixture.prompt, target + (sources[0] + sources[1] + sources[2] + target) / 4));
  CHECK(at::allclose(mixture.weights, at::empty_like(mixture.weights).fill_(0.25)));
  CHECK(at::allclose(made->combine(sources, {}, text).prompt[0], sources.mean(0)));  // no target: nothing else to weigh
}

TEST_CASE("attention_norm: the layer norm stays at 1 and 0; temperature: 2087 at every width") {
  for (const auto* name : {"attempt", "token_level"}) {
    CAPTURE(name);
    const atp::PromptShape shape{.sources = 3, .length = 2, .width = 4};
    const auto make = [&](atp::Value::Map given) {
      const auto made = all_plugins().make<atp::PromptCombiner>(name, shape, checked("combiner", name, options(given)));
      made->initialise({.seed = 9, .precision = at::kDouble});
      return made;
    };
    const auto fixed = make({{"rank", 2}, {"compat", faults("attention_norm")}});
    std::vector<std::string> trained;
    for (const auto* parameter : fixed->parameters()) trained.push_back(parameter->name);
    CHECK((trained == std::vector<std::string>{"attention.down.weight", "attention.up.weight"}));
    CHECK(fixed->save().at("attention.norm.weight").equal(at::tensor({1.0, 1.0, 1.0, 1.0}, at::kDouble)));
    CHECK(fixed->save().at("attention.norm.bias").equal(at::tensor({0.0, 0.0, 0.0, 0.0}, at::kDouble)));

    const auto stream = at::make_generator<at::CPUGeneratorImpl>(2);
    const auto drawn = [&](at::IntArrayRef sizes) { return at::empty(sizes, at::kDouble).normal_(0, 900, stream); };
    const auto sources = drawn({3, 2, 4}), target = drawn({2, 2, 4});
    const atp::Embedded text{
        .values = drawn({2, 5, 4}), .lengths = {{5, 5}, at::tensor({5, 5}, at::kLong)}, .weights = {}};
    const auto released = make({{"rank", 2}, {"compat", faults("temperature")}})->combine(sources, target, text);
    const auto said = make({{"rank", 2}, {"temperature", 2087.0}})->combine(sources, target, text);
    CHECK(released.weights.equal(said.weights));
    CHECK_FALSE(at::allclose(released.weights, make({{"rank", 2}})->combine(sources, target, text).weights));
    for (const auto& said_too : {atp::Value(5.0), atp::Value("learned")})
      CHECK(contains(message_of([&] {
                       make({{"temperature", said_too}, {"compat", faults("temperature")}});
                     }),
                     "both say what T is"));
  }
}
