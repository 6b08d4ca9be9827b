// atp's arm of the benchmark. It makes a recipe's train steps as atp-run does, and then does what it is told, one line
// of standard input after the other, so that the driver can let it and the peer work in turn:
//
//   bench-atp prepare RECIPE FOLDER [OPTION]...   writes what both arms start from: FOLDER/checkpoint (Hub layout),
//                                                 FOLDER/prompt.safetensors, FOLDER/work.json (token ids)
//   bench-atp work RECIPE FOLDER [OPTION]...      answers each line with a line of JSON:
//     reset                     first values everywhere             loss TASK BATCH      each row's summed loss
//     update TASK DROPOUT       one update, the next batch          predict TASK BATCH   generated ids
//     evaluate TASK BATCH       losses and generated ids            peak                 bytes of memory at most
//     profile ORDER...          the CPU seconds that each operator takes itself
//
// Options: --data DIR, --threads N, --set KEY=VALUE. Seconds are the wall's, cpu is user and system time of all
// threads.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>
#include <sys/resource.h>
#include <time.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>

#include "atp/tensor_file.h"
#include "atp/value.h"
#include "data/tokenizer.h"
#include "engine/model_builder.h"
#include "eval/evaluator.h"
#include "io/durable_file.h"
#include "pipeline/content_hash.h"
#include "pipeline/jobs.h"
#include "pipeline/plan.h"
#include "plugin_host/plugin_host.h"
#include "train/batches.h"
#include "train/trainer.h"

namespace {

struct Request {
  std::string mode, recipe, folder, data;
  int threads = 1;
  std::vector<atp::Assignment> assignments;
};

Request request_of(const std::vector<std::string>& arguments) {
  if (arguments.size() < 3 || arguments.size() % 2 == 0)
    throw atp::Error("bench-atp prepare|work RECIPE FOLDER [--data DIR] [--threads N] [--set KEY=VALUE]...");
  Request request{.mode = arguments[0], .recipe = arguments[1], .folder = arguments[2], .data = {}, .assignments = {}};
  for (std::size_t i = 3; i < arguments.size(); i += 2) {
    const std::string &option = arguments[i], &value = arguments[i + 1];
    if (option == "--data")
      request.data = value;
    else if (option == "--threads")
      request.threads = std::stoi(value);
    else if (option == "--set")
      request.assignments.push_back(atp::parse_assignment(value));
    else
      throw atp::Error("no option '" + option + "'; expected --data, --threads or --set");
  }
  return request;
}

// The recipe's train steps as jobs, by the name of their task; what they use lives as long as this.
class Jobs {
 public:
  explicit Jobs(const Request& request)
      : host_(atp::SearchPath::of_this_program(), libtorch_),
        digests_(""),
        planner_({request.recipe, request.folder, request.data, ""},
                 {host_, host_.registry(), []() -> atp::Engine& { throw atp::Error("a plan needs no engine here"); },
                  [] { return atp::DeviceReport(); }},
                 digests_),
        builder_(host_.registry(), at::kCPU) {
    libtorch_.load();
    const auto trials = atp::resolve_recipe(atp::load_recipe(request.recipe, request.assignments), {}, host_);
    plan_ = planner_.plan(trials);
    for (const auto& work : plan_.works) {
      tokenizer_ = planner_.tokenizer(work.checkpoint.tokenizer);
      jobs_.push_back(atp::train_job(work, plan_, {request.folder, request.folder, ""}, tokenizer_, host_.registry()));
    }
  }

  std::vector<atp::TrainJob>& all() { return jobs_; }
  const atp::Tokenizer& tokenizer() const { return *tokenizer_; }
  atp::Model model(const atp::TrainJob& job) { return builder_.fresh(job.model, job.train); }

