#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>

#include <cmath>

#include "tests/unit/methods/on_t5.h"

// MPT and SPoT: what they start from and what MPT adds to the loss, against their formulas number by number.

namespace {

double number(const at::Tensor& tensor) { return tensor.item<double>(); }

std::int64_t trained_on_base(const OnT5& what) {
  std::int64_t count = 0;
  const auto method = method_on(t5_outline("base"), what);
  for (const auto* parameter : method->parameters()) count += parameter->count();
  return count;
}

at::Tensor drawn(std::vector<std::int64_t> shape, std::uint64_t seed) {
  return at::empty(shape, at::kDouble).normal_(0, 1, at::make_generator<at::CPUGeneratorImpl>(seed));
}

// A student of both tasks, and the teachers' prompts by task.
struct School {
  School() : model(model_on_t5({"mpt", options({{"prompt_length", 3}, {"distillation", 0.7}})})) {
    auto start = start_on(*model.backbone);
    start.prompts["teachers"] = {{"sources.two", teachers[1]}, {"sources.one", teachers[0]}};
    const auto values = model.method->save();
    start.given = {values.begin(), values.end()};
    model.method->initialise(start);
  }

  at::Tensor extra(const atp::Batch& batch) const {
    const auto pass = model.pass(batch);
    const auto encoded = model.backbone->encode(model.embed(batch), pass);
    return model.method->extra_loss(batch, encoded, *model.backbone, pass);
  }

  std::vector<at::Tensor> teachers = {drawn({3, 16}, 1), drawn({3, 16}, 2)};
  atp::Model model;
};

OnT5 spot(atp::Value::Map of_spot, std::map<std::string, std::int64_t> inputs) {
  of_spot.emplace_back("prompt_length", 3);
  return {"spot", written(std::move(of_spot)), {"copy"}, std::move(inputs)};
}

}  // namespace

TEST_CASE("MPT: a task's prompt is the shared one times the task's matrix, place by place") {
  const at::NoGradGuard no_gradient;
  const auto model = model_on_t5({"mpt", options({{"prompt_length", 3}, {"rank", 2}})});
  const auto saved = model.method->save();
  const auto batch = mixed_batch();
  const auto embedded = model.embed(batch);
  for (std::int64_t b = 0; b < batch.size(); ++b) {
    const auto task = batch.tasks[b].item<std::int64_t>();
    for (std::int64_t i = 0; i < 3; ++i)
      for (std::int64_t j = 0; j < 16; ++j) {
        double own = 0;
        for (std::int64_t k = 0; k < 2; ++k)
          own += number(saved.at("task_columns")[task][i][k]) * number(saved.at("task_rows")[task][k][j]);
        CHECK(number(embedded.values[b][i][j]) == doctest::Approx(number(saved.at("prompt")[i][j]) * own));
      }
    CHECK(embedded.values[b].narrow(0, 3, batch.ids.size(1)).equal(model.backbone->embed(batch.ids)[b]));
  }
}

TEST_CASE("MPT: what is distilled, row by row") {
  const at::NoGradGuard no_gradient;
  const School school;
  const auto& backbone = *school.model.backbone;
  const auto batch = mixed_batch();
  const auto found = school.extra(batch);
  REQUIRE(found.sizes() == at::IntArrayRef{5});
  const auto encoded = backbone.encode(school.model.embed(batch), {});
  const auto student = at::softmax(backbone.logits(encoded, batch.labels, {}), -1);
  for (std::int64_t b = 0; b < batch.size(); ++b) {
    const auto row = static_cast<std::size_t>(b);
    const auto prompt = school.teachers[static_cast<std::size_t>(batch.tasks[b].item<std::int64_t>())];
    const auto tokens = batch.lengths.host[row];
    const atp::Embedded text{backbone.embed(batch.ids.narrow(0, b, 1).narrow(1, 0, tokens)),
                             {{tokens}, batch.lengths.device.narrow(0, b, 1)},
                             {}};
    const auto taught = backbone.encode(atp::prepend(prompt.unsqueeze(0), text), {});
    const auto teacher = at::softmax(backbone.logits(taught, batch.labels.narrow(0, b, 1), {}), -1)[0];
    double divergence = 0, distance = 0;
    const auto targets = batch.label_lengths.host[row];
    for (std::int64_t k = 0; k < targets; ++k)
      for (std::int64_t v = 0; v < teacher.size(1); ++v)
        divergence += number(teacher[k][v]) * std::log(number(teacher[k][v]) / number(student[b][k][v]));
    for (std::int64_t i = 0; i < tokens + 3; ++i)
      for (std::int64_t j = 0; j < 16; ++j)
        distance += std::pow(number(encoded.states[b][i][j]) - number(taught.states[0][i][j]), 2);
    const auto expected =
        0.7 * (divergence / static_cast<double>(targets) + distance / static_cast<double>((tokens + 3) * 16));
    CHECK(number(found[b]) == doctest::Approx(expected));
  }
}

