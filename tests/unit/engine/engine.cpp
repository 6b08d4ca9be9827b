#include "engine/engine.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <sstream>

#include "atp/tensor_file.h"
#include "engine/model_builder.h"
#include "tests/unit/torch_save_writer.h"
#include "tests/unit/train/experiment.h"

namespace {

std::unique_ptr<atp::Engine> make_engine(int threads = 1, atp::DeviceReport* report = nullptr) {
  atp::DeviceReport ignored;
  return std::unique_ptr<atp::Engine>(
      atp_make_engine({.device = "cpu", .threads = threads}, all_plugins(), report ? *report : ignored));
}

atp::ModelJob model_job(const std::string& method = "prompt_tuning", std::vector<std::string> tasks = {"one"}) {
  atp::ModelJob job;
  job.backbone.backbone = {"small", checked("backbone", "small")};
  job.backbone.random_seed = 5;
  job.method.name = method;
  auto given = atp::Value::map();
  if (method != "fine_tuning") given.set("prompt_length", 3);
  if (method == "attempt") {
    given.set("source_prompts", "sources");
    job.combiner = {"attempt", checked("combiner", "attempt", options({{"rank", 4}}))};
  }
  job.method.options = checked("method", method, given);
  job.tasks = std::move(tasks);
  for (std::int32_t id = 3; id < 12; ++id) job.frequent_pieces.push_back(id);
  job.seed = 42;
  return job;
}

atp::TrainJob train_job(const Folder& folder, const atp::ModelJob& model) {
  atp::TrainJob job;
  job.model = model;
  for (std::size_t i = 0; i < model.tasks.size(); ++i) {
    job.train.push_back(made_split(model.tasks[i], static_cast<std::int64_t>(i), 13));
    job.validation.push_back(made_split(model.tasks[i], static_cast<std::int64_t>(i), 9, 1));
  }
  job.settings = {
      .learning_rate = 0.3, .weight_decay = 1e-5, .warmup_updates = 2, .batch_size = 4, .accumulation = 2, .epochs = 4};
  job.folder = folder.path();
  job.identity = "step";
  return job;
}

const std::vector<std::string> exact = {"metrics.jsonl", "predictions.jsonl", "checkpoint/tensors.safetensors",
                                        "checkpoint/method.json"};

std::map<std::string, std::string> bytes_of(const Folder& folder) {
  std::map<std::string, std::string> bytes;
  for (const auto& name : exact)
    if (std::filesystem::exists(folder / name)) bytes[name] = contents(folder / name);
  return bytes;
}

// Control that says stop once an update is done, or once an evaluation begins.
struct Stop {
  std::atomic<bool> flag = false;
  atp::Control control;
  Stop(const std::string& phase, std::int64_t update) {
    control.stop = &flag;
    control.progress = [this, phase, update](const atp::Progress& progress) {
      if (progress.phase == phase && progress.update >= update) flag = true;
    };
  }
};

std::vector<atp::Value> lines_of(const std::string& path) {
  std::vector<atp::Value> lines;
  std::istringstream text(contents(path));
  for (std::string line; std::getline(text, line);) lines.push_back(atp::parse_json(line, path));
  return lines;
}

atp::ResultFile result_in(const Folder& folder, const std::string& name = "other", const std::string& task = "") {
  return {.name = name, .file = folder / "checkpoint/tensors.safetensors", .task = task};
}

}  // namespace

TEST_CASE("a training leaves metrics, predictions of the best state, and a checkpoint that scores the same") {
  const auto engine = make_engine();
  for (const auto* method : {"prompt_tuning", "fine_tuning"}) {
    CAPTURE(method);
    const Folder folder, scored;
    const auto job = train_job(folder, model_job(method));
    const auto result = engine->train(job, {});
    CHECK(result.finished);
    CHECK(result.updates == 16);
    CHECK(result.resumed_at == 0);
    REQUIRE(result.scores.size() == 1);
    CHECK(result.trained.parameters == (std::string(method) == "fine_tuning" ? 12 * 6 + 3 * 36 : 18));

    std::vector<double> validations;
    std::int64_t update = 0;
    for (const auto& line : lines_of(folder / "metrics.jsonl")) {
      if (const auto* validation = line.find("validation"))
        validations.push_back(validation->at("accuracy").number());
      else
        CHECK(line.at("update").integer() == ++update);
    }
    CHECK(update == 16);
    REQUIRE(validations.size() == 4);
    const auto best = std::max_element(validations.begin(), validations.end());
    CHECK(result.best_epoch == static_cast<double>(best - validations.begin() + 1));  // the earliest of equal ones
    CHECK(result.scores[0].second[0].second == doctest::Approx(*best));

    const auto evaluated = engine->evaluate({.model = job.model,
                                             .result = result_in(folder),
                                             .splits = job.validation,
                                             .batch_size = 4,
                                             .folder = scored.path()},
                                            {});
    CHECK(evaluated.scores == result.scores);
    CHECK(contents(scored / "predictions.jsonl") == contents(folder / "predictions.jsonl"));
  }
}

