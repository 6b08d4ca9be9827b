#include "programs.h"
#include "tests/places.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <random>
#include <sstream>

namespace runs {

namespace fs = std::filesystem;

namespace {

constexpr int small_t5_pieces = 8192;

// Four rows of each label; the tasks differ in their words.
std::string rows(const std::string& first, const std::string& second, int count) {
  std::string text;
  for (int i = 0; i < count; ++i)
    text += R"({"text": "it is )" + std::string(static_cast<std::size_t>(i % 3 + 1), 'x') + " " +
            (i % 2 == 0 ? first : second) + R"(", "kind": ")" + (i % 2 == 0 ? "good" : "bad") + "\"}\n";
  return text;
}

constexpr const char* recipe = R"(title: a small experiment
seed: 1
backbone: {name: t5, checkpoint: {random: tiny, seed: 0}}
data: {source_length: 16}
train: {batch_size: 3, learning_rate: 0.1, warmup_updates: 2, epochs: 2, checkpoint_every: 2, evaluate_every: 3,
        prompt_length: 4}
steps:
  source:
    train:
      method: prompt_tuning
      tasks: [{name: taste, files: {train: taste/train.jsonl, validation: taste/validation.jsonl, test: taste/test.jsonl},
               source: "{text}", target: "{kind}", labels: [good, bad], metrics: [accuracy]}]
  target:
    train:
      method: attempt
      combiner: attempt
      source_prompts: source
      learning_rates: {prompt: 0.2, attention: 0.1}
      tasks: [{name: mood, files: {train: mood/train.jsonl, validation: mood/validation.jsonl, test: mood/test.jsonl},
               source: "{text}", target: "{kind}", labels: [good, bad], metrics: [accuracy]}]
  scores:
    evaluate: {of: target, split: test}
  table:
    report: {of: scores, rows: step, columns: task}
)";