TEST_CASE(
    "MPT: the gradient of what is distilled against finite differences; a student that knows all has none to do") {
  School school;
  const auto batch = mixed_batch();
  school.extra(batch).sum().backward();
  for (auto* parameter : school.model.method->parameters()) {
    CAPTURE(parameter->name);
    REQUIRE(parameter->value.grad().defined());
    const auto gradient = parameter->value.grad().flatten().clone();
    const at::NoGradGuard no_gradient;
    auto flat = parameter->value.detach().flatten();
    for (std::int64_t i = 0; i < flat.numel(); i += 7) {
      const auto before = number(flat[i]), step = 1e-6;
      const auto at_value = [&](double value) {
        flat[i].fill_(value);
        return number(school.extra(batch).sum());
      };
      const auto difference = (at_value(before + step) - at_value(before - step)) / (2 * step);
      flat[i].fill_(before);
      CHECK(number(gradient[i]) == doctest::Approx(difference).epsilon(1e-6).scale(1e-2));
    }
  }
  const at::NoGradGuard no_gradient;
  school.model.method->load({{"prompt", school.teachers[0]},
                             {"task_columns", at::ones({2, 3, 1}, at::kDouble)},
                             {"task_rows", at::ones({2, 1, 16}, at::kDouble)}},
                            start_on(*school.model.backbone));
  const auto extra = school.extra(batch);
  for (std::int64_t b = 0; b < batch.size(); ++b)
    CHECK((std::abs(number(extra[b])) < 1e-12) == (batch.tasks[b].item<std::int64_t>() == 0));
}

TEST_CASE("MPT: without teachers nothing is added; a teacher of another task or length is refused") {
  const auto model = model_on_t5({"mpt", options({{"prompt_length", 3}})});
  const auto batch = mixed_batch();
  const auto encoded = model.backbone->encode(model.embed(batch), model.pass(batch));
  CHECK_FALSE(model.method->extra_loss(batch, encoded, *model.backbone, model.pass(batch)).defined());
  auto start = start_on(*model.backbone);
  start.prompts["teachers"] = {};
  CHECK_NOTHROW(model.method->initialise(start));
  start.prompts["teachers"] = {{"sources.one", drawn({3, 16}, 1)}, {"sources.three", drawn({3, 16}, 1)}};
  CHECK(contains(message_of([&] { model.method->initialise(start); }),
                 "no teacher for task 'two'; there are: sources.one, sources.three"));
  start.prompts["teachers"][1] = {"sources.two", drawn({4, 16}, 1)};
  CHECK(contains(message_of([&] { model.method->initialise(start); }),
                 "teacher 'sources.two' is 4 tokens long, and this step's prompt_length is 3"));
}

TEST_CASE("MPT: one task's only teacher is a file, the result of a step without tasks, or its own") {
  const auto backbone = t5();
  const auto method = method_on(backbone, {"mpt", options({{"prompt_length", 3}}), {"rte"}});
  auto start = start_on(*backbone);
  for (const auto* name : {"sources.rte", "sources.rte.rte", "source", "/results/of.others/mnli.npy"}) {
    CAPTURE(name);
    start.prompts["teachers"] = {{name, drawn({3, 16}, 1)}};
    CHECK_NOTHROW(method->initialise(start));
  }
  start.prompts["teachers"] = {{"sources.mnli", drawn({3, 16}, 1)}};
  CHECK(contains(message_of([&] { method->initialise(start); }),
                 "no teacher for task 'rte'; there are: sources.mnli; a teacher's name ends with its task's"));
}