TEST_CASE("stopped anywhere and started again, a training ends with the same bytes") {
  for (const auto* method : {"prompt_tuning", "attempt", "fine_tuning"}) {
    CAPTURE(method);
    const Folder source_folder, straight;
    const auto engine = make_engine();
    engine->train(train_job(source_folder, model_job()), {});
    auto model = model_job(method, std::string(method) == "attempt" ? std::vector<std::string>{"one", "two"}
                                                                    : std::vector<std::string>{"one"});
    if (std::string(method) == "attempt")
      model.inputs["source_prompts"] = {result_in(source_folder, "sources.one"),
                                        result_in(source_folder, "sources.two")};
    const auto expected = engine->train(train_job(straight, model), {});
    REQUIRE(bytes_of(straight).size() == exact.size());
    for (const auto& cut :
         {std::pair("train", 1), {"train", 4}, {"train", 7}, {"train", 12}, {"validation", 4}, {"train", 16}}) {
      CAPTURE(cut.first);
      CAPTURE(cut.second);
      const Folder folder;
      const auto job = train_job(folder, model);
      Stop stop(cut.first, cut.second);
      const auto first = make_engine()->train(job, stop.control);
      CHECK_FALSE(first.finished);
      CHECK_FALSE(std::filesystem::exists(folder / "checkpoint"));
      // What was written after the last state is no part of the run.
      std::ofstream(folder / "metrics.jsonl", std::ios::app) << "{\"update\": 99}\n";
      const auto second = make_engine()->train(job, {});
      CHECK(second.finished);
      CHECK(second.resumed_at == first.updates);
      CHECK(second.scores == expected.scores);
      CHECK(second.best_update == expected.best_update);
      CHECK((bytes_of(folder) == bytes_of(straight)));
    }
  }
}

TEST_CASE("a finished training whose caller died before its own record gives the same result at once") {
  const Folder folder;
  const auto job = train_job(folder, model_job());
  const auto engine = make_engine();
  const auto first = engine->train(job, {});
  const auto bytes = bytes_of(folder);
  const auto again = engine->train(job, {});
  CHECK(again.resumed_at == first.updates);
  CHECK(again.finished);
  CHECK(again.scores == first.scores);
  CHECK(again.best_update == first.best_update);
  CHECK((bytes_of(folder) == bytes));
}

TEST_CASE("a damaged state: the training starts over and ends the same") {
  const Folder folder, straight;
  const auto job = train_job(folder, model_job());
  const auto engine = make_engine();
  engine->train(train_job(straight, model_job()), {});
  Stop stop("train", 5);
  engine->train(job, stop.control);
  std::filesystem::resize_file(folder / "state/state.safetensors", 100);
  const auto result = engine->train(job, {});
  CHECK(result.resumed_at == 0);
  CHECK((bytes_of(folder) == bytes_of(straight)));
}

TEST_CASE("a resumed training takes over the number of threads, and gives it back") {
  const Folder folder;
  const auto job = train_job(folder, model_job());
  Stop stop("train", 5);
  make_engine(1)->train(job, stop.control);
  const auto engine = make_engine(2);
  CHECK(at::get_num_threads() == 2);
  int seen = 0;
  engine->train(job, {.stop = nullptr, .progress = [&](const atp::Progress&) { seen = at::get_num_threads(); }});
  CHECK(seen == 1);
  CHECK(at::get_num_threads() == 2);
}

TEST_CASE("without validation data the last state is the result; patience ends a training") {
  const Folder folder, patient;
  auto job = train_job(folder, model_job());
  job.validation.clear();
  const auto engine = make_engine();
  const auto result = engine->train(job, {});
  CHECK(result.best_update == 16);
  CHECK(result.scores.empty());
  CHECK_FALSE(std::filesystem::exists(folder / "predictions.jsonl"));

  job = train_job(patient, model_job());
  job.validation[0].score = [](const std::vector<std::string>&) { return atp::Scores{{"accuracy", 50}}; };
  job.settings.patience = 2;
  const auto early = engine->train(job, {});
  CHECK(early.finished);
  CHECK(early.best_epoch == 1);
  CHECK(early.updates == 3 * 4);
}

TEST_CASE("a score that is no number chooses no state") {
  const Folder folder;
  auto job = train_job(folder, model_job());
  job.validation[0].score = [](const auto&) { return atp::Scores{{"accuracy", std::nan("")}}; };
  CHECK(contains(message_of([&] { make_engine()->train(job, {}); }), "metric 'accuracy' is nan"));
}

TEST_CASE("a mixture is chosen by the mean of its tasks' first metrics, and evaluated every n updates") {
  const Folder folder;
  auto job = train_job(folder, model_job("prompt_tuning", {"one", "two"}));
  job.settings.epochs = 0;
  job.settings.updates = 10;
  job.settings.evaluate_every = 4;
  int call = 0;
  const double one[] = {10, 60, 50}, two[] = {50, 20, 20};
  job.validation[0].score = [&](const auto&) { return atp::Scores{{"accuracy", one[call]}, {"f1", 0}}; };
  job.validation[1].score = [&](const auto&) { return atp::Scores{{"accuracy", two[call++]}}; };
  const auto result = make_engine()->train(job, {});
  CHECK(call == 3);  // after 4, 8 and 10 updates
  CHECK(result.best_update == 8);
  CHECK(result.scores[0].second[0].second == 60);
  CHECK(result.scores[1].second[0].second == 20);
}