void become(const std::string& program, const Words& arguments, const Setting& setting, const Started& started) {
  if (!setting.folder.empty() && ::chdir(setting.folder.c_str()) != 0) ::_exit(99);
  const int out = ::open(started.out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  const int error = ::open(started.error.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(error, STDERR_FILENO);
  ::setenv("OMP_NUM_THREADS", "1", 1);
  for (const auto& [name, value] : setting.environment) {
    if (value.empty())
      ::unsetenv(name.c_str());
    else
      ::setenv(name.c_str(), value.c_str(), 1);
  }
  if (setting.largest_file >= 0) {
    const rlimit limit{static_cast<rlim_t>(setting.largest_file), static_cast<rlim_t>(setting.largest_file)};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  if (setting.obeys_modes)
    for (const int capability : {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH}) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  std::vector<char*> words{const_cast<char*>(program.c_str())};
  for (const auto& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  ::execv(program.c_str(), words.data());
  ::_exit(98);
}

}  // namespace

std::string program(const std::string& name) { return tests::in_build_tree("/bin/") + name; }

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Started start(const std::string& name, const Words& arguments, const Setting& setting) {
  static int number = 0;
  const std::string base =
      fs::temp_directory_path() / ("atp-run-" + std::to_string(::getpid()) + "-" + std::to_string(++number));
  Started started{-1, base + ".out", base + ".error"};
  started.process = ::fork();
  if (started.process == 0) become(name, arguments, setting, started);
  return started;
}

Ended wait_for(const Started& started) {
  int status = 0;
  ::waitpid(started.process, &status, 0);
  Ended ended{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read(started.out), read(started.error)};
  fs::remove(started.out);
  fs::remove(started.error);
  return ended;
}

Ended run(const std::string& name, const Words& arguments, const Setting& setting) {
  return wait_for(start(name, arguments, setting));
}

Experiment::Experiment() {
  std::string name = fs::temp_directory_path() / "atp-runs-XXXXXX";
  path = ::mkdtemp(name.data());
  write("recipe.yaml", recipe);
  for (const auto& [task, first, second] :
       {std::tuple{"taste", "sweet", "bitter"}, std::tuple{"mood", "cheerful", "gloomy"}}) {
    write(std::string(task) + "/train.jsonl", rows(first, second, 8));
    write(std::string(task) + "/validation.jsonl", rows(first, second, 4));
    write(std::string(task) + "/test.jsonl", rows(first, second, 5));
  }
}

Experiment::~Experiment() { fs::remove_all(path); }

std::string Experiment::write(const std::string& name, const std::string& text) const {
  fs::create_directories(fs::path(*this / name).parent_path());
  std::ofstream(*this / name, std::ios::binary) << text;
  return *this / name;
}

namespace {

using Shapes = std::map<std::string, std::vector<int>>;

void add_attention(Shapes& shapes, const std::string& place) {
  for (const char* part : {"q", "k", "v", "o"}) shapes[place + part + ".weight"] = {8, 8};
}

// T5 with one block on each side, width 8, 2 heads; as many pieces as the repository's tokenizer has, at least.
Shapes small_t5() {
  Shapes shapes{{"shared.weight", {small_t5_pieces, 8}}};
  for (const std::string side : {"encoder", "decoder"}) {
    const std::string block = side + ".block.0.layer.";
    const std::string last = side == "encoder" ? "1" : "2";
    add_attention(shapes, block + "0.SelfAttention.");
    shapes[block + "0.SelfAttention.relative_attention_bias.weight"] = {32, 2};
    shapes[block + "0.layer_norm.weight"] = shapes[block + last + ".layer_norm.weight"] = {8};
    shapes[block + last + ".DenseReluDense.wi.weight"] = shapes[block + last + ".DenseReluDense.wo.weight"] = {8, 8};
    shapes[side + ".final_layer_norm.weight"] = {8};
  }
  add_attention(shapes, "decoder.block.0.layer.1.EncDecAttention.");
  shapes["decoder.block.0.layer.1.layer_norm.weight"] = {8};
  return shapes;
}

}  // namespace

std::string Experiment::write_checkpoint(const std::string& name) const {
  std::string header, bytes;
  std::mt19937 draw(1);
  for (const auto& [tensor, shape] : small_t5()) {
    const std::size_t begin = bytes.size();
    for (int i = 0; i < (shape.size() == 2 ? shape[0] * shape[1] : shape[0]); ++i) {
      const float number = static_cast<float>(draw() % 2000) / 1000.0f - 1.0f;
      bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
    }
    std::string sizes;
    for (const int size : shape) sizes += (sizes.empty() ? "" : ",") + std::to_string(size);
    header += (header.empty() ? "{\"" : ",\"") + tensor + R"(":{"dtype":"F32","shape":[)" + sizes +
              R"(],"data_offsets":[)" + std::to_string(begin) + "," + std::to_string(bytes.size()) + "]}";
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = header.size();
  write(name + "/model.safetensors", std::string(reinterpret_cast<const char*>(&length), 8) + header + bytes);
  write(name + "/config.json",
        R"({"model_type": "t5", "d_model": 8, "d_ff": 8, "d_kv": 4, "num_heads": 2, "num_layers": 1,
  "vocab_size": )" +
            std::to_string(small_t5_pieces) +
            R"(, "feed_forward_proj": "relu", "tie_word_embeddings": true, "pad_token_id": 0,
  "eos_token_id": 1, "decoder_start_token_id": 0})");
  fs::copy(tests::in_source_tree("/core/share/tokenizer/spiece.model"), *this / name);
  return *this / name;
}

Ended Experiment::atp_run(Words arguments, const std::string& out, Setting setting) const {
  Words words{*this / "recipe.yaml", "--out", *this / out, "--device", "cpu"};
  if (std::find(arguments.begin(), arguments.end(), "--threads") == arguments.end())
    words.insert(words.end(), {"--threads", "1"});
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run(program("atp-run"), words, setting);
}

atp::Value Experiment::plan(const Words& arguments, const std::string& out) const {
  Words words{"--dry-run", "--json"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const Ended ended = atp_run(words, out);
  INFO(ended.error);
  REQUIRE(ended.status == 0);
  return atp::parse_json(ended.out, "plan");
}

std::map<std::string, std::string> Experiment::states(const Words& arguments, const std::string& out) const {
  std::map<std::string, std::string> states;
  const auto planned = plan(arguments, out);
  for (const auto& step : planned.at("steps").items()) states[step.at("title").text()] = step.at("state").text();
  return states;
}

std::map<std::string, std::string> Experiment::exact_files(const std::string& out) const {
  std::map<std::string, std::string> files;
  const fs::path steps = fs::path(*this / out) / "steps";
  for (const auto& entry : fs::recursive_directory_iterator(steps)) {
    if (!entry.is_regular_file()) continue;
    const std::string name = fs::relative(entry.path(), steps).string();
    for (const char* kind : {"/checkpoint/", "/metrics.jsonl", "/predictions.jsonl", "/result.json", "/state/"})
      if (contains(name, kind)) files[name] = read(entry.path());
  }
  return files;
}

std::string task(const std::string& name) {
  std::string files;
  for (const std::string split : {"train", "validation", "test"})
    files += (files.empty() ? "" : ", ") + split + ": " + name + "/" + split + ".jsonl";
  return "{name: " + name + ", files: {" + files +
         R"(}, source: "{text}", target: "{kind}", labels: [good, bad], metrics: [accuracy]})";
}

Ended run_toy(const Experiment& experiment, const std::string& steps) {
  const auto toy = experiment.write("toy.yaml", R"(
seed: 1
backbone: {name: t5, checkpoint: {random: tiny, seed: 0}}
data: {source_length: 64}
steps:)" + steps);
  return run(program("atp-run"), {toy, "--out", experiment / "out", "--threads", "1", "--device", "cpu"});
}

double toy_accuracy(const Experiment& experiment, const std::string& step) {
  const auto result = atp::parse_json(read(experiment / "out/toy/" + step + "/result.json"), "result.json");
  return result.at("scores").at("accuracy").number();
}

std::string differences(const std::map<std::string, std::string>& left,
                        const std::map<std::string, std::string>& right) {
  std::string names;
  for (const auto& [name, contents] : left) {
    const auto other = right.find(name);
    if (other == right.end() || other->second != contents) names += name + "\n";
  }
  for (const auto& [name, contents] : right)
    if (!left.count(name)) names += name + "\n";
  return names;
}

}  // namespace runs
