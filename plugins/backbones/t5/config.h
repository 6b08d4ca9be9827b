#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace atp::t5 {

// What config.json says about a T5: 1.0, 1.1, LM-adapted, Flan-T5, mT5 differ in these fields alone.
struct Config {
  std::int64_t vocabulary = 0;
  std::int64_t width = 0;               // d_model
  std::int64_t head_width = 0;          // d_kv; heads · d_kv need not be d_model
  std::int64_t feed_forward_width = 0;  // d_ff
  std::int64_t encoder_layers = 0;
  std::int64_t decoder_layers = 0;
  std::int64_t heads = 0;
  std::int64_t buckets = 32;        // of relative positions
  std::int64_t max_distance = 128;  // from which on all distances share a bucket
  double dropout = 0.1;
  double epsilon = 1e-6;         // of the layer norms
  double initial_factor = 1.0;   // of random weights
  bool gated = false;            // false: relu; true: gelu (tanh form) times a second map
  bool has_own_head = false;     // random weights: lm_head beside the embedding
  bool may_share_head = true;    // an lm_head equal to the embedding is the same weight
  bool scales_output = true;     // the head's input is multiplied by d_model^-0.5
  std::int64_t start_token = 0;  // the decoder's first input
  std::int64_t end_token = 1;    // </s>

  std::int64_t inner_width() const { return heads * head_width; }
};

// Reads a config.json. Throws FormatError with one line per field that is missing, of another type, out of range or at
// odds with another one: the file, the field, what was found and what was expected.
Config read_config(const std::string& path);

// The published shapes, for random weights: tiny (ours, for tests and the quickstart), small, base, large, 3b, 11b (T5
// 1.0) and v1_1-small, v1_1-base, v1_1-large, v1_1-xl, v1_1-xxl. False: no such name.
bool find_shape(const std::string& name, Config& config);
std::vector<std::string> shape_names();

}  // namespace atp::t5