TEST_CASE("attempt starts from other results: prompts of the task that is named, and attention layers") {
  const Folder sources, pretrained, folder;
  const auto engine = make_engine();
  engine->train(train_job(sources, model_job()), {});
  auto model = model_job("attempt", {"one", "two"});
  model.inputs["source_prompts"] = {result_in(sources, "sources.a"), result_in(sources, "sources.b")};
  engine->train(train_job(pretrained, model), {});

  model.inputs["start_from"] = {result_in(pretrained, "pretrained", "two")};
  model.inputs["attention_from"] = {result_in(pretrained, "pretrained")};
  auto job = train_job(folder, model);
  job.settings.learning_rate = 0;
  engine->train(job, {});
  const atp::TensorFile before(pretrained / "checkpoint/tensors.safetensors"),
      after(folder / "checkpoint/tensors.safetensors");
  CHECK(after.tensor("prompt")[0].equal(before.tensor("prompt")[1]));
  CHECK(after.tensor("prompt")[1].equal(before.tensor("prompt")[1]));
  for (const auto* name :
       {"attention.down.weight", "attention.up.weight", "attention.norm.weight", "attention.norm.bias"})
    CHECK(after.tensor(name).equal(before.tensor(name)));
  CHECK(after.tensor("source_prompts")[1].equal(
      atp::TensorFile(sources / "checkpoint/tensors.safetensors").tensor("prompt")));

  // What is scored is the whole result, whichever of its tasks the recipe names.
  atp::EvaluateJob scoring{
      .model = model, .result = result_in(pretrained, "pretrained.two", "two"), .splits = {}, .folder = {}};
  CHECK_NOTHROW(engine->check(scoring));
  scoring.splits = {made_split("two", 1, 5)};
  CHECK(engine->evaluate(scoring, {}).finished);

  // No task is named: each of the step's own goes on from its own.
  job.model.inputs["start_from"].front().task.clear();
  std::swap(job.model.tasks[0], job.model.tasks[1]);
  CHECK_NOTHROW(engine->count(job.model));
  std::filesystem::remove_all(folder / "state");
  engine->train(job, {});
  const atp::TensorFile swapped(folder / "checkpoint/tensors.safetensors");
  CHECK(swapped.tensor("prompt")[0].equal(before.tensor("prompt")[1]));
  CHECK(swapped.tensor("prompt")[1].equal(before.tensor("prompt")[0]));
  std::swap(job.model.tasks[0], job.model.tasks[1]);

  job.model.inputs["start_from"].front().task = "three";
  std::filesystem::remove_all(folder / "state");
  CHECK(contains(message_of([&] { engine->train(job, {}); }), "its tasks are one, two, and not 'three'"));
  job.model.inputs.erase("start_from");
  job.model.inputs["attention_from"] = {result_in(sources, "sources.a")};
  CHECK(contains(message_of([&] { engine->train(job, {}); }), "'sources.a': there is no tensor 'attention."));
}

TEST_CASE("prompts come from other programs' files too: one tensor alone, or prompt_embeddings beside others") {
  const Folder prompts, folder;
  const at::Tensor one = at::arange(18, at::kFloat).view({3, 6}), two = one + 100;
  torch_save::write_one(prompts / "one.pt", one);
  torch_save::write(prompts / "two.bin", {{"prompt_embeddings", two}, {"prompt_encoder.other", at::ones({2})}});
  auto model = model_job("attempt", {"task"});
  model.inputs["source_prompts"] = {{.name = "one.pt", .file = prompts / "one.pt", .task = ""},
                                    {.name = "two.bin", .file = prompts / "two.bin", .task = ""}};
  model.inputs["start_from"] = {model.inputs["source_prompts"][1]};
  auto job = train_job(folder, model);
  job.settings.learning_rate = 0;
  make_engine()->train(job, {});
  const atp::TensorFile after(folder / "checkpoint/tensors.safetensors");
  CHECK(after.tensor("source_prompts")[0].equal(one));
  CHECK(after.tensor("source_prompts")[1].equal(two));
  CHECK(after.tensor("prompt")[0].equal(two));
}

TEST_CASE("attention layers come from a file for each tensor") {
  const Folder sources, pretrained, folder, files;
  const auto engine = make_engine();
  engine->train(train_job(sources, model_job()), {});
  auto model = model_job("attempt", {"one", "two"});
  model.inputs["source_prompts"] = {result_in(sources, "sources.a")};
  engine->train(train_job(pretrained, model), {});
  const atp::TensorFile before(pretrained / "checkpoint/tensors.safetensors");

  const auto one_file = [&](const std::string& said, const std::string& name, const std::string& in_file) {
    atp::ResultFile file{.name = said, .file = files / (name + ".safetensors"), .task = ""};
    file.tensor = said;
    atp::write_tensors(file.file, {{in_file, before.tensor(name).clone()}});
    return file;
  };
  model.inputs["attention_from"] = {one_file("down", "attention.down.weight", "weight"),
                                    one_file("up", "attention.up.weight", "up"),
                                    one_file("norm", "attention.norm.weight", "attention.norm.weight"),
                                    one_file("attention.norm.bias", "attention.norm.bias", "bias")};
  engine->count(model);
  auto job = train_job(folder, model);
  job.settings.learning_rate = 0;
  engine->train(job, {});
  const atp::TensorFile after(folder / "checkpoint/tensors.safetensors");
  for (const auto* name :
       {"attention.down.weight", "attention.up.weight", "attention.norm.weight", "attention.norm.bias"})
    CHECK(after.tensor(name).equal(before.tensor(name)));

  auto wrong = model;
  wrong.inputs["attention_from"].pop_back();
  CHECK(contains(message_of([&] { engine->count(wrong); }), "'attention_from': no file for 'attention.norm.bias'"));
  wrong = model;
  wrong.inputs["attention_from"][0].tensor = "attention.dwon.weight";
  CHECK(contains(message_of([&] { engine->count(wrong); }),
                 "there is no tensor 'attention.dwon.weight'; did you mean 'attention.down.weight'?"));
  wrong = model;
  std::swap(wrong.inputs["attention_from"][0].file, wrong.inputs["attention_from"][1].file);
  CHECK(contains(message_of([&] { engine->count(wrong); }), "'attention.down.weight' of 'down' has shape [6, 4]"));
}

