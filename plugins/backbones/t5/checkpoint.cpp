#include "checkpoint.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <atp/error.h>
#include <atp/seed.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tensor_folder.h"

namespace atp::t5 {

namespace {

constexpr const char* head_name = "lm_head.weight";
constexpr const char* embedding_name = "shared.weight";

// A tensor that a T5 of some config has: its name, its shape, and how random weights start.
struct Wanted {
  std::string name;
  std::vector<std::int64_t> shape;
  double deviation;  // of a normal distribution; 0: constant
  double constant = 0;
};

// Names and shapes in the order of the data's way through the model. Random weights start as Mesh TensorFlow's, and
// transformers', do: queries also carry the attention's scale.
class Plan {
 public:
  Plan(const Config& config, bool has_head) : config_(config) {
    const auto width = static_cast<double>(config.width);
    add(embedding_name, {config.vocabulary, config.width}, 1);
    for (std::int64_t layer = 0; layer < config.encoder_layers; ++layer) block("encoder", layer, false);
    norm("encoder.final_layer_norm");
    for (std::int64_t layer = 0; layer < config.decoder_layers; ++layer) block("decoder", layer, true);
    norm("decoder.final_layer_norm");
    for (const char* stack : {"encoder", "decoder"})
      add(std::string(stack) + ".block.0.layer.0.SelfAttention.relative_attention_bias.weight",
          {config.buckets, config.heads}, std::pow(width, -0.5));
    if (has_head) add(head_name, {config.vocabulary, config.width}, 1);
  }
  const std::vector<Wanted>& all() const { return all_; }

 private:
  void add(const std::string& name, std::vector<std::int64_t> shape, double deviation) {
    all_.push_back({name, std::move(shape), deviation * config_.initial_factor});
  }
  void norm(const std::string& name) { all_.push_back({name + ".weight", {config_.width}, 0, config_.initial_factor}); }
  void attention(const std::string& name) {
    const std::int64_t inner = config_.inner_width();
    const auto width = static_cast<double>(config_.width);
    add(name + ".q.weight", {inner, config_.width}, std::pow(width * static_cast<double>(config_.head_width), -0.5));
    add(name + ".k.weight", {inner, config_.width}, std::pow(width, -0.5));
    add(name + ".v.weight", {inner, config_.width}, std::pow(width, -0.5));
    add(name + ".o.weight", {config_.width, inner}, std::pow(static_cast<double>(inner), -0.5));
  }
  void feed_forward(const std::string& name) {
    const std::int64_t hidden = config_.feed_forward_width;
    const double in = std::pow(static_cast<double>(config_.width), -0.5);
    for (const char* map : {"wi", "wi_0", "wi_1"})
      if (config_.gated == (map != std::string("wi"))) add(name + "." + map + ".weight", {hidden, config_.width}, in);
    add(name + ".wo.weight", {config_.width, hidden}, std::pow(static_cast<double>(hidden), -0.5));
  }
  void block(const std::string& stack, std::int64_t number, bool decoder) {
    const std::string block = stack + ".block." + std::to_string(number) + ".layer.";
    attention(block + "0.SelfAttention");
    norm(block + "0.layer_norm");
    if (decoder) {
      attention(block + "1.EncDecAttention");
      norm(block + "1.layer_norm");
    }
    feed_forward(block + (decoder ? "2" : "1") + ".DenseReluDense");
    norm(block + (decoder ? "2" : "1") + ".layer_norm");
  }