 private:
  atp::LibTorch libtorch_;
  atp::PluginHost host_;
  atp::ContentDigests digests_;
  atp::Planner planner_;
  atp::Plan plan_;
  std::shared_ptr<const atp::Tokenizer> tokenizer_;
  atp::ModelBuilder builder_;
  std::vector<atp::TrainJob> jobs_;
};

// --- what both arms start from ---------------------------------------------------------------------------------------

atp::Value config_of(const atp::BackboneShape& shape) {
  return atp::Value::Map{{"architectures", atp::Value::List{"T5ForConditionalGeneration"}},
                         {"model_type", "t5"},
                         {"d_model", shape.width},
                         {"d_kv", shape.head_width},
                         {"d_ff", shape.feed_forward_width},
                         {"num_heads", shape.heads},
                         {"num_layers", shape.encoder_layers},
                         {"num_decoder_layers", shape.decoder_layers},
                         {"vocab_size", shape.vocabulary},
                         {"dropout_rate", shape.dropout},
                         {"feed_forward_proj", "relu"},
                         {"tie_word_embeddings", true},
                         {"decoder_start_token_id", 0},
                         {"eos_token_id", 1},
                         {"pad_token_id", 0}};
}

atp::Value ids_of(std::span<const std::int32_t> ids) {
  auto list = atp::Value::list();
  for (const auto id : ids) list.push_back(id);
  return list;
}

atp::Value work_of(const atp::TrainJob& job) {
  const auto& split = job.train.front();
  auto rows = atp::Value::list();
  for (std::int64_t row = 0; row < split.rows->size(); ++row)
    rows.push_back(
        atp::Value::Map{{"source", ids_of(split.rows->source(row))}, {"target", ids_of(split.rows->target(row))}});
  const auto& settings = job.settings;
  return atp::Value::Map{{"target_length", split.target_length},
                         {"batch_size", settings.batch_size},
                         {"learning_rate", settings.learning_rate},
                         {"weight_decay", settings.weight_decay},
                         {"clip", settings.clip},
                         {"rows", std::move(rows)}};
}

void prepare(const Request& request) {
  namespace fs = std::filesystem;
  Jobs jobs(request);
  const auto model = jobs.model(jobs.all().front());
  const auto checkpoint = request.folder + "/checkpoint";
  fs::create_directories(checkpoint);
  std::map<std::string, at::Tensor> weights;
  for (const auto& [name, weight] : model.backbone->weights()) weights.emplace(name, weight);
  atp::write_tensors(checkpoint + "/model.safetensors", weights, {{"format", "pt"}});
  atp::write_durably(checkpoint + "/config.json", atp::to_json(config_of(model.backbone->shape()), 2) + "\n");
  fs::copy_file(jobs.tokenizer().path(), checkpoint + "/spiece.model", fs::copy_options::overwrite_existing);
  atp::write_tensors(request.folder + "/prompt.safetensors", model.method->save());
  atp::Value work = atp::Value::map();
  for (const auto& job : jobs.all()) work.set(job.train.front().task, work_of(job));
  atp::write_durably(request.folder + "/work.json", atp::to_json(work) + "\n");
}

// --- the work --------------------------------------------------------------------------------------------------------

class Watch {
 public:
  atp::Value::Map read() const {
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start_;
    return {{"seconds", wall.count()}, {"cpu", cpu() - cpu_}};
  }

 private:
  static double cpu() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
  }
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double cpu_ = cpu();
};

// Sums what operators take of their thread's time while it lives, each without the operators that it calls. What an
// operator's own threads do is not counted: a profile is made with one thread.
class Profile {
 public:
  Profile() {
    at::clearCallbacks();
    at::addGlobalCallback(at::RecordFunctionCallback(start, end).scopes({at::RecordScope::FUNCTION}));
  }
  ~Profile() { at::clearCallbacks(); }
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  static atp::Value read() {
    const std::lock_guard lock(mutex);
    auto map = atp::Value::map();
    for (const auto& [name, seconds] : sums) map.set(name, seconds);
    sums.clear();
    return map;
  }

 private:
  static double now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }
  struct Frame final : at::ObserverContext {
    double begin = now();
    double inside = 0;  // of the operators that this one called
    Frame* outer = innermost;
  };

  static std::unique_ptr<at::ObserverContext> start(const at::RecordFunction&) {
    auto frame = std::make_unique<Frame>();
    innermost = frame.get();
    return frame;
  }
  static void end(const at::RecordFunction& function, at::ObserverContext* context) {
    auto& frame = static_cast<Frame&>(*context);
    const double whole = now() - frame.begin;
    innermost = frame.outer;
    if (frame.outer) frame.outer->inside += whole;
    const std::lock_guard lock(mutex);
    sums[function.name()] += whole - frame.inside;
  }

  static inline thread_local Frame* innermost = nullptr;
  static inline std::mutex mutex;
  static inline std::map<std::string, double> sums;
};

// The rows of one batch.
class BatchRows final : public atp::TokenRows {
 public:
  BatchRows(std::shared_ptr<const atp::TokenRows> all, std::int64_t begin, std::int64_t size)
      : all_(std::move(all)), begin_(begin), size_(std::min(size, all_->size() - begin)) {}
  std::int64_t size() const override { return size_; }
  std::span<const std::int32_t> source(std::int64_t row) const override { return all_->source(begin_ + row); }
  std::span<const std::int32_t> target(std::int64_t row) const override { return all_->target(begin_ + row); }
  std::int64_t truncated_sources() const override { return 0; }

 private:
  std::shared_ptr<const atp::TokenRows> all_;
  std::int64_t begin_, size_;
};

std::string text_of(const std::vector<std::int32_t>& ids) {
  std::string text;
  for (const auto id : ids) text += (text.empty() ? "" : " ") + std::to_string(id);
  return text;
}

atp::Value list_of(const std::vector<std::string>& texts) {
  auto list = atp::Value::list();
  for (const auto& text : texts) list.push_back(text);
  return list;
}

class Worker {
 public:
  explicit Worker(const Request& request) : jobs_(request) {
    at::set_num_threads(request.threads);
    model_ = jobs_.model(jobs_.all().front());
    first_ = model_.method->parameters().front()->value.detach().clone();
  }