TEST_CASE("centred pools: the mean over the training rows, which attention_from brings along with frozen layers") {
  const Folder sources, pretrained, folder;
  const auto engine = make_engine();
  engine->train(train_job(sources, model_job()), {});
  auto model = model_job("attempt", {"one", "two"});
  model.inputs["source_prompts"] = {result_in(sources, "sources.a")};
  model.combiner = {"attempt", checked("combiner", "attempt", options({{"rank", 4}, {"centred_pools", true}}))};
  const auto job = train_job(pretrained, model);
  engine->train(job, {});
  const atp::TensorFile before(pretrained / "checkpoint/tensors.safetensors");
  const SmallBackbone backbone([&] {
    atp::BackboneRequest request;
    request.checkpoint.seed = 5;
    return request;
  }());
  auto sum = at::zeros({6}, at::kDouble);
  double rows = 0;
  for (const auto& split : job.train)
    for (std::int64_t row = 0; row < split.rows->size(); ++row, ++rows) {
      const auto source = split.rows->source(row);
      const std::vector<std::int64_t> ids(source.begin(), source.end());
      sum += std::get<0>(backbone.embed(at::tensor(ids, at::kLong)).max(0));
    }
  CHECK(at::allclose(before.tensor("attention.centre"), (sum / rows).to(at::kFloat), 1e-6, 1e-6));

  model.tasks = {"one"};
  model.inputs["attention_from"] = {result_in(pretrained, "pretrained")};
  model.learning_rate = 0.3;
  model.learning_rates = {{"attention", 0}};
  CHECK(engine->count(model).parameters == 18);  // the target prompt: what is frozen is not counted
  auto target = train_job(folder, model);
  target.settings.learning_rates = model.learning_rates;
  CHECK(engine->train(target, {}).trained.parameters == 18);
  const atp::TensorFile after(folder / "checkpoint/tensors.safetensors");
  for (const auto& entry : before.entries())
    if (entry.name.starts_with("attention.")) CHECK(after.tensor(entry.name).equal(before.tensor(entry)));

  model.combiner = {"attempt", checked("combiner", "attempt", options({{"rank", 4}}))};
  CHECK(contains(message_of([&] { engine->count(model); }),
                 "'pretrained' has 'attention.centre', which this step's combiner has not"));
}

TEST_CASE("source prompts are trained where the method is told to, and fit or are refused as those that are kept") {
  const Folder sources, folder;
  const auto engine = make_engine();
  engine->train(train_job(sources, model_job()), {});
  auto model = model_job("attempt");
  model.method.options =
      checked("method", "attempt",
              options({{"prompt_length", 3}, {"source_prompts", "sources"}, {"train_source_prompts", true}}));
  model.inputs["source_prompts"] = {result_in(sources, "sources.a"),
                                    {.name = "later", .file = "not there yet", .task = ""}};
  const auto count = engine->count(model);
  CHECK(count.parameters == 3 * 18 + 2 * 4 * 6 + 12);
  CHECK((count.groups == std::vector<std::string>{"prompt", "source_prompts", "attention"}));
  model.inputs["source_prompts"][1] = model.inputs["source_prompts"][0];
  CHECK(engine->count(model).parameters == count.parameters);
  engine->train(train_job(folder, model), {});
  const auto start = atp::TensorFile(sources / "checkpoint/tensors.safetensors").tensor("prompt");
  const auto trained = atp::TensorFile(folder / "checkpoint/tensors.safetensors").tensor("source_prompts").clone();
  for (const auto& prompt : trained.unbind(0)) CHECK_FALSE(prompt.equal(start));

  const Folder longer;
  auto other = model_job();
  other.method.options = checked("method", "prompt_tuning", options({{"prompt_length", 5}}));
  engine->train(train_job(longer, other), {});
  model.inputs["source_prompts"][1] = result_in(longer, "longer");
  CHECK(contains(message_of([&] { engine->count(model); }), "source prompt 'longer' is 5 tokens long"));
}

