#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "atp/export.h"
#include "atp/parameter.h"

namespace atp {

// The global norm of all gradients [], before they are scaled down to `limit` (0: left as they are). Nothing waits for
// the device.
ATP_EXPORT at::Tensor clip_gradients(const std::vector<Parameter*>& parameters, double limit);

// AdamW as transformers 4.6 had it, which the paper used: ε is added to √v before the bias correction, and weight decay
// comes after the update, with the group's rate:
//   m ← β1·m + (1−β1)·g,  v ← β2·v + (1−β2)·g²,  p ← p − η·√(1−β2ᵗ)/(1−β1ᵗ) · m/(√v + ε),  p ← p − η·λ·p
class ATP_EXPORT AdamW {
 public:
  struct Settings {
    double learning_rate = 0;
    std::map<std::string, double> learning_rates = {};  // by group, in place of `learning_rate`
    double weight_decay = 0;
    double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;

    double rate(const std::string& group) const;
  };

  AdamW(std::vector<Parameter*> parameters, Settings settings);

  void step(double factor);  // one update with the parameters' gradients; every rate is multiplied with `factor`
  double rate(const std::string& group) const;

  // Moments by name, "first_moment/prompt"; `steps` updates have been made with them.
  std::map<std::string, at::Tensor> save() const;
  void restore(const std::map<std::string, at::Tensor>& tensors, std::int64_t steps);

 private:
  struct Moments {
    at::Tensor first, second;
  };
  std::vector<Parameter*> parameters_;
  std::vector<Moments> moments_;
  Settings settings_;
  std::int64_t steps_ = 0;
};

}  // namespace atp