  const Config& config_;
  std::vector<Wanted> all_;
};

bool is_ignored(const std::string& name) {
  static const std::set<std::string> ignored = {
      "encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
      "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"};
  return ignored.count(name) > 0;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// All that does not fit, in one message.
void check(const TensorFolder& folder, const Plan& plan) {
  std::vector<std::string> mistakes;
  std::set<std::string> expected;
  for (const Wanted& wanted : plan.all()) {
    expected.insert(wanted.name);
    const auto* entry = folder.find(wanted.name);
    if (!entry)
      mistakes.push_back(wanted.name + ": found nothing, expected " + shape_text(wanted.shape));
    else if (entry->shape != wanted.shape)
      mistakes.push_back(wanted.name + ": found " + shape_text(entry->shape) + ", expected " +
                         shape_text(wanted.shape));
    else if (!at::isFloatingType(entry->type))
      mistakes.push_back(wanted.name + ": found " + c10::toString(entry->type) + ", expected a floating-point type");
  }
  for (const auto& name : folder.names())
    if (!expected.count(name) && !is_ignored(name))
      mistakes.push_back(name + ": found " + shape_text(folder.find(name)->shape) +
                         ", expected no such tensor from config.json");
  if (mistakes.empty()) return;
  constexpr std::size_t shown = 20;
  std::string message = "does not fit its config.json (" + std::to_string(mistakes.size()) +
                        (mistakes.size() == 1 ? " tensor):" : " tensors):");
  for (std::size_t i = 0; i < std::min(shown, mistakes.size()); ++i) message += "\n  " + mistakes[i];
  if (mistakes.size() > shown) message += "\n  … and " + std::to_string(mistakes.size() - shown) + " more";
  throw FormatError(Origin{folder.where(), 0, 0}, message);
}

at::Tensor allocate(const Wanted& wanted, at::ScalarType type, at::Device device) {
  return at::empty(wanted.shape, at::TensorOptions().dtype(type).device(device));
}

Loaded load_folder(const BackboneRequest& request) {
  const std::string& path = request.checkpoint.folder;
  Config config = read_config(path + "/config.json");
  const TensorFolder folder(path);
  check(folder, Plan(config, folder.find(head_name) != nullptr));
  // Some files repeat the embedding as the head; training it twice would be another model.
  config.has_own_head = folder.find(head_name) &&
                        !(config.may_share_head && at::equal(folder.tensor(head_name), folder.tensor(embedding_name)));
  const Plan plan(config, config.has_own_head);

  std::vector<NamedTensor> weights;
  for (const Wanted& wanted : plan.all())
    weights.emplace_back(wanted.name, request.device.is_meta()
                                          ? allocate(wanted, request.precision, request.device)
                                          : folder.tensor(wanted.name).to(request.device, request.precision));
  return {config, Weights(std::move(weights))};
}

// Every tensor has a stream of its own, so that its values depend on the seed, its name and its shape alone.
at::Tensor make_random(const Wanted& wanted, const BackboneRequest& request) {
  if (request.device.is_meta()) return allocate(wanted, request.precision, request.device);
  at::Tensor values = allocate(wanted, at::kFloat, at::kCPU);
  if (wanted.deviation == 0) {
    values.fill_(wanted.constant);
  } else {
    const auto seed = derive_seed(request.checkpoint.seed, "weights:" + wanted.name);
    values.normal_(0, wanted.deviation, at::Generator(at::detail::createCPUGenerator(seed)));
  }
  return values.to(request.device, request.precision);
}

Loaded make_random(const BackboneRequest& request) {
  const Checkpoint& checkpoint = request.checkpoint;
  Config config;
  if (find_shape(checkpoint.random_shape, config)) {
    config.vocabulary = checkpoint.vocabulary > 0 ? checkpoint.vocabulary : 32128;
  } else if (exists(checkpoint.random_shape)) {
    config = read_config(checkpoint.random_shape);
    if (checkpoint.vocabulary > config.vocabulary)
      throw FormatError(Origin{checkpoint.random_shape, 0, 0},
                        "vocab_size: found " + std::to_string(config.vocabulary) + ", expected at least " +
                            std::to_string(checkpoint.vocabulary) + ", the tokenizer's pieces");
  } else {
    std::string known;
    for (const auto& name : shape_names()) known += (known.empty() ? "" : ", ") + name;
    throw FormatError("backbone t5: no shape '" + checkpoint.random_shape + "' and no config.json of that name" +
                      did_you_mean(checkpoint.random_shape, shape_names()) + " (one of: " + known + ")");
  }
  const Plan plan(config, config.has_own_head);
  std::vector<NamedTensor> weights;
  for (const Wanted& wanted : plan.all()) weights.emplace_back(wanted.name, make_random(wanted, request));
  return {config, Weights(std::move(weights))};
}

}  // namespace

Weights::Weights(std::vector<NamedTensor> all) : all_(std::move(all)) {
  for (std::size_t i = 0; i < all_.size(); ++i) places_[all_[i].first] = i;
}

const at::Tensor& Weights::operator[](const std::string& name) const { return all_[places_.at(name)].second; }

Loaded load(const BackboneRequest& request) {
  if (request.precision != at::kFloat && request.precision != at::kBFloat16 && request.precision != at::kDouble)
    throw FormatError(std::string("backbone t5: precision ") + c10::toString(request.precision) +
                      "; expected float32, bfloat16 or float64 (T5 overflows in float16)");
  return request.checkpoint.folder.empty() ? make_random(request) : load_folder(request);
}

}  // namespace atp::t5