  atp::Value answer(const std::string& line) {
    std::istringstream words(line);
    std::string order, task;
    double dropout = 0;
    std::int64_t batch = 0;
    words >> order;
    if (order == "reset") return reset();
    if (order == "peak") return peak();
    if (order == "profile") return profile(line.substr(order.size() + 1));
    words >> task;
    if (order == "update" && words >> dropout) return update(task, dropout);
    if (words >> batch) {
      if (order == "loss") return loss(task, batch);
      if (order == "predict") return predict(task, batch);
      if (order == "evaluate") return evaluate(task, batch);
    }
    throw atp::Error("no order '" + line + "'");
  }

 private:
  struct Training {
    atp::Model model;
    std::unique_ptr<atp::Trainer> trainer;
  };

  const atp::TrainJob& job(const std::string& task) {
    for (const auto& one : jobs_.all())
      if (one.train.front().task == task) return one;
    throw atp::Error("no task '" + task + "'");
  }

  atp::Value reset() {
    const at::NoGradGuard no_gradient;
    model_.method->parameters().front()->value.copy_(first_);
    trainings_.clear();
    return atp::Value::map();
  }

  static atp::Value peak() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    return atp::Value::Map{{"peak", static_cast<std::int64_t>(used.ru_maxrss) * 1024}};
  }

  atp::Value update(const std::string& task, double dropout) {
    auto& training = trainings_[task + " " + std::to_string(dropout)];
    if (!training.trainer) {
      training.model = model_;
      training.model.dropout = dropout;
      training.trainer = std::make_unique<atp::Trainer>(training.model, job(task).train, job(task).settings, 42);
    }
    const Watch watch;
    const auto record = training.trainer->step();
    const auto* numbers = record.numbers.const_data_ptr<float>();
    atp::Value answer = watch.read();
    answer.set("loss", static_cast<double>(numbers[0]));
    answer.set("gradient_norm", static_cast<double>(numbers[1]));
    return answer;
  }

  atp::Value profile(const std::string& line) {
    const Profile profile;
    auto answered = answer(line);
    answered.set("operators", Profile::read());
    return answered;
  }

  atp::SplitData split(const std::string& task, std::int64_t batch) {
    const auto& of_task = job(task);
    auto split = of_task.train.front();
    split.rows =
        std::make_shared<BatchRows>(split.rows, batch * of_task.settings.batch_size, of_task.settings.batch_size);
    split.decode = text_of;
    split.score = [](const auto&) { return atp::Scores(); };
    return split;
  }

  static atp::Batch batch_of(const atp::SplitData& split) {
    std::vector<atp::ExampleNumber> examples;
    for (std::int64_t row = 0; row < split.rows->size(); ++row) examples.push_back({0, row});
    return atp::make_batch(examples, {split}, at::kCPU);
  }

  atp::Value loss(const std::string& task, std::int64_t number) {
    const at::NoGradGuard no_gradient;
    const auto batch = batch_of(split(task, number));
    const auto encoded = model_.backbone->encode(model_.embed(batch), {});
    const auto losses = model_.backbone->loss(encoded, batch.labels, batch.label_lengths, {});
    auto list = atp::Value::list();
    for (std::int64_t row = 0; row < batch.size(); ++row)
      list.push_back(static_cast<double>(losses.sums.const_data_ptr<float>()[row]));
    return atp::Value::Map{{"losses", list}};
  }

  atp::Value predict(const std::string& task, std::int64_t number) {
    const at::NoGradGuard no_gradient;
    const auto one = split(task, number);
    const Watch watch;
    const auto batch = batch_of(one);
    const auto encoded = model_.backbone->encode(model_.embed(batch), {});
    const auto generated = model_.backbone->generate(encoded, one.target_length, {});
    atp::Value answer = watch.read();
    auto& list = answer.set("generated", atp::Value::list());
    for (const auto& ids : generated) list.push_back(text_of(ids));
    return answer;
  }

  atp::Value evaluate(const std::string& task, std::int64_t number) {
    const auto one = split(task, number);
    const Watch watch;
    const auto evaluation = atp::evaluate(model_, one, one.rows->size(), {}, "bench");
    atp::Value answer = watch.read();
    answer.set("generated", list_of(evaluation->predictions));
    auto& losses = answer.set("losses", atp::Value::list());
    for (const auto loss : evaluation->losses) losses.push_back(loss);
    return answer;
  }

  Jobs jobs_;
  atp::Model model_;
  at::Tensor first_;  // the prompt's first values
  std::map<std::string, Training> trainings_;
};

void work(const Request& request) {
  Worker worker(request);
  std::cout << "{\"ready\": true}" << std::endl;
  for (std::string line; std::getline(std::cin, line);) std::cout << atp::to_json(worker.answer(line)) << std::endl;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const auto request = request_of({arguments + 1, arguments + count});
    if (request.mode != "prepare" && request.mode != "work")
      throw atp::Error("'" + request.mode + "'; expected prepare or work");
    request.mode == "prepare" ? prepare(request) : work(request);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "bench-atp: " << error.what() << "\n";
    return 1;
  }
}
