#include "config.h"

#include <atp/error.h>
#include <atp/file.h>
#include <atp/value.h>

#include <limits>
#include <optional>
#include <sstream>

namespace atp::t5 {

namespace {

// Reads fields and gathers what is wrong with them.
class Fields {
 public:
  Fields(const std::string& path, const Value& root) : path_(path), root_(root) {}

  // null counts as absent, as transformers writes it.
  const Value* find(const char* field) const {
    const Value* value = root_.find(field);
    return value && !value->is_null() ? value : nullptr;
  }
  void wrong(const char* field, const std::string& found, const std::string& expected) {
    mistakes_.push_back(std::string(field) + ": found " + found + ", expected " + expected);
  }
  void integer(const char* field, std::int64_t& target, std::int64_t minimum, bool required = false) {
    const Value* value = find(field);
    const std::string expected = "an integer of at least " + std::to_string(minimum);
    if (!value) {
      if (required) wrong(field, "nothing", expected);
    } else if (!value->is_integer() || value->integer() < minimum ||
               value->integer() > std::numeric_limits<std::int32_t>::max()) {
      wrong(field, to_json(*value), expected);
    } else {
      target = value->integer();
    }
  }
  void number(const char* field, double& target, double minimum, double below) {
    const Value* value = find(field);
    if (!value) return;
    if (!value->is_number() || !(value->number() >= minimum && value->number() < below)) {
      std::ostringstream range;
      range << "a number from " << minimum << " to below " << below;
      return wrong(field, to_json(*value), range.str());
    }
    target = value->number();
  }
  std::optional<bool> boolean(const char* field) {
    const Value* value = find(field);
    if (!value) return {};
    if (value->is_boolean()) return value->boolean();
    wrong(field, to_json(*value), "true or false");
    return {};
  }
  std::optional<std::string> text(const char* field) {
    const Value* value = find(field);
    if (!value) return {};
    if (value->is_text()) return value->text();
    wrong(field, to_json(*value), "a text");
    return {};
  }
  void throw_if_any() const {
    if (mistakes_.empty()) return;
    std::string message = "not a T5 configuration that can be used:";
    for (const auto& mistake : mistakes_) message += "\n  " + mistake;
    throw FormatError(Origin{path_, 0, 0}, message);
  }

