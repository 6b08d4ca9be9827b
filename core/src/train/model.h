#pragma once

#include <memory>
#include <string>
#include <vector>

#include "atp/backbone.h"
#include "atp/batch.h"
#include "atp/method.h"

namespace atp {

// What is trained and scored: a backbone and the method that reaches it, values set.
struct Model {
  std::shared_ptr<Backbone> backbone;
  std::shared_ptr<Method> method;  // nullptr: the untouched backbone
  at::Device device = at::kCPU;
  double dropout = 0;   // while training
  bool merged = false;  // the backbone holds what the method attaches

  Embedded embed(const Batch& batch) const {
    if (method) return method->embed(batch, *backbone);
    return {.values = backbone->embed(batch.ids), .lengths = batch.lengths, .weights = {}};
  }
  Pass pass(const Batch& batch) const {
    return {
        .dropout = 0, .generator = {}, .sites = method && !merged ? method->sites() : nullptr, .tasks = batch.tasks};
  }
};

}  // namespace atp
