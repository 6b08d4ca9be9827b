// Where a T5's weights come from: folders, random shapes, the meta device; and what is said about bad ones.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "atp/error.h"
#include "t5_model.h"
#include "tests/places.h"
#include "tests/unit/torch_save_writer.h"

namespace atp::t5 {

namespace {

// A copy of a golden checkpoint that a test may spoil.
class Copy {
 public:
  explicit Copy(const std::string& shape)
      : path_(std::filesystem::temp_directory_path() / ("atp-t5-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
    for (const char* name : {"config.json", "model.safetensors"})
      std::filesystem::copy_file(goldens + shape + "/" + name, path_ / name);
  }
  ~Copy() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  std::string folder() const { return path_.string(); }

  // Replaces `found` in config.json.
  void change_config(const std::string& found, const std::string& by) const {
    std::ifstream in(file("config.json"));
    std::string text{std::istreambuf_iterator<char>(in), {}};
    const auto place = text.find(found);
    REQUIRE(place != std::string::npos);
    std::ofstream(file("config.json")) << text.replace(place, found.size(), by);
  }
  std::map<std::string, at::Tensor> tensors() const {
    std::map<std::string, at::Tensor> all;
    const TensorFile file(this->file("model.safetensors"));
    for (const auto& entry : file.entries()) all[entry.name] = file.tensor(entry).clone();
    return all;
  }
  void write(const std::map<std::string, at::Tensor>& all) const { write_tensors(file("model.safetensors"), all); }

 private:
  std::filesystem::path path_;
};

T5 load_folder(const std::string& folder) { return T5({.checkpoint = {.folder = folder, .random_shape = {}}}); }

T5 make(const std::string& shape, std::uint64_t seed = 0, std::int64_t vocabulary = 100, at::Device device = at::kCPU) {
  return T5(
      {.checkpoint = {.folder = {}, .random_shape = shape, .seed = seed, .vocabulary = vocabulary}, .device = device});
}

std::string message_of(const std::string& folder) {
  try {
    load_folder(folder);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
}

bool has(const std::string& message, const std::string& part) { return message.find(part) != std::string::npos; }

std::map<std::string, at::Tensor> by_name(const T5& model) { return {model.weights().begin(), model.weights().end()}; }

std::int64_t count(const T5& model) {
  std::int64_t sum = 0;
  for (const auto& [name, weight] : model.weights()) sum += weight.numel();
  return sum;
}

at::Tensor losses(const T5& model) {
  const Embedded input = {.values = model.embed(some_ids(2, 5, 40, 1)),
                          .lengths = lengths_of(std::vector<std::int64_t>{5, 3}),
                          .weights = {}};
  return model.loss(model.encode(input, {}), some_ids(2, 3, 40, 2), lengths_of(std::vector<std::int64_t>{3, 2}), {})
      .sums;
}

}  // namespace

TEST_CASE("fields of config.json that are missing, wrong or at odds are all named") {
  const Copy copy("second");
  copy.change_config("\"d_kv\": 8,", "");
  copy.change_config("\"num_heads\": 4", "\"num_heads\": \"four\"");
  copy.change_config("\"feed_forward_proj\": \"gated-gelu\"", "\"feed_forward_proj\": \"swish\"");
  copy.change_config("\"dropout_rate\": 0.1", "\"dropout_rate\": 1.5");
  copy.change_config("\"model_type\": \"t5\"", "\"model_type\": \"bart\"");
  const std::string message = message_of(copy.folder());
  CAPTURE(message);
  CHECK(message.rfind(copy.file("config.json") + ": not a T5 configuration", 0) == 0);
  CHECK(has(message, "\n  d_kv: found nothing, expected an integer of at least 1"));
  CHECK(has(message, "\n  num_heads: found \"four\", expected an integer of at least 1"));
  CHECK(has(message, "\n  feed_forward_proj: found 'swish', expected 'relu' or 'gated-gelu'"));
  CHECK(has(message, "\n  dropout_rate: found 1.5, expected a number from 0 to below 1"));
  CHECK(has(message, "\n  model_type: found 'bart', expected 't5' or 'mt5'"));
}

TEST_CASE("fields that contradict each other are named") {
  const Copy copy("first");
  copy.change_config("\"d_kv\": 8,",
                     "\"d_kv\": 8, \"is_gated_act\": true, \"dense_act_fn\": \"gelu_new\", \"is_encoder_decoder\": "
                     "false, \"relative_attention_num_buckets\": 64, \"relative_attention_max_distance\": 32, ");
  copy.change_config("\"eos_token_id\": 1", "\"eos_token_id\": 97");
  const std::string message = message_of(copy.folder());
  CAPTURE(message);
  CHECK(has(message, "is_gated_act: found true, expected what feed_forward_proj says, which is 'relu'"));
  CHECK(has(message, "dense_act_fn: found 'gelu_new', expected 'relu', as feed_forward_proj is 'relu'"));
  CHECK(has(message, "is_encoder_decoder: found false, expected true"));
  CHECK(has(message, "relative_attention_max_distance: found 32, expected more than half of"));
  CHECK(has(message, "eos_token_id: found 97, expected a piece below vocab_size, which is 97"));
}

TEST_CASE("tensors that do not fit the config are all named") {
  const Copy copy("first");
  auto tensors = copy.tensors();
  tensors.erase("encoder.block.0.layer.0.SelfAttention.q.weight");
  tensors["shared.weight"] = at::zeros({96, 32});
  tensors["decoder.final_layer_norm.weight"] = at::arange(32, at::kLong);
  tensors["encoder.block.2.layer.0.SelfAttention.q.weight"] = at::zeros({32, 32});
  copy.write(tensors);
  const std::string message = message_of(copy.folder());
  CAPTURE(message);
  CHECK(message.rfind(copy.file("model.safetensors") + ": does not fit its config.json (4 tensors):", 0) == 0);
  CHECK(has(message, "\n  encoder.block.0.layer.0.SelfAttention.q.weight: found nothing, expected [32, 32]"));
  CHECK(has(message, "\n  shared.weight: found [96, 32], expected [97, 32]"));
  CHECK(has(message, "\n  decoder.final_layer_norm.weight: found Long, expected a floating-point type"));
  CHECK(has(message, "\n  encoder.block.2.layer.0.SelfAttention.q.weight: found [32, 32], expected no such tensor"));
}

TEST_CASE("a folder without what is needed says what it found") {
  CHECK(has(message_of("/nowhere/at/all"), "/nowhere/at/all/config.json: cannot be read: No such file"));
  const Copy copy("first");
  std::filesystem::resize_file(copy.file("model.safetensors"), 100000);
  CHECK(has(message_of(copy.folder()), "it was cut short"));
  std::filesystem::remove(copy.file("model.safetensors"));
  CHECK(has(message_of(copy.folder()), "no model.safetensors, no pytorch_model.bin, and no index of shards"));
  std::ofstream(copy.file("config.json")) << "{\"d_model\": 3,";
  CHECK(has(message_of(copy.folder()), "config.json:1:15: not JSON: the text ends too early"));
}

TEST_CASE("pytorch_model.bin is read where there is no model.safetensors, whatever it repeats") {
  const Copy copy("unequal");
  const at::Tensor expected = losses(load_folder(copy.folder()));
  auto tensors = copy.tensors();
  for (const char* stack : {"encoder", "decoder"})
    tensors[std::string(stack) + ".embed_tokens.weight"] = tensors.at("shared.weight");
  tensors["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = at::zeros({32, 4});
  torch_save::write(copy.file("pytorch_model.bin"), tensors);
  std::filesystem::resize_file(copy.file("model.safetensors"), 100);
  CHECK(has(message_of(copy.folder()), "model.safetensors: the header should take"));
  std::filesystem::remove(copy.file("model.safetensors"));
  CHECK(at::equal(losses(load_folder(copy.folder())), expected));

  tensors["encoder.extra.weight"] = at::zeros({2});
  torch_save::write(copy.file("pytorch_model.bin"), tensors);
  CHECK(has(message_of(copy.folder()), "encoder.extra.weight: found [2], expected no such tensor from config.json"));
}

TEST_CASE("shards with an index are one checkpoint, in both forms") {
  for (const std::string form : {"model.safetensors", "pytorch_model.bin"}) {
    const Copy copy("unequal");
    const std::string ending = std::filesystem::path(form).extension();
    const at::Tensor expected = losses(load_folder(copy.folder()));
    std::map<std::string, at::Tensor> shards[2];
    std::string index;
    for (const auto& [name, tensor] : copy.tensors()) {
      const int shard = name.rfind("decoder", 0) == 0;
      shards[shard][name] = tensor;
      index += (index.empty() ? "" : ",") + ("\"" + name + "\":\"shard-" + std::to_string(shard) + ending + "\"");
    }
    std::filesystem::remove(copy.file("model.safetensors"));
    const auto write_index = [&](const std::string& weights) {
      std::ofstream(copy.file(form + ".index.json")) << "{\"weight_map\":{" << weights << "}}";
    };
    const auto write_shard = [&](int shard) {
      const std::string path = copy.file("shard-" + std::to_string(shard) + ending);
      if (form == "pytorch_model.bin") return torch_save::write(path, shards[shard]);
      write_tensors(path, shards[shard]);
    };
    write_index(index);
    for (const int shard : {0, 1}) write_shard(shard);
    CHECK(at::equal(losses(load_folder(copy.folder())), expected));

    shards[1]["shared.weight"] = at::zeros({1});
    write_shard(1);
    CHECK(has(message_of(copy.folder()), "tensor 'shared.weight' is also in " + copy.file("shard-0" + ending)));
    shards[1].erase("shared.weight");
    shards[1].erase("decoder.final_layer_norm.weight");
    write_shard(1);
    CHECK(has(message_of(copy.folder()), form +
                                             ".index.json: tensors that are not in the shards that it names: "
                                             "decoder.final_layer_norm.weight (shard-1" +
                                             ending + ");"));
    std::filesystem::remove(copy.file("shard-1" + ending));
    CHECK(has(message_of(copy.folder()),
              form + ".index.json: of the 2 shards that it names, these are not beside it: shard-1" + ending + ";"));
    for (const char* bad : {"\"../shard-0.bin\"", "\"..\"", "\"/etc/passwd\"", "7", "\"\"", "\"shard-0\\u0000.bin\""}) {
      write_index("\"shared.weight\":" + std::string(bad));
      CHECK(has(message_of(copy.folder()), ".index.json: tensor 'shared.weight' is said to be in " + std::string(bad) +
                                               "; expected a .safetensors or .bin file beside the index"));
    }
    write_index("");
    CHECK(has(message_of(copy.folder()), ".index.json: no map 'weight_map' of tensors to files"));
    std::ofstream(copy.file(form + ".index.json")) << "[";
    CHECK(has(message_of(copy.folder()), ".index.json:1:2: not JSON"));
  }
}

TEST_CASE("the head is lm_head where the file has one, scaled by the config's rules") {
  const Copy copy("first");  // tied, no lm_head
  const at::Tensor tied = losses(load_folder(copy.folder()));
  CHECK_FALSE(by_name(load_folder(copy.folder())).count("lm_head.weight"));

  auto tensors = copy.tensors();  // the embedding again: one weight
  tensors["lm_head.weight"] = tensors["shared.weight"].clone();
  tensors["encoder.embed_tokens.weight"] = tensors["decoder.embed_tokens.weight"] = tensors["shared.weight"].clone();
  copy.write(tensors);
  CHECK_FALSE(by_name(load_folder(copy.folder())).count("lm_head.weight"));
  CHECK(at::equal(losses(load_folder(copy.folder())), tied));
  copy.change_config("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");  // equal, yet two
  CHECK(by_name(load_folder(copy.folder())).count("lm_head.weight"));
  copy.change_config("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true");

  tensors["lm_head.weight"] = tensors["shared.weight"] * 2;
  copy.write(tensors);
  CHECK(by_name(load_folder(copy.folder())).count("lm_head.weight"));
  CHECK(difference(losses(load_folder(copy.folder())), tied) > 1e-2);
  tensors["lm_head.weight"] = tensors["shared.weight"] * 32.0;
  copy.write(tensors);
  copy.change_config("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": true, \"scale_decoder_outputs\": true");
  const at::Tensor scaled = losses(load_folder(copy.folder()));  // a head of 32 · d^-0.5 = √32
  tensors["lm_head.weight"] = tensors["shared.weight"] * std::sqrt(32.0);
  copy.write(tensors);
  copy.change_config("\"scale_decoder_outputs\": true", "\"scale_decoder_outputs\": false");
  CHECK(difference(losses(load_folder(copy.folder())), scaled) < 1e-5);
  tensors["lm_head.weight"] = tensors["shared.weight"] * std::pow(32.0, -0.5);
  copy.write(tensors);
  CHECK(difference(losses(load_folder(copy.folder())), tied) < 1e-5);
  copy.change_config("\"tie_word_embeddings\": true, \"scale_decoder_outputs\": false",
                     "\"tie_word_embeddings\": false");
  CHECK(difference(losses(load_folder(copy.folder())), tied) < 1e-5);
}

TEST_CASE("training in place never reaches the file") {
  const Copy copy("first");
  const at::Tensor before = losses(load_folder(copy.folder()));
  {
    const T5 model = load_folder(copy.folder());
    for (auto [name, weight] : model.weights()) weight.mul_(1.5);
    CHECK_FALSE(at::equal(losses(model), before));
  }
  CHECK(at::equal(losses(load_folder(copy.folder())), before));
}

TEST_CASE("random weights depend on seed and name alone, and start as transformers' do") {
  const auto first = by_name(make("tiny", 1)), again = by_name(make("tiny", 1)), other = by_name(make("tiny", 2));
  for (const auto& [name, weight] : first) {
    const std::string key(name);
    CAPTURE(key);
    CHECK(at::equal(weight, again.at(name)));
    if (name.find("layer_norm") == std::string::npos)
      CHECK_FALSE(at::equal(weight, other.at(name)));
    else
      CHECK(weight.eq(1).all().item<bool>());
  }
  const std::string attention = "encoder.block.0.layer.0.SelfAttention.";  // one shape, one deviation, two names
  CHECK_FALSE(at::equal(first.at(attention + "k.weight"), first.at(attention + "v.weight")));
  // The same tensor in a model with another vocabulary.
  const auto larger = by_name(make("tiny", 1, 200));
  CHECK(at::equal(larger.at("decoder.block.1.layer.2.DenseReluDense.wi.weight"),
                  first.at("decoder.block.1.layer.2.DenseReluDense.wi.weight")));

  const auto small = by_name(make("small", 1));  // d 512, d_kv 64, d_ff 2048
  const std::pair<const char*, double> deviations[] = {
      {"shared.weight", 1},
      {"encoder.block.3.layer.0.SelfAttention.q.weight", std::pow(512 * 64, -0.5)},
      {"encoder.block.3.layer.0.SelfAttention.k.weight", std::pow(512, -0.5)},
      {"decoder.block.3.layer.1.EncDecAttention.v.weight", std::pow(512, -0.5)},
      {"decoder.block.3.layer.1.EncDecAttention.o.weight", std::pow(512, -0.5)},
      {"decoder.block.3.layer.2.DenseReluDense.wi.weight", std::pow(512, -0.5)},
      {"decoder.block.3.layer.2.DenseReluDense.wo.weight", std::pow(2048, -0.5)}};
  for (const auto& [name, deviation] : deviations) {
    const std::string key(name);
    CAPTURE(key);
    CHECK(small.at(name).to(at::kDouble).std().item<double>() == doctest::Approx(deviation).epsilon(0.02));
  }
}

TEST_CASE("the published shapes have the published sizes, on the meta device without a byte") {
  // Parameters as transformers counts them, with the Hub's vocabulary of 32,128.
  const std::pair<const char*, std::int64_t> sizes[] = {
      {"small", 60506624},     {"base", 222903552},       {"large", 737668096},     {"3b", 2851598336},
      {"11b", 11307321344},    {"v1_1-small", 76961152},  {"v1_1-base", 247577856}, {"v1_1-large", 783150080},
      {"v1_1-xl", 2849757184}, {"v1_1-xxl", 11135332352}, {"t5-small", 60506624}};
  for (const auto& [name, size] : sizes) {
    const std::string key(name);
    CAPTURE(key);
    const T5 model = make(name, 0, 32128, at::kMeta);
    CHECK(count(model) == size);
    CHECK(model.weights().front().second.is_meta());
  }
  for (const auto& shape : golden_shapes) {
    const T5 meta({.checkpoint = {.folder = goldens + shape, .random_shape = {}}, .device = at::kMeta});
    const T5 real = load_golden(shape);
    REQUIRE(meta.weights().size() == real.weights().size());
    for (std::size_t i = 0; i < real.weights().size(); ++i) {
      CHECK(meta.weights()[i].first == real.weights()[i].first);
      CHECK(meta.weights()[i].second.sizes() == real.weights()[i].second.sizes());
      CHECK(meta.weights()[i].second.is_meta());
    }
    CHECK(meta.sites().size() == real.sites().size());
  }
}

TEST_CASE("t5-base's own config.json") {
  const char* shared = std::getenv("ATP_SHARED");
  const std::string path =
      std::string(shared ? shared : tests::in_source_tree("/../shared")) + "/fixtures/hf_configs/t5-base.config.json";
  if (!std::filesystem::exists(path)) {
    MESSAGE("skipped: no " << path);
    return;
  }
  const T5 model = make(path, 0, 32100, at::kMeta);
  CHECK(count(model) == 222903552);
  CHECK(model.shape().dropout == 0.1);
}

TEST_CASE("a random shape is a known name or a config.json with room for the tokenizer's pieces") {
  const T5 model = make(goldens + "unequal/config.json", 0, 60);
  CHECK(model.shape().vocabulary == 61);
  CHECK(model.shape().decoder_layers == 3);
  CHECK(model.shape().heads * model.shape().head_width == 30);
  CHECK(by_name(make(goldens + "second/config.json", 0, 60)).count("lm_head.weight") == 1);
  CHECK_THROWS_WITH_AS(make(goldens + "unequal/config.json", 0, 62),
                       doctest::Contains("vocab_size: found 61, expected at least 62"), FormatError);
  CHECK_THROWS_WITH_AS(make("tinny"),
                       doctest::Contains("no shape 'tinny' and no config.json of that name; did you mean 'tiny'"),
                       FormatError);
  CHECK_THROWS_WITH_AS(T5({.checkpoint = {.folder = goldens + "first", .random_shape = {}}, .precision = at::kHalf}),
                       doctest::Contains("expected float32, bfloat16 or float64"), FormatError);
}

TEST_CASE("sites have names of their own, and widths") {
  const T5 model = load_golden("unequal");
  std::set<std::string> names;
  for (const Site& site : model.sites()) {
    CHECK(names.insert(site.name).second);
    CHECK(site.decoder == (site.name.rfind("encoder", 0) != 0));
  }
  // Encoder: 1 block of 6 linears, 2 norms, 2 sublayers, keys and values; decoder: 3 blocks of 10, 3, 3, 4; two final
  // norms and the head.
  CHECK(names.size() == 12 + 3 * 20 + 2 + 1);
}

}  // namespace atp::t5
