#pragma once

#include <atp/backbone.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "config.h"

namespace atp::t5 {

// A T5's tensors by the checkpoint's names, on the device and in the precision that was asked for.
class Weights {
 public:
  explicit Weights(std::vector<NamedTensor> all);
  const std::vector<NamedTensor>& all() const { return all_; }
  const at::Tensor& operator[](const std::string& name) const;
  bool has(const std::string& name) const { return places_.count(name) > 0; }

 private:
  std::vector<NamedTensor> all_;
  std::unordered_map<std::string, std::size_t> places_;
};

struct Loaded {
  Config config;
  Weights weights;
};

// Reads a folder in Hub layout, or makes random weights; on the meta device shapes alone. Throws FormatError naming
// every tensor that is missing, of another shape or not expected.
Loaded load(const BackboneRequest& request);

}  // namespace atp::t5
