// Training on the device: it goes on where it stopped bit for bit, does not grow, and does not wait for the device.
#include <ATen/DeviceAccelerator.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/gpu/experiment.h"
#include "train/metrics_log.h"

namespace {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "atp-gpu-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()));
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file, path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

atp::TrainSettings settings_of(std::int64_t batch_size, std::int64_t updates) {
  return {.learning_rate = 0.3,
          .weight_decay = 1e-5,
          .warmup_updates = 2,
          .batch_size = batch_size,
          .updates = updates,
          .evaluate_every = updates};
}

void synchronise() {
  if (on_gpu()) at::accelerator::synchronizeDevice(0);
}

// Bytes in use: of the device's allocator, or of the whole process on the CPU.
std::int64_t memory() {
  if (on_gpu()) {
    synchronise();
    return at::accelerator::getDeviceStats(0).allocated_bytes[0].current;
  }
  std::ifstream status("/proc/self/statm");
  std::int64_t all = 0, resident = 0;
  status >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

// Counts libtorch's own warnings that an operation waits for the device. They are switched on by a variable of its CUDA
// library, which is inline there and has no function that could be called.
class Waits final : public c10::WarningHandler {
 public:
  Waits() : guard_(this) {
    if (!on_gpu()) return;
    mode_ = static_cast<int*>(dlsym(RTLD_DEFAULT, "_ZZN3c104cuda13warning_stateEvE14warning_state_"));
    REQUIRE_MESSAGE(mode_, "libtorch's CUDA library has no warning_state any more");
    *mode_ = 1;  // SyncDebugMode::L_WARN
  }
  ~Waits() override {
    if (mode_) *mode_ = 0;
  }
  Waits(const Waits&) = delete;
  Waits& operator=(const Waits&) = delete;
  void process(const c10::Warning& warning) override {
    if (warning.msg().find("synchronizing CUDA operation") != std::string::npos) ++count;
  }
  int count = 0;

 private:
  c10::WarningUtils::WarningHandlerGuard guard_;
  int* mode_ = nullptr;
};

}  // namespace

TEST_CASE("a training that is stopped goes on bit for bit") {
  const Folder source;  // what prompt tuning leaves is ATTEMPT's source prompt, twice
  for (const std::string method : {"prompt_tuning", "attempt"}) {
    CAPTURE(method);
    const Folder other, halved;
    const Folder& whole = method == "prompt_tuning" ? source : other;
    const Experiment experiment{.method = method, .dropout = 0.1};
    atp::TrainJob job;
    job.model = model_job(experiment);
    if (method == "attempt")
      for (const char* name : {"one", "two"})
        job.model.inputs["source_prompts"].push_back(
            {.name = name, .file = source / "checkpoint/tensors.safetensors", .task = ""});
    job.train = {random_split(20, 3, 40, experiment.vocabulary)};
    job.validation = {random_split(7, 3, 40, experiment.vocabulary)};
    job.settings = settings_of(4, 12);
    job.identity = "step";
    job.folder = whole.path();
    REQUIRE(workplace().engine.train(job, {}).finished);

    job.folder = halved.path();
    std::atomic<bool> stop = false;
    const atp::Control control{.stop = &stop,
                               .progress = [&](const atp::Progress& progress) { stop = progress.update >= 5; }};
    REQUIRE_FALSE(workplace().engine.train(job, control).finished);
    const auto resumed = workplace().engine.train(job, {});
    REQUIRE(resumed.finished);
    CHECK(resumed.resumed_at == 5);
    for (const char* name : {"metrics.jsonl", "predictions.jsonl", "checkpoint/tensors.safetensors"}) {
      CAPTURE(name);
      CHECK(contents(whole / name) == contents(halved / name));
    }
  }
}

TEST_CASE("many updates take no more memory than a few") {
  const Experiment experiment{.precision = on_gpu() ? "bfloat16" : "float32", .dropout = 0.1};
  const auto model = make_model(experiment, device());
  const Folder folder;
  const auto split = random_split(64, 3, 40, experiment.vocabulary);
  atp::Trainer trainer(model, {split}, settings_of(8, 10000), 1);
  atp::MetricsLog log(folder / "metrics.jsonl", 0, device(), {split});
  const auto train = [&](int updates) {
    for (int update = 0; update < updates; ++update) log.add(trainer.step());
    log.flush();
    return memory();
  };
  const auto first = train(100);
  const auto last = train(on_gpu() ? 900 : 200);
  // The process as a whole breathes a little; the device's allocator counts what is in use to the byte.
  CHECK(last - first <= (on_gpu() ? 0 : 16 << 20));
}

TEST_CASE("no update waits for the device") {
  for (const std::string precision : {"float32", "bfloat16"}) {
    for (const std::string method : {"prompt_tuning", "attempt"}) {
      CAPTURE(precision);
      CAPTURE(method);
      const Experiment experiment{.precision = precision, .method = method, .dropout = 0.1};
      const auto model = make_model(experiment, device());
      const Folder folder;
      const auto split = random_split(64, 3, 40, experiment.vocabulary);
      atp::Trainer trainer(model, {split}, settings_of(8, 100), 1);
      atp::MetricsLog log(folder / "metrics.jsonl", 0, device(), {split});
      for (int update = 0; update < 3; ++update) log.add(trainer.step());
      Waits waits;
      for (int update = 0; update < 10; ++update) log.add(trainer.step());
      CHECK(waits.count == 0);
    }
  }
}

TEST_CASE("what waits for the device is counted") {
  Waits waits;
  if (on_gpu())
    static_cast<void>(at::empty({1}, at::TensorOptions(device())).fill_(1).item<float>());
  else
    TORCH_WARN("called a synchronizing CUDA operation");
  CHECK(waits.count == 1);
}

TEST_CASE("the time of an update: ATTEMPT, bfloat16, T5-base's shape, 32 rows of 256 tokens behind 100 of a prompt") {
  Experiment experiment{.precision = "bfloat16", .dropout = 0.1};
  if (on_gpu()) experiment.shape = "base", experiment.prompt_length = 100, experiment.vocabulary = 32128;
  const std::int64_t rows = on_gpu() ? 32 : 2, length = on_gpu() ? 256 : 16, updates = on_gpu() ? 30 : 2;
  for (const double dropout : {0.0, 0.1}) {
    experiment.dropout = dropout;
    auto model = make_model(experiment, device());
    atp::Trainer trainer(model, {random_split(rows * 4, length, length, experiment.vocabulary)},
                         settings_of(rows, 1000), 1);
    for (int update = 0; update < 5; ++update) trainer.step();
    synchronise();
    if (on_gpu()) at::accelerator::resetPeakStats(0);
    const auto began = std::chrono::steady_clock::now();
    for (std::int64_t update = 0; update < updates; ++update) trainer.step();
    synchronise();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    const auto peak = on_gpu() ? at::accelerator::getDeviceStats(0).allocated_bytes[0].peak : memory();
    std::cout << "update: " << experiment.shape << ", dropout " << dropout << ": "
              << took.count() / static_cast<double>(updates) << " ms, at most " << (peak >> 20) << " MiB" << std::endl;
    CHECK(took.count() > 0);
  }
}
