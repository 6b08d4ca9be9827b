#pragma once

#include <memory>
#include <string>
#include <vector>

#include "atp/export.h"
#include "atp/registry.h"

namespace atp {

// What a metric sees of one scored split: rows in the split's order.
struct Predictions {
  std::vector<std::string> texts;                    // what was generated, or read from a file
  std::vector<std::vector<std::string>> references;  // one or more per row, never empty
  std::vector<std::string> labels;                   // the task's label set in its order; empty: free text
  std::vector<std::string> groups;                   // rows of one question share a group; "" where a task has none
};

// (predictions as text, references, label set, groups) → score. A score is a percentage where the field prints one.
// No rows give 0, never NaN.
class ATP_EXPORT Metric {
 public:
  virtual ~Metric();
  virtual double score(const Predictions& predictions) const = 0;
};

template <>
struct Interface<Metric> {
  static constexpr const char* kind = "metric";
  using Make = std::shared_ptr<const Metric>(const Params&);
};

}  // namespace atp
