// Ten updates of fine_tuning, prompt_tuning and attempt against tests/goldens/make_training.py, which works them out
// with transformers' T5 and the paper's formulas.
#include <ATen/ops/allclose.h>

#include "atp/tensor_file.h"
#include "io/durable_file.h"
#include "tests/places.h"
#include "tests/unit/train/experiment.h"
#include "train/trainer.h"

namespace {

const std::string goldens = tests::in_source_tree("/tests/goldens/training");

std::vector<std::string> texts(const atp::Value& list) {
  std::vector<std::string> all;
  for (const auto& one : list.items()) all.push_back(one.text());
  return all;
}

std::vector<std::int32_t> ids(const atp::Value& list) {
  std::vector<std::int32_t> all;
  for (const auto& one : list.items()) all.push_back(static_cast<std::int32_t>(one.integer()));
  return all;
}

std::vector<atp::SplitData> splits_of(const atp::Value& rows, const std::vector<std::string>& tasks) {
  std::vector<atp::SplitData> splits;
  for (const auto& task : tasks) {
    std::vector<MemoryRows::Row> of_task;
    for (const auto& row : rows.at(task).items()) of_task.emplace_back(ids(row.at("source")), ids(row.at("target")));
    splits.push_back({.task = task,
                      .task_number = static_cast<std::int64_t>(splits.size()),
                      .rows = std::make_shared<MemoryRows>(of_task)});
  }
  return splits;
}

Choices choices_of(const atp::Value& one, std::int64_t prompt_length) {
  Choices choices;
  choices.method = one.at("method").text();
  choices.method_options = options({{"prompt_length", prompt_length}});
  if (choices.method == "attempt") choices.method_options.set("target_prompt", one.at("target_prompt").text());
  choices.combiner = one.at("combiner").text();
  choices.combiner_options = options({{"rank", one.at("rank").integer()}});
  if (const auto* temperature = one.find("temperature"))
    choices.combiner_options.set("temperature", temperature->number());
  choices.tasks = texts(one.at("tasks"));
  choices.sources = 3;
  return choices;
}

atp::TrainSettings settings_of(const atp::Value& one, std::int64_t updates) {
  atp::TrainSettings settings{.learning_rate = one.at("learning_rate").number(),
                              .weight_decay = one.at("weight_decay").number(),
                              .warmup_updates = one.at("warmup_updates").integer(),
                              .batch_size = one.at("batch_size").integer(),
                              .accumulation = one.at("accumulation").integer(),
                              .clip = one.at("clip").number(),
                              .updates = updates,
                              .order = "file"};
  for (const auto& [group, rate] : one.at("learning_rates").members()) settings.learning_rates[group] = rate.number();
  return settings;
}

atp::Model model_of(const atp::Value& one, const atp::TensorFile& tensors, std::int64_t prompt_length) {
  atp::Model model;
  atp::BackboneRequest request{.checkpoint = {}, .precision = at::kDouble};
  request.checkpoint.folder = goldens + "/checkpoint";
  model.backbone = all_plugins().make<atp::Backbone>("t5", request, checked("backbone", "t5"));
  const auto choices = choices_of(one, prompt_length);
  model.method = make_method(model.backbone, choices);
  atp::Start start{.precision = at::kDouble, .backbone = model.backbone.get()};
  const auto sources = tensors.tensor("source_prompts");
  for (std::int64_t j = 0; j < sources.size(0); ++j) start.prompts["source_prompts"].emplace_back("source", sources[j]);
  for (const auto* parameter : std::as_const(*model.method).parameters())
    if (choices.method != "fine_tuning")  // there the checkpoint is the start
      start.given[parameter->name] = tensors.tensor(one.at("name").text() + "/start/" + parameter->name);
  model.method->initialise(start);
  return model;
}

}  // namespace

TEST_CASE("first ten losses, gradient norms and final tensors against the Python reference") {
  const auto golden = atp::parse_json(atp::read_file(goldens + "/training.json"), "training.json");
  const atp::TensorFile tensors(goldens + "/training.safetensors");
  for (const auto& one : golden.at("cases").items()) {
    const auto name = one.at("name").text();
    CAPTURE(name);
    const auto updates = golden.at("updates").integer();
    const auto model = model_of(one, tensors, golden.at("prompt_length").integer());
    atp::Trainer trainer(model, splits_of(golden.at("rows"), texts(one.at("tasks"))), settings_of(one, updates), 0);
    for (std::size_t i = 0; !trainer.finished(); ++i) {
      CAPTURE(i);
      const auto numbers = trainer.step().numbers;
      CHECK(numbers[0].item<double>() == doctest::Approx(one.at("losses").items().at(i).number()).epsilon(1e-6));
      CHECK(numbers[1].item<double>() ==
            doctest::Approx(one.at("gradient_norms").items().at(i).number()).epsilon(1e-4));
    }
    std::size_t compared = 0;
    for (const auto* parameter : model.method->parameters()) {
      CAPTURE(parameter->name);
      const auto expected = tensors.tensor(name + "/final/" + parameter->name).to(at::kDouble);
      CHECK(at::allclose(parameter->value.detach(), expected, 1e-4, 1e-4));
      ++compared;
    }
    std::size_t wanted = 0;
    for (const auto& entry : tensors.entries()) wanted += entry.name.rfind(name + "/final/", 0) == 0;
    CHECK(compared == wanted);
  }
}
