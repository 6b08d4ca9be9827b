// What a plan says of trained parameters, in all and for each task, against METHODS.md's numbers.
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tests/unit/methods/on_t5.h"

namespace {

atp::TrainedCount counted(const std::string& size, const OnT5& what) {
  atp::ModelJob job;
  job.backbone.backbone = {"t5", t5_options("backbone", "t5")};
  job.backbone.random_shape = size;
  job.backbone.vocabulary = 32128;  // of the published checkpoints' embeddings
  job.method = {what.method, t5_options("method", what.method, what.options)};
  if (!what.combiner.empty()) job.combiner = {what.combiner, t5_options("combiner", what.combiner)};
  job.tasks = what.tasks;
  for (const auto& [option, count] : what.inputs)  // of steps whose results are not there yet
    job.inputs[option].assign(static_cast<std::size_t>(count), {.name = "other", .file = "nowhere", .task = {}});
  job.frequent_pieces.resize(5000);
  std::iota(job.frequent_pieces.begin(), job.frequent_pieces.end(), 3);
  atp::DeviceReport ignored;
  const std::unique_ptr<atp::Engine> engine(atp_make_engine({.device = "cpu", .threads = 1}, t5_methods(), ignored));
  return engine->count(job);
}

std::vector<std::string> tasks(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back("task" + std::to_string(i));
  return names;
}

OnT5 attempt(std::size_t count) {
  return {"attempt", options({{"source_prompts", "sources"}}), tasks(count), {{"source_prompts", 6}}, "attempt"};
}

}  // namespace

TEST_CASE("trained parameters, in all and for each of the tasks") {
  struct Count {
    const char* size;
    OnT5 what;
    std::int64_t all;
    double per_task;
  };
  const auto plain = [](const char* method, std::size_t count = 1) {
    return OnT5{method, atp::Value::map(), tasks(count)};
  };
  for (const auto& one : {
           Count{"base", plain("prompt_tuning"), 76800, 76800},
           {"base", plain("prompt_tuning", 8), 76800, 9600},
           {"base", {"spot", options({{"start_from", "x"}}), tasks(1), {{"start_from", 1}}}, 76800, 76800},
           {"base", attempt(1), 231936, 231936},
           {"base", attempt(8), 769536, 96192},
           {"3b", attempt(3), 3 * 102400 + 206848, 102400 + 206848 / 3.0},
           {"base", plain("adapter"), 1855104, 1855104},
           {"base", plain("adapter", 8), 8 * 1807488 + 47616, 1813440},
           {"base", plain("adapter_drop"), 1101984, 1101984},
           {"base", plain("adapter_drop", 8), 8 * 1054368 + 47616, 1060320},
           {"base", plain("bitfit"), 282496, 282496},
           {"base", plain("hyperformer_plus_plus", 8), 5211056, 651382},
           {"base", plain("hyperformer", 8), 122343744, 15292968},
           {"base", plain("hyperdecoder", 8), 14078008, 1759751},
           {"base", plain("mpt"), 77668, 77668},
           {"base", plain("mpt", 8), 83744, 10468},
           {"base", plain("dept"), 76800, 76800},
           {"base", plain("lora"), 884736, 884736},
           {"base", plain("ia3"), 129024, 129024},
           {"base", plain("prefix_tuning"), 368640, 368640},
           {"base", {"adapter_fusion", options({{"adapters", "x"}}), tasks(1), {{"adapters", 4}}}, 84934656, 84934656},
       }) {
    CAPTURE(one.what.method);
    CAPTURE(one.what.tasks.size());
    const auto count = counted(one.size, one.what);
    CHECK(count.parameters == one.all);
    CHECK(count.parameters_per_task == doctest::Approx(one.per_task).epsilon(1e-12));
  }
  CHECK(counted("base", plain("fine_tuning")).parameters_per_task / 1e6 == doctest::Approx(222.9).epsilon(1e-3));
}