 private:
  std::string path_;
  const Value& root_;
  std::vector<std::string> mistakes_;
};

void read_sizes(Fields& fields, Config& config) {
  fields.integer("vocab_size", config.vocabulary, 2, true);
  fields.integer("d_model", config.width, 1, true);
  fields.integer("d_kv", config.head_width, 1, true);
  fields.integer("d_ff", config.feed_forward_width, 1, true);
  fields.integer("num_heads", config.heads, 1, true);
  fields.integer("num_layers", config.encoder_layers, 1, true);
  config.decoder_layers = config.encoder_layers;
  fields.integer("num_decoder_layers", config.decoder_layers, 1);
  fields.integer("relative_attention_num_buckets", config.buckets, 4);
  fields.integer("relative_attention_max_distance", config.max_distance, 2);
  // The decoder looks one way only: half of its buckets hold one distance each, the rest grow up to max_distance.
  if (config.max_distance <= config.buckets / 2)
    fields.wrong("relative_attention_max_distance", std::to_string(config.max_distance),
                 "more than half of relative_attention_num_buckets, which is " + std::to_string(config.buckets));
  fields.number("dropout_rate", config.dropout, 0, 1);
  fields.number("layer_norm_epsilon", config.epsilon, 0, 1);
  fields.number("initializer_factor", config.initial_factor, 0, 1e6);
}

void read_architecture(Fields& fields, Config& config) {
  const auto type = fields.text("model_type");
  if (type && *type != "t5" && *type != "mt5") fields.wrong("model_type", "'" + *type + "'", "'t5' or 'mt5'");
  if (fields.boolean("is_encoder_decoder") == false)
    fields.wrong("is_encoder_decoder", "false", "true: a T5 has an encoder and a decoder");

  const std::string projection = fields.text("feed_forward_proj").value_or("relu");
  if (projection != "relu" && projection != "gated-gelu")
    fields.wrong("feed_forward_proj", "'" + projection + "'", "'relu' or 'gated-gelu'");
  config.gated = projection == "gated-gelu";
  const auto gated = fields.boolean("is_gated_act");
  if (gated && *gated != config.gated)
    fields.wrong("is_gated_act", *gated ? "true" : "false",
                 "what feed_forward_proj says, which is '" + projection + "'");
  const auto activation = fields.text("dense_act_fn");
  const std::string wanted = config.gated ? "gelu_new" : "relu";
  if (activation && *activation != wanted)
    fields.wrong("dense_act_fn", "'" + *activation + "'",
                 "'" + wanted + "', as feed_forward_proj is '" + projection + "'");
}

void read_head(Fields& fields, Config& config) {
  // transformers 5 writes tie_word_embeddings: true for v1.1 models too, and scale_decoder_outputs beside it.
  const bool tied = fields.boolean("tie_word_embeddings").value_or(true);
  config.scales_output = fields.boolean("scale_decoder_outputs").value_or(tied);
  config.may_share_head = tied;
  config.has_own_head = !tied || !config.scales_output;

  fields.integer("decoder_start_token_id", config.start_token, 0);
  fields.integer("eos_token_id", config.end_token, 0);
  if (config.vocabulary < 2) return;
  if (config.start_token >= config.vocabulary)
    fields.wrong("decoder_start_token_id", std::to_string(config.start_token),
                 "a piece below vocab_size, which is " + std::to_string(config.vocabulary));
  if (config.end_token >= config.vocabulary)
    fields.wrong("eos_token_id", std::to_string(config.end_token),
                 "a piece below vocab_size, which is " + std::to_string(config.vocabulary));
}

std::string read_text(const std::string& path) {
  try {
    return read_file(path);
  } catch (const Error& error) {
    throw FormatError(std::string(error.what()) + "; expected a checkpoint's config.json");
  }
}

struct Shape {
  const char* name;
  std::int64_t width, head_width, feed_forward_width, layers, heads;
  bool is_new;  // 1.1: gated, a head of its own
};

constexpr Shape shapes[] = {
    {"tiny", 64, 16, 128, 2, 4, false},           {"small", 512, 64, 2048, 6, 8, false},
    {"base", 768, 64, 3072, 12, 12, false},       {"large", 1024, 64, 4096, 24, 16, false},
    {"3b", 1024, 128, 16384, 24, 32, false},      {"11b", 1024, 128, 65536, 24, 128, false},
    {"v1_1-small", 512, 64, 1024, 8, 6, true},    {"v1_1-base", 768, 64, 2048, 12, 12, true},
    {"v1_1-large", 1024, 64, 2816, 24, 16, true}, {"v1_1-xl", 2048, 64, 5120, 24, 32, true},
    {"v1_1-xxl", 4096, 64, 10240, 24, 64, true},
};

}  // namespace

Config read_config(const std::string& path) {
  const Value root = parse_json(read_text(path), path);
  if (!root.is_map())
    throw FormatError(Origin{path, 0, 0}, std::string("found a ") + root.type_name() + ", expected a map of fields");
  Config config;
  Fields fields(path, root);
  read_sizes(fields, config);
  read_architecture(fields, config);
  read_head(fields, config);
  fields.throw_if_any();
  return config;
}

bool find_shape(const std::string& name, Config& config) {
  for (const Shape& shape : shapes) {
    if (name != shape.name && name != std::string("t5-") + shape.name) continue;
    config = Config{};
    config.width = shape.width;
    config.head_width = shape.head_width;
    config.feed_forward_width = shape.feed_forward_width;
    config.encoder_layers = config.decoder_layers = shape.layers;
    config.heads = shape.heads;
    config.gated = config.has_own_head = shape.is_new;
    config.scales_output = config.may_share_head = !shape.is_new;
    if (name == "tiny") config.dropout = 0;  // it has nothing to forget
    return true;
  }
  return false;
}

std::vector<std::string> shape_names() {
  std::vector<std::string> names;
  for (const Shape& shape : shapes) names.emplace_back(shape.name);
  return names;
}

}  // namespace atp::t5
