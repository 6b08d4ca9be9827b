#include "train/state.h"

#include <xxhash.h>

#include <filesystem>
#include <string_view>

#include "atp/error.h"
#include "atp/log.h"
#include "atp/tensor_file.h"
#include "atp/value.h"

namespace atp {

namespace {

constexpr std::int64_t version = 1;

std::string path_in(const std::string& folder) { return folder + "/state/state.safetensors"; }

// A fingerprint of all that is saved, so that a damaged file is noticed.
std::string digest(const std::string& text, const std::map<std::string, at::Tensor>& tensors) {
  std::uint64_t hash = XXH3_64bits(text.data(), text.size());
  for (const auto& [name, tensor] : tensors)
    hash = XXH3_64bits_withSeed(tensor.const_data_ptr(), tensor.nbytes(),
                                XXH3_64bits_withSeed(name.data(), name.size(), hash));
  return std::to_string(hash);
}

Value to_value(const Best& best) {
  Value scores = Value::list();
  for (const auto& [task, of_task] : best.scores) {
    Value one = Value::map();
    one.set("task", task);
    auto& metrics = one.set("scores", Value::list());
    for (const auto& [metric, score] : of_task) metrics.push_back(Value::List{metric, score});
    scores.push_back(std::move(one));
  }
  Value value = Value::map();
  value.set("update", best.update);
  value.set("epoch", best.epoch);
  value.set("score", best.score);
  value.set("scores", std::move(scores));
  return value;
}

Best to_best(const Value& value) {
  Best best{
      .update = value.at("update").integer(), .epoch = value.at("epoch").number(), .score = value.at("score").number()};
  for (const auto& one : value.at("scores").items()) {
    Scores scores;
    for (const auto& metric : one.at("scores").items())
      scores.emplace_back(metric.items().at(0).text(), metric.items().at(1).number());
    best.scores.emplace_back(one.at("task").text(), std::move(scores));
  }
  return best;
}

TrainingState read_state(const std::string& path) {
  const TensorFile file(path);
  const auto text = file.metadata().find("state");
  const auto written = file.metadata().find("digest");
  if (text == file.metadata().end() || written == file.metadata().end())
    throw FormatError(path + " is no training state: its metadata has no 'state' and 'digest'");
  const auto value = parse_json(text->second, path);
  if (value.at("version").integer() != version) throw FormatError(path + " was written by another version of atp");
  TrainingState state{.identity = value.at("identity").text(),
                      .device = value.at("device").text(),
                      .threads = static_cast<int>(value.at("threads").integer()),
                      .done = value.at("update").integer(),
                      .evaluated = value.at("evaluated").integer(),
                      .without_better = value.at("without_better").integer(),
                      .metrics_length = static_cast<std::size_t>(value.at("metrics_length").integer())};
  if (const auto* best = value.find("best"); best && !best->is_null()) state.best = to_best(*best);
  for (const auto& entry : file.entries()) state.tensors.emplace(entry.name, file.tensor(entry).clone());
  if (digest(text->second, state.tensors) != written->second)
    throw FormatError(path + " is damaged: it does not hold what was written");
  return state;
}

}  // namespace

void save_state(const std::string& folder, const TrainingState& state) {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, tensor] : state.tensors) tensors.emplace(name, tensor.detach().to(at::kCPU).contiguous());
  Value value = Value::map();
  value.set("version", version);
  value.set("identity", state.identity);
  value.set("device", state.device);
  value.set("threads", state.threads);
  value.set("update", state.done);
  value.set("evaluated", state.evaluated);
  value.set("without_better", state.without_better);
  value.set("best", state.best ? to_value(*state.best) : Value());
  value.set("metrics_length", static_cast<std::int64_t>(state.metrics_length));
  std::filesystem::create_directories(folder + "/state");
  const auto text = to_json(value);
  write_tensors(path_in(folder), tensors, {{"state", text}, {"digest", digest(text, tensors)}});
}

std::optional<TrainingState> load_state(const std::string& folder, const std::string& identity) {
  const auto path = path_in(folder);
  if (!std::filesystem::exists(path)) return std::nullopt;
  std::optional<TrainingState> state;
  try {
    state = read_state(path);
    const auto metrics = folder + "/metrics.jsonl";
    if (!std::filesystem::exists(metrics) || std::filesystem::file_size(metrics) < state->metrics_length)
      throw FormatError(metrics + " is shorter than when " + path + " was written");
  } catch (const Error& error) {
    log::warn(std::string(error.what()) + "; this training starts over");
    return std::nullopt;
  }
  if (state->identity != identity)
    throw FormatError(path + " is the state of another step (" + state->identity + "; expected " + identity +
                      "); remove the folder, or run with --fresh");
  return state;
}

}  // namespace atp