TEST_CASE("steps share one frozen backbone, which no training changes; fine-tuning has its own") {
  const Folder tuned, fine, scored, scored_again;
  const auto engine = make_engine();
  auto untouched = model_job();
  untouched.method = {};
  const auto split = made_split("one", 0, 9);
  const auto evaluate = [&](const Folder& folder) {
    engine->evaluate({.model = untouched, .result = {}, .splits = {split}, .batch_size = 4, .folder = folder.path()},
                     {});
    return contents(folder / "predictions.jsonl");
  };
  const auto before = evaluate(scored);
  engine->train(train_job(tuned, model_job()), {});
  engine->train(train_job(fine, model_job("fine_tuning")), {});
  CHECK(evaluate(scored_again) == before);
}

TEST_CASE("merged into weights, what was learned scores the same, and the backbone that others share keeps its bytes") {
  const auto engine = make_engine();
  auto model = model_job();
  model.backbone.backbone = {"t5", checked("backbone", "t5")};
  model.backbone.folder = tests::in_source_tree("/tests/goldens/training/checkpoint");
  for (const auto* method : {"lora", "ia3"}) {
    CAPTURE(method);
    model.method = {method, checked("method", method)};
    const Folder folder, apart, merged, again;
    auto job = train_job(folder, model);
    job.settings.learning_rate = 0.05;
    REQUIRE(engine->train(job, {}).finished);
    const auto evaluate = [&](const Folder& into, bool merge) {
      return engine
          ->evaluate({.model = model,
                      .result = result_in(folder),
                      .splits = job.validation,
                      .batch_size = 4,
                      .merge = merge,
                      .folder = into.path()},
                     {})
          .scores;
    };
    CHECK_NOTHROW(engine->check({.model = model, .splits = {}, .merge = true, .folder = {}}));
    const auto scores = evaluate(apart, false);
    CHECK(evaluate(merged, true) == scores);
    const auto expected = lines_of(apart / "predictions.jsonl"), found = lines_of(merged / "predictions.jsonl");
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK(found[i].at("prediction") == expected[i].at("prediction"));
      CHECK(found[i].at("loss").number() == doctest::Approx(expected[i].at("loss").number()).epsilon(1e-5));
    }
    CHECK(evaluate(again, false) == scores);
    CHECK(contents(again / "predictions.jsonl") == contents(apart / "predictions.jsonl"));
  }
  const Folder folder;
  const auto job = train_job(folder, model_job());
  REQUIRE(engine->train(job, {}).finished);
  const atp::EvaluateJob prompts{
      .model = job.model, .result = result_in(folder), .splits = job.validation, .merge = true, .folder = {}};
  const std::string refused = "'merge': what method 'prompt_tuning' adds fits into no weight; leave 'merge' out";
  CHECK(contains(message_of([&] { engine->evaluate(prompts, {}); }), refused));
  CHECK(contains(message_of([&] { engine->check(prompts); }), refused));
}

TEST_CASE("counts come from shapes alone") {
  const auto engine = make_engine();
  auto model = model_job("attempt", {"one", "two"});
  model.inputs["source_prompts"].resize(3);
  const auto count = engine->count(model);
  CHECK(count.parameters == 2 * 18 + 2 * 4 * 6 + 12);
  CHECK(count.parameters_per_task == 18 + (2 * 4 * 6 + 12) / 2.0);
  CHECK(count.backbone_parameters == 12 * 6 + 3 * 36);
  CHECK((count.groups == std::vector<std::string>{"prompt", "attention"}));
  model.frequent_pieces.resize(2);
  CHECK(contains(message_of([&] { engine->count(model); }), "'prompt' is 3 tokens long"));
  model.inputs["start_from"] = {atp::ResultFile{.name = "later", .file = "not there yet", .task = ""}};
  CHECK(engine->count(model).parameters == count.parameters);
}

TEST_CASE("a count sees that results, there or planned, do not fit") {
  const Folder sources;
  const auto engine = make_engine();
  auto longer = model_job();
  longer.method.options = checked("method", "prompt_tuning", options({{"prompt_length", 5}}));
  engine->train(train_job(sources, longer), {});
  auto model = model_job("attempt", {"one", "two"});
  const atp::ResultFile planned{.name = "planned",
                                .file = "not there yet",
                                .task = "b",
                                .planned = {{"prompt", {2, 5, 6}}, {"attention.down.weight", {9, 6}}},
                                .planned_tasks = {"a", "b"},
                                .planned_prompt = "prompt"};
  const auto fitting = [&] {
    auto other = planned;
    other.planned[0].shape = {2, 3, 6};
    return other;
  }();
  for (const auto& other : {result_in(sources), planned}) {
    CAPTURE(other.name);
    model.inputs.erase("start_from");
    model.inputs["source_prompts"] = {fitting, other};
    CHECK(contains(message_of([&] { engine->count(model); }), "source prompt '" + other.name + "' is 5 tokens long"));
    model.inputs["source_prompts"] = {fitting};
    CHECK(engine->count(model).tensors.at(0).shape == std::vector<std::int64_t>{2, 3, 6});
    model.inputs["start_from"] = {other};
    CHECK(contains(message_of([&] { engine->count(model); }),
                   "the prompt of '" + other.name + "' is 5 tokens long, and this step's is 3"));
  }
  model.inputs["start_from"] = {fitting};
  model.inputs["start_from"].front().task = "c";
  CHECK(contains(message_of([&] { engine->count(model); }), "its tasks are a, b, and not 'c'"));
  model.inputs["start_from"].front().task.clear();
  CHECK(contains(message_of([&] { engine->count(model); }), "and none for 'one'; say whose: planned.a, planned.b"));
  model.inputs["start_from"].front().name = model.inputs["start_from"].front().file;
  CHECK(contains(message_of([&] { engine->count(model); }), "say whose: task: a, task: b"));
  model.inputs.erase("start_from");
  model.inputs["attention_from"] = {planned};
  CHECK(contains(message_of([&] { engine->count(model); }),
                 "'attention.down.weight' of 'planned' has shape [9, 6], and this step's [4, 6]"));
  model.inputs["attention_from"] = {result_in(sources, "sources")};
  CHECK(contains(message_of([&] { engine->count(model); }),
                 "'attention_from': 'sources' has no attention layers (it holds: prompt); name a result of a method"));
  // As many rows as it has tasks make no tensor a task's.
  model.inputs["attention_from"] = {planned};
  model.inputs["attention_from"].front().planned = {{"attention.down.weight", {2, 6}}};
  CHECK(contains(message_of([&] { engine->count(model); }), "'attention.down.weight' of 'planned' has shape [2, 6]"));
}