TEST_CASE("MPT: a weight of what is distilled is noted where there are no teachers; at 0 nothing is computed") {
  std::vector<std::string> notes;
  const auto noted = [&](atp::Value::Map of_mpt) {
    notes.clear();
    method_on(t5(), {"mpt", written(std::move(of_mpt))}, &notes);
    return notes.size();
  };
  CHECK(noted({{"distillation", 0.5}}) == 1);
  CHECK(contains(notes.at(0), "'distillation' weighs what is distilled from teachers, and the step names none"));
  CHECK(noted({{"distillation", 0}}) == 0);
  CHECK(noted({{"distillation", 0.5}, {"teachers", "sources"}}) == 0);
  CHECK(noted({}) == 0);
  const auto model = model_on_t5({"mpt",
                                  options({{"prompt_length", 3}, {"distillation", 0}, {"teachers", "sources"}}),
                                  {"one", "two"},
                                  {{"teachers", 2}}});
  const auto batch = mixed_batch();
  const auto encoded = model.backbone->encode(model.embed(batch), model.pass(batch));
  CHECK_FALSE(model.method->extra_loss(batch, encoded, *model.backbone, model.pass(batch)).defined());
}

TEST_CASE("MPT: a target task starts from the shared prompt and the means of the tasks' matrices") {
  const auto backbone = t5();
  const auto method =
      method_on(backbone, {"mpt", options({{"prompt_length", 3}, {"start_from", "x"}}), {"t"}, {{"start_from", 1}}});
  auto start = start_on(*backbone);
  const auto prompt = drawn({3, 16}, 1), columns = drawn({4, 3, 1}, 2), rows = drawn({4, 1, 16}, 3);
  start.results["start_from"] = {{"sources", {{"prompt", prompt}, {"task_columns", columns}, {"task_rows", rows}}}};
  start.given["prompt"] = prompt;
  method->initialise(start);
  const auto first = method->save();
  CHECK(first.at("prompt").equal(prompt));
  CHECK(at::allclose(first.at("task_columns")[0], (columns[0] + columns[1] + columns[2] + columns[3]) / 4));
  CHECK(at::allclose(first.at("task_rows")[0], (rows[0] + rows[1] + rows[2] + rows[3]) / 4));
  CHECK(contains(message_of([&] {
                   method_on(backbone, {"mpt", options({{"start_from", "x"}}), {"t"}, {{"start_from", 2}}});
                 }),
                 "'start_from' names 2 results; expected one"));
}

TEST_CASE("MPT: matrices start from N(0, 0.02²) as PEFT's do, or so that a task's prompt starts near the shared one") {
  const auto backbone = t5();
  const auto first = [&](atp::Value::Map said) {
    said.emplace_back("prompt_length", 9);
    said.emplace_back("rank", 2);
    const auto method = method_on(backbone, {"mpt", options(std::move(said)), std::vector<std::string>(200, "task")});
    method->initialise(start_on(*backbone));
    return method->save();
  };
  auto values = first({});
  for (const auto* name : {"task_columns", "task_rows"}) {
    CAPTURE(name);
    CHECK(number(values.at(name).mean()) == doctest::Approx(0).scale(0.02).epsilon(0.06));
    CHECK(number(values.at(name).std()) / 0.02 == doctest::Approx(1).epsilon(0.02));
  }
  CHECK_FALSE(at::allclose(values.at("task_columns")[0], values.at("task_columns")[1]));
  values = first({{"initial", "ones"}});
  CHECK(values.at("task_rows").equal(at::ones({200, 2, 16}, at::kDouble)));
  const auto own = at::matmul(values.at("task_columns"), values.at("task_rows"));  // [N, m, d]
  CHECK(number(own.mean()) == doctest::Approx(1).epsilon(0.01));
  CHECK(number(own.sub(1).abs().max()) < 0.15);
}

TEST_CASE("MPT: trained parameters on T5-base, 77.6K for one task and 10.5K for each of eight (Wang et al. 2023)") {
  CHECK(trained_on_base({"mpt", {}, {"task"}}) == 77668);
  CHECK(trained_on_base({"mpt", {}, std::vector<std::string>(8, "task")}) == 8 * 10468);
}