namespace {

// Trains rows [k, d], one for each table: the sum of the other prompts' means, and the table's second row.
class Inheriting final : public atp::Method {
 public:
  explicit Inheriting(const atp::MethodContext& context)
      : prompts_(context.inputs.at("prompts")),
        scale_(parameter("scale", {context.inputs.at("tables"), 6}, "scale", row())) {}

  atp::Embedded embed(const atp::Batch& batch, const atp::Backbone& backbone) const override {
    const atp::Embedded text{.values = backbone.embed(batch.ids), .lengths = batch.lengths, .weights = {}};
    return atp::prepend(scale_.value.expand({batch.size(), -1, -1}), text);
  }

  void initialise(const atp::Start& start) override {
    if (start.prompts.at("prompts").empty() && start.results.at("tables").empty())
      throw atp::FormatError("inheriting was given nothing");
    Method::initialise(start);
  }

  static atp::Offer<atp::Method> offer() {
    return {.name = "inheriting",
            .summary = "for tests",
            .options = {atp::any("prompts").names(atp::Option::Input::prompts),
                        atp::any("tables").names(atp::Option::Input::results)},
            .make = [](const atp::MethodContext& context, const atp::Params&) {
              return std::make_shared<Inheriting>(context);
            }};
  }

  const std::int64_t prompts_;

 private:
  static atp::Parameter::Initial row() {
    return [](const atp::Start& start, const atp::Parameter& parameter) {
      auto sum = at::zeros(parameter.shape, at::TensorOptions(start.device).dtype(start.precision));
      for (const auto& [name, prompt] : start.prompts.at("prompts")) sum = sum + prompt.mean(0);
      const auto& tables = start.results.at("tables");
      for (std::size_t i = 0; i < tables.size() && !sum.is_meta(); ++i)
        sum[static_cast<std::int64_t>(i)] += tables[i].tensors.at("table")[1];
      return sum;
    };
  }

  atp::Parameter& scale_;
};

}  // namespace

TEST_CASE("a method's own inputs: the prompts of several results, and all tensors of several") {
  const Folder folder;
  atp::Registry registry;
  registry.add<atp::Method>(Inheriting::offer());
  registry.add<atp::Backbone>(small_backbone());
  const auto first = at::arange(12, at::kFloat).view({2, 6}), second = at::ones({4, 6}),
             table = at::arange(18, at::kFloat).view({3, 6});
  atp::write_tensors(folder / "first.safetensors", {{"prompt", first}});
  atp::write_tensors(folder / "second.safetensors", {{"prompt", second}});
  atp::write_tensors(folder / "table.safetensors", {{"table", table}, {"other", second}});
  auto job = model_job();
  job.method.name = "inheriting";
  atp::Problems problems;
  job.method.options = Inheriting::offer().options.check({}, {}, problems);
  job.inputs["prompts"] = {{.name = "first", .file = folder / "first.safetensors", .task = ""},
                           {.name = "second", .file = folder / "second.safetensors", .task = ""}};
  job.inputs["tables"] = {{.name = "table", .file = folder / "table.safetensors", .task = ""}};

  atp::ModelBuilder builder(registry, at::kCPU);
  const auto outline = builder.outline(job);
  builder.try_first_values(job, outline);  // shapes alone
  const auto model = builder.fresh(job, {});
  CHECK(static_cast<const Inheriting&>(*model.method).prompts_ == 2);
  CHECK(model.method->save().at("scale").equal((first.mean(0) + second.mean(0) + table[1]).unsqueeze(0)));

  // An input that the recipe does not name is there, and empty, in the plan as in the run.
  auto without = job;
  without.inputs.erase("prompts");
  CHECK_NOTHROW(builder.try_first_values(without, builder.outline(without)));
  CHECK(builder.fresh(without, {}).method->save().at("scale").equal(table[1].unsqueeze(0)));
  without.inputs.clear();
  CHECK(message_of([&] { builder.try_first_values(without, builder.outline(without)); }) ==
        "inheriting was given nothing");
  CHECK(message_of([&] { builder.fresh(without, {}); }) == "inheriting was given nothing");

  job.inputs["tables"].push_back({.name = "gone", .file = folder / "gone.safetensors", .task = ""});
  CHECK_NOTHROW(builder.outline(job));
  job.inputs["prompts"][0].file = folder / "table.safetensors";
  CHECK(contains(message_of([&] { builder.try_first_values(job, builder.outline(job)); }),
                 "there is no tensor 'prompt'"));
}

namespace {

// A row for each task, and a prompt that counts together with it.
class ByTask final : public atp::Method {
 public:
  explicit ByTask(const atp::MethodContext& context) {
    parameter("rows", {static_cast<std::int64_t>(context.tasks.size()), 6}, "rows", atp::initial::zeros()).of_tasks =
        true;
    parameter("prompt", {3, 6}, "prompt", atp::initial::zeros());
  }
  std::string prompt() const override { return {}; }

  static atp::Offer<atp::Method> offer() {
    return {.name = "by_task",
            .summary = "for tests",
            .options = {atp::start_from_option()},
            .make = [](const atp::MethodContext& context, const atp::Params&) {
              return std::make_shared<ByTask>(context);
            }};
  }
};

}  // namespace

TEST_CASE(
    "start_from gives each task its own part by its name, the named one's to all, and never another's in silence") {
  const Folder folder;
  atp::Registry registry;
  registry.add<atp::Method>(ByTask::offer());
  registry.add<atp::Backbone>(small_backbone());
  const auto rows = at::arange(12, at::kFloat).view({2, 6}), prompt = at::ones({3, 6});
  const std::map<std::string, std::string> said{
      {"tasks", R"(["one", "two"])"}, {"of_tasks", R"(["rows"])"}, {"prompt", ""}};
  atp::write_tensors(folder / "both.safetensors", {{"rows", rows}, {"prompt", prompt}}, said);
  atp::write_tensors(folder / "silent.safetensors", {{"rows", rows}, {"prompt", prompt}});
  atp::write_tensors(folder / "prompt.safetensors", {{"prompt", prompt + 1}}, {{"prompt", "prompt"}});
  auto job = model_job();
  job.method.name = "by_task";
  atp::Problems problems;
  job.method.options = ByTask::offer().options.check({}, {}, problems);
  atp::ModelBuilder builder(registry, at::kCPU);
  const auto started = [&](const std::vector<std::string>& tasks, const std::string& file, const std::string& task) {
    job.tasks = tasks;
    job.inputs["start_from"] = {{.name = "both", .file = folder / file, .task = task}};
    builder.try_first_values(job, builder.outline(job));
    return builder.fresh(job, {}).method->save();
  };
  CHECK(started({"one", "two"}, "both.safetensors", "").at("rows").equal(rows));
  CHECK(started({"two", "one"}, "both.safetensors", "").at("rows").equal(rows.flip(0)));
  CHECK(started({"two"}, "both.safetensors", "").at("rows").equal(rows.narrow(0, 1, 1)));
  CHECK(started({"a", "b", "c"}, "both.safetensors", "two").at("rows").equal(rows[1].expand({3, 6})));
  CHECK(contains(message_of([&] {
                   started({"one", "other"}, "both.safetensors", "");
                 }),
                 "'both' has values for each of its tasks, and none for 'other'; say whose: both.one, both.two"));
  CHECK(contains(message_of([&] { started({"one"}, "both.safetensors", "other"); }),
                 "its tasks are one, two, and not 'other'"));
  CHECK(contains(message_of([&] { started({"one"}, "silent.safetensors", ""); }), "'rows' of 'both' has shape [2, 6]"));

  atp::write_tensors(folder / "wrong.safetensors", {{"rows", rows}, {"prompt", prompt}},
                     {{"tasks", R"(["one"])"}, {"of_tasks", R"(["rows"])"}});
  CHECK(contains(message_of([&] { started({"one"}, "wrong.safetensors", ""); }),
                 "'rows' [2, 6] is said to have a part for each task, and there are 1 tasks"));

  // All of a result like its own; of one that is a prompt, the prompt.
  CHECK(started({"one"}, "both.safetensors", "").at("prompt").equal(prompt));
  const auto from_prompt = started({"one"}, "prompt.safetensors", "");
  CHECK(from_prompt.at("prompt").equal(prompt + 1));
  CHECK(from_prompt.at("rows").equal(at::zeros({1, 6})));
}

TEST_CASE("a prompt that counts together with other tensors is none for another step") {
  const Folder folder;
  atp::write_tensors(folder / "half.safetensors", {{"prompt", at::ones({3, 6})}, {"low_rank.A", at::ones({2, 2})}},
                     {{"tasks", R"(["one"])"}, {"prompt", ""}});
  const auto engine = make_engine();
  auto model = model_job("attempt", {"one"});
  model.inputs["source_prompts"] = {{.name = "half", .file = folder / "half.safetensors", .task = ""}};
  CHECK(contains(message_of([&] { engine->count(model); }), "it has no prompt that stands alone"));
}