TEST_CASE("SPoT: the most similar prompts are the start") {
  const auto backbone = t5();
  auto start = start_on(*backbone);
  const auto target = drawn({3, 16}, 9);
  std::vector<at::Tensor> sources;
  for (std::uint64_t j = 0; j < 4; ++j) sources.push_back(drawn({3, 16}, 20 + j));
  sources[2] = target * 5 + drawn({3, 16}, 30) * 0.5;  // far more like it than the others, and longer
  sources[0] = target + drawn({3, 16}, 31) * 0.5;
  sources[1] = (target + drawn({3, 16}, 32) * 2) * 20;  // the longest, and no more like it than most
  start.prompts["similar_to"] = {{"own", target}};
  start.prompts["source_prompts"].clear();
  std::vector<double> similarity;
  for (const auto& source : sources) {
    start.prompts["source_prompts"].emplace_back("source " + std::to_string(similarity.size()), source);
    double product = 0, one = 0, other = 0;
    for (std::int64_t j = 0; j < 16; ++j) {
      const auto a = number(source.select(1, j).mean()), b = number(target.select(1, j).mean());
      product += a * b;
      one += a * a;
      other += b * b;
    }
    similarity.push_back(product / std::sqrt(one * other));
  }
  REQUIRE(similarity[2] > similarity[0]);
  REQUIRE(similarity[0] > std::max(similarity[1], similarity[3]));
  const std::map<std::string, std::int64_t> inputs = {{"similar_to", 1}, {"source_prompts", 4}};
  const auto nearest = method_on(backbone, spot({{"similar_to", "own"}, {"source_prompts", "s"}}, inputs));
  nearest->initialise(start);
  CHECK(nearest->save().at("prompt").equal(sources[2]));

  const auto two = method_on(backbone, spot({{"similar_to", "own"}, {"source_prompts", "s"}, {"top_k", 2}}, inputs));
  two->initialise(start);
  CHECK(at::allclose(two->save().at("prompt"),
                     (similarity[2] * sources[2] + similarity[0] * sources[0]) / (similarity[2] + similarity[0]), 1e-12,
                     1e-12));

  // What points away from the target has no share, and where everything does the nearest is the start.
  start.prompts["source_prompts"] = {{"like", target * 2}, {"against", target * -3}};
  const auto both = method_on(backbone, spot({{"similar_to", "own"}, {"source_prompts", "s"}, {"top_k", 2}},
                                             {{"similar_to", 1}, {"source_prompts", 2}}));
  both->initialise(start);
  CHECK(at::allclose(both->save().at("prompt"), target * 2, 1e-12, 1e-12));
  start.prompts["source_prompts"] = {{"against", target * -3}, {"too", -target + 0.01 * sources[0]}};
  both->initialise(start);
  CHECK(both->save().at("prompt").equal(-target + 0.01 * sources[0]));

  start.prompts["source_prompts"] = {{"source 0", sources[0]}, {"source 1", drawn({4, 16}, 1)}};
  CHECK(contains(message_of([&] { two->initialise(start); }),
                 "source prompt 'source 1' is 4 tokens long, and this step's prompt_length is 3"));
}

TEST_CASE("SPoT: generic or targeted, and what is missing is said") {
  const auto backbone = t5();
  const auto refused = [&](atp::Value::Map said, std::map<std::string, std::int64_t> inputs = {}) {
    return message_of([&] { method_on(backbone, spot(std::move(said), std::move(inputs))); });
  };
  CHECK(contains(refused({}), "spot starts from prompts of other tasks: give start_from"));
  CHECK(contains(refused({{"start_from", "a"}, {"similar_to", "b"}, {"source_prompts", "c"}},
                         {{"start_from", 1}, {"similar_to", 1}, {"source_prompts", 1}}),
                 "either start_from or similar_to, not both"));
  CHECK(contains(refused({{"similar_to", "b"}}, {{"similar_to", 1}, {"source_prompts", 0}}), "give both"));
  CHECK(contains(refused({{"start_from", "a"}, {"source_prompts", "c"}}, {{"start_from", 1}, {"source_prompts", 1}}),
                 "give both"));
  CHECK(contains(
      refused({{"similar_to", "b"}, {"source_prompts", "c"}, {"top_k", 3}}, {{"similar_to", 1}, {"source_prompts", 2}}),
      "'top_k': found '3', expected at most the number of source prompts, 2"));
  std::vector<std::string> notes;
  const auto generic = method_on(backbone, spot({{"start_from", "a"}, {"top_k", 2}}, {{"start_from", 1}}), &notes);
  REQUIRE(notes.size() == 1);
  CHECK(contains(notes[0], "'top_k' says how many of source_prompts are the start; here start_from is"));
  auto start = start_on(*backbone);
  start.given["prompt"] = drawn({3, 16}, 1);
  generic->initialise(start);
  CHECK(generic->save().at("prompt").equal(start.given["prompt"]));
}