TEST_CASE("a tensor that lacks dimensions is no first value") {
  const Folder sources, files;
  const auto engine = make_engine();
  engine->train(train_job(sources, model_job()), {});
  auto model = model_job("attempt", {"one"});
  model.inputs["source_prompts"] = {result_in(sources, "sources.a")};
  torch_save::write_one(files / "row.pt", at::ones({6}));
  model.inputs["attention_from"] = {{.name = "row.pt", .file = files / "row.pt", .task = "", .tensor = "down"}};
  CHECK(contains(message_of([&] { engine->count(model); }), "has shape [6], and this step's [4, 6]"));
}

TEST_CASE("start_from gives a method without a prompt all that it trains") {
  const Folder folder;
  const auto engine = make_engine();
  auto model = model_job("fine_tuning");
  const auto trained = engine->train(train_job(folder, model), {});
  const Folder again;
  model.inputs["start_from"] = {result_in(folder)};
  auto job = train_job(again, model);
  job.settings.learning_rate = 0;
  engine->train(job, {});
  const atp::TensorFile before(folder / "checkpoint/tensors.safetensors"),
      after(again / "checkpoint/tensors.safetensors");
  for (const auto& entry : before.entries()) {
    CAPTURE(entry.name);
    CHECK(after.tensor(entry.name).equal(before.tensor(entry.name)));
  }
}

TEST_CASE("a result fits the backbone that it was trained on, and no other") {
  const Folder sources, folder, scored;
  const auto engine = make_engine();
  const auto on_seed = [](int seed, const std::string& method = "prompt_tuning") {
    auto model = model_job(method);
    model.backbone.random_seed = static_cast<std::uint64_t>(seed);
    model.backbone.contents = options({{"random", "small"}, {"seed", seed}});
    model.backbone.vocabulary = 12;
    return model;
  };
  engine->train(train_job(sources, on_seed(5)), {});
  const auto described = atp::parse_json(contents(sources / "checkpoint/method.json"), "method.json");
  CHECK(described.at("backbone").at("seed").integer() == 5);

  const auto refused = [&](const auto& change) {
    auto model = on_seed(6, "attempt");
    model.inputs["source_prompts"] = {
        {.name = "planned", .file = "not there", .task = "", .planned = {{"prompt", {3, 6}}}}};
    change(model);
    const auto message = message_of([&] { engine->count(model); });
    CHECK_MESSAGE(contains(message,
                           "was trained on another backbone: on small with random weights (\"small\", seed 5, "
                           "12 pieces), and this step's is small with random weights (\"small\", seed 6"),
                  message);
    CHECK(message_of([&] { engine->train(train_job(folder, model), {}); }) == message);
  };
  refused([&](auto& model) { model.inputs["source_prompts"] = {result_in(sources)}; });
  refused([&](auto& model) { model.inputs["start_from"] = {result_in(sources)}; });
  refused([&](auto& model) { model.inputs["attention_from"] = {result_in(sources)}; });
  const auto evaluate = [&](int seed) {
    engine->evaluate({.model = on_seed(seed),
                      .result = result_in(sources),
                      .splits = {made_split("one", 0, 3)},
                      .folder = scored.path()},
                     {});
  };
  evaluate(5);
  CHECK(contains(message_of([&] { evaluate(6); }), "'other' ("));
  CHECK(contains(message_of([&] { evaluate(6); }), "was trained on another backbone"));

  // What other programs wrote says nothing of a backbone, and is taken.
  auto model = on_seed(6, "attempt");
  torch_save::write_one(folder / "prompt.pt", at::ones({3, 6}));
  model.inputs["source_prompts"] = {{.name = "prompt.pt", .file = folder / "prompt.pt", .task = ""}};
  engine->count(model);
}

TEST_CASE("another device's half-done step, an unknown device or precision, a checkpoint of another method") {
  CHECK(contains(message_of([] {
                   atp::DeviceReport report;
                   atp_make_engine({.device = "gpu", .threads = 1}, all_plugins(), report);
                 }),
                 "--device is 'gpu'; expected auto, cpu, cuda or cuda:N"));
  atp::DeviceReport report;
  const auto engine = make_engine(1, &report);
  CHECK(report.device == "cpu");
  CHECK(report.threads == 1);
  CHECK(report.libtorch_version.rfind("2.", 0) == 0);

  const Folder folder, scored;
  auto job = train_job(folder, model_job());
  engine->train(job, {});
  auto other = model_job("attempt");
  other.inputs["source_prompts"] = {result_in(folder)};
  const auto message = message_of([&] {
    engine->evaluate({.model = other,
                      .result = result_in(folder, "target.one"),
                      .splits = job.validation,
                      .batch_size = 4,
                      .folder = scored.path()},
                     {});
  });
  CHECK(contains(message, "result 'target.one'"));
  job.model.backbone.precision = "float16";
  std::filesystem::remove_all(folder / "state");
  CHECK(contains(message_of([&] { engine->train(job, {}); }), "expected float32, bfloat16 or float64"));
}

TEST_CASE("a loss that is not finite stops the step") {
  const Folder folder;
  auto job = train_job(folder, model_job());
  job.settings.learning_rate = std::numeric_limits<double>::infinity();
  job.settings.checkpoint_every = 1;
  const auto message = message_of([&] { make_engine()->train(job, {}); });
  CHECK(contains(message, "its examples: task 'one' rows "));
  CHECK_FALSE(std::filesystem::exists(folder / "checkpoint"));
}
